package state

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// plans looks into the kept plans that hold one of the words.
func (t *tracer) plans(ctx context.Context, who *plan.Person, words []string, found map[string]bool) error {
	for path, err := range t.store.planFiles() {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		holds, err := holdsFolded(path, slices.Concat(words, accountWords(who)))
		if err == nil && holds {
			err = t.plan(path, who, found)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// plan looks into one plan. One that can't be read is taken away when the person is forgotten: see Forget.
func (t *tracer) plan(path string, who *plan.Person, found map[string]bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	_, err = plan.ScanFile(file, func(l plan.Line) error {
		if !about(who, l) {
			return nil
		}
		externalID := externalIDOf(l)
		found[externalID] = true
		if op := l.Operation; op != nil {
			t.sameAccount(op.ExternalID, op.AccountID)
			if op.Reason == plan.Rekeyed && op.ExternalIDBefore != nil {
				t.same(op.ExternalID, *op.ExternalIDBefore)
			}
		}
		if externalID == "" {
			t.Lines++
			l.Texts(t.text)
		}
		if !t.ids[externalID] {
			return nil
		}
		t.Lines++
		l.Texts(t.text)
		if op := l.Operation; op != nil {
			t.account(op.Was())
			for _, c := range op.Changes {
				if c.Field == user.Login || c.Field == user.Email {
					t.name(c.Before, c.After)
				}
			}
		}
		return nil
	})
	if _, broken := errors.AsType[*plan.FileError](err); broken {
		return nil
	}
	return err
}

// accountWords are how a plan names their accounts.
func accountWords(who *plan.Person) []string {
	words := make([]string, len(who.AccountIDs))
	for i, id := range who.AccountIDs {
		words[i] = fmt.Sprintf(`"account_id":%d`, id)
	}
	return words
}

// about reports whether a line is about somebody, or about an account that holds a name of theirs.
func about(who *plan.Person, l plan.Line) bool {
	if who.About(l) {
		return true
	}
	op := l.Operation
	if op == nil {
		return l.Reject != nil && slices.ContainsFunc(l.Reject.Cells, func(v record.Value) bool { return who.HasName(v.Text()) })
	}
	was := op.Was()
	return who.HasName(was.Values[user.Login].Text) || who.HasName(was.Values[user.Email].Text) ||
		slices.ContainsFunc(op.Changes, func(c plan.Change) bool {
			return (c.Field == user.Login || c.Field == user.Email) && (who.HasName(c.Before) || who.HasName(c.After))
		})
}

func externalIDOf(l plan.Line) string {
	switch {
	case l.Operation != nil:
		return l.Operation.ExternalID
	case l.Reject != nil:
		return l.Reject.ExternalID
	case l.Leaver != nil:
		return l.Leaver.ExternalID
	default:
		return l.Remark.ExternalID
	}
}

// holdsFolded reports whether a file holds one of the texts, as a plan spells it, in whatever case.
func holdsFolded(path string, texts []string) (bool, error) {
	var wanted [][]byte
	for _, text := range texts {
		for _, spelled := range plan.Spellings(text) {
			wanted = append(wanted, bytes.ToLower([]byte(spelled)))
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	for in := bufio.NewReaderSize(file, 1<<20); ; {
		line, err := in.ReadBytes('\n')
		folded := bytes.ToLower(line)
		if slices.ContainsFunc(wanted, func(w []byte) bool { return bytes.Contains(folded, w) }) {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}
