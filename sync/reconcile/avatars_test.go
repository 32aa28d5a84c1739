package reconcile_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
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
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/source/csvfile"
	"cubesync/sync/account"
	"cubesync/sync/avatar"
	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// gallery is a world whose records point at pictures, by what stands in the column phone.
type gallery struct {
	*world
	folder string
	place  connectycube.AvatarPlace
}

func newGallery(t *testing.T, place connectycube.AvatarPlace, options avatar.Options) *gallery {
	t.Helper()
	g := &gallery{world: newWorld(t, t.TempDir()), folder: t.TempDir(), place: place}
	spec := allColumns()
	delete(spec.Fields, user.Phone)
	mapper, err := mapping.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	options.Folder = g.folder
	g.Mapper = mapper
	g.Policy.AvatarPlace = string(place)
	g.Avatars = &reconcile.Avatars{Column: "phone", Album: avatar.New(options)}
	t.Cleanup(g.Avatars.Album.Close)
	g.serve(g.client)
	return g
}

// serve lets avatars be set by the client.
func (g *gallery) serve(client *connectycube.Client) {
	g.Avatars.Service = client.Avatars(connectycube.Authority{
		Updates: connectycube.UpdatesAsOwner,
		Passwords: func(externalID string) []string {
			password, _ := g.Password(externalID) // derived: it can't fail
			return []string{password}
		},
	}, g.place, false)
}

// people are staff whose photos are files of their own.
func (g *gallery) people(t *testing.T, n int) {
	t.Helper()
	g.source.persons = staff(n)
	for i := range g.source.persons {
		name := fmt.Sprintf("%d.png", i)
		g.source.persons[i][4] = name
		g.photo(t, name, i)
	}
}

// photo writes a file, with a time that differs from any before it.
func (g *gallery) photo(t *testing.T, name string, which int) {
	t.Helper()
	path := filepath.Join(g.folder, name)
	if err := os.WriteFile(path, paint(t, which), 0o600); err != nil {
		t.Fatal(err)
	}
	g.touch(t, name, which)
}

func (g *gallery) touch(t *testing.T, name string, days int) {
	t.Helper()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days)
	if err := os.Chtimes(filepath.Join(g.folder, name), at, at); err != nil {
		t.Fatal(err)
	}
}

