package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

var compareFiles = cmp.Options{cmp.AllowUnexported(record.Value{})}

// sampleFile holds one line of each kind, with everything that it can hold.
func sampleFile() *File {
	at := time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC)
	have := account.Account{ID: 7, ExternalID: "E2", CreatedAt: at.Add(-time.Hour), UpdatedAt: at.Add(-time.Minute)}
	for i := range have.Values {
		have.Values[i] = user.Text("")
	}
	have.Values[user.Email], have.Values[user.Tags] = user.Text("bo@example.com"), user.Text("choir,staff")
	mine := Mine{Tags: user.Text("choir"), CustomData: user.Text("")}
	had := "E0"
	return &File{
		Header: Header{
			Endpoint: "https://api.example.com", ApplicationID: "1", Pipeline: "staff", OwnerTag: "staff",
			MadeAt: at, ExpiresAt: at.Add(24 * time.Hour), Run: 4, AfterRun: 3,
			Source:  Source{Completeness: "plausible", Reason: "it ends in a line break", Evidence: record.Evidence{Name: "users.csv", ModTime: at, Size: 9, SHA256: "ab"}},
			Columns: []string{"id", "email", "password"}, LeftEmpty: []string{"password"},
			Fields: map[user.Field]string{user.Email: "source", user.Login: "create"}, Leavers: DeleteLeavers, CountsAsRead: true,
			AbsenceUnknown: "users.csv:3 may be anybody", Config: "c0ffee", Settings: map[string]string{"key": "5", "leavers": "6"}, Reviewed: "77",
			RetryRefused: true, Watermark: at.Add(-time.Minute), Counts: Counts{Read: 5},
			Guards: []Trip{{Guard: "deletes", Saw: "9", Limit: "3", Remedy: "look at them"}},
			Calls:  Calls{List: 2, LookUp: 1, Session: 3, Write: 2, Seconds: 0.5},
		},
		Plan: &Plan{
			Operations: []Operation{
				{Kind: Create, ExternalID: "E1", Position: "users.csv:2", Reason: NewRecord, Digest: "d1", Mine: mine,
					Changes: []Change{{Field: user.Login, After: "ann"}, {Field: user.Email, After: "ann@example.com"}, {Field: user.Tags, After: "choir,staff"}}},
				{Kind: Update, Step: Park, ExternalID: "E2", AccountID: 7, Reason: FieldsDiffer, Account: &have, Digest: "d2", Ring: "E2", Wave: 1,
					Changes: []Change{{Field: user.Email, Before: "bo@example.com"}}},
				{Kind: Update, ExternalID: "E2", AccountID: 7, Position: "cn=Bo,ou=people", Reason: FieldsDiffer, Account: &have, Digest: "d3", Ring: "E2", Wave: 1,
					ExternalIDBefore: &had, WaitsFor: []string{"E1", "E2"}, Parked: []Given{{Field: user.Email, To: "E1"}},
					Changes: []Change{{Field: user.Email, Before: "bo@example.com", After: "<bo&co>@example.com"}}},
				{Kind: Delete, ExternalID: "E3", AccountID: 8, Reason: LeftSource, Account: &account.Account{ID: 8, ExternalID: "E3", Values: have.Values},
					Digest: "d4", Wave: 2, Blocked: RefusedBefore, Detail: "no right to"},
			},
			Rejects: []Reject{{Position: "users.csv:4", ExternalID: "E4", Reason: BadRecord, Detail: `email: "x" is no address`, Uncertain: true,
				Cells: []record.Value{record.Text("E4"), record.Text("x"), record.Null()}}},
			Leavers: []Leaver{{ExternalID: "E5", AccountID: 9, Reason: InGrace, Reads: 1, Since: at, Due: at.Add(72 * time.Hour)}},
			Remarks: []Remark{{ExternalID: "E6", AccountID: 10, Position: "users.csv:6", Field: "tags", Reason: NoRoomForTags, Detail: "five are the most"}},
			Owned:   4, Desired: 4, Collapsed: 1, Unchanged: 1,
		},
	}
}

// written writes the file to where it can go back and to where it can't.
func written(t *testing.T, f *File) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "plan.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(f.Write(file), file.Close())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil || !bytes.Equal(text, out.Bytes()) {
		t.Fatalf("the two ways differ, %v:\n%s\n%s", err, text, out.Bytes())
	}
	return text
}

