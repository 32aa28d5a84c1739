package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){"cubesync": main})
}

// suite is all tests, with a folder for the programs that they build.
type suite struct{ *testing.M }

func (s suite) Run() (code int) {
	var err error
	if builds, err = os.MkdirTemp("", "cubesync-builds-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(builds) }()
	return s.M.Run()
}

// TestScripts walks the whole road with the whole program, as its users do. Each script starts in a folder with the
// repository's config.yaml and its sample. After each, what was shown and what was kept is searched for secrets.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		Cmds:                scriptCommands(),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"config.yaml", filepath.Join("docs", "sample", "users.csv")} {
				if err := provide(filepath.Join("..", "..", name), filepath.Join(env.WorkDir, name)); err != nil {
					return err
				}
			}
			env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector has each program wait for a second at its end
			w := newWatch(env.WorkDir)
			env.Values[watchKey{}] = w
			env.Defer(func() {
				if leaks := w.leaks(); len(leaks) > 0 {
					env.T().Fatal("secrets came out: ", leaks)
				}
			})
			return nil
		},
	})
}

// provide copies a file, unless the script brought its own.
func provide(from, to string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