// paint makes a picture, another one for each number.
func paint(t *testing.T, which int) []byte {
	t.Helper()
	canvas := image.NewRGBA(image.Rect(0, 0, 4, 4))
	canvas.Set(1, 1, color.RGBA{R: byte(which), G: byte(which >> 8), A: 255})
	var out bytes.Buffer
	if err := png.Encode(&out, canvas); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// uploads is how many files were declared complete.
func (g *gallery) uploads() int64 { return g.server.Counters().ByKind[emulator.BlobComplete] }

// avatarOf is the content of the avatar that custom_data points at.
func (g *gallery) avatarOf(t *testing.T, externalID string) []byte {
	t.Helper()
	var data struct {
		UID string `json:"avatar_uid"`
	}
	if err := json.Unmarshal([]byte(g.find(t, account.ByExternalID, externalID).Values[user.CustomData].Text), &data); err != nil || data.UID == "" {
		t.Fatalf("%s has no avatar: %v", externalID, err)
	}
	content, err := g.client.Download(t.Context(), data.UID)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func wantAvatars(t *testing.T, result *reconcile.Result, want state.Extras) {
	t.Helper()
	if got := result.Run.Tally.Avatars; got != want {
		t.Fatalf("avatars %+v, want %+v; %v", got, want, words(result))
	}
}

func words(result *reconcile.Result) []string {
	var all []string
	for _, trouble := range result.Troubles {
		all = append(all, trouble.Operation.ExternalID+" "+trouble.Words)
	}
	return all
}

func TestAvatars(t *testing.T) {
	for _, place := range []connectycube.AvatarPlace{connectycube.AvatarInField, connectycube.AvatarInCustomData} {
		t.Run(string(place), func(t *testing.T) {
			g := newGallery(t, place, avatar.Options{From: avatar.FromFile})
			g.people(t, 40)
			first := g.sync(t)
			wantStatus(t, first, state.Applied)
			wantAvatars(t, first, state.Extras{Done: 40})

			before, uploaded := g.writes(), g.uploads()
			for night := range 3 {
				again := g.sync(t)
				wantStatus(t, again, state.Applied)
				if again.Run.Tally.Unchanged != 40 || g.writes() != before || g.uploads() != uploaded || len(again.Plan.Avatars)+len(again.Plan.Remarks) > 0 {
					t.Fatalf("night %d: %d writes, %d uploads, %+v", night, g.writes()-before, g.uploads()-uploaded, again.Run.Tally)
				}
			}

			g.photo(t, "7.png", 1007)
			g.touch(t, "8.png", 2008) // the same content
			changed := g.sync(t)
			wantAvatars(t, changed, state.Extras{Done: 1})
			if g.uploads() != uploaded+1 || g.writes() != before+1 {
				t.Errorf("%d uploads and %d writes for one photo", g.uploads()-uploaded, g.writes()-before)
			}
			if a := changed.Plan.Avatars[0]; a.ExternalID != "e0007" || !a.Replaces || a.SHA256 == "" || a.Source != "7.png" || a.Bytes == 0 {
				t.Errorf("planned %+v", a)
			}
			if place == connectycube.AvatarInCustomData {
				if got := g.avatarOf(t, "e0007"); !bytes.Equal(got, paint(t, 1007)) {
					t.Error("the avatar is another picture")
				}
				if got := g.find(t, account.ByExternalID, "e0007").Values[user.CustomData].Text; !strings.Contains(got, `"desk":1`) {
					t.Errorf("custom_data became %s", got)
				}
			}
		})
	}
}

// Users whose avatars didn't change are passed over, files included.
func TestUnchangedAvatarsArePassedOver(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 10)
	for range 3 { // set, compared, agreed
		g.sync(t)
	}
	store, err := state.Peek(t.Context(), g.StateDir, g.Identity)
	if err != nil {
		t.Fatal(err)
	}
	agreements, err := store.Agreements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := agreements.Len(); n != 10 {
		t.Errorf("%d of 10 agree", n)
	}
	g.photo(t, "9.png", 99)
	result := g.sync(t)
	wantAvatars(t, result, state.Extras{Done: 1})
	if result.Run.Tally.Unchanged != 10 {
		t.Errorf("%+v", result.Run.Tally)
	}
}

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

// Whatever is lost on the way, the next run sets the avatar, and nobody's operation is the worse for it.
func TestAvatarsAfterFaults(t *testing.T) {
	for _, call := range []emulator.Kind{emulator.BlobCreate, emulator.BlobComplete, emulator.Update} {
		for _, do := range []emulator.FaultKind{emulator.LoseBefore, emulator.LoseAfter, emulator.ErrorBefore, emulator.ErrorAfter, emulator.Reset} {
			t.Run(fmt.Sprintf("%s-%s", call, do), func(t *testing.T) {
				t.Parallel()
				g := newGallery(t, connectycube.AvatarInCustomData, avatar.Options{From: avatar.FromFile})
				g.people(t, 3)
				if err := g.server.SetFaults(1, emulator.Fault{Do: do, Call: call}); err != nil {
					t.Fatal(err)
				}
				first := g.sync(t)
				wantStatus(t, first, state.Applied)
				if first.Run.Tally.Avatars.Done != 2 || first.Run.Tally.Avatars.Troubles() != 1 {
					t.Fatalf("%+v, %v", first.Run.Tally.Avatars, words(first))
				}
				wantAvatars(t, g.sync(t), state.Extras{Done: 1})
				before := g.writes()
				wantAvatars(t, g.sync(t), state.Extras{})
				if g.writes() != before {
					t.Error("the third run wrote something")
				}
				for i := range 3 {
					if got := g.avatarOf(t, fmt.Sprintf("e%04d", i)); !bytes.Equal(got, paint(t, i)) {
						t.Errorf("e%04d has another picture", i)
					}
				}
			})
		}
	}
}

// A service that takes no avatar isn't asked by everybody, and its refusal is remembered.
func TestAvatarsInVain(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 60)
	if err := g.server.SetFaults(1, emulator.Fault{Do: emulator.ErrorBefore, Call: emulator.BlobCreate, Status: 403, Times: 1000}); err != nil {
		t.Fatal(err)
	}
	first := g.sync(t)
	wantStatus(t, first, state.Applied)
	if got := first.Run.Tally.Avatars; got.Failed < 10 || got.Failed > 10+4 || got.NotAttempted != 60-got.Failed || first.Run.Tally.Applied != 60 {
		t.Fatalf("%+v, %+v", got, first.Run.Tally)
	}
	if err := g.server.SetFaults(1); err != nil {
		t.Fatal(err)
	}
	failed := first.Run.Tally.Avatars.Failed
	uploaded := g.uploads()
	wantAvatars(t, g.sync(t), state.Extras{Done: 60 - failed, Skipped: failed}) // refused, and not sent again
	if n := g.uploads() - uploaded; n != int64(60-failed) {
		t.Errorf("%d uploads", n)
	}
	wantAvatars(t, g.order(t, reconcile.Order{RetryRefused: true}), state.Extras{Done: failed})
	wantAvatars(t, g.sync(t), state.Extras{})
}

