package config

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"cubesync/source/csvfile"
)

func (c *checker) csv(n node, app application) *CSV {
	group := n.object("write path: under it", "path", "files", "encoding", "max_bytes", "delimiter", "null_value", "skip_rows", "comment",
		"columns", "quotes", "damaged_keys", "complete", "completeness", "settle", "max_age")
	if !n.given() || group.broken {
		return nil
	}
	path := group.need("path", "name the file")
	csv := &CSV{
		Path:            path.input(),
		Files:           group.get("files").integer(0, 1, maxFiles),
		Encoding:        group.get("encoding").encoding(),
		MaxBytes:        int64(group.get("max_bytes").integer(0, 1, math.MaxInt)),
		Delimiter:       group.get("delimiter").delimiter(),
		SkipRows:        group.get("skip_rows").integer(0, 0, maxSkipRows),
		Comment:         group.get("comment").unquoted("lines of comments can't begin so", `write a character such as "#"`),
		Columns:         group.get("columns").names(),
		Lenient:         group.get("quotes").choice(strictQuotes, strictQuotes, lenientQuotes) == lenientQuotes,
		DamagedKeys:     group.get("damaged_keys").choice(refuseDamaged, refuseDamaged, acceptDamaged) == acceptDamaged,
		AcceptPlausible: group.get("completeness").choice("", "plausible") != "",
		Settle:          group.get("settle").duration(0, time.Second, time.Hour),
		MaxAge:          group.get("max_age").duration(0, time.Minute, 366*day),
	}
	if _, err := filepath.Match(filepath.Base(csv.Path), ""); csv.Files > 0 && err != nil {
		path.complain("is no pattern that files can match", "close each [ in it, or take files out if it is the name of one file")
	}
	if app.reach == liveReach && strings.HasSuffix(filepath.ToSlash(csv.Path), samplePath) {
		path.complain("is the sample, whose users are refused with any endpoint but an emulator on this machine", "name your own file")
	}
	// An empty null_value is a value: it makes null of every empty cell.
	if null := group.get("null_value"); null.is(textKind, "write one value") {
		csv.NullValue = &null.value.text
	}
	if len(csv.Columns) > 0 && csv.Delimiter == 0 {
		group.get("columns").complain("stand for a header, which would show the delimiter", `add delimiter: ",", or which it is`)
	}
	csv.Complete = c.complete(group.get("complete"), csv.Delimiter)
	if csv.Complete != (Complete{}) && csv.AcceptPlausible {
		group.get("completeness").complain("has no use with complete, without which nothing is believed", "take one of them out")
	}
	if csv.Path == csvfile.StandardInput {
		c.standardInput(group, csv.Complete)
	}
	return csv
}

// complete returns what shows that a file is whole.
func (c *checker) complete(n node, delimiter rune) Complete {
	group := n.object("write trailer, checksum, done or records under it", "trailer", "count", "checksum", "done", "records")
	if !n.given() || group.broken {
		return Complete{}
	}
	var complete Complete
	way := group.one("trailer", "checksum", "done", "records")
	one := group.get(way)
	switch way {
	case "trailer":
		const remedy = `write how its first cell reads, such as "#TOTAL"`
		complete.Trailer = one.unquoted("can't be the first cell of a row", remedy)
		if delimiter != 0 && strings.ContainsRune(complete.Trailer, delimiter) {
			one.complain("has the delimiter in it", remedy)
		}
		complete.Count = group.get("count").integer(defaultCount, 2, maxColumns)
	case "checksum":
		complete.Checksum = one.filePath("")
	case "done":
		complete.Done = one.filePath("")
	case "records":
		complete.Records = one.integer(0, 1, math.MaxInt)
	}
	if count := group.get("count"); count.given() && way != "trailer" && way != "" {
		count.complain("says where in a trailer the number of rows stands", "take it out, or write trailer")
	}
	return complete
}

// standardInput complains of what takes a file, and of a second reader.
func (c *checker) standardInput(group object, complete Complete) {
	path := group.get("path")
	if c.readsInput != "" {
		path.complain("is standard input, which "+c.readsInput+" reads already", "name a file")
	}
	c.readsInput = path.key
	for _, name := range []string{"files", "settle", "max_age"} {
		if n := group.get(name); n.given() {
			n.complain("has no use with standard input", "take it out, or name a file as path")
		}
	}
	if complete.Checksum != "" || complete.Done != "" {
		group.get("complete").complain("compares files, and standard input is none", "write trailer or records under it, or name a file as path")
	}
}

// input returns the path of a file, or of standard input.
func (n node) input() string {
	if n.given() && n.value.kind == textKind && n.value.text == csvfile.StandardInput {
		return csvfile.StandardInput
	}
	return n.filePath("")
}

// encoding returns the name of one that can be read, "" where none is said.
func (n node) encoding() string {
	text, ok := n.text()
	if ok && !csvfile.KnownEncoding(text) {
		n.complain(fmt.Sprintf("unknown encoding %q", text), "write one such as utf-8, utf-16, windows-1252, iso-8859-2 or shift_jis")
		return ""
	}
	return strings.ToLower(text)
}

// delimiter returns a character that can separate cells, 0 where none is said.
func (n node) delimiter() rune {
	text, ok := n.text()
	if !ok {
		return 0
	}
	r, size := utf8.DecodeRuneInString(text)
	if size != len(text) || strings.ContainsRune("\"\r\n\ufeff\ufffd\x00", r) {
		n.complain("is not one character that can separate cells", `write "," or ";" or "|", or "\t" for a tab`)
		return 0
	}
	return r
}

// unquoted returns a text that CSV can begin a line with as it is.
func (n node) unquoted(problem, remedy string) string {
	text, ok := n.text()
	if ok && strings.ContainsAny(text, "\"\r\n") {
		n.complain(problem, remedy)
		return ""
	}
	return text
}

// names returns the names of columns.
func (n node) names() []string {
	if !n.given() {
		return nil
	}
	var names []string
	seen := map[string]bool{}
	for _, item := range n.list("write names such as [id, email]") {
		name, ok := item.text()
		if ok && seen[name] {
			item.complain(fmt.Sprintf("%q stands twice", name), "name each column once")
		}
		seen[name] = true
		names = append(names, name)
	}
	return names
}
