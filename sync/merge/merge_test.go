package merge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/merge"
	"cubesync/sync/record"
)

func TestMerge(t *testing.T) {
	const ad = "phone id mail office"
	for name, test := range map[string]struct {
		hr, ad []string // the rows, of ad with the phone first
		want   []string
	}{
		"joined-by-key": {
			hr: []string{"E2 b@hr Bob", "E1 a@hr -"}, ad: []string{"1 E1 a@ad B", "2 E2 - Z"},
			want: []string{
				"hr: row 2 + ad: row 1 key=E1 hr.id=E1 hr.mail=a@hr hr.name=null ad.mail=a@ad ad.office=B",
				"hr: row 1 + ad: row 2 key=E2 hr.id=E2 hr.mail=b@hr hr.name=Bob ad.mail=null ad.office=Z",
			},
		},
		"in-one-source-only": {
			hr: []string{"E1 a@hr Ann"}, ad: []string{"1 e1 a@ad B"},
			want: []string{"hr: row 1 key=E1 hr.id=E1 hr.mail=a@hr hr.name=Ann", "ad: row 1 key=e1 ad.mail=a@ad ad.office=B"},
		},
		"every-combination": {
			hr: []string{"E1 a@hr Ann", "E1 b@hr Bob"}, ad: []string{"1 E1 a@ad B", "~2 E1 b@ad Z"},
			want: []string{
				"hr: row 1 + ad: row 1 key=E1 hr.id=E1 hr.mail=a@hr hr.name=Ann ad.mail=a@ad ad.office=B",
				"hr: row 2 + ad: row 1 key=E1 hr.id=E1 hr.mail=b@hr hr.name=Bob ad.mail=a@ad ad.office=B",
				"hr: row 1 + ad: row 2 key=E1 hr.id=E1 hr.mail=a@hr hr.name=Ann ad.mail=b@ad ad.office=Z uncertain",
				"hr: row 2 + ad: row 2 key=E1 hr.id=E1 hr.mail=b@hr hr.name=Bob ad.mail=b@ad ad.office=Z uncertain",
			},
		},
		"too-many-combinations": {
			hr: repeated("E1 a@hr Ann", 40), ad: append(repeated("1 E1 a@ad B", 26), "1 E2 b@ad B"),
			want: []string{
				`rejected "E1", hr: row 1: key: too many records have it (40 of hr, 26 of ad) to tell which belong together: keep one in each source`,
				"ad: row 27 key=E2 ad.mail=b@ad ad.office=B",
			},
		},
		"as-many-as-there-may-be": {
			hr: repeated("E1 a@hr Ann", 1000), ad: nil,
			want: nil, // looked at below
		},
		"more-than-are-held": {
			hr:   repeated("E1 a@hr Ann", 5000),
			want: []string{`rejected "E1", hr: row 1: key: too many records have it (5000 of hr) to tell which belong together: keep one in each source`},
		},
		"rejected-in-one": {
			hr: []string{"E1 a@hr Ann", "!E2", "E3 c@hr Cid"}, ad: []string{"1 E1 a@ad B", "2 E2 b@ad B", "!E3"},
			want: []string{
				"hr: row 1 + ad: row 1 key=E1 hr.id=E1 hr.mail=a@hr hr.name=Ann ad.mail=a@ad ad.office=B",
				`rejected "E2", hr: row 2: phone: is bad`,
				`rejected "E3", ad: row 3: phone: is bad`,
			},
		},
		"rejected-in-both": {
			hr: []string{"!E1", "E1 a@hr Ann"}, ad: []string{"!E1"},
			want: []string{`rejected "E1", hr: row 1: phone: is bad`, `rejected "E1", ad: row 1: phone: is bad`},
		},
		"without-a-key": {
			hr: []string{"- x@hr Xen", "E1 a@hr Ann", "- y@hr Yan"}, ad: []string{"1 E1 a@ad B"},
			want: []string{
				`rejected "", hr: row 1: id: it is empty, and the records of several sources are joined by it: fill it in, or leave such records out where they are read`,
				`rejected "", hr: row 3: id: it is empty, and the records of several sources are joined by it: fill it in, or leave such records out where they are read`,
				"hr: row 2 + ad: row 1 key=E1 hr.id=E1 hr.mail=a@hr hr.name=Ann ad.mail=a@ad ad.office=B",
			},
		},
		// One bad row stops nobody else.
		"rejected-without-a-key": {
			hr: []string{"!", "E1 a@hr Ann"}, ad: []string{"1 E1 a@ad B", "2 E2 b@ad B"},
			want: []string{
				`rejected "", hr: row 1: phone: is bad`,
				"hr: row 2 + ad: row 1 key=E1 hr.id=E1 hr.mail=a@hr hr.name=Ann ad.mail=a@ad ad.office=B",
				"ad: row 2 key=E2 ad.mail=b@ad ad.office=B",
			},
		},
		"rejected-and-uncertain": {
			hr: []string{"?E9"}, ad: []string{"2 E2 b@ad B"},
			want: []string{
				"ad: row 1 key=E2 ad.mail=b@ad ad.office=B",
				`rejected "E9", hr: row 1: phone: is bad (uncertain)`,
			},
		},
		"nobody": {},
	} {
		t.Run(name, func(t *testing.T) {
			got, verdict := shown(t, merged(proven("id mail name", test.hr...), proven(ad, test.ad...)))
			if name == "as-many-as-there-may-be" {
				if len(got) != 1000 || !strings.HasPrefix(got[999], "hr: row 1000 key=E1 ") {
					t.Errorf("%d records, the last is %s", len(got), got[len(got)-1])
				}
				return
			}
			if diff := cmp.Diff(got, test.want); diff != "" {
				t.Errorf("(-got +want)\n%s", diff)
			}
			rejects := strings.Count(strings.Join(test.want, "\n"), "rejected \"")
			if verdict.Rejects != rejects || verdict.Records != len(test.want)-rejects || verdict.Completeness != record.Proven {
				t.Errorf("%+v", verdict)
			}
		})
	}
}

