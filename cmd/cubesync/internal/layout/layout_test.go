package layout

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// root is the module's folder, seen from this one.
const root = "../../../.."

func TestLayout(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil || !strings.HasPrefix(string(text), "module "+module+"\n") {
		t.Fatalf("%s isn't the root of module %s: %v", root, module, err)
	}
	files, err := readTree(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("read only %d Go files: this checks nothing", len(files))
	}
	for _, breach := range check(files) {
		t.Error(breach)
	}
}

// TestEachRuleCanFail gives every rule a tree of one file that breaks it, and only it.
func TestEachRuleCanFail(t *testing.T) {
	tests := []struct {
		name, file, imports, body string
		rule, says                string
	}{
		{"go-file-in-the-root", "main.go", "fmt", "", "top-level-folders", "where no Go file belongs"},
		{"another-top-folder", "internal/x/x.go", "fmt", "", "top-level-folders", "stands in internal/x"},
		{"go-file-in-sync", "sync/sync.go", "fmt", "", "top-level-folders", "namespace"},
		{"test-file-in-sync", "sync/sync_test.go", "fmt", "", "top-level-folders", "namespace"},
		{"go-file-in-source", "source/source.go", "fmt", "", "top-level-folders", "namespace"},

		{"leaf-imports-mapping", "sync/record/x.go", "cubesync/sync/mapping", "", "import-order", "may import only"},
		{"mapping-imports-plan", "sync/mapping/x.go", "cubesync/sync/plan", "", "import-order", "may import only"},
		{"plan-imports-mapping", "sync/plan/x.go", "cubesync/sync/mapping", "", "import-order", "may import only"},
		{"plan-imports-state", "sync/plan/x.go", "cubesync/sync/state", "", "import-order", "may import only"},
		{"state-imports-apply", "sync/state/x.go", "cubesync/sync/apply", "", "import-order", "may import only"},
		{"apply-imports-reconcile", "sync/apply/x.go", "cubesync/sync/reconcile", "", "import-order", "may import only"},
		{"reconcile-imports-schedule", "sync/reconcile/x.go", "cubesync/sync/schedule", "", "import-order", "may import only"},
		{"reconcile-imports-report", "sync/reconcile/x.go", "cubesync/sync/report", "", "import-order", "may import only"},
		{"report-imports-apply", "sync/report/x.go", "cubesync/sync/apply", "", "import-order", "may import only"},
		{"sync-imports-source", "sync/reconcile/x.go", "cubesync/source/csvfile", "", "import-order", "may import only"},
		{"sync-imports-sink", "sync/apply/x.go", "cubesync/sink/connectycube", "", "import-order", "may import only"},
		{"sub-package-too", "sync/plan/internal/x/x.go", "cubesync/sync/state", "", "import-order", "may import only"},
		{"merge-imports-mapping", "sync/merge/x.go", "cubesync/sync/mapping", "", "import-order", "may import only"},
		{"reconcile-imports-merge", "sync/reconcile/x.go", "cubesync/sync/merge", "", "import-order", "may import only"},
		{"source-imports-source", "source/csvfile/x.go", "cubesync/source/sqlquery", "", "import-order", "may import only"},
		{"source-imports-plan", "source/csvfile/x.go", "cubesync/sync/plan", "", "import-order", "may import only"},
		{"sink-imports-sink", "sink/connectycube/x.go", "cubesync/sink/emulator", "", "import-order", "may import only"},
		{"sink-imports-source", "sink/emulator/x.go", "cubesync/source/csvfile", "", "import-order", "may import only"},
		{"imports-cmd", "sync/schedule/x.go", "cubesync/cmd/cubesync/internal/config", "", "import-order", "may import only"},
		{"package-without-a-place", "sync/other/x.go", "cubesync/sync/user", "", "import-order", "no place in the order yet"},

		{"ldap-elsewhere", "cmd/cubesync/x.go", "github.com/go-ldap/ldap/v3", "", "confined-libraries", "only in source/ldapdir"},
		{"pgx-elsewhere", "sync/state/x.go", "github.com/jackc/pgx/v5/stdlib", "", "confined-libraries", "only in source/sqlquery"},
		{"mysql-elsewhere", "sync/state/x.go", "github.com/go-sql-driver/mysql", "", "confined-libraries", "only in source/sqlquery"},
		{"mssql-elsewhere", "sync/state/x.go", "github.com/microsoft/go-mssqldb", "", "confined-libraries", "only in source/sqlquery"},
		{"sqlite-elsewhere", "sink/emulator/x.go", "modernc.org/sqlite", "", "confined-libraries", "only in sync/state source/sqlquery"},
		{"cron-elsewhere", "cmd/cubesync/x.go", "github.com/robfig/cron/v3", "", "confined-libraries", "only in sync/schedule"},
		{"x-time-elsewhere", "sync/apply/x.go", "golang.org/x/time/rate", "", "confined-libraries", "only in sink/connectycube"},
		{"gocsv-elsewhere", "sync/mapping/x.go", "github.com/gocarina/gocsv", "", "confined-libraries", "only in source/csvfile"},
		{"expressions-elsewhere", "sync/plan/x.go", "github.com/expr-lang/expr", "", "confined-libraries", "only in sync/mapping"},
		{"phone-numbers-elsewhere", "sync/account/x.go", "github.com/nyaruka/phonenumbers", "", "confined-libraries", "only in sync/mapping"},
		{"yaml-elsewhere", "cmd/cubesync/x.go", "github.com/goccy/go-yaml", "", "confined-libraries", "only in cmd/cubesync/internal/config"},
		{"commands-elsewhere", "sync/schedule/x.go", "github.com/spf13/cobra", "", "confined-libraries", "only in cmd"},
		{"yaml-v2", "cmd/cubesync/internal/config/x.go", "gopkg.in/yaml.v2", "", "forbidden-libraries", "archived"},
		{"yaml-v3", "cmd/cubesync/internal/config/x.go", "gopkg.in/yaml.v3", "", "forbidden-libraries", "archived"},
		{"yaml-v3-in-a-test", "source/csvfile/x_test.go", "gopkg.in/yaml.v3", "", "forbidden-libraries", "archived"},
		{"yaml-of-kubernetes", "cmd/cubesync/internal/config/x.go", "sigs.k8s.io/yaml", "", "forbidden-libraries", "already"},
		{"cgo", "sync/state/x.go", "C", "", "forbidden-libraries", "no cgo"},

		{"library-in-user", "sync/user/x.go", "go.uber.org/goleak", "", "user-is-small", "neither the standard library nor x/text"},

		{"plan-opens-files", "sync/plan/x.go", "os", "", "plan-is-pure", "reaches outside"},
		{"plan-calls-the-network", "sync/plan/x.go", "net/http", "", "plan-is-pure", "reaches outside"},
		{"plan-logs", "sync/plan/x.go", "log/slog", "", "plan-is-pure", "reaches outside"},
		{"plan-looks-at-the-clock", "sync/plan/x.go", "time", "var now = time.Now", "plan-is-pure", "uses time.Now"},

		{"flags", "source/csvfile/x.go", "flag", "", "only-cmd-reads-the-process", "imports flag"},
		{"signals", "sync/schedule/x.go", "os/signal", "", "only-cmd-reads-the-process", "imports os/signal"},
		{"environment", "sink/emulator/x.go", "os", `var key = os.Getenv("KEY")`, "only-cmd-reads-the-process", "uses os.Getenv"},
		{"environment-under-another-name", "sink/emulator/x.go", `env "os`, `var key, _ = env.LookupEnv("KEY")`, "only-cmd-reads-the-process", "uses os.LookupEnv"},
	}
	broken := map[string]bool{}
	for _, test := range tests {
		broken[test.rule] = true
		t.Run(test.name, func(t *testing.T) {
			got := checkSource(t, test.file, test.imports, test.body)
			if len(got) != 1 || !strings.Contains(got[0], "["+test.rule+": ") || !strings.Contains(got[0], test.says) {
				t.Errorf("got %q, want one breach of %s that says %q", got, test.rule, test.says)
			}
			if len(got) > 0 && !strings.HasPrefix(got[0], test.file+":") {
				t.Errorf("got %q, want it to begin with its place in %s", got[0], test.file)
			}
		})
	}
	for _, r := range rules() {
		if !broken[r.name] {
			t.Errorf("no case breaks the rule %s", r.name)
		}
	}
}

