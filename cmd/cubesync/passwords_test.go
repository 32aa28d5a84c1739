package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cubesync/source/sourcetest/servers"
)

// A run that is killed among its sign-ups leaves no password behind, and the next one goes on with those of the source. Among
// the requests that were under way is one whose answer got lost.
func TestKilledAmongPasswords(t *testing.T) {
	s := newSite(t, buildBinary(t))
	s.configure("RATE", "60", "WORKERS", "4")
	config := filepath.Join(s.dir, "config.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("{derive: {secret: a-secret-of-this-site-of-at-least-32-characters}}", "{column: "+passwordColumn+"}", "updates: owner", "updates: off").Replace(string(text))
	s.write("config.yaml", changed)
	const people = 60
	var table strings.Builder
	table.WriteString("id,email,name,phone,team,desk," + passwordColumn + "\n")
	for i := range people {
		fmt.Fprintf(&table, "P%d,p%d@example.org,Pat,1,a,2,own words of %d\n", i, i, i)
	}
	s.write("users.csv", table.String())
	p := s.start("sync", "--yes", "--all")
	s.until(signedUp(10))
	p.kill()
	s.sync(exitInSync)
	s.quiet()
	server, err := ask(s.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	for i := range people {
		if err := server.signIn(fmt.Sprintf("p%d@example.org", i), fmt.Sprintf("own words of %d", i)); err != nil {
			t.Errorf("P%d: %v", i, err)
		}
	}
	if got := s.counted().Written.SignUp; got != people {
		t.Errorf("%d were signed up, want %d", got, people)
	}
}

// A directory is asked for the attribute of passwords, too. Hashes, and several values, are no passwords.
func TestPasswordsOfADirectory(t *testing.T) {
	rows := sampleRows(t, 4)
	passwords := []string{"own words of the first", "{SSHA}Zm9vYmFyYmF6cXV4", "one of the two\nother of the two", "words of the last"}
	slapd := servers.StartSlapd(t, servers.SlapdOptions{Load: func(w io.Writer) error {
		for i, row := range rows {
			if err := inDirectory([]map[string]string{row})(cutEnd{w}); err != nil {
				return err
			}
			for value := range strings.Lines(passwords[i]) {
				if _, err := fmt.Fprintf(w, "userPassword: %s\n", strings.TrimSpace(value)); err != nil {
					return err
				}
			}
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		return nil
	}})
	configuration := directoryConfig(t, slapd.URL, "")
	for _, change := range [][2]string{
		{servers.ReaderDN, servers.RootDN}, // who may read passwords
		{"    passwords:\n      derive:\n", "    passwords: {column: userPassword}\n"}, {"    updates: owner", "    updates: off"},
	} {
		if !strings.Contains(configuration, change[0]) {
			t.Fatalf("the configuration has no %q", change[0])
		}
		configuration = strings.Replace(configuration, change[0], change[1], 1)
	}
	secret := strings.Index(configuration, "        secret: ")
	configuration = configuration[:secret] + configuration[secret+strings.Index(configuration[secret:], "\n")+1:]
	p := newProgram(t, configuration)
	p.exits(t, exitTroubles, "sync")
	p.says(t, "password: it is the hash of a password", "or there are several of it: give one")
	s := p.server(t)
	defer func() { _ = s.close() }()
	for _, i := range []int{0, 3} {
		if err := s.signIn(rows[i]["email"], passwords[i]); err != nil {
			t.Errorf("%s: %v", rows[i]["email"], err)
		}
	}
	w := newWatch(filepath.Dir(p.config))
	w.shown.WriteString(p.stdout.String() + p.stderr.String())
	for _, password := range passwords {
		for value := range strings.Lines(password) {
			w.add(strings.TrimSpace(value), "a password of the directory")
		}
	}
	if leaks := w.leaks(); len(leaks) > 0 {
		t.Errorf("passwords came out: %q", leaks)
	}
}
