package layout

import (
	"fmt"
	"slices"
	"strings"
)

// The order of sync/: a package imports what stands before it. report stands aside.
const (
	leaves = "sync/record sync/user sync/account"
	order  = leaves + " sync/mapping sync/plan sync/failpoint sync/state sync/apply sync/avatar sync/spool sync/reconcile sync/schedule"
)

// mayImport says which packages of ours a package may import, besides its own sub-packages. cmd/ wires and may import
// everything; a package that is neither here nor in cmd/ has no place yet.
func mayImport() map[string]string {
	return map[string]string{
		"sync/record":       leaves,
		"sync/user":         leaves,
		"sync/account":      leaves,
		"sync/mapping":      leaves,
		"sync/plan":         leaves,
		"sync/failpoint":    "",
		"sync/avatar":       leaves,
		"sync/spool":        leaves + " sync/plan",
		"sync/merge":        leaves + " sync/spool",
		"sync/state":        before("sync/state"),
		"sync/apply":        before("sync/apply"),
		"sync/reconcile":    before("sync/reconcile"),
		"sync/schedule":     before("sync/schedule"),
		"sync/report":       leaves + " sync/plan sync/state",
		"source/csvfile":    leaves,
		"source/ldapdir":    leaves,
		"source/sqlquery":   leaves,
		"source/sourcetest": leaves,
		"sink/connectycube": leaves + " sync/failpoint",
		"sink/emulator":     leaves,
		"sink/sinktest":     leaves,
	}
}

func before(unit string) string {
	earlier, _, _ := strings.Cut(order, " "+unit)
	return earlier
}

// confined says which packages alone may use a library.
func confined() []struct{ library, to, why string } {
	return []struct{ library, to, why string }{
		{"github.com/go-ldap/ldap", "source/ldapdir", "LDAP is one kind of source"},
		{"github.com/go-asn1-ber/asn1-ber", "source/ldapdir", "LDAP is one kind of source"},
		{"github.com/jackc/pgx", "source/sqlquery", "SQL is one kind of source"},
		{"github.com/go-sql-driver/mysql", "source/sqlquery", "SQL is one kind of source"},
		{"github.com/microsoft/go-mssqldb", "source/sqlquery", "SQL is one kind of source"},
		{"modernc.org/sqlite", "sync/state source/sqlquery", "everything else uses the state through its methods"},
		{"github.com/robfig/cron", "sync/schedule", "its gaps (time zones, DST, overlap) are closed in one place"},
		{"github.com/expr-lang/expr", "sync/mapping", "what expressions may do is decided in one place"},
		{"github.com/nyaruka/phonenumbers", "sync/mapping", "numbers are changed where the mapping says so, and nowhere else"},
		{"golang.org/x/image", "sync/avatar", "pictures of strangers are looked at in one place, and never decoded"},
		{"golang.org/x/time", "sink/connectycube", "a second limiter would break the one rate"},
		{"github.com/gocarina/gocsv", "source/csvfile sync/report cmd/sampleusers", "its options are global, its silences many"},
		{"github.com/goccy/go-yaml", "cmd/cubesync/internal/config", "the config is read strictly, in one place"},
		{"github.com/spf13", "cmd", "only programs have flags"},
	}
}

// forbidden are the imports that nobody may use.
func forbidden() map[string]string {
	return map[string]string{
		"gopkg.in/yaml.v2": "archived, and there is a YAML parser already",
		"gopkg.in/yaml.v3": "archived, and there is a YAML parser already",
		"sigs.k8s.io/yaml": "there is a YAML parser already",
		"C":                "no cgo: the binary builds anywhere Go does",
	}
}

// rule is one thing that holds for every file. Its check returns what in the file breaks it.
type rule struct {
	name  string
	why   string
	tests bool // holds for test files too
	check func(file) []problem
}

type problem struct {
	line int // 0 where the file itself is the problem
	what string
}

