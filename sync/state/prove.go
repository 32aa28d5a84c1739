package state

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"cubesync/sync/plan"
)

// leastSought is how long a text must be to be looked for byte by byte: a shorter one turns up in any file by chance.
const leastSought = 5

// Proof is what a search of every byte in the folder of the states came to, for each text that had been kept of a person.
type Proof struct {
	Files  int
	Bytes  int64
	Sought int         // texts
	Short  []string    // texts that weren't sought: too short to be told from what is there by chance
	Shared []Remainder // what is there because it belongs to somebody else, or is part of something else
	Left   []Remainder // what should have gone
	Others []Remainder // what is in files of the folder that belong to none of the states
}

// Remainder is a text that was found.
type Remainder struct{ Text, Where string }

// Clean reports whether nothing of the person is left.
func (p *Proof) Clean() bool { return len(p.Left)+len(p.Others) == 0 }

// Prove searches every byte in the folder of the states for the texts of a person who was forgotten in these of them.
// What it finds in a state is looked for once more in what that state keeps of others: only there it may be.
func Prove(ctx context.Context, dir string, states []Identity, all []*Traces) (*Proof, error) {
	p := &Proof{}
	who := plan.Person{}
	var sought []string
	for _, t := range all {
		who.ExternalIDs, who.AccountIDs = append(who.ExternalIDs, t.Person.ExternalIDs...), append(who.AccountIDs, t.Person.AccountIDs...)
		who.Names = append(who.Names, t.Person.Names...)
		sought = append(sought, t.texts...)
	}
	slices.Sort(sought)
	for _, text := range slices.Compact(sought) {
		if len(text) < leastSought {
			p.Short = append(p.Short, text)
		}
	}
	sought = slices.DeleteFunc(slices.Compact(sought), func(text string) bool { return len(text) < leastSought })
	p.Sought = len(sought)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		found, read, err := searched(path, sought)
		p.Files++
		p.Bytes += read
		if err == nil && len(found) > 0 {
			err = p.judge(ctx, dir, path, states, &who, found)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("searching what is left of somebody: %w", err)
	}
	return p, nil
}

// judge says whether what was found in a file may be there.
func (p *Proof) judge(ctx context.Context, dir, path string, states []Identity, who *plan.Person, found []string) error {
	for _, id := range states {
		s := &Store{file: id.file(dir), identity: id}
		if !slices.Contains(s.files(), path) {
			continue
		}
		where := s.whereInData
		if filepath.Dir(path) == s.plans() {
			where = func(context.Context, string) (string, error) { return whereInPlan(path, who) }
		}
		for _, text := range found {
			place, err := where(ctx, text)
			if err != nil {
				return err
			}
			if place == "" {
				p.Left = append(p.Left, Remainder{text, path})
			} else {
				p.Shared = append(p.Shared, Remainder{text, place})
			}
		}
		return nil
	}
	for _, text := range found {
		p.Others = append(p.Others, Remainder{text, path})
	}
	return nil
}

// whereInData says in what the database keeps of others a text stands; "" where it doesn't.
func (s *Store) whereInData(ctx context.Context, text string) (place string, err error) {
	err = s.peek(ctx, "searching it", func(db *sql.DB) error {
		for _, spelled := range plan.Spellings(text) {
			err := db.QueryRowContext(ctx, `
				SELECT 'what is known of ' || external_id FROM known WHERE instr(external_id || ' ' || account || ' ' || notes, ?1)
				UNION ALL SELECT 'the journal of run ' || run || ', of ' || external_id FROM `+journalled+`
					WHERE instr(external_id || ' ' || position || ' ' || mine || ' ' || words || ' ' || login || ' ' || email, ?1)
				UNION ALL SELECT 'a sign-up in doubt of ' || external_id FROM late WHERE instr(external_id || ' ' || login, ?1)
				UNION ALL SELECT 'run ' || id FROM run WHERE instr(body, ?1)
				UNION ALL SELECT 'the ' || name FROM fact WHERE instr(value, ?1)
				UNION ALL SELECT 'the tables themselves' FROM sqlite_schema WHERE instr(sql, ?1)
				LIMIT 1`, spelled).Scan(&place)
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		return nil
	})
	return place, err
}

// whereInPlan names a plan in which there are only lines about others; "" where one is about the person, or can't be read.
func whereInPlan(path string, who *plan.Person) (place string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	theirs := 0
	_, err = plan.ScanFile(file, func(l plan.Line) error {
		if who.About(l) {
			theirs++
		}
		return nil
	})
	if err != nil || theirs > 0 {
		return "", ignoreBadPlan(err)
	}
	return "the plan of run " + strconv.FormatInt(plannedBy(filepath.Base(path)), 10), nil
}

// searched returns which of the texts stand in a file, however spelled, and how many bytes it has.
func searched(path string, texts []string) (found []string, read int64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = file.Close() }() // it was only read
	wanted := map[string][][]byte{}
	longest := 0
	for _, text := range texts {
		for _, spelled := range plan.Spellings(text) {
			wanted[text] = append(wanted[text], []byte(spelled))
			longest = max(longest, len(spelled))
		}
	}
	buffer := make([]byte, max(1<<20, 2*longest))
	for kept := 0; ; {
		n, err := io.ReadFull(file, buffer[kept:])
		read += int64(n)
		now := buffer[:kept+n]
		for text, spellings := range wanted {
			if slices.ContainsFunc(spellings, func(s []byte) bool { return bytes.Contains(now, s) }) {
				found = append(found, text)
				delete(wanted, text)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			slices.Sort(found)
			return found, read, nil
		}
		if err != nil {
			return nil, read, err
		}
		kept = copy(buffer, now[len(now)-longest:]) // a text may lie across the border
	}
}

// files are those of the state that there are: the database, what belongs to it, and the plans.
func (s *Store) files() []string {
	all := []string{s.file, s.file + "-wal", s.file + "-shm", s.file + "-journal"}
	entries, err := os.ReadDir(s.plans())
	if err == nil {
		for _, entry := range entries {
			all = append(all, filepath.Join(s.plans(), entry.Name()))
		}
	}
	return slices.DeleteFunc(all, func(path string) bool {
		_, err := os.Stat(path)
		return err != nil
	})
}