// Operations are spelled by hand, and mean what encoding/json would write of them.
func TestAppendedTextIsJSON(t *testing.T) {
	for _, text := range []string{"", "plain", "é 東京 😀", `quote " and \\ slash /`, "\x00\x1f\n\t\r", "\u2028\u2029", "\xff\xc3", "a\x80", "\xe6\x9d", "<&>", "\ufffd", "\x7f"} {
		want, err := encodeLine(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendText(nil, text); !bytes.Equal(want, got) {
			t.Errorf("%q is written as %s, want %s", text, got, want)
		}
	}
}

func TestFileIsSpelledAsEver(t *testing.T) {
	for name, file := range map[string]*File{
		"plan.jsonl": sampleFile(), "redacted.jsonl": sampleFile().Redacted(), "empty.jsonl": {Plan: &Plan{}},
	} {
		t.Run(strings.TrimSuffix(name, ".jsonl"), func(t *testing.T) {
			path := filepath.Join("testdata", "file", name)
			got := written(t, file)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("files of version %d were written otherwise (-want +got); a change needs another version once one was released\n%s", FileVersion, diff)
			}
		})
	}
}

func TestFileComesBack(t *testing.T) {
	file := sampleFile()
	text := written(t, file)
	back, err := ReadFile(bytes.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(file, back, compareFiles); diff != "" {
		t.Errorf("read back otherwise (-want +got)\n%s", diff)
	}
	if again := written(t, back); !bytes.Equal(text, again) {
		t.Errorf("written again otherwise:\n%s\n%s", text, again)
	}
	if got, want := digestOf(t, back.Plan), digestOf(t, file.Plan); got != want {
		t.Errorf("the plan's digest is %s, and was %s", got, want)
	}
}

// What a field of an operation or of another line says must reach the file: whoever adds one and forgets it loses it here.
func TestEveryFieldReachesTheFile(t *testing.T) {
	p := &Plan{}
	for _, part := range []any{&p.Operations, &p.Rejects, &p.Leavers, &p.Remarks} {
		fill(t, reflect.ValueOf(part).Elem())
	}
	op := &p.Operations[0]
	op.Kind, op.Account.ID = Update, op.AccountID
	p.Rejects[0].Cells = []record.Value{record.Null(), record.Text("x")}
	file := &File{Plan: p}
	back, err := ReadFile(bytes.NewReader(written(t, file)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, back.Plan, compareFiles); diff != "" {
		t.Errorf("read back otherwise (-want +got)\n%s", diff)
	}
	var header Header
	fill(t, reflect.ValueOf(&header).Elem())
	header.Guards = header.Guards[:1]
	file.Header = header
	if back, err = ReadFile(bytes.NewReader(written(t, file)), nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(file.Header, back.Header); diff != "" {
		t.Errorf("the header was read back otherwise (-want +got)\n%s", diff)
	}
}

// fill gives every exported field a value that isn't its zero.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)))
		return
	case v.Type() == reflect.TypeFor[record.Value]():
		v.Set(reflect.ValueOf(record.Text("cell")))
		return
	case v.Type() == reflect.TypeFor[[]record.Evidence](): // whose own parts have none
		v.Set(reflect.ValueOf([]record.Evidence{{Name: "text", ModTime: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Size: 7, SHA256: "text"}}))
		return
	case v.Type() == reflect.TypeFor[user.Field]():
		v.Set(reflect.ValueOf(user.Phone))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key)
		fill(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	default:
		t.Fatalf("%s: teach fill, and the plan file, about it", v.Type())
	}
}

// docs/plan-file.md names every key.
func TestEveryKeyIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "plan-file.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[Header](), reflect.TypeFor[fileLine](), reflect.TypeFor[fileOperation](), reflect.TypeFor[Operation](),
		reflect.TypeFor[fileReject](), reflect.TypeFor[Reject](), reflect.TypeFor[Leaver](), reflect.TypeFor[Remark](), reflect.TypeFor[Avatar](),
	} {
		for i := range of.NumField() {
			key, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if key != "" && key != "-" && !bytes.Contains(page, []byte("`"+key+"`")) {
				t.Errorf("%s has the key %s, which the page doesn't name", of, key)
			}
		}
	}
}