// A plan that was reviewed sets what was seen in it: what changed since is left to the next one.
func TestAvatarsOfASavedPlan(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInCustomData, avatar.Options{From: avatar.FromFile})
	g.people(t, 20)
	file := g.save(t)
	if n := len(file.Plan.Avatars); n != 20 || g.uploads() > 0 {
		t.Fatalf("%d avatars are planned, %d uploads", n, g.uploads())
	}
	g.photo(t, "1.png", 101)
	g.source.persons[2][4] = "3.png"
	g.source.persons = slices.Delete(g.source.persons, 0, 1)
	result := g.apply(t, file)
	wantStatus(t, result, state.Applied)
	wantAvatars(t, result, state.Extras{Done: 17, Skipped: 3})
	if got := g.avatarOf(t, "e0003"); !bytes.Equal(got, paint(t, 3)) {
		t.Error("another picture was set")
	}
	wantAvatars(t, g.sync(t), state.Extras{Done: 2})
}

// A state that was lost costs the uploads, and nothing else.
func TestAvatarsAfterALostState(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInCustomData, avatar.Options{From: avatar.FromFile})
	g.people(t, 5)
	g.sync(t)
	g.StateDir = t.TempDir()
	result := g.sync(t)
	wantAvatars(t, result, state.Extras{Done: 5})
	if result.Run.Tally.Unchanged != 5 {
		t.Errorf("%+v", result.Run.Tally)
	}
	wantAvatars(t, g.sync(t), state.Extras{})
}

func TestAvatarsAreGuarded(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 30)
	g.sync(t)
	for i := range 25 { // somebody exported the same silhouette for everybody
		g.photo(t, fmt.Sprintf("%d.png", i), 777)
	}
	uploaded := g.uploads()
	result := g.sync(t)
	wantStatus(t, result, state.Held)
	if guards(result) != "field" || g.uploads() != uploaded {
		t.Fatalf("held by %s, %d uploads", guards(result), g.uploads()-uploaded)
	}
	wantAvatars(t, g.approve(t, result.Run.ID), state.Extras{Done: 25})
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

// Nothing is begun after a stop, and the next run goes on.
func TestAvatarsAreStopped(t *testing.T) {
	g := newGallery(t, connectycube.AvatarInField, avatar.Options{From: avatar.FromFile})
	g.people(t, 50)
	stop := make(chan struct{})
	result := g.order(t, reconcile.Order{Stop: stop, Progress: &stopper{at: "avatars", stop: stop}})
	wantStatus(t, result, state.Interrupted)
	done := result.Run.Tally.Avatars.Done
	if left := result.Run.Tally.Avatars.NotAttempted; left == 0 || done+left != 50 {
		t.Fatalf("%+v", result.Run.Tally.Avatars)
	}
	wantAvatars(t, g.sync(t), state.Extras{Done: 50 - done})
}

// stopper closes stop with the first step of a phase.
type stopper struct {
	at, phase string
	stop      chan struct{}
	closed    bool
}

func (s *stopper) Phase(name string, _ int) { s.phase = name }

func (s *stopper) Step(int) {
	if s.phase == s.at && !s.closed {
		s.closed = true
		close(s.stop)
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
