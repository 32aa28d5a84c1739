package reconcile_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/source/csvfile"
	"cubesync/sync/avatar"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// A bad picture is the user's own trouble: their other values are written, others' avatars are set, and it is tried again.
func TestBadPictures(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile, MaxBytes: 10_000})
	g.people(t, 6)
	bad := func(i int, content []byte) {
		if err := os.WriteFile(filepath.Join(g.folder, fmt.Sprintf("%d.png", i)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bad(0, []byte("no picture"))
	bad(1, make([]byte, 20_000))
	g.source.persons[2][4] = "missing.png"
	g.source.persons[3][4] = "../0.png"
	g.source.persons[4][4] = ""
	first := g.sync(t)
	wantStatus(t, first, state.Applied)
	wantAvatars(t, first, state.Extras{Done: 1, Failed: 4})
	if first.Run.Tally.Applied != 6 || len(first.Plan.Remarks) != 4 {
		t.Errorf("%+v, remarks %v", first.Run.Tally, first.Plan.Remarks)
	}
	before := g.writes()
	wantAvatars(t, g.sync(t), state.Extras{Failed: 4})
	if g.writes() != before {
		t.Errorf("the second run wrote %d times", g.writes()-before)
	}
	g.photo(t, "0.png", 50)
	g.source.persons[2][4] = "5.png"
	wantAvatars(t, g.sync(t), state.Extras{Done: 2, Failed: 2})
}

// Two records of one person that differ in their photo alone contradict each other.
func TestPhotosTellRecordsApart(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 2)
	twin := g.source.persons[0]
	twin[4] = "1.png"
	g.source.persons = append(g.source.persons, twin)
	result := g.sync(t)
	if result.Run.Tally.Rejected != 2 || result.Plan.Rejects[0].Reason != plan.DuplicateKey {
		t.Errorf("%+v", result.Plan.Rejects)
	}
	wantAvatars(t, result, state.Extras{Done: 1})
}

func TestAvatarsInTheRecordItself(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInCustomData, avatar.Options{From: avatar.FromBase64})
	g.people(t, 3)
	for i := range g.source.persons {
		g.source.persons[i][4] = base64.StdEncoding.EncodeToString(paint(t, i))
	}
	first := g.sync(t)
	wantAvatars(t, first, state.Extras{Done: 3})
	if a := first.Plan.Avatars[0]; a.SHA256 == "" || a.Source != "" {
		t.Errorf("planned %+v", a)
	}
	wantAvatars(t, g.sync(t), state.Extras{})
	g.source.persons[1][4] = "no base64!"
	result := g.sync(t)
	wantAvatars(t, result, state.Extras{Failed: 1})
	if got := g.avatarOf(t, "e0001"); !bytes.Equal(got, paint(t, 1)) {
		t.Error("the avatar is another one now")
	}
}

// Addresses are asked once, and again only when they change; the same picture elsewhere isn't uploaded again.
func TestAvatarsByAddress(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	var down atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path]++
		mu.Unlock()
		if down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write(paint(t, len(r.URL.Path)))
	}))
	defer server.Close()
	g := newGallery(t, connectycube.AvatarInCustomData, avatar.Options{
		From: avatar.FromURL, Plain: true, Hosts: []string{strings.TrimPrefix(server.URL, "http://")}, Reachable: netip.Addr.IsLoopback,
	})
	g.people(t, 3)
	for i, path := range []string{"/a", "/bb", "/ccc"} {
		g.source.persons[i][4] = server.URL + path + "?sig=secret"
	}
	g.source.persons[2][4] = "https://photos.example.org/a.png"
	if _, err := g.Preview(t.Context(), reconcile.Order{}); err != nil || len(asked) > 0 {
		t.Fatalf("a plan asked for %v: %v", asked, err)
	}
	first := g.sync(t)
	wantAvatars(t, first, state.Extras{Done: 2, Failed: 1})
	if got := words(first); !slices.Equal(got, []string{"e0002 avatar: the host photos.example.org isn't allowed (hosts)"}) {
		t.Errorf("troubles %q", got)
	}
	uploaded := g.uploads()
	wantAvatars(t, g.sync(t), state.Extras{Failed: 1})
	g.source.persons[0][4] = server.URL + "/x" // the same picture
	g.source.persons[2][4] = server.URL + "/ccc"
	wantAvatars(t, g.sync(t), state.Extras{Done: 2})
	if g.uploads() != uploaded+1 {
		t.Errorf("%d uploads", g.uploads()-uploaded)
	}
	wantAvatars(t, g.sync(t), state.Extras{})
	for path, n := range asked {
		if n != 1 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
	down.Store(true)
	g.source.persons[1][4] = server.URL + "/new"
	wantAvatars(t, g.sync(t), state.Extras{Failed: 1})
	down.Store(false)
	wantAvatars(t, g.sync(t), state.Extras{Done: 1})
	g.source.persons[1][4] = server.URL + "/newer"
	file := g.save(t)
	g.source.persons[1][4] = server.URL + "/newest"
	wantAvatars(t, g.apply(t, file), state.Extras{Skipped: 1}) // nobody looked at that one
	if asked["/newer"]+asked["/newest"] > 0 {
		t.Errorf("asked for %v", asked)
	}
	if text, err := json.Marshal(g.stored(t, 1).Plan); err != nil || bytes.Contains(text, []byte("sig=secret")) {
		t.Errorf("the plan holds what gives access: %s, %v", text, err)
	}
}