// TestAllowed keeps the rules from forbidding what they are there to allow.
func TestAllowed(t *testing.T) {
	tests := []struct{ name, file, imports, body string }{
		{"leaf-imports-leaf", "sync/account/x.go", "cubesync/sync/user", ""},
		{"later-imports-earlier", "sync/schedule/x.go", "cubesync/sync/mapping", ""},
		{"report-reads-plan", "sync/report/x.go", "cubesync/sync/plan", ""},
		{"own-sub-package", "sink/emulator/x.go", "cubesync/sink/emulator/internal/store", ""},
		{"cmd-wires", "cmd/cubesync/x.go", "cubesync/sink/emulator", ""},
		{"tests-reach-further", "sink/connectycube/x_test.go", "cubesync/sink/emulator", ""},
		{"library-in-a-test", "sink/emulator/x_test.go", "modernc.org/sqlite", ""},
		{"library-in-its-place", "sync/schedule/x.go", "github.com/robfig/cron/v3", ""},
		{"x-text-in-user", "sync/user/x.go", "golang.org/x/text/unicode/norm", ""},
		{"another-x-library", "sync/apply/x.go", "golang.org/x/sync/errgroup", ""},
		{"time-as-a-value-in-plan", "sync/plan/x.go", "time", "type moment = time.Time"},
		{"cmd-reads-the-environment", "cmd/cubesync/x.go", "os", `var key = os.Getenv("KEY")`},
		{"files-are-no-environment", "sync/state/x.go", "os", "var open = os.Open"},
		{"another-module", "tools/go.mod", "", ""},
		{"testdata", "sync/plan/testdata/x.go", "cubesync/sync/state", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := checkSource(t, test.file, test.imports, test.body); len(got) > 0 {
				t.Errorf("got %q, want nothing", got)
			}
		})
	}
}

