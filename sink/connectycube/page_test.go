package connectycube_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
)

// docs/connectycube.md says what is covered and what proves it. All that it names is there, and nothing that is there is
// missing from it.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../docs/connectycube.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	t.Run("tests", func(t *testing.T) { pageTests(t, page) })
	t.Run("steps", func(t *testing.T) { pageSteps(t, page) })
	t.Run("switches", func(t *testing.T) { pageSwitches(t, page) })
	t.Run("calls", func(t *testing.T) { pageCalls(t, page) })
	t.Run("client", func(t *testing.T) { pageClient(t, page) })
	t.Run("rows", func(t *testing.T) { pageRows(t, page) })
}

func all(pattern, text string) []string {
	var found []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// pageTests: a test is a function, and a subtest stands as a text in the function's file.
func pageTests(t *testing.T, page string) {
	tests := declaredTests(t)
	named := all("`(Test[^`]+)`", page)
	if len(named) < 150 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, name := range named {
		function, subtest, hasSubtest := strings.Cut(name, "/")
		files := tests[function]
		if function == "TestConformance" && strings.Contains(subtest, "=") {
			isAnswer(t, subtest)
			continue
		}
		if len(files) == 0 || hasSubtest && !slices.ContainsFunc(files, func(file string) bool { return strings.Contains(file, `"`+subtest+`"`) }) {
			t.Errorf("there is no %s", name)
		}
	}
}

// declaredTests are the texts of the files that declare each test of the module.
func declaredTests(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "node_modules" {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = append(tests[f.Name.Name], string(text))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// isAnswer: the suite runs under every answer of every switch, and names its subtests so.
func isAnswer(t *testing.T, subtest string) {
	t.Helper()
	name, answer, _ := strings.Cut(subtest, "=")
	for _, s := range (&emulator.Options{}).Switches() {
		if s.Name == name && slices.Contains(s.Answers()[1:], answer) {
			return
		}
	}
	t.Errorf("no switch has the answer %s", subtest)
}

// pageSteps: a step of the SDK's suite stands in “quotes”, with what varies filled in.
func pageSteps(t *testing.T, page string) {
	text, err := os.ReadFile("../emulator/sdk/suite.mjs")
	if err != nil {
		t.Fatal(err)
	}
	suite := string(text)
	var steps []*regexp.Regexp
	for _, name := range append(all(`(?m)^ *test\('([^']+)'`, suite), all("(?m)^ *test\\(`([^`]+)`", suite)...) {
		parts := regexp.MustCompile(`\$\{[^}]*\}`).Split(name, -1)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		steps = append(steps, regexp.MustCompile("^"+strings.Join(parts, "(.*)")+"$"))
	}
	named := all(`“([^”]+)”`, page)
	if len(steps) < 25 || len(named) < 25 {
		t.Fatalf("%d steps, %d of them are named", len(steps), len(named))
	}
	for _, step := range steps {
		if !slices.ContainsFunc(named, step.MatchString) {
			t.Errorf("the step %s proves nothing on the page", step)
		}
	}
	for _, name := range named {
		if !slices.ContainsFunc(steps, func(step *regexp.Regexp) bool {
			match := step.FindStringSubmatch(name)
			return match != nil && !slices.ContainsFunc(match[1:], func(filled string) bool { return !strings.Contains(suite, filled) })
		}) {
			t.Errorf("the SDK's suite has no step %q", name)
		}
	}
}

func pageSwitches(t *testing.T, page string) {
	_, unknown, _ := strings.Cut(page, "\n## Unknown")
	for _, s := range (&emulator.Options{}).Switches() {
		if !strings.Contains(unknown, "`"+s.Name+"`") {
			t.Errorf("the switch %s isn't among what is unknown", s.Name)
		}
	}
	known := map[string]bool{}
	for _, s := range (&emulator.Options{}).Switches() {
		known[s.Name] = true
	}
	for _, table := range tables(page) {
		column := slices.Index(table[0], "switch")
		if column < 0 {
			continue
		}
		for _, row := range table[1:] {
			for _, name := range all("`([a-z0-9-]+)`", row[column]) {
				if !known[name] {
					t.Errorf("there is no switch %s", name)
				}
			}
		}
	}
}

func pageCalls(t *testing.T, page string) {
	source, err := os.ReadFile("../emulator/route.go")
	if err != nil {
		t.Fatal(err)
	}
	routes := map[string]bool{}
	for _, match := range regexp.MustCompile(`\{http\.Method(\w+), "(/[^"]+)", \w+,`).FindAllStringSubmatch(string(source), -1) {
		routes[strings.ToUpper(match[1])+" "+match[2]] = true
	}
	named := all("`((?:GET|POST|PUT|DELETE) /[^`]*)`", page)
	if len(routes) < 29 {
		t.Fatalf("only %d routes were found", len(routes))
	}
	for route := range routes {
		if !slices.Contains(named, route) {
			t.Errorf("%s is missing", route)
		}
	}
	for _, call := range named {
		if !routes[call] {
			t.Errorf("the emulator has no %s", call)
		}
	}
}

func pageClient(t *testing.T, page string) {
	client := reflect.TypeFor[*connectycube.Client]()
	methods := map[string]bool{}
	for i := range client.NumMethod() {
		methods[client.Method(i).Name] = true
	}
	named := all("`Client\\.(\\w+)`", page)
	for name := range methods {
		if !slices.Contains(named, name) {
			t.Errorf("Client.%s is missing", name)
		}
	}
	for _, name := range named {
		if !methods[name] {
			t.Errorf("there is no Client.%s", name)
		}
	}
}

// pageRows: where a table has a column for tests, each of its rows names one.
func pageRows(t *testing.T, page string) {
	found := tables(page)
	if len(found) < 6 {
		t.Fatalf("only %d tables were found", len(found))
	}
	for _, table := range found {
		for column, title := range table[0] {
			for _, row := range table[1:] {
				if len(row) != len(table[0]) || strings.Contains(title, "proven by") && !strings.Contains(row[column], "`Test") {
					t.Errorf("%q has no test in %q", row, title)
				}
			}
		}
	}
}

// tables are the page's tables: rows of cells, the titles first.
func tables(page string) [][][]string {
	var all [][][]string
	inside := false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		switch {
		case !inside:
			all, inside = append(all, [][]string{cells}), true
		case !strings.HasPrefix(cells[0], "---"):
			all[len(all)-1] = append(all[len(all)-1], cells)
		}
	}
	return all
}
