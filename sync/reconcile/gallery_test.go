package reconcile_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/avatar"
	"cubesync/sync/mapping"
	"cubesync/sync/reconcile"
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