// checkSource checks a tree of one file. imports may begin with a name and an opening quote.
func checkSource(t *testing.T, file, imports, body string) []string {
	t.Helper()
	if !strings.Contains(imports, `"`) {
		imports = `"` + imports
	}
	source := "//go:build windows\n\npackage x\n\nimport " + imports + "\"\n\n" + body + "\n"
	tree := fstest.MapFS{file: {Data: []byte(source)}}
	if filepath.Base(file) == "go.mod" {
		tree[filepath.Dir(file)+"/x.go"] = &fstest.MapFile{Data: []byte("package tools\n")}
	}
	files, err := readTree(tree)
	if err != nil {
		t.Fatal(err)
	}
	return check(files)
}

// TestSkippedTestsAreRun makes sure that what `make test` leaves out in one run is in another one: that names tests of
// cmd/cubesync only, so there must be no others of these names.
func TestSkippedTestsAreRun(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	skipped := regexp.MustCompile(`(?m)^PROCESSES := \^(Test\([A-Za-z|]+\))\$\$$`).FindSubmatch(makefile)
	if skipped == nil || strings.Count(string(makefile), " -skip ") != 1 || !strings.Contains(string(makefile), "./cmd/cubesync -run '$(PROCESSES)' ") {
		t.Fatal("the Makefile doesn't say which tests are left out, or not in the way that this test knows")
	}
	declared := regexp.MustCompile(`(?m)^func ` + string(skipped[1]) + `\(`)
	found := 0
	err = fs.WalkDir(os.DirFS(root), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		for _, test := range declared.FindAllString(string(text), -1) {
			if found++; filepath.Dir(path) != filepath.Join("cmd", "cubesync") {
				t.Errorf("%s: %s) is left out under the race detector and never run without: give it another name", path, test)
			}
		}
		return err
	})
	if want := strings.Count(string(skipped[1]), "|") + 1; err != nil || found != want {
		t.Errorf("%d tests of these names, want %d: %v", found, want, err)
	}
}