func repeated(row string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = row
	}
	return all
}

// Columns that nobody needs are named, for whoever looks for one, after those that are read, and none of their cells is kept.
func TestColumns(t *testing.T) {
	reader, err := merged(proven("phone id mail"), proven("office id mail secret")).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	want := []string{"key", "hr.id", "hr.mail", "ad.office", "ad.mail", "hr.phone", "ad.id", "ad.secret"}
	if diff := cmp.Diff(reader.Columns().Names(), want); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
}

// Where the key isn't the external ID, nobody knows whose reject it is.
func TestKeyThatIdentifiesNobody(t *testing.T) {
	source := merged(proven("id mail name", "!E1"), proven("id mail"))
	source.Identifies = false
	got, _ := shown(t, source)
	if diff := cmp.Diff(got, []string{`rejected "", hr: row 1: phone: is bad`}); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
}

func TestVerdict(t *testing.T) {
	cut := errors.New("cut off")
	of := func(c record.Completeness, reason string) record.Verdict {
		return record.Verdict{Completeness: c, Reason: reason}
	}
	retryable := func(reason string) record.Verdict {
		return record.Verdict{Reason: reason, Retryable: true}
	}
	for name, test := range map[string]struct {
		hr, ad     record.Verdict
		hrCut, cut bool
		accept     record.Completeness // of hr
		want       record.Verdict
		lines      int
	}{
		"both-proven":     {of(record.Proven, "x"), of(record.Proven, "y"), false, false, record.Proven, of(record.Proven, "hr: x; ad: y"), 3},
		"accepted":        {of(record.Plausible, "x"), of(record.Proven, "y"), false, false, record.Plausible, of(record.Plausible, "hr: x; ad: y"), 3},
		"not-accepted":    {of(record.Plausible, "x"), of(record.Proven, "y"), false, false, record.Proven, record.Verdict{Completeness: record.Plausible, Reason: "hr: x; ad: y", AbsenceUnknown: "hr: the read is plausible, and that doesn't show who is missing"}, 3},
		"each-by-its-own": {of(record.Proven, "x"), of(record.Plausible, "y"), false, false, record.Plausible, record.Verdict{Completeness: record.Plausible, Reason: "hr: x; ad: y", AbsenceUnknown: "ad: the read is plausible, and that doesn't show who is missing"}, 3},
		"several-moments": {record.Verdict{Completeness: record.Proven, Reason: "x", Note: "1 left out", SeveralMoments: true}, of(record.Proven, "y"), false, false, record.Proven, record.Verdict{Completeness: record.Proven, Reason: "hr: x; ad: y", Note: "hr: 1 left out", SeveralMoments: true}, 3},
		"absence-unknown": {of(record.Proven, "x"), record.Verdict{Completeness: record.Proven, Reason: "y", AbsenceUnknown: "loose"}, false, false, record.Proven, record.Verdict{Completeness: record.Proven, Reason: "hr: x; ad: y", AbsenceUnknown: "ad: loose"}, 3},
		"one-stale":       {of(record.Stale, "old"), of(record.Proven, "y"), false, false, record.Proven, record.Verdict{Completeness: record.Stale, Reason: "hr: old", AbsenceUnknown: "hr: the read is stale, and that doesn't show who is missing"}, 3},
		"stale-and-short": {of(record.Stale, "old"), of(record.Incomplete, "short"), false, false, record.Proven, record.Verdict{Reason: "hr: old; ad: short", AbsenceUnknown: "hr: the read is stale, and that doesn't show who is missing; ad: the read is incomplete, and that doesn't show who is missing"}, 3},
		"one-cut":         {of(record.Proven, "x"), retryable("lost"), false, true, record.Proven, record.Verdict{Reason: "ad: lost", Retryable: true, AbsenceUnknown: "ad: the read is incomplete, and that doesn't show who is missing"}, 1},
		"both-cut":        {retryable("lost"), retryable("gone"), true, true, record.Proven, record.Verdict{Reason: "hr: lost; ad: gone", Retryable: true, AbsenceUnknown: "hr: the read is incomplete, and that doesn't show who is missing; ad: the read is incomplete, and that doesn't show who is missing"}, 1},
		"one-for-good":    {of(record.Incomplete, "broken"), retryable("gone"), true, true, record.Proven, record.Verdict{Reason: "hr: broken; ad: gone", AbsenceUnknown: "hr: the read is incomplete, and that doesn't show who is missing; ad: the read is incomplete, and that doesn't show who is missing"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			hr, ad := proven("id mail name", "E1 a@hr Ann", "E3 c@hr Cid"), proven("id mail office", "E2 b@ad B", "E3 c@ad Z")
			hr.verdict, ad.verdict = test.hr, test.ad
			if test.hrCut {
				hr.breaks = cut
			}
			if test.cut {
				ad.breaks = cut
			}
			source := merged(hr, ad)
			source.Parts[0].Accept = test.accept
			lines, got := shown(t, source)
			got.Records, got.Rejects, got.Evidence = 0, 0, record.Evidence{}
			if diff := cmp.Diff(got, test.want); diff != "" || len(lines) != test.lines {
				t.Errorf("(-got +want)\n%s\n%s", diff, strings.Join(lines, "\n"))
			}
			// Who isn't in a source of which nobody knows who is missing is in doubt.
			for i, doubtful := range []bool{strings.Contains(test.want.AbsenceUnknown, "ad: "), strings.Contains(test.want.AbsenceUnknown, "hr: ")} {
				if len(lines) == 3 && strings.Contains(lines[i], "doubt: nobody can tell whether ") != doubtful {
					t.Errorf("in doubt: %t, want %t: %s", !doubtful, doubtful, lines[i])
				}
			}
		})
	}
}

