package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cubesync/cmd/cubesync/internal/config"
)

// namedKey is a key of the configuration as a message names it, from the top or from its pipeline. What stands in a path
// or an address is none.
var namedKey = regexp.MustCompile(`(?:^|[\s("'])((?:connectycube|emulator|pipelines|source|mapping|passwords|guards|grace)(?:\.[a-z][a-z_0-9]*)+)`)

// Whatever key a hint or an error tells people to look at, the configuration has it.
func TestMessagesNameRealKeys(t *testing.T) {
	found := 0
	for _, folder := range []string{"sink", "source", "sync", "cmd"} {
		err := filepath.WalkDir(filepath.Join("..", "..", folder), func(path string, entry fs.DirEntry, err error) error {
			if entry != nil && entry.IsDir() && entry.Name() == "node_modules" {
				return filepath.SkipDir
			}
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			for _, text := range texts(t, path) {
				for _, match := range namedKey.FindAllStringSubmatch(text, -1) {
					found++
					if !known(t, match[1]) {
						t.Errorf("%s names %s, which the configuration doesn't have: %q", path, match[1], text)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 10 {
		t.Errorf("only %d keys were found", found)
	}
	for key, want := range map[string]bool{
		"connectycube.auth_secret": true, "passwords.derive.previous": true, "pipelines.updates": true, "connectycube.secret": false,
		"passwords.previous": false, "pipelines.update": false, "guards.delete": false, "connectycube.service_user.token": false,
	} {
		if known(t, key) != want {
			t.Errorf("%s: known %t, want %t", key, !want, want)
		}
	}
}

// texts are the string literals of a file that aren't its imports.
func texts(t *testing.T, path string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		if _, isImport := n.(*ast.ImportSpec); isImport {
			return false
		}
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text)
		}
		return true
	})
	return all
}

// known asks the loader: it must not call the key unknown in a configuration that has nothing else.
func known(t *testing.T, key string) bool {
	t.Helper()
	steps := strings.Split(key, ".")
	switch steps[0] {
	case "pipelines":
		steps = append([]string{"pipelines", "-"}, steps[1:]...)
	case "source", "mapping", "passwords", "guards", "grace":
		steps = append([]string{"pipelines", "-"}, steps...)
	}
	yaml, indent := "", ""
	for _, step := range steps {
		if step == "-" {
			yaml += "\n" + indent + "-"
			indent += "  "
			continue
		}
		if strings.HasSuffix(yaml, "-") {
			yaml += " " + step + ":"
		} else {
			yaml += "\n" + indent + step + ":"
		}
		indent += "  "
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(yaml+" x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(path, os.LookupEnv, checkSchedule)
	wrong, ok := errors.AsType[*config.Error](err)
	if !ok {
		t.Fatalf("%s: %v", yaml, err)
	}
	for _, c := range wrong.Complaints {
		if strings.Contains(c.Problem, "YAML") {
			t.Fatalf("%s: %v", yaml, c)
		}
		if c.Problem == "unknown key" {
			return false
		}
	}
	return true
}
