package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubesync/source/sourcetest/servers"
)

// program is cubesync in a folder with a configuration.
type program struct {
	config string
	stdout bytes.Buffer
	stderr bytes.Buffer
}

func newProgram(t *testing.T, configuration string) *program {
	t.Helper()
	p := &program{config: filepath.Join(t.TempDir(), "config.yaml")}
	p.beside(t, filepath.Base(p.config), configuration)
	return p
}

// at is where a file beside the configuration is.
func (p *program) at(name string) string { return filepath.Join(filepath.Dir(p.config), name) }

// beside writes a file beside the configuration.
func (p *program) beside(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(p.at(name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run returns the exit code.
func (p *program) run(t *testing.T, args ...string) int {
	t.Helper()
	p.stdout.Reset()
	p.stderr.Reset()
	code := run(t.Context(), nil, append(args, "-c", p.config), environment{lookup: os.LookupEnv, stdin: strings.NewReader(""), stdout: &p.stdout, stderr: &p.stderr})
	if text := p.stdout.String() + p.stderr.String(); strings.Contains(text, servers.Password) {
		t.Errorf("the directory's password is shown: %s", text)
	}
	return code
}

// exits runs and wants an exit code.
func (p *program) exits(t *testing.T, want int, args ...string) {
	t.Helper()
	if code := p.run(t, args...); code != want {
		t.Fatalf("%v: exit %d, want %d\n%s%s", args, code, want, p.stdout.String(), p.stderr.String())
	}
}

// says checks that all of these stand in what was written last.
func (p *program) says(t *testing.T, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(p.stdout.String()+p.stderr.String(), want) {
			t.Errorf("it doesn't say %q:\n%s%s", want, p.stdout.String(), p.stderr.String())
		}
	}
}

// server is the program's emulator, which is to be closed before the next run.
func (p *program) server(t *testing.T) *server {
	t.Helper()
	s, err := ask(p.at(filepath.Join(".cubesync", "emulator.jsonl")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// accounts are those that the program manages, by their external IDs.
func (p *program) accounts(t *testing.T) map[string]map[string]any {
	t.Helper()
	s := p.server(t)
	defer func() { _ = s.close() }()
	found, err := s.accounts("user_tags=staff-sync")
	if err != nil {
		t.Fatal(err)
	}
	accounts := map[string]map[string]any{}
	for _, a := range found {
		id, has := a["external_id"].(string)
		if !has || accounts[id] != nil {
			t.Fatalf("%v has no external ID of its own", a)
		}
		accounts[id] = a
	}
	return accounts
}

// shippedConfig is the default configuration, at a rate that tests don't wait for.
func shippedConfig(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(content), "rate_limit: 500", "rate_limit: 5000", 1)
}

// unguarded is a configuration made of the default one, with neither guards nor grace between a read and deletes.
func unguarded(configuration string) string {
	return strings.NewReplacer(
		"leavers: keep", "leavers: delete", "grace: {reads: 3, span: 72h}", "grace: none", "shrink: 20%", "shrink: 100%",
		"deletes: {floor: 3,", "deletes: {floor: 1000000,", "rekeyed: {floor: 3,", "rekeyed: {floor: 1000000,",
	).Replace(configuration)
}
