package avatar

import (
	"bytes"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// picture is a picture of so many pixels.
func picture(t testing.TB, kind string, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	var err error
	canvas := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Black, color.White})
	switch kind {
	case "png":
		err = png.Encode(&out, canvas)
	case "jpeg":
		err = jpeg.Encode(&out, canvas, nil)
	case "gif":
		err = gif.Encode(&out, canvas, nil)
	case "webp": // one pixel of lossless WebP
		out.WriteString("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00")
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func problem(t *testing.T, err error, want string) {
	t.Helper()
	found, ok := errors.AsType[*ProblemError](err)
	if !ok || found.Error() != want {
		t.Errorf("got %v; want the problem %q", err, want)
	}
}

func TestTypes(t *testing.T) {
	for kind, want := range map[string][2]string{
		"png": {"avatar.png", "image/png"}, "jpeg": {"avatar.jpg", "image/jpeg"}, "gif": {"avatar.gif", "image/gif"}, "webp": {"avatar.webp", "image/webp"},
	} {
		t.Run(kind, func(t *testing.T) {
			content := picture(t, kind, 3, 2)
			got, err := New(Options{From: FromBase64}).Get(t.Context(), base64.StdEncoding.EncodeToString(content))
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != want[0] || got.ContentType != want[1] || !bytes.Equal(got.Content, content) || len(got.SHA256) != 64 {
				t.Errorf("got %s, %s, %d bytes, %s", got.Name, got.ContentType, len(got.Content), got.SHA256)
			}
		})
	}
}

func TestWhatIsNoPicture(t *testing.T) {
	whole := picture(t, "png", 30, 20)
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":            {nil, "the picture is empty"},
		"text":             {[]byte("<svg/>"), "it is no PNG, JPEG, GIF or WebP picture"},
		"page":             {[]byte("<html>sign in</html>"), "it is no PNG, JPEG, GIF or WebP picture"},
		"magic-only":       {whole[:8], "the picture is damaged: it begins as image/png, and its header can't be read"},
		"too-many-pixels":  {picture(t, "png", 40, 30), "the picture has 40 × 30 pixels, and 1000 are permitted in all (max_pixels)"},
		"too-large":        {append(bytes.Clone(whole), make([]byte, 1000)...), "the picture is larger than 1000 bytes (max_bytes)"},
		"bomb-of-a-header": {bomb(), "the picture has 65535 × 65535 pixels, and 1000 are permitted in all (max_pixels)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(Options{From: FromBase64, MaxBytes: 1000, MaxPixels: 1000}).check(test.content)
			problem(t, err, test.want)
		})
	}
}

