package csvfile

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cubesync/sync/record"
)

// Proof is what shows that a read saw everything. At most one of its ways is chosen. A file that lacks it, or whose rows
// disagree with it, is incomplete.
type Proof struct {
	Trailer  string // the first cell of the last row, which is no record
	Count    int    // the cell of the trailer, from 1, that says how many rows there are between header and trailer; 0: the second
	Checksum string // the path of a file as sha256sum writes it, with a line for each file that is read
	Done     string // the path of a file that is written when the data is whole, and so isn't older than that
	Records  int    // how many rows there are in all files together
}

// demanded reports whether anything is to be proven.
func (p *Proof) demanded() bool { return *p != (Proof{}) }

// marked reports whether a record's bytes may be the trailer's. Such a record is never known by its text.
func (p *Proof) marked(raw []byte) bool {
	if p.Trailer == "" {
		return false
	}
	if len(raw) > 0 && raw[0] == '"' {
		raw = raw[1:]
	}
	return len(raw) >= len(p.Trailer) && string(raw[:len(p.Trailer)]) == p.Trailer
}

// trailer is the one of a file.
type trailer struct {
	found bool
	count int
	fault string // what is wrong with it
}

// trailerOf reads a row as a trailer.
func (p *Proof) trailerOf(row []string) trailer {
	at := p.Count
	if at == 0 {
		at = 2
	}
	if at > len(row) {
		return trailer{found: true, fault: fmt.Sprintf("it has %s, and number %d should say how many rows there are", cells(len(row)), at)}
	}
	count, err := strconv.Atoi(strings.TrimSpace(row[at-1]))
	if err != nil {
		return trailer{found: true, fault: fmt.Sprintf("%q isn't a number of rows", row[at-1])}
	}
	return trailer{found: true, count: count}
}

// problem says why the trailer doesn't show that a file is whole, "" if it does.
func (t *trailer) problem(mark string, rows int) string {
	const advice = ": check what writes the file, and what carries it here"
	switch {
	case !t.found:
		return fmt.Sprintf("has %d rows and no trailer %q, so it was cut off%s", rows, mark, advice)
	case t.fault != "":
		return fmt.Sprintf("has a bad trailer: %s%s", t.fault, advice)
	case t.count != rows:
		return fmt.Sprintf("has %d rows and its trailer says %d%s", rows, t.count, advice)
	}
	return ""
}

// prove holds a read that came to its end against the proof. It returns what proves it, or why it isn't proven.
func (p *Proof) prove(r *reader) (reason, problem string) {
	base, rows := r.source.base(), r.verdict.Records+r.verdict.Rejects
	switch {
	case p.Trailer != "":
		return fmt.Sprintf("%s has as many rows as its trailer says: %d", base, rows), "" // each file was held against its own
	case p.Checksum != "":
		return p.sums(r)
	case p.Done != "":
		return p.done(r)
	case rows != p.Records:
		return "", fmt.Sprintf("%s has %d rows and %d are expected: check what writes it, or records", base, rows, p.Records)
	}
	return fmt.Sprintf("%s has as many rows as are expected: %d", base, rows), ""
}

// mostAhead is how far the clock of a file server may be before ours: as far as a time zone that was mistaken.
const mostAhead = 24 * time.Hour

// done looks for the file that says that the data is whole.
func (p *Proof) done(r *reader) (reason, problem string) {
	name, data := filepath.Base(p.Done), r.newest()
	info, err := os.Stat(p.Done)
	switch {
	case err != nil:
		return "", fmt.Sprintf("the done file %s can't be examined: %v: has what writes the data ended?", name, pathless(err))
	case info.IsDir():
		return "", fmt.Sprintf("the done file %s is a folder, which is never older than what is in it: name the file that is written last", name)
	case slices.ContainsFunc(r.begun, func(one begunFile) bool { return os.SameFile(one.info, info) }):
		return "", fmt.Sprintf("the done file %s is the data itself: name the file that is written when that is whole", name)
	case time.Until(info.ModTime()) > mostAhead:
		return "", fmt.Sprintf("the done file %s is of %s, which is yet to come, so that it shows nothing: set the clock of what writes it, and have it written anew",
			name, moment(info.ModTime()))
	case info.ModTime().Before(data):
		return "", fmt.Sprintf("the done file %s is of %s and the data of %s, so that it belongs to older data: has what writes the data ended?",
			name, moment(info.ModTime()), moment(data))
	}
	return fmt.Sprintf("the done file %s was written after the data", name), ""
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }

