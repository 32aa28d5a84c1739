package plan

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// shelf is an Aside in memory.
type shelf struct {
	all  []Operation
	full error
}

func (s *shelf) Add(op *Operation) error {
	s.all = append(s.all, *op)
	return s.full
}

func (s *shelf) All() iter.Seq2[*Operation, error] { return Held(s.all) }

// drawSaved draws a plan that holds sign-ups among other operations.
func drawSaved(t *rapid.T) *Plan {
	p := &Plan{Operations: []Operation{}, Rejects: []Reject{}, Leavers: []Leaver{}, Remarks: []Remark{}, Unchanged: 3}
	for i := range rapid.IntRange(0, 12).Draw(t, "operations") {
		name := fmt.Sprintf("E%02d", i)
		op := Operation{Kind: Create, ExternalID: name, Reason: NewRecord, Digest: name}
		for _, field := range claimed() {
			op.Changes = append(op.Changes, Change{Field: field, After: fmt.Sprintf("%s@%s", name, field)})
		}
		switch rapid.IntRange(0, 5).Draw(t, "sort of "+name) {
		case 0:
			op.Reason = Vanished
		case 1:
			op.Blocked, op.Detail = RefusedBefore, "no"
		case 2:
			a := member(int64(100+i), name, name, name+"@example.com", "staff")
			op = Operation{Kind: Update, ExternalID: name, AccountID: a.ID, Account: &a, Reason: FieldsDiffer, Digest: name,
				Changes: []Change{{Field: user.FullName, After: "New"}}}
		}
		p.Operations = append(p.Operations, op)
	}
	p.Desired = len(p.Operations)
	return p
}

// drawFound draws what look-ups find: accounts that stand in somebody's way, or were made for them.
func drawFound(t *rapid.T, p *Plan) []account.Account {
	var found []account.Account
	for i := range p.Operations {
		op := &p.Operations[i]
		a := member(int64(i+1), op.ExternalID, op.ExternalID+"@login", "", "staff")
		switch rapid.IntRange(0, 5).Draw(t, "account of "+op.ExternalID) {
		case 0: // made
		case 1:
			a.ExternalID, a.Values[user.Tags] = "", user.Text("")
		case 2:
			a = member(a.ID, "", "", op.ExternalID+"@EMAIL", "")
		case 3:
			if op.Account != nil {
				a = *op.Account
			}
		default:
			continue
		}
		found = append(found, a)
	}
	return found
}

func asideOf(t rapid.TB, p *Plan) *Plan {
	file := File{Plan: p}
	var text bytes.Buffer
	if err := file.Write(&text); err != nil {
		t.Fatal(err)
	}
	read, err := ReadFile(bytes.NewReader(text.Bytes()), &shelf{})
	if err != nil {
		t.Fatal(err)
	}
	if again := textOf(t, read.Plan); again != text.String() {
		t.Fatalf("written again otherwise:\n%s\n%s", text.String(), again)
	}
	return read.Plan
}

