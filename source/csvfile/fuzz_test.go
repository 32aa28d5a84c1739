package csvfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"cubesync/sync/record"
)

// FuzzDelimiter: what a header is written with is found, or refused as ambiguous, and never another one.
func FuzzDelimiter(f *testing.F) {
	for _, seed := range []string{"id,name", "id;full name;e-mail", "a|b,c|d", "\"a;b\",c", "x", "", "a\tb\"c,d", "é;東京"} {
		for _, delimiter := range delimiters {
			f.Add(seed, delimiter)
		}
	}
	f.Fuzz(func(t *testing.T, text string, delimiter rune) {
		if !strings.ContainsRune(delimiters, delimiter) {
			return
		}
		cells := strings.Split(text, "|")
		var b strings.Builder
		w := csv.NewWriter(&b)
		w.Comma = delimiter
		if w.Write(cells) != nil {
			return
		}
		w.Flush()
		found, err := delimiterOf([]byte(b.String()))
		others := strings.ContainsAny(text, strings.ReplaceAll(delimiters, string(delimiter), ""))
		switch {
		case err != nil && !others:
			t.Fatalf("%q is refused: %v", b.String(), err)
		case err == nil && len(cells) > 1 && found != delimiter:
			t.Fatalf("%q is separated by %q, and %q is found", b.String(), delimiter, found)
		}
	})
}

// FuzzDecode: text in UTF-16 is the same text, however it is cut into pieces, and nothing that isn't text becomes text.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"id\n", "\xff\xfei\x00d\x00", "\xfe\xff\x00i\xd8\x3d\xde\x00", "\xff\xfe\x00\xd8a", "\xef\xbb\xbfid", "\xff\xfe\x00\x00", "\x81\x30", "\x1b$B"} {
		for _, name := range []string{"", utf16LEName, utf16BEName, "shift_jis", "gb18030", "windows-1253", "iso-2022-jp"} {
			f.Add([]byte(seed), name)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, name string) {
		text, found, _, err := decode(strings.NewReader(string(content)), name)
		if err != nil {
			return
		}
		got, err := io.ReadAll(text)
		if err != nil {
			t.Fatal(err)
		}
		if found == utf8Name {
			if want := strings.TrimPrefix(string(content), byteOrderMark); string(got) != want {
				t.Fatalf("%q became %q", want, got)
			}
			return
		}
		again, _, _, err := decode(oneByOne{strings.NewReader(string(content))}, name)
		if err != nil {
			t.Fatal(err)
		}
		if other, err := io.ReadAll(again); err != nil || !bytes.Equal(other, got) {
			t.Fatalf("in pieces it is %q, and at once %q (%v)", other, got, err)
		}
		if strings.HasPrefix(found, utf16Name) {
			// Each unit that is half a character, and each half of one, is a byte that no text has.
			if want, whole := textOfUTF16(content, found); utf8.Valid(got) != whole || whole && string(got) != want {
				t.Fatalf("%q became %q; want %q, %t", content, got, want, whole)
			}
			return
		}
		if strings.ContainsRune(string(got), utf8.RuneError) && utf8.Valid(got) {
			t.Fatalf("%q became %q, which hides what couldn't be decoded", content, got)
		}
	})
}

// textOfUTF16 decodes UTF-16 in the plainest way, and reports whether all of it is text.
func textOfUTF16(content []byte, name string) (text string, whole bool) {
	order := binary.ByteOrder(binary.LittleEndian)
	if name == utf16BEName {
		order = binary.BigEndian
	}
	_, mark := byMark(content)
	content = content[mark:]
	var units []uint16
	for ; len(content) > 1; content = content[2:] {
		units = append(units, order.Uint16(content))
	}
	letters := utf16.Decode(units)
	return string(letters), len(content) == 0 && slices.Equal(utf16.Encode(letters), units)
}