// sums compares the files with their checksums.
func (p *Proof) sums(r *reader) (reason, problem string) {
	name := filepath.Base(p.Checksum)
	listed, err := readSums(p.Checksum)
	if err != nil {
		return "", fmt.Sprintf("the checksum file %s can't be read: %v", name, pathless(err))
	}
	read := map[string]bool{}
	for _, one := range r.parts {
		base := filepath.Base(one.Name)
		want, ok := listed[base]
		if !ok && len(r.parts) == 1 && len(listed) == 1 {
			want, ok = listed[""]
		}
		switch {
		case !ok:
			return "", fmt.Sprintf("the checksum file %s has no line for %s: write one with sha256sum %s", name, base, base)
		case want != one.SHA256:
			return "", fmt.Sprintf("%s has the SHA-256 %s and %s says %s: it is another file, or was damaged on its way", base, one.SHA256, name, want)
		}
		read[base] = true
	}
	for base := range listed {
		if matches, _ := filepath.Match(r.source.base(), base); matches && !read[base] && r.source.Files > 0 {
			return "", fmt.Sprintf("the checksum file %s names %s, which isn't there: check what writes it", name, base)
		}
	}
	return fmt.Sprintf("%s agrees with the SHA-256 in %s", r.source.base(), name), ""
}

// mostSums bounds a checksum file.
const mostSums = 1 << 20

// readSums returns the checksums of a file as sha256sum writes it, by the last elements of the names; "" for one that stands
// alone.
func readSums(path string) (map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	sums := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(file, mostSums))
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), byteOrderMark))
		if text == "" {
			continue
		}
		sum, name, _ := strings.Cut(text, " ")
		sum = strings.ToLower(sum)
		if raw, err := hex.DecodeString(sum); err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("line %d: it doesn't begin with a SHA-256: write it with sha256sum", n)
		}
		// A name stands after a blank and either another one or an asterisk.
		name = strings.TrimPrefix(strings.TrimPrefix(name, " "), "*")
		if name != "" {
			name = filepath.Base(filepath.FromSlash(name))
		}
		if other, twice := sums[name]; twice && other != sum {
			return nil, fmt.Errorf("line %d: it names %q a second time, with another checksum", n, name)
		}
		sums[name] = sum
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(sums) == 0 {
		return nil, errors.New("it is empty")
	}
	return sums, nil
}

// stale says that a file is too old, "" if it isn't. One that is as far ahead would never be.
func (s *Source) stale(oldest time.Time) string {
	age := time.Since(oldest)
	switch {
	case s.MaxAge == 0, s.standard != nil, age.Abs() <= s.MaxAge:
		return ""
	case age < 0:
		return fmt.Sprintf("%s is of %s, which is yet to come, so that its age can't be told, and max_age is %v: set the clock of what writes it, and have it written anew",
			s.base(), moment(oldest), s.MaxAge)
	}
	return fmt.Sprintf("%s was written %v ago, at %s, and max_age is %v: check what writes it",
		s.base(), age.Round(time.Second), moment(oldest), s.MaxAge)
}

// newest is when the last of the files was written.
func (r *reader) newest() (at time.Time) {
	for _, one := range r.parts {
		if one.ModTime.After(at) {
			at = one.ModTime
		}
	}
	return at
}

// oldest is when the first of them was.
func (r *reader) oldest() (at time.Time) {
	for i, one := range r.parts {
		if i == 0 || one.ModTime.Before(at) {
			at = one.ModTime
		}
	}
	return at
}

// whole is the evidence of all files together.
func (r *reader) whole() record.Evidence {
	if len(r.parts) == 1 {
		return r.parts[0]
	}
	all := record.Evidence{Name: r.source.evidenceName(), ModTime: r.newest()}
	var sums strings.Builder
	for _, one := range r.parts {
		all.Size += one.Size
		fmt.Fprintf(&sums, "%s  %s\n", one.SHA256, filepath.Base(one.Name))
	}
	all.SHA256 = sumOf(sums.String())
	return all
}