// A source that gave nobody is named, whatever its verdict is: one without rows, and one in which no key can be read.
func TestEmptySources(t *testing.T) {
	for name, test := range map[string]struct {
		hr, ad []string
		want   []string
	}{
		"none":              {[]string{"E1 a@hr Ann"}, []string{"E2 b@ad B"}, nil},
		"without-rows":      {nil, []string{"E2 b@ad B"}, []string{"hr"}},
		"without-keys":      {[]string{"E1 a@hr Ann"}, []string{"!", "- b@ad B", "!E2"}, []string{"ad"}},
		"some-with-a-key":   {[]string{"E1 a@hr Ann"}, []string{"!", "E2 b@ad B"}, nil},
		"one-and-the-other": {nil, nil, []string{"hr", "ad"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := shown(t, merged(proven("id mail name", test.hr...), proven("id mail office", test.ad...)))
			if diff := cmp.Diff(got.Empty, test.want); diff != "" || got.Completeness != record.Proven {
				t.Errorf("%+v (-got +want)\n%s", got, diff)
			}
		})
	}
}

// A source that adds nothing to the others is named: the read is whole, and may be not at all what was meant.
func TestSourcesThatAddNothing(t *testing.T) {
	rows := func(ids ...string) []string {
		for i, id := range ids {
			ids[i] = id + " - -"
		}
		return ids
	}
	for name, test := range map[string]struct {
		hr, ad []string
		want   string
	}{
		"joined":               {rows("E1", "E2"), rows("E2", "E3"), ""},
		"joined-in-one":        {rows("E1", "E2", "E3"), rows("E3"), ""},
		"joined-with-a-reject": {rows("E1"), []string{"E2 - -", "!E1"}, ""},
		"one-is-empty":         {rows("E1"), nil, "ad has no usable record"},
		"both-are-empty":       {nil, nil, "hr has no usable record; ad has no usable record"},
		"no-key-in-common":     {rows("1", "1", "2"), rows("E1", "E2"), "no key of hr and ad is in another source, too: check whether they are spelled alike"},
		"only-rejects":         {rows("E1"), []string{"!", "!E1"}, "ad has no usable record"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, verdict := shown(t, merged(proven("id mail name", test.hr...), proven("id mail office", test.ad...))); verdict.Note != test.want {
				t.Errorf("it notes %q, want %q", verdict.Note, test.want)
			}
		})
	}
	hr, ad, guests := proven("id mail name", rows("E1", "E2")...), proven("id mail office", rows("E2")...), proven("id mail", "G1 -")
	source := merged(hr, ad)
	source.Parts = append(source.Parts, merge.Part{Name: "guests", Source: guests, Key: "id"})
	if _, verdict := shown(t, source); verdict.Note != "no key of guests is in another source, too: check whether they are spelled alike" {
		t.Errorf("of three it notes %q", verdict.Note)
	}
}

