package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unique"
)

// Secret is a text that no log, error or dump shows: whatever prints or marshals it gets "[secret]". Secrets are equal
// (==) when their texts are; the zero Secret is no secret.
//
// It isn't a string, because fmt forgets the methods of what it prints after a verb that doesn't fit, as %s doesn't fit a
// pointer around it, and encoding/json forgets those of a map's key if that is a string.
type Secret struct {
	text unique.Handle[string]
}

const redacted = "[secret]"

// NewSecret hides a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

// Reveal returns the text itself, for the one place that sends or computes with it.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.text.Value()
}

// String hides the text.
func (s Secret) String() string { return redacted }

// Format hides the text from every verb, %x and %#v among them.
func (s Secret) Format(out fmt.State, _ rune) { _, _ = io.WriteString(out, redacted) }

// MarshalText hides the text from JSON, YAML and XML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue hides the text from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// maxSecretBytes bounds the file of a secret: a larger one is some other file.
const maxSecretBytes = 64 << 10

// secret returns what the text refers to.
func (n node) secret() (Secret, bool) {
	text, ok := n.resolved()
	return NewSecret(text), ok
}

// resolved returns the text with ${NAME} replaced from the environment, or what lies in the file of file:PATH. What
// comes from there is taken as it is, however it looks. No complaint shows any of it.
func (n node) resolved() (string, bool) {
	raw, ok := n.text()
	if !ok {
		return "", false
	}
	path, isFile := strings.CutPrefix(raw, "file:")
	text, ok := n.expanded(path)
	if ok && isFile {
		text, ok = n.contentOf(text)
	}
	if !ok {
		return "", false
	}
	if problem, remedy := unfit(text); problem != "" {
		n.complain(problem, remedy)
		return "", false
	}
	return text, true
}

// unfit says what keeps a resolved text from being a value; "" for nothing.
func unfit(text string) (problem, remedy string) {
	switch {
	case text == "":
		return "is empty once it is resolved", "put a value into the variable or the file"
	case strings.ContainsFunc(text, unicode.IsControl):
		return "holds a line break or another control character", "put one line of plain text there"
	}
	return "", ""
}

// expanded replaces every ${NAME}, and complains of each that can't be.
func (n node) expanded(raw string) (string, bool) {
	var out strings.Builder
	ok := true
	for {
		before, rest, found := strings.Cut(raw, "${")
		out.WriteString(before)
		if !found {
			return out.String(), ok
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed || !isVariable(name) {
			n.complain("has a ${ that no name and } follow", "write ${NAME}; a value that has ${ in itself goes into a variable or a file")
			return "", false
		}
		value, set := n.env(name)
		if !set {
			n.complain(fmt.Sprintf("the environment variable %s is not set", name), "set it, or write file:PATH")
			ok = false
		}
		out.WriteString(value)
		raw = after
	}
}

// secretFile returns the file that the text refers to.
func (n node) secretFile() (path string, isFile bool) {
	raw, _ := n.text()
	path, isFile = strings.CutPrefix(raw, "file:")
	if !isFile {
		return "", false
	}
	path, isFile = n.expanded(path)
	return n.absolute(path), isFile
}

// contentOf reads the file of a secret.
func (n node) contentOf(path string) (string, bool) {
	text, problem, remedy := readSecret(n.absolute(path))
	if problem != "" {
		n.complain(problem, remedy)
	}
	return text, problem == ""
}

// readSecret reads the file of a secret, without the line break at its end; problem is "" where it could.
func readSecret(path string) (text, problem, remedy string) {
	content, problem, remedy := readWhole(path, maxSecretBytes, "the secret")
	text = strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	return text, problem, remedy
}

// readWhole reads a file of at most so many bytes that holds what.
func readWhole(path string, most int64, what string) (content []byte, problem, remedy string) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Sprintf("%s can't be read: %s", path, cause(err)), "make the file, or permit reading it"
	}
	defer func() { _ = file.Close() }() // nothing was written
	content, err = io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return nil, fmt.Sprintf("%s can't be read: %s", path, cause(err)), "name a file that holds " + what
	}
	if int64(len(content)) > most {
		return nil, fmt.Sprintf("%s is larger than %d KiB", path, most>>10), "name a file that holds " + what + " and nothing else"
	}
	return content, "", ""
}

// absolute resolves a path against the folder of the configuration.
func (c *checker) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.folder, path)
}

// cause is what the system says, without the path that the complaint names already.
func cause(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
