package config

import (
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// samplePath is how the path of the sample ends, wherever the repository was cloned to.
const samplePath = "/docs/sample/users.csv"

func (c *checker) source(n node, app application) Source {
	group := n.object("write csv:, ldap: or sql: under it", "csv", "ldap", "sql")
	if !n.given() || group.broken {
		return Source{}
	}
	switch group.one("csv", "ldap", "sql") {
	case "csv":
		return Source{CSV: c.csv(group.get("csv"), app)}
	case "ldap":
		return Source{LDAP: c.ldap(group.get("ldap"))}
	case "sql":
		return Source{SQL: c.sql(group.get("sql"))}
	}
	return Source{}
}

func (c *checker) csv(n node, app application) *CSV {
	group := n.object("write path: under it", "path", "delimiter", "null_value", "completeness")
	if !n.given() || group.broken {
		return nil
	}
	path := group.need("path", "name the file")
	csv := &CSV{
		Path:            path.filePath(""),
		Delimiter:       group.get("delimiter").delimiter(),
		AcceptPlausible: group.get("completeness").choice("", "plausible") != "",
	}
	if app.reach == liveReach && strings.HasSuffix(filepath.ToSlash(csv.Path), samplePath) {
		path.complain("is the sample, whose users are refused with any endpoint but an emulator on this machine", "name your own file")
	}
	// An empty null_value is a value: it makes null of every empty cell.
	if null := group.get("null_value"); null.is(textKind, "write one value") {
		csv.NullValue = &null.value.text
	}
	return csv
}

// delimiter returns a character that can separate cells.
func (n node) delimiter() rune {
	text, ok := n.text()
	if !ok {
		return defaultDelimiter
	}
	r, size := utf8.DecodeRuneInString(text)
	if size != len(text) || strings.ContainsRune("\"\r\n\ufeff\ufffd\x00", r) {
		n.complain("is not one character that can separate cells", `write "," or ";" or "|", or "\t" for a tab`)
		return defaultDelimiter
	}
	return r
}