// One that breaks off ends the read of the others at once, and none of their records is given.
func TestBreakInOneSource(t *testing.T) {
	hr, ad := proven("id mail name", "E1 a@hr Ann"), proven("id mail office", "E1 a@ad B")
	hr.waits, ad.breaks, ad.verdict = true, errors.New("cut off"), record.Verdict{Reason: "the connection was lost", Retryable: true}
	lines, verdict := shown(t, merged(hr, ad))
	if diff := cmp.Diff(lines, []string{"ended: ad: the connection was lost"}); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
	if verdict.Completeness.Usable() || !verdict.Retryable || verdict.Reason != "ad: the connection was lost" {
		t.Errorf("%+v", verdict)
	}
}

func TestOpen(t *testing.T) {
	hr := proven("id mail name")
	got, _ := shown(t, merged(hr, &table{opens: errors.New("no such host")}))
	if diff := cmp.Diff(got, []string{"open: ad: no such host"}); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
	<-hr.closed
	hr = proven("number mail name")
	got, _ = shown(t, merged(hr, proven("id")))
	if diff := cmp.Diff(got, []string{`open: hr: it has no column "id", which is to be its key; its columns are ["number" "mail" "name"]`}); diff != "" {
		t.Errorf("(-got +want)\n%s", diff)
	}
	<-hr.closed
}

// A source without a header makes a read without columns and records, whose verdict says why.
func TestSourceWithoutColumns(t *testing.T) {
	hr := proven("")
	hr.verdict = record.Verdict{Reason: "it is empty"}
	reader, err := merged(hr, proven("id mail office", "E1 a@ad B")).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if names := reader.Columns().Names(); len(names) > 0 {
		t.Errorf("the columns are %q", names)
	}
	if rec, err := reader.Next(t.Context()); err == nil {
		t.Errorf("read %+v", rec)
	}
	if v := reader.Verdict(); v.Completeness != record.Incomplete || v.Reason != "hr: it is empty" {
		t.Errorf("%+v", v)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
}

// Who ends the read isn't told that a source broke off.
func TestCancelledWhileGathering(t *testing.T) {
	hr := proven("id mail name", "E1 a@hr Ann")
	hr.waits = true
	reader, err := merged(hr, proven("id mail office")).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = reader.Next(ctx)
	if v := reader.Verdict(); !errors.Is(err, context.DeadlineExceeded) || v.Retryable || v.Reason != "the sources weren't read to their end: context deadline exceeded" {
		t.Errorf("%v, %+v", err, v)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
}

// A read is new evidence where each source's is.
func TestEvidence(t *testing.T) {
	at := func(hr, ad int) record.Evidence {
		a, b := proven("id"), proven("id")
		a.verdict.Evidence, b.verdict.Evidence = record.Evidence{Name: "hr.csv", Size: int64(hr)}, record.Evidence{Name: "ad.csv", Size: int64(ad)}
		_, v := shown(t, merged(a, b))
		return v.Evidence
	}
	first := at(1, 1)
	if first.Name != "hr: hr.csv + ad: ad.csv" {
		t.Errorf("it is called %q", first.Name)
	}
	for other, same := range map[[2]int]bool{{1, 1}: true, {1, 2}: true, {2, 1}: true, {2, 2}: false} {
		if got := first.Same(at(other[0], other[1])); got != same {
			t.Error(fmt.Sprint(other), "is the same:", got)
		}
	}
}
