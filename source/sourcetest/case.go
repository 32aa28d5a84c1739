package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cubesync/sync/record"
)

// Case proves one promise.
type Case struct {
	Name  string
	Prove func(ctx context.Context, k Kind) error
}

// Cases are all of them.
func Cases() []Case {
	return []Case{
		{"every-row-once", everyRowOnce},
		{"nothing-to-read", nothingToRead},
		{"unknown-columns-are-absent", unknownColumns},
		{"bad-record-rejects-itself", badRecord},
		{"bad-key-is-said", badKey},
		{"order-does-not-matter", order},
		{"second-read-is-equal", secondRead},
		{"cancelled", cancelled},
		{"closed-early", closedEarly},
		{"flat-memory", flatMemory},
		{"no-goroutine-is-left", goroutines},
		{"cut-anywhere", cut},
	}
}

// Run proves all of them.
func Run(t *testing.T, k Kind) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Prove(t.Context(), k); err != nil {
				t.Error(err)
			}
		})
	}
}

// awkward are rows with all that a text may hold.
func awkward() []Row {
	text := func(id, name, note string) Row {
		return Row{Values: [3]record.Value{record.Text(id), record.Text(name), record.Text(note)}}
	}
	return []Row{
		text("E1", "Müller, Jr.", "first"),
		text("E2", "Søren", "two\nlines"),
		text("E3", "王芳", `says "hi"; 'ok'`),
		text("E4", "Ζωή 😀", "a\\b\tc"),
		text("e4", "another letter case", "#not a comment"),
		text("007", "O'Neil -- (x)*", "null"),
		{Values: [3]record.Value{record.Text("E5"), record.Null(), record.Text("without a name")}},
		{Values: [3]record.Value{record.Text("E6"), record.Text(""), record.Null()}},
	}
}

func everyRowOnce(ctx context.Context, k Kind) error {
	got, err := readAll(ctx, k, awkward())
	if err != nil {
		return err
	}
	return errors.Join(got.are(k, awkward()), got.whole(k, len(awkward()), 0))
}

func nothingToRead(ctx context.Context, k Kind) error {
	got, err := readAll(ctx, k, nil)
	if err != nil {
		return err
	}
	return errors.Join(got.are(k, nil), got.whole(k, 0, 0))
}

func unknownColumns(ctx context.Context, k Kind) error {
	got, err := readAll(ctx, k, awkward())
	if err != nil {
		return err
	}
	for _, name := range []string{"", "ID", "nobody"} {
		if got.columns.Has(name) || !got.records[0].Value(name).IsAbsent() {
			err = errors.Join(err, fmt.Errorf("there is a column %q", name))
		}
	}
	return err
}

// withFault are rows of which the one in the middle is bad.
func withFault(f Fault) []Row {
	return []Row{Crowd(1), {Values: Crowd(2).Values, Fault: f}, Crowd(3)}
}

func badRecord(ctx context.Context, k Kind) error {
	got, err := readAll(ctx, k, withFault(BadNote))
	if err != nil {
		return err
	}
	if len(got.rejects) != 1 || got.rejects[0].ExternalID != "E0000002" || got.rejects[0].Problem == "" || got.rejects[0].Position == "" {
		err = fmt.Errorf("rejected %+v, want E0000002 with its position and what is wrong", got.rejects)
	}
	return errors.Join(err, got.are(k, []Row{Crowd(1), Crowd(3)}), got.whole(k, 2, 1))
}

func badKey(ctx context.Context, k Kind) error {
	got, err := readAll(ctx, k, withFault(BadKey))
	if err != nil {
		return err
	}
	if len(got.rejects) != 1 || got.rejects[0].ExternalID != "" && !got.rejects[0].Uncertain {
		err = fmt.Errorf("rejected %+v, want one whose key isn't known", got.rejects)
	}
	return errors.Join(err, got.are(k, []Row{Crowd(1), Crowd(3)}), got.whole(k, 2, 1))
}

func order(ctx context.Context, k Kind) error {
	rows := awkward()
	slices.Reverse(rows)
	got, err := readAll(ctx, k, rows)
	if err != nil {
		return err
	}
	return got.are(k, awkward())
}

func secondRead(ctx context.Context, k Kind) error {
	source, err := k.Hold(ctx, awkward())
	if err != nil {
		return err
	}
	first, err := read(ctx, source)
	if err != nil {
		return err
	}
	second, err := read(ctx, source)
	if err != nil {
		return err
	}
	if first.verdict.Completeness != second.verdict.Completeness || first.verdict.Evidence.Name != second.verdict.Evidence.Name {
		err = fmt.Errorf("the verdicts are %+v and %+v", first.verdict, second.verdict)
	}
	return errors.Join(err, first.are(k, awkward()), second.are(k, awkward()))
}