func rules() []rule {
	return []rule{
		{
			name: "top-level-folders", tests: true, check: misplaced,
			why: "Go code lives in packages below cmd, sync, source and sink; a file in sync/ itself would make a package that shadows the standard sync",
		},
		{
			name: "import-order", check: imported(outOfOrder),
			why: "leaves ← mapping, plan ← state ← apply ← reconcile ← schedule; report reads plan and state; sources and sinks import leaves only; cmd wires them",
		},
		{
			name: "confined-libraries", check: imported(unconfined),
			why: "a library with traps is used where they are known",
		},
		{
			name: "forbidden-libraries", tests: true, check: imported(func(_ file, path string) string { return forbidden()[path] }),
			why: "one library for one job, each of them cared for",
		},
		{
			name: "user-is-small", check: imported(tooBigForUser),
			why: "sync/user is the standard library and x/text, so that everything may import it",
		},
		{
			name: "plan-is-pure", check: impure,
			why: "the planner decides from values: no I/O, no clock, no log, so the same inputs give the same bytes",
		},
		{
			name: "only-cmd-reads-the-process", check: readsProcess,
			why: "flags, environment, arguments and signals belong to the programs; packages get values and a context",
		},
	}
}

// imported makes a check of something that is said about each import; "" means fine.
func imported(wrong func(file, string) string) func(file) []problem {
	return func(f file) []problem {
		var problems []problem
		for _, i := range f.imports {
			if what := wrong(f, i.name); what != "" {
				problems = append(problems, problem{i.line, "imports " + i.name + ": " + what})
			}
		}
		return problems
	}
}

func misplaced(f file) []problem {
	top, below, _ := strings.Cut(f.folder(), "/")
	switch {
	case !slices.Contains([]string{"cmd", "sync", "source", "sink"}, top):
		return []problem{{0, "stands in " + f.folder() + ", where no Go file belongs"}}
	case below == "":
		return []problem{{0, "stands in " + top + "/ itself, which is a namespace"}}
	}
	return nil
}

func outOfOrder(f file, path string) string {
	folder, isOurs := ours(path)
	allowed, known := mayImport()[f.unit()]
	switch {
	case !isOurs || within(f.folder(), "cmd") || unitOf(folder) == f.unit():
		return ""
	case !known:
		return f.unit() + " has no place in the order yet: add it to mayImport"
	case !slices.Contains(strings.Fields(allowed), folder):
		return f.unit() + " may import only " + allowed
	}
	return ""
}

func unconfined(f file, path string) string {
	if within(f.folder(), "cmd/cubesync/internal/bench/reading") { // what each source is measured beside
		return ""
	}
	for _, c := range confined() {
		allowed := func(root string) bool { return within(f.folder(), root) }
		if within(path, c.library) && !slices.ContainsFunc(strings.Fields(c.to), allowed) {
			return "only in " + c.to + ": " + c.why
		}
	}
	return ""
}

func tooBigForUser(f file, path string) string {
	first, _, _ := strings.Cut(path, "/")
	_, isOurs := ours(path)
	if f.unit() != "sync/user" || isOurs || !strings.Contains(first, ".") || within(path, "golang.org/x/text") {
		return ""
	}
	return "neither the standard library nor x/text"
}

func impure(f file) []problem {
	if f.unit() != "sync/plan" {
		return nil
	}
	forbidden := []string{"os", "net", "log", "database", "io/fs", "io/ioutil", "math/rand", "crypto/rand", "syscall"}
	problems := imported(func(_ file, path string) string {
		if path != "net/url" && slices.ContainsFunc(forbidden, func(root string) bool { return within(path, root) }) {
			return "reaches outside"
		}
		return ""
	})(f)
	return append(problems, called(f, "time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.NewTimer", "time.NewTicker")...)
}

func readsProcess(f file) []problem {
	if within(f.folder(), "cmd") || within(f.folder(), "source/sourcetest/servers") { // REQUIRE_SERVERS is for tests
		return nil
	}
	problems := imported(func(_ file, path string) string {
		if path == "flag" || path == "os/signal" {
			return "only cmd/ does"
		}
		return ""
	})(f)
	return append(problems, called(f, "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "os.Args")...)
}

func called(f file, names ...string) []problem {
	var problems []problem
	for _, c := range f.calls {
		if slices.Contains(names, c.name) {
			problems = append(problems, problem{c.line, "uses " + c.name})
		}
	}
	return problems
}

// check returns every breach in the tree as a line: where, what, which rule, and why the rule is there.
func check(files []file) []string {
	var breaches []string
	for _, f := range files {
		for _, r := range rules() {
			if f.test && !r.tests {
				continue
			}
			for _, p := range r.check(f) {
				breaches = append(breaches, fmt.Sprintf("%s:%d: %s [%s: %s]", f.name, max(p.line, 1), p.what, r.name, r.why))
			}
		}
	}
	return breaches
}
