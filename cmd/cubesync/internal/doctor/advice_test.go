package doctor_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/cmd/cubesync/internal/doctor"
)

// Whatever was found out: each advice, followed to the letter at the line that it names, gives a file that is valid.
func TestAdviceIsValid(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("secret.txt", []byte(strings.Repeat("a-secret-", 5)), 0o600); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	followed := map[string]int{}
	for range 3000 {
		text := strings.NewReplacer(
			"    login: service\n    password: some-password\n    id: 7\n", one(
				"    login: service\n    password: some-password\n", "    guest: Ann\n", "    custom_identity: {token: some-token}\n"),
			"  admin_key: some-admin-key\n", one("", "  admin_key: some-admin-key\n"),
			"{derive: {secret: a-secret-of-at-least-32-characters}}", one("{derive: {secret: a-secret-of-at-least-32-characters}}", "{random: true}"),
			"    creates: key\n", one("", "    creates: key\n", "    creates: shared\n"),
			"updates: owner", "updates: "+one("owner", "shared", "off"),
			"deletes: admin", "deletes: "+one("admin", "owner", "shared", "off"),
			"leavers: delete", "leavers: "+one("keep", "release", "delete"),
		).Replace(base)
		cfg, err := parse(t, text)
		if err != nil {
			continue
		}
		answers := map[doctor.Question]doctor.Answer{}
		for _, q := range []doctor.Question{
			doctor.SignUpKey, doctor.SignUpShared, doctor.UpdateOwner, doctor.UpdateShared, doctor.DeleteOwner, doctor.DeleteShared, doctor.DeleteAdmin,
		} {
			answers[q] = doctor.Answer(one(string(doctor.Yes), string(doctor.No)))
		}
		for _, f := range doctor.Diagnose(cfg, facts(answers)) {
			if f.Gravity != doctor.MustChange {
				continue
			}
			for advice := range strings.SplitSeq(f.Remedy, ", or ") {
				if !strings.Contains(advice, "write ") {
					continue
				}
				changed, steps := follow(t, text, f, advice)
				followed[strings.Join(steps, ", ")]++
				if _, err := parse(t, changed); err != nil {
					t.Fatalf("%s\nfollowed, that gives:\n%v\n%s", f, err, text)
				}
			}
		}
	}
	if len(followed) < 10 {
		t.Errorf("little was advised: %v", followed)
	}
}

func parse(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	if err := os.WriteFile("my.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(filepath.Base("my.yaml"), func(string) (string, bool) { return "", false }, nil)
}

// follow does what an advice says: it rewrites lines whose key it is, and adds those that aren't there.
func follow(t *testing.T, text string, f doctor.Finding, advice string) (changed string, steps []string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, step := range regexp.MustCompile(`(?:(?:in )?((?:under )?my.yaml:\d+) )?write ((\w+): (?:\{.*\}|\w+))`).FindAllStringSubmatch(advice, -1) {
		place, line, key := step[1], strings.ReplaceAll(step[2], "PATH", "secret.txt"), step[3]
		if place == "" {
			place = f.Place
		}
		place, added := strings.CutPrefix(place, "under ")
		number, err := strconv.Atoi(strings.TrimPrefix(place, "my.yaml:"))
		if err != nil {
			t.Fatalf("no line: %q in %s", place, f)
		}
		switch {
		case added:
			lines[number-1] += "\n    " + line
		case strings.HasPrefix(lines[number-1], "    "+key+":"):
			lines[number-1] = "    " + line
		default:
			t.Fatalf("%s\nnames a line of another key: %s", f, lines[number-1])
		}
		steps = append(steps, step[2])
	}
	if len(steps) == 0 {
		t.Fatalf("nothing to follow: %s", f)
	}
	return strings.Join(lines, "\n"), steps
}