func TestGoldenPlansComeBack(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives in testdata: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			file := &File{Plan: readScenario(t, archive).plan(t)}
			text := written(t, file)
			back, err := ReadFile(bytes.NewReader(text), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := digestOf(t, back.Plan), digestOf(t, file.Plan); got != want {
				t.Errorf("the plan's digest is %s, and was %s", got, want)
			}
			if again := written(t, back); !bytes.Equal(text, again) {
				t.Errorf("written again otherwise:\n%s\n%s", text, again)
			}
		})
	}
}

func TestNoByteOfAFileCanBeChanged(t *testing.T) {
	text := written(t, sampleFile())
	for i := range text {
		for _, bit := range []byte{1, 0x20} {
			changed := bytes.Clone(text)
			changed[i] ^= bit
			if _, err := ReadFile(bytes.NewReader(changed), nil); err == nil {
				t.Fatalf("byte %d changed from %q to %q and nobody noticed", i, text[i], changed[i])
			}
		}
	}
}

func TestNoFileMayBeCut(t *testing.T) {
	text := written(t, sampleFile())
	for n := range text {
		if _, err := ReadFile(bytes.NewReader(text[:n]), nil); err == nil {
			t.Fatalf("%d of %d bytes were taken for a plan", n, len(text))
		}
	}
}

// resum gives a file that was changed the sum that it would have had.
func resum(t *testing.T, text string) string {
	t.Helper()
	before, rest, found := strings.Cut(text, `"sha256":"`)
	for strings.Contains(rest, `"sha256":"`) { // the last one of the header; the one before it is the source's
		more, after, _ := strings.Cut(rest, `"sha256":"`)
		before, rest = before+`"sha256":"`+more, after
	}
	if !found {
		t.Fatal("the file has no sum")
	}
	_, rest, _ = strings.Cut(rest, `"`)
	rest = `"` + rest
	sum := sha256.Sum256([]byte(before + `"sha256":"` + rest))
	return before + `"sha256":"` + hex.EncodeToString(sum[:]) + rest
}