// bomb is a GIF whose header promises what its few bytes don't hold.
func bomb() []byte { return []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00;") }

func TestBase64(t *testing.T) {
	content := picture(t, "gif", 5, 5)
	a := New(Options{From: FromBase64, MaxBytes: len(content)})
	standard := base64.StdEncoding.EncodeToString(content)
	for name, cell := range map[string]string{
		"standard": standard, "url": base64.URLEncoding.EncodeToString(content), "no-end": base64.RawStdEncoding.EncodeToString(content),
		"lines": standard[:8] + "\r\n" + standard[8:], "blanks-around": " " + standard + "\n",
	} {
		if got, err := a.Get(t.Context(), cell); err != nil || !bytes.Equal(got.Content, content) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := a.Get(t.Context(), "no base64!")
	problem(t, err, "the cell isn't base64")
	_, err = a.Get(t.Context(), standard+standard)
	problem(t, err, "the picture is larger than "+strconv.Itoa(len(content))+" bytes (max_bytes)")
	if a.Stamp(standard) == a.Stamp(standard[1:]) || a.Stamp(" ") != "" || len(a.Stamp(standard)) != 32 || a.Source(standard) != "" {
		t.Errorf("stamps %q and %q", a.Stamp(standard), a.Stamp(standard[1:]))
	}
}

func TestFiles(t *testing.T) {
	outside := t.TempDir()
	folder := filepath.Join(outside, "photos")
	content := picture(t, "png", 4, 4)
	write := func(path string, content []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(outside, "secret.png"), content)
	write(filepath.Join(folder, "in", "ann.png"), content)
	write(filepath.Join(folder, "large.png"), append(bytes.Clone(content), make([]byte, 2000)...))
	for link, to := range map[string]string{"out.png": "../secret.png", "abs.png": filepath.Join(outside, "secret.png"), "ok.png": "in/ann.png"} {
		if err := os.Symlink(to, filepath.Join(folder, link)); err != nil {
			t.Fatal(err)
		}
	}
	a := New(Options{From: FromFile, Folder: folder, MaxBytes: 1500})
	for _, good := range []string{"in/ann.png", " in/ann.png ", "ok.png", "in/../in/ann.png"} {
		if got, err := a.Get(t.Context(), good); err != nil || !bytes.Equal(got.Content, content) {
			t.Errorf("%q: %v", good, err)
		}
	}
	for cell, want := range map[string]string{
		"missing.png":                        "the file missing.png can't be read: there is none",
		"../secret.png":                      "the file ../secret.png can't be read: path escapes from parent",
		filepath.Join(outside, "secret.png"): "the file " + filepath.Join(outside, "secret.png") + " can't be read: path escapes from parent",
		"out.png":                            "the file out.png can't be read: path escapes from parent",
		"abs.png":                            "the file abs.png can't be read: path escapes from parent",
		"in/../../secret.png":                "the file in/../../secret.png can't be read: path escapes from parent",
		"in":                                 "in isn't a file",
		"large.png":                          "the picture is larger than 1500 bytes (max_bytes)",
	} {
		_, err := a.Get(t.Context(), cell)
		problem(t, err, want)
	}
	_, err := New(Options{From: FromFile, Folder: filepath.Join(outside, "none")}).Get(t.Context(), "a.png")
	problem(t, err, "the folder "+filepath.Join(outside, "none")+" can't be opened: there is none")
}

// A stamp changes with a file's size, with its time, and when it comes or goes.
func TestFileStamps(t *testing.T) {
	folder := t.TempDir()
	a := New(Options{From: FromFile, Folder: folder})
	path := filepath.Join(folder, "a.png")
	stamps := map[string]string{"missing": a.Stamp("a.png"), "other missing": a.Stamp("b.png")}
	at := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	for name, set := range map[string]struct {
		content string
		at      time.Time
	}{"one": {"1", at}, "longer": {"12", at}, "later": {"1", at.Add(time.Millisecond)}} {
		if err := errors.Join(os.WriteFile(path, []byte(set.content), 0o600), os.Chtimes(path, set.at, set.at)); err != nil {
			t.Fatal(err)
		}
		stamps[name] = a.Stamp("a.png")
		if a.Stamp("a.png") != stamps[name] {
			t.Errorf("%s: the stamp of an unchanged file changed", name)
		}
	}
	seen := map[string]string{}
	for name, stamp := range stamps {
		if other, twice := seen[stamp]; twice || stamp == "" {
			t.Errorf("%s has the stamp %q of %s", name, stamp, other)
		}
		seen[stamp] = name
	}
	if strings.Contains(a.Stamp("a.png"), "a.png") {
		t.Error("the stamp says which file it is")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("R0lGODlh")
	f.Add("iVBORw0KGgo=")
	f.Fuzz(func(t *testing.T, cell string) {
		got, err := New(Options{From: FromBase64, MaxBytes: 1000, MaxPixels: 100}).Get(t.Context(), cell)
		if err == nil && len(got.Content) > 1000 {
			t.Errorf("%d bytes were taken", len(got.Content))
		}
		if _, known := errors.AsType[*ProblemError](err); err != nil && !known {
			t.Errorf("%v isn't a problem of the picture", err)
		}
	})
}