func TestAvatarColumnIsMissing(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 3)
	g.Avatars.Column = "photo"
	result := g.sync(t)
	wantStatus(t, result, state.Incomplete)
	const want = `the source lacks "photo" (for avatar); its columns are ["id" "login" "email" "name" "phone" "website" "tags" "data"]`
	if result.Run.Problem != want || g.writes() > 0 {
		t.Errorf("got %q", result.Run.Problem)
	}
}

// A folder that isn't mounted is said once, costs nobody their avatar, and nothing is uploaded again once it is back.
func TestAvatarsOfAFolderThatIsGone(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 5)
	g.sync(t)
	uploaded := g.uploads()
	if err := os.Rename(g.folder, g.folder+"-away"); err != nil {
		t.Fatal(err)
	}
	result := g.sync(t)
	wantStatus(t, result, state.Applied)
	wantAvatars(t, result, state.Extras{Failed: 1})
	if got := result.Plan.Remarks[0].String(); got != "avatar: the folder "+g.folder+" can't be opened: there is none; all avatars are left alone in this run" {
		t.Errorf("remark %q", got)
	}
	if err := os.Rename(g.folder+"-away", g.folder); err != nil {
		t.Fatal(err)
	}
	wantAvatars(t, g.sync(t), state.Extras{})
	if g.uploads() != uploaded {
		t.Errorf("%d uploads", g.uploads()-uploaded)
	}
}

// A file that changes is noticed although nothing of its record does, and every letter of the record is looked at.
func TestAvatarsOfRecordsThatAreKnownByTheirText(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	mapper, err := mapping.New(mapping.Spec{
		ExternalID: mapping.Rule{Column: "id"},
		Fields:     map[user.Field]mapping.Rule{user.FullName: {Column: "photo"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(path, []byte("id,photo\ne1,1.png\ne2,2.png\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	source, err := csvfile.New(csvfile.Options{Path: path, KeyColumn: "id"})
	if err != nil {
		t.Fatal(err)
	}
	g.Mapper, g.Source, g.Avatars.Column, g.Accept = mapper, source, "photo", record.Plausible
	g.photo(t, "1.png", 1)
	g.photo(t, "2.png", 2)
	wantAvatars(t, g.sync(t), state.Extras{Done: 2})
	for range 3 {
		wantAvatars(t, g.sync(t), state.Extras{})
	}
	g.photo(t, "2.png", 22)
	wantAvatars(t, g.sync(t), state.Extras{Done: 1})
}

// An address that changes is noticed where nothing else of a record's text does, and no rule of the mapping looks at it.
func TestAddressesOfRecordsThatAreKnownByTheirText(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(paint(t, len(r.URL.Path)))
	}))
	defer server.Close()
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{
		From: avatar.FromURL, Plain: true, Hosts: []string{strings.TrimPrefix(server.URL, "http://")}, Reachable: netip.Addr.IsLoopback,
	})
	mapper, err := mapping.New(mapping.Spec{ExternalID: mapping.Rule{Column: "id"}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "users.csv")
	export := func(photo string) {
		if err := os.WriteFile(path, fmt.Appendf(nil, "id,photo\ne1,%s/1\ne2,%[1]s%s\n", server.URL, photo), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	export("/22")
	source, err := csvfile.New(csvfile.Options{Path: path, KeyColumn: "id"})
	if err != nil {
		t.Fatal(err)
	}
	g.Mapper, g.Source, g.Avatars.Column, g.Accept = mapper, source, "photo", record.Plausible
	wantAvatars(t, g.sync(t), state.Extras{Done: 2})
	for range 3 {
		wantAvatars(t, g.sync(t), state.Extras{})
	}
	export("/333")
	wantAvatars(t, g.sync(t), state.Extras{Done: 1})
}