func TestWhatFilesAreRefused(t *testing.T) {
	text := string(written(t, sampleFile()))
	if resum(t, text) != text {
		t.Fatal("resum isn't what Write does")
	}
	lines := strings.SplitAfter(text, "\n")
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "it is empty: make the plan again"},
		{"not-a-plan", "id,email\n", "line 1: it isn't the header of a plan"},
		{"other-json", "{}\n", "line 1: it isn't the header of a plan"},
		{"newer-version", strings.Replace(text, `"cubesync_plan":1`, `"cubesync_plan":2`, 1), "line 1: the plan has format 2 and this cubesync reads 1"},
		{"cut-after-a-line", strings.Join(lines[:3], ""), "it has 2 lines after its header instead of 7: it was cut off"},
		{"cut-in-a-line", text[:len(text)-3], "line 8: it has no end: the file was cut off"},
		{"altered-value", strings.Replace(text, "ann@example.com", "eve@example.com", 1), "it isn't as cubesync wrote it"},
		{"altered-header", strings.Replace(text, `"run":4`, `"run":5`, 1), "it isn't as cubesync wrote it"},
		{"more-lines", text + lines[1], "line 9: it stands in the wrong place"},
		{"unknown-key", resum(t, strings.Replace(text, `{"operation":{`, `{"operation":{"shoe":9,`, 1)), `line 2: the key "shoe" is unknown`},
		{"unknown-header-key", resum(t, strings.Replace(text, `"pipeline"`, `"shoe":9,"pipeline"`, 1)), `line 1: the key "shoe" is unknown`},
		{"key-twice", resum(t, strings.Replace(text, `"reason":"new-record"`, `"reason":"new-record","reason":"new-record"`, 1)), "line 2: it isn't spelled as cubesync does"},
		{"key-in-capitals", resum(t, strings.Replace(text, `"wave":1`, `"Wave":1`, 1)), "line 3: it isn't spelled as cubesync does"},
		{"time-in-another-zone", resum(t, strings.Replace(text, `"made_at":"2026-03-10T03:00:00Z"`, `"made_at":"2026-03-10T04:00:00+01:00"`, 1)), "line 1: it isn't spelled as cubesync does"},
		{"unknown-field", resum(t, strings.Replace(text, `"field":"login"`, `"field":"shoe"`, 1)), "line 2: a value in it can't be read"},
		{"wrong-kind-of-value", resum(t, strings.Replace(text, `"wave":1`, `"wave":"1"`, 1)), `line 3: the value of "wave" is of the wrong kind`},
		{"unknown-operation", resum(t, strings.Replace(text, `"kind":"create"`, `"kind":"expel"`, 1)), `line 2: operation expel E1 can't have the account 0`},
		{"operation-twice", resum(t, strings.Join([]string{lines[0], lines[1], strings.Join(lines[1:], "")}, "")), "line 3: operation create E1 stands twice"},
		{"order-changed", resum(t, strings.Join([]string{lines[0], lines[2], lines[1], strings.Join(lines[3:], "")}, "")), "line 3: operation create E1 stands after a later wave"},
		{"swap-turned-round", resum(t, strings.Join([]string{lines[0], lines[1], lines[3], lines[2], strings.Join(lines[4:], "")}, "")), "line 4: operation update E2 doesn't stand where it belongs in its swap"},
		{"swap-over-two-waves", resum(t, strings.Replace(text, `"wave":1,"waits_for"`, `"wave":2,"waits_for"`, 1)), "line 4: operation update E2 doesn't stand where it belongs in its swap"},
		{"parked-without-a-swap", resum(t, strings.Replace(text, `"wave":1,"ring":"E2"`, `"wave":1`, 1)), "line 3: operation update E2 doesn't stand where it belongs in its swap"},
		{"nothing-in-a-line", resum(t, text+"{}\n"), "line 9: it is none of operation, reject, leaver, remark and avatar"},
		{"counts-don't-add-up", resum(t, strings.Replace(text, `"create":1`, `"create":2`, 1)), "line 1: its counts aren't those of its lines"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ReadFile(strings.NewReader(test.text), nil)
			if _, ok := errors.AsType[*FileError](err); !ok || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestRedactedTellsNobody(t *testing.T) {
	file := sampleFile()
	file.Plan.Filtered = 3
	file.Header.Source.Evidence.Parts = []record.Evidence{{Name: "hr.csv", SHA256: "5eed"}}
	file.Header.Source.Note = "ann is left out"
	text := string(written(t, file.Redacted()))
	if file.Header.Source.Evidence.Parts[0].SHA256 == "" {
		t.Error("the plan itself is changed")
	}
	for _, secret := range []string{"5eed", "ann", "bo@", "E0", "E1", "E2", "E4", "E5", "E6", "choir", "cn=Bo", "no address", "no right", "c0ffee", "password"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is still there:\n%s", secret, text)
		}
	}
	back, err := ReadFile(strings.NewReader(text), nil)
	if err != nil || !back.Header.Redacted || back.Plan.Filtered != 3 {
		t.Fatalf("it can't be read, isn't marked, or counts otherwise: %v", err)
	}
	r := redaction{key: []byte("c0ffee")}
	ops := back.Plan.Operations
	if ops[2].WaitsFor[0] != ops[0].ExternalID || ops[1].Changes[0].Before != ops[2].Changes[0].Before || ops[0].ExternalID != r.id("E1") {
		t.Error("the same values can't be followed")
	}
	other := sampleFile()
	other.Header.Config = "decaf"
	if other.Redacted().Plan.Operations[0].ExternalID == ops[0].ExternalID {
		t.Error("whoever knows the external IDs can find the digest of each")
	}
	if ops[0].Position != "users.csv:2" || ops[3].Kind != Delete || ops[0].Changes[2].After == "" || !strings.Contains(ops[0].Changes[2].After, "staff") {
		t.Errorf("too much is hidden: %+v", ops)
	}
}

func FuzzReadFile(f *testing.F) {
	var out bytes.Buffer
	if err := sampleFile().Write(&out); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add([]byte("{\"cubesync_plan\":1}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		check := func(text []byte) {
			for _, aside := range []Aside{nil, &shelf{}} {
				file, err := ReadFile(bytes.NewReader(text), aside)
				if err != nil {
					if _, ok := errors.AsType[*FileError](err); !ok {
						t.Errorf("%v isn't a *FileError", err)
					}
					continue
				}
				var again bytes.Buffer
				if err := file.Write(&again); err != nil || !bytes.Equal(text, again.Bytes()) {
					t.Errorf("%q was read and is written as %q: %v", text, again.Bytes(), err)
				}
			}
		}
		check(text)
		if header, _, _ := strings.Cut(string(text), "\n"); strings.Contains(header, `"sha256":"`) {
			check([]byte(resum(t, string(text)))) // as somebody would who knows how
		}
	})
}