// promptly is how soon a read ends after its context has.
const promptly = 2 * time.Second

func cancelled(ctx context.Context, k Kind) error {
	rows := make([]Row, 2000)
	for i := range rows {
		rows[i] = Crowd(i)
	}
	source, err := k.Hold(ctx, rows)
	if err != nil {
		return err
	}
	for _, after := range []int{0, 1, 777} {
		if err := cancelledAfter(ctx, source, after); err != nil {
			return fmt.Errorf("cancelled after %d records: %w", after, err)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	reader, err := source.Open(ended)
	if err == nil {
		return errors.Join(errors.New("a read began although its context had ended"), reader.Close())
	}
	return nil
}

func cancelledAfter(ctx context.Context, source record.Source, after int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reader, err := source.Open(ctx)
	if err != nil {
		return err
	}
	for range after {
		if _, err := reader.Next(ctx); err != nil {
			return errors.Join(err, reader.Close())
		}
	}
	cancel()
	began := time.Now()
	for n := 0; ; n++ {
		if _, err = reader.Next(ctx); err != nil {
			break
		}
	}
	if !errors.Is(err, context.Canceled) || time.Since(began) > promptly {
		err = fmt.Errorf("ended %v later with %w", time.Since(began), err)
	} else {
		err = nil
	}
	if verdict := reader.Verdict(); verdict.Completeness.Usable() {
		err = errors.Join(err, fmt.Errorf("the verdict is %v", verdict.Completeness))
	}
	return errors.Join(err, reader.Close())
}

func closedEarly(ctx context.Context, k Kind) error {
	source, err := k.Hold(ctx, awkward())
	if err != nil {
		return err
	}
	reader, err := source.Open(ctx)
	if err != nil {
		return err
	}
	if _, err := reader.Next(ctx); err != nil {
		return errors.Join(err, reader.Close())
	}
	err = errors.Join(reader.Close(), reader.Close())
	if verdict := reader.Verdict(); verdict.Completeness.Usable() {
		err = errors.Join(err, fmt.Errorf("the verdict is %v", verdict.Completeness))
	}
	if _, next := reader.Next(ctx); next == nil || errors.Is(next, io.EOF) {
		err = errors.Join(err, fmt.Errorf("after it was closed it goes on: %w", next))
	}
	return err
}

// mostGrowth is how much more memory may be in use while many records are read.
const mostGrowth = 24 << 20

func flatMemory(ctx context.Context, k Kind) error {
	source, err := k.Many(ctx)
	if err != nil {
		return err
	}
	reader, err := source.Open(ctx)
	if err != nil {
		return err
	}
	before, most, n := live(), uint64(0), 0
	for ; ; n++ {
		if _, err = reader.Next(ctx); err != nil {
			break
		}
		if n%(k.Size/5+1) == k.Size/10 {
			most = max(most, live())
		}
	}
	if !errors.Is(err, io.EOF) || n != k.Size {
		return errors.Join(fmt.Errorf("read %d of %d: %w", n, k.Size, err), reader.Close())
	}
	if err := reader.Close(); err != nil {
		return err
	}
	if most > before+mostGrowth {
		return fmt.Errorf("%d MB more are in use while %d records are read", (most-before)>>20, k.Size)
	}
	return nil
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func goroutines(ctx context.Context, k Kind) error {
	source, err := k.Hold(ctx, awkward())
	if err != nil {
		return err
	}
	before := goleak.IgnoreCurrent()
	for _, records := range []int{0, 1, len(awkward()) + 1} {
		reader, err := source.Open(ctx)
		if err != nil {
			return err
		}
		for range records {
			if _, err = reader.Next(ctx); err != nil {
				break
			}
		}
		if err := reader.Close(); err != nil {
			return err
		}
	}
	return goleak.Find(before)
}

func cut(ctx context.Context, k Kind) error {
	var all error
	place := 0
	for ; ; place++ {
		source, inside, err := k.Cut(ctx, awkward(), place)
		if err != nil {
			return err
		}
		if source == nil {
			break
		}
		got, _ := read(ctx, source) // whether it ends in an error or with io.EOF, the verdict counts
		if c := got.verdict.Completeness; c == record.Proven || inside && c.Usable() {
			all = errors.Join(all, fmt.Errorf("cut at place %d, inside a record: %v, the verdict is %v (%s)", place, inside, c, got.verdict.Reason))
		}
	}
	if place == 0 {
		return errors.New("there is no place to cut at")
	}
	return all
}
