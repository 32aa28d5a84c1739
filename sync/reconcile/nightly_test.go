package reconcile_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	_ "modernc.org/sqlite"

	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// nightly is a company of some hundred people and an application, to which something happens every day.
type nightly struct {
	*history
	*rand.Rand
	hired int
}

// events are what may happen, each as often as the others.
func (n *nightly) events() []func(*testing.T) {
	return []func(*testing.T){
		n.joins, n.leaves, n.moves, n.moves, n.sharesAnEmail, n.standsTwice, n.standsTwiceOtherwise, n.isRejected, n.isMended,
		n.changesTheirOwn, n.changesTheirOwn, n.losesTheTag, n.losesTheID, n.takesAnotherID, n.isDeleted, n.strangerComes, n.nothing,
	}
}

func (n *nightly) nothing(*testing.T) {}

func (n *nightly) one() *person { return &n.persons[n.IntN(len(n.persons))] }

func (n *nightly) joins(*testing.T) {
	n.hired++
	n.persons = append(n.persons, staff(1000 + n.hired)[999+n.hired])
}

func (n *nightly) leaves(*testing.T) { n.history.leaves(n.one()[0]) }
func (n *nightly) moves(*testing.T)  { n.one()[4] = fmt.Sprintf("+1 555 %04d", n.IntN(10000)) }

func (n *nightly) sharesAnEmail(*testing.T) { one, other := n.one(), n.one(); one[2] = other[2] }
func (n *nightly) standsTwice(*testing.T)   { n.persons = append(n.persons, *n.one()) }
func (n *nightly) isRejected(*testing.T)    { n.one()[2] = "no address" }

func (n *nightly) standsTwiceOtherwise(t *testing.T) {
	n.standsTwice(t)
	n.persons[len(n.persons)-1][3] = "Another"
}

// isMended lets everybody stand in the source once, with an e-mail of their own.
func (n *nightly) isMended(*testing.T) {
	slices.SortFunc(n.persons, func(a, b person) int { return cmp.Compare(a[0], b[0]) })
	n.persons = slices.CompactFunc(n.persons, func(a, b person) bool { return a[0] == b[0] })
	for i := range n.persons {
		n.persons[i][2] = n.persons[i][0] + "@example.com"
	}
	n.Shuffle(len(n.persons), func(i, j int) { n.persons[i], n.persons[j] = n.persons[j], n.persons[i] })
}

// write changes an account behind our back.
func (n *nightly) write(t *testing.T, w account.Write) {
	t.Helper()
	found, err := n.Service.Find(t.Context(), account.ByExternalID, []string{n.one()[0]})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range found { // one who waits to be signed up, or whose external ID is gone, is let alone
		if _, err := n.Service.Update(t.Context(), a, func(account.Account) (account.Write, error) { return w, nil }); err != nil {
			t.Fatal(err)
		}
	}
}

func (n *nightly) changesTheirOwn(t *testing.T) {
	var w account.Write
	w.Values[user.FullName] = user.Text(fmt.Sprintf("Own %d", n.IntN(100)))
	n.write(t, w)
}

func (n *nightly) losesTheTag(t *testing.T) {
	var w account.Write
	w.Values[user.Tags] = user.Text("a,b")
	n.write(t, w)
}

func (n *nightly) losesTheID(t *testing.T) {
	n.write(t, account.Write{ExternalID: fmt.Sprintf("lost%d", n.IntN(1e6))})
}

func (n *nightly) takesAnotherID(t *testing.T) {
	id := n.one()[0]
	if found, err := n.Service.Find(t.Context(), account.ByExternalID, []string{id}); err == nil && len(found) == 0 {
		n.write(t, account.Write{ExternalID: id})
	}
}

func (n *nightly) isDeleted(t *testing.T) { n.removed(t, n.one()[0]) }

func (n *nightly) removed(t *testing.T, externalID string) {
	t.Helper()
	found, err := n.Service.Find(t.Context(), account.ByExternalID, []string{externalID})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range found {
		if err := n.Service.Delete(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
}

// signsUp makes an account with our tag behind our back.
func (n *nightly) signsUp(t *testing.T, externalID string) {
	t.Helper()
	n.hired++
	u := user.User{ExternalID: externalID}
	u.Values[user.Login], u.Values[user.Tags] = user.Text(fmt.Sprintf("stranger%d", n.hired)), user.Text(ownerTag)
	password, err := n.Password(u.ExternalID)
	if err == nil {
		_, err = n.Service.Create(t.Context(), u, password)
	}
	if err != nil && account.KindOf(err) != account.Conflict { // most services let nobody have somebody's external ID
		t.Fatal(err)
	}
}

func (n *nightly) strangerComes(t *testing.T) { n.signsUp(t, fmt.Sprintf("stranger%d", n.hired)) }
func (n *nightly) strayComes(t *testing.T)    { n.signsUp(t, "") }
func (n *nightly) isDoubled(t *testing.T)     { n.signsUp(t, n.one()[0]) }

func (n *nightly) isReplaced(t *testing.T) {
	id := n.one()[0]
	n.removed(t, id)
	n.signsUp(t, id)
}

// seen is the plan that a preview makes, and how many pages it listed.
func (n *nightly) seen(t *testing.T, p *reconcile.Pipeline, order reconcile.Order) (text string, pages int) {
	t.Helper()
	result, err := p.Preview(t.Context(), order)
	if err != nil || result.Plan == nil {
		t.Fatalf("no plan: %v, %+v", err, result)
	}
	data, err := json.MarshalIndent(result.Plan, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	digest, err := result.Plan.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return string(data) + digest + fmt.Sprint(result.Run.Trips, result.Run.Tally), result.Header.Calls.List
}

// forgetful is the pipeline with a copy of its state in which nobody agrees.
func (n *nightly) forgetful(t *testing.T) *reconcile.Pipeline {
	t.Helper()
	other := *n.Pipeline
	other.StateDir = t.TempDir()
	if err := os.CopyFS(other.StateDir, os.DirFS(n.StateDir)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(other.StateDir, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	db, err := sql.Open("sqlite", files[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT OR IGNORE INTO unagreed SELECT row, -row FROM known"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return &other
}

// company is a world of some people, two quiet nights old.
func company(t *testing.T, options emulator.Options, then func(*testing.T, *nightly)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &nightly{Rand: rand.New(rand.NewPCG(1, 7))}
		n.history = &history{world: newWorldOf(t, t.TempDir(), options), directory: &directory{persons: staff(250)}, deleted: map[string]time.Time{}}
		n.Source = n.directory
		defer func() { _ = n.server.Close() }()
		defer func() { _ = n.client.Close(context.Background()) }()
		for range 3 {
			wantStatus(t, n.sync(t), state.Applied)
			time.Sleep(day)
		}
		then(t, n)
	})
}
