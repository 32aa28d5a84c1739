package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cubesync/sink/emulator"
)

// pictured is a company whose people get pictures in this night, and nothing else.
func pictured(t *testing.T, binary string, workers int) *killWorld {
	t.Helper()
	w := openKillWorld(t, binary, emulator.Options{}, nil, map[string]string{"WORKERS": fmt.Sprint(workers)})
	path := filepath.Join(w.dir, "config.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w.write("config.yaml", strings.Replace(string(text), "      tags:", "      avatar: {column: photo, from: base64}\n      tags:", 1))
	const people = 8
	rows := [][]string{{"id", "login", "email", "name", "team", "photo"}}
	for _, p := range staffOf(people) {
		rows = append(rows, []string{p.id, p.login, p.email, p.name, p.team, ""})
	}
	w.table("users.csv", rows)
	w.must(exitInSync, "sync", "--yes")
	for i := range people {
		rows[i+1][5] = photo(t, uint8(i))
	}
	w.table("users.csv", rows)
	return w
}

// photo is a picture of one colour, as a cell holds it.
func photo(t *testing.T, shade uint8) string {
	t.Helper()
	dot := image.NewGray(image.Rect(0, 0, 1, 1))
	dot.SetGray(0, 0, color.Gray{Y: shade})
	var text strings.Builder
	encoder := base64.NewEncoder(base64.StdEncoding, &text)
	if err := png.Encode(encoder, dot); err != nil {
		t.Fatal(err)
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// withPictures are the people, each with the content of the picture that the account points at: its name is the server's own.
func withPictures(t *testing.T, w *killWorld) []string {
	t.Helper()
	accounts := w.accounts()
	token, err := w.past().session()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: w.server.Transport()}
	for _, account := range accounts {
		answer, err := client.Get(fmt.Sprintf("http://emulator.invalid/blobs/%v/download?token=%s", account["avatar"], token))
		if err != nil {
			t.Fatal(err)
		}
		picture, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("the picture of %v: %s, %v", account["external_id"], answer.Status, err)
		}
		account["avatar"] = base64.StdEncoding.EncodeToString(picture)
	}
	return people(accounts)
}

// TestKillsAmongAvatars has the program killed at every moment of a night in which everybody gets a picture, and once more in the
// next: in the end everybody has their picture, nobody is there twice, and there is nothing left to do.
func TestKillsAmongAvatars(t *testing.T) {
	binary := buildFailpoints(t)
	for _, workers := range killWorkers() {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			t.Parallel()
			calm := pictured(t, binary, workers)
			reached := calm.trace("sync", "--yes")
			want := withPictures(t, calm)
			for _, step := range []string{"sent/create a file", "answered/create a file", "sent/complete a file", "answered/complete a file",
				"sent/update user", "answered/update user", "before-commit/remembering an avatar", "after-commit/remembering an avatar"} {
				if reached[step] == 0 {
					t.Errorf("%s wasn't reached", step)
				}
			}
			for _, moment := range slices.Sorted(maps.Keys(reached)) {
				random := rand.New(rand.NewPCG(*killSeed, hashOf(moment+fmt.Sprint(workers))))
				hit := 1 + random.IntN(reached[moment])
				t.Run(fmt.Sprintf("%s#%d", strings.ReplaceAll(moment, "/", ":"), hit), func(t *testing.T) {
					w := pictured(t, binary, workers)
					code, said := w.run(fmt.Sprintf("kill %d %s", hit, moment), "sync", "--yes")
					if code == exitInSync { // it came less often than before: some do, with several workers
						w = pictured(t, binary, workers)
						code, said = w.run("kill 1 "+moment, "sync", "--yes")
					}
					if code != killed {
						t.Fatalf("it ended with %d:\n%s", code, said)
					}
					w.settled()
					if code, said := w.run("kill 1 answered/complete a file", "sync", "--yes"); code != killed && code != exitInSync {
						t.Fatalf("the night after it ended with %d:\n%s", code, said)
					}
					w.settled()
					w.must(exitInSync, "sync", "--yes")
					if got := withPictures(t, w); !slices.Equal(got, want) {
						t.Errorf("in the end:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
					}
					w.silent()
				})
			}
		})
	}
}