func textOf(t rapid.TB, p *Plan) string {
	var text bytes.Buffer
	if err := (&File{Plan: p}).Write(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// A saved plan whose sign-ups are aside is the one that holds them, and stays so where the look-ups show what changed.
func TestSavedPlanAsideIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		held := drawSaved(t)
		found := drawFound(t, held)
		aside := asideOf(t, held)
		for i := range aside.Operations {
			if aside.Operations[i].IsSignUp() {
				t.Fatalf("it holds %v", aside.Operations[i])
			}
		}
		before := textOf(t, aside)
		policy := Policy{OwnerTag: "staff"}
		left, err := aside.Revise(rapid.IntRange(1, 5).Draw(t, "lot"), func(some *Plan) error {
			some.DropMade(policy.OwnerTag, found)
			some.Recheck(policy, found)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if after := textOf(t, aside); after != before {
			t.Fatalf("the plan itself changed:\n%s\n%s", before, after)
		}
		for _, p := range []*Plan{left, held} {
			p.DropMade(policy.OwnerTag, found)
			p.Recheck(policy, found)
		}
		if want, got := textOf(t, held), textOf(t, left); want != got {
			t.Fatalf("it came to another plan:\n%s\n%s", want, got)
		}
		for _, most := range []int{0, 2} {
			limits := Limits{Creates: Ceiling{Floor: most}}
			if diff := cmp.Diff(Guard(held, limits, Situation{Baseline: &Baseline{}}), Guard(left, limits, Situation{Baseline: &Baseline{}})); diff != "" {
				t.Fatalf("guards see another plan:\n%s", diff)
			}
		}
	})
}

func TestReviseEndsWithAnError(t *testing.T) {
	p := asideOf(t, &Plan{Operations: []Operation{{Kind: Create, ExternalID: "E1", Reason: NewRecord}, {Kind: Create, ExternalID: "E2", Reason: NewRecord}}})
	no := errors.New("no answer")
	if _, err := p.Revise(1, func(*Plan) error { return no }); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	p.SignUps.Count = 3 // one is lost
	if _, err := p.Revise(1, func(*Plan) error { return nil }); err == nil {
		t.Error("that a sign-up is lost isn't seen")
	}
	broken := errors.New("the disk is broken")
	p.SignUps.Each = func(yield func(*Operation, error) bool) { yield(nil, broken) }
	if _, err := p.Revise(1, func(*Plan) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// Where there is no room to put sign-ups aside, and of a file that was altered after them, there is no plan.
func TestReadFileAside(t *testing.T) {
	text := []byte(textOf(t, &Plan{Operations: []Operation{{Kind: Create, ExternalID: "E1", Reason: NewRecord}, {Kind: Create, ExternalID: "E2", Reason: NewRecord}}}))
	full := errors.New("no room")
	if _, err := ReadFile(bytes.NewReader(text), &shelf{full: full}); !errors.Is(err, full) {
		t.Errorf("without room: %v", err)
	}
	altered := bytes.Replace(text, []byte(`"E2"`), []byte(`"E3"`), 1)
	_, err := ReadFile(bytes.NewReader(altered), &shelf{})
	if bad, ok := errors.AsType[*FileError](err); !ok {
		t.Errorf("altered: %v, %v", err, bad)
	}
	if _, err := ReadFile(bytes.NewReader(bytes.Replace(text, []byte(`"E2"`), []byte(`"E1"`), 1)), &shelf{}); err == nil || err.Error() != "line 3: operation create E1 stands twice; "+again {
		t.Errorf("twice: %v", err)
	}
}

// An operation is put aside only where it says nothing but what is kept of it there.
func TestIsSignUp(t *testing.T) {
	plain := Operation{Kind: Create, ExternalID: "E1", Reason: NewRecord}
	if !plain.IsSignUp() {
		t.Fatal("it is none")
	}
	kept := []string{"ExternalID", "Position", "Changes", "Mine", "Digest", "Record"}
	for i := range reflect.TypeFor[Operation]().NumField() {
		op := plain
		name := reflect.TypeFor[Operation]().Field(i).Name
		switch field := reflect.ValueOf(&op).Elem().Field(i); field.Kind() {
		case reflect.String:
			field.SetString("another")
		case reflect.Int, reflect.Int64:
			field.SetInt(1)
		case reflect.Uint64:
			field.SetUint(1)
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		case reflect.Struct:
			op.Mine.Tags = user.Text("a")
		default:
			t.Fatalf("%s is a %s", name, field.Kind())
		}
		if op.IsSignUp() != slices.Contains(kept, name) {
			t.Errorf("with another %s: %t", name, op.IsSignUp())
		}
	}
	plain.Changes = []Change{{Field: user.Login, Before: "ann", After: "bo"}}
	if plain.IsSignUp() {
		t.Error("one that changes a value is none")
	}
}