// FuzzEncoding writes text in an encoding that is declared, or that its mark shows, and reads the same text.
func FuzzEncoding(f *testing.F) {
	names := []string{utf8Name, utf16LEName, utf16BEName, "windows-1252", "windows-1253", "koi8-r", "iso-8859-15", "gb18030"}
	for _, seed := range []string{"id,name\n", "Zoë Müller", "Γιώργος", "Пётр", "王芳 😀", "\ufeffid", "a\x00b", "€„“", "ÿþid", "\u0081", "\ue000", "\ufffd"} {
		for i := range names {
			f.Add(seed, uint8(i), i%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, text string, which uint8, marked bool) {
		name := names[int(which)%len(names)]
		declared := name
		if marked && strings.HasPrefix(name, "utf-") {
			text, declared = byteOrderMark+text, ""
		}
		found, err := htmlindex.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		written, err := found.NewEncoder().String(text)
		if err != nil || !utf8.ValidString(text) {
			return // it can't be written so
		}
		if name == "gb18030" && strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || unicode.Is(unicode.Co, r) }) {
			return // private characters are written as others, and what can't be read has a sign, which is refused
		}
		shown, mark := byMark([]byte(written))
		if shown != "" && shown != name {
			return // it looks like another one, and is refused, or read as that where none is declared
		}
		in, as, _, err := decode(strings.NewReader(written), declared)
		if err != nil || as != name {
			t.Fatalf("%q in %s is taken for %s: %v", text, name, as, err)
		}
		want := text
		if mark > 0 {
			want = strings.TrimPrefix(text, byteOrderMark)
		}
		if got, err := io.ReadAll(in); err != nil || string(got) != want {
			t.Fatalf("%q in %s is read as %q (%v)", want, name, got, err)
		}
	})
}

type oneByOne struct{ in io.Reader }

func (o oneByOne) Read(p []byte) (int, error) { return o.in.Read(p[:min(1, len(p))]) }

// FuzzPipeline reads anything in any way: it comes to an end, gives only text, and is proven only by as many rows as the last
// one says, with a line break behind it.
func FuzzPipeline(f *testing.F) {
	for _, seed := range []string{
		"id,name\nE1,Ann\n#T,1\n", "id;name\r\nE1;\"A\nB\"\r\n#T;1\r\n", "sep=|\nid|n\n#T|0\n", "id\rE1\r#T,1\r", "\xff\xfei\x00d\x00\n\x00",
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", "\x28\xb5\x2f\xfd\x04\x00\x19\x00\x00id\n", "PK\x03\x04", "id\nE1\n#T,2\n", "id\n#T,1\nE1\n", "id\n#T,1", "#c\nid\n#\"\nE1\n#T,1\n",
	} {
		for how := range uint8(32) {
			f.Add([]byte(seed), how)
		}
	}
	path := filepath.Join(f.TempDir(), "users.csv")
	f.Fuzz(func(t *testing.T, content []byte, how uint8) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		options := Options{Path: path, KeyColumn: "id", MaxBytes: 1 << 20, Lenient: how&1 != 0, SkipRows: int(how >> 1 & 1), Proof: Proof{Trailer: "#T"}}
		if how&4 != 0 {
			options.Comment = "#"
		}
		if how&8 != 0 {
			options.Columns, options.Delimiter = []string{"id", "name"}, ','
		}
		if how&16 != 0 {
			options.Encoding = "utf-16le"
		}
		rows, last, v := readThrough(t, options)
		if v.Records+v.Rejects != rows {
			t.Fatalf("%d rows, and the verdict is %+v", rows, v)
		}
		packed := len(content) > 1 && (content[0] == 0x1f || content[0] == 0x28 || content[0] == 'P')
		plain := how&16 == 0 && !packed && !strings.HasPrefix(string(content), "\xff\xfe") && !strings.HasPrefix(string(content), "\xfe\xff")
		if v.Completeness == record.Plausible || v.Completeness == record.Proven && !last {
			t.Fatalf("verdict %+v, read to the end: %t", v, last)
		}
		if v.Completeness == record.Proven && plain {
			end := strings.TrimRight(string(content), "\r\n")
			if end == string(content) || !strings.Contains(end, "#T") || !strings.Contains(end, strconv.Itoa(rows)) {
				t.Fatalf("%q is proven with %d rows", content, rows)
			}
		}
	})
}

func readThrough(t *testing.T, options Options) (rows int, last bool, v record.Verdict) {
	t.Helper()
	source, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := source.Open(context.Background())
	if err != nil {
		return 0, false, record.Verdict{}
	}
	defer func() { _ = reader.Close() }()
	for {
		rec, err := reader.Next(context.Background())
		_, rejected := errors.AsType[*record.RejectError](err)
		if err != nil && !rejected {
			return rows, errors.Is(err, io.EOF), reader.Verdict()
		}
		rows++
		if rejected {
			continue
		}
		for _, name := range reader.Columns().Names() {
			if text := rec.Value(name).Text(); !utf8.ValidString(text) || faultOf(text).found {
				t.Fatalf("%s: %q", rec.Position, text)
			}
		}
	}
}
