package config_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/cmd/cubesync/internal/config"
)

// digested loads the full fixture, copied to folder with one part replaced, and returns its first pipeline. Paths
// count: what is to be compared lies in one folder.
func digested(t *testing.T, folder, old, replacement string) config.Pipeline {
	t.Helper()
	text, err := os.ReadFile("testdata/full.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("the fixture has no %q", old)
	}
	text = []byte(strings.Replace(string(text), old, replacement, 1))
	ca, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"config.yaml": text, "service-password.txt": []byte("of-a-file"), "ca.pem": ca, "other.pem": ca[:bytes.LastIndex(ca, []byte("-----BEGIN"))],
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return load(t, filepath.Join(folder, "config.yaml")).Pipelines[0]
}

func TestDigests(t *testing.T) {
	folder := t.TempDir()
	before := digested(t, folder, "", "")
	for _, each := range []struct {
		name, old, new string
		settings       []string // that change
		same           bool     // the digest of the whole stays
	}{
		{"comment", "live.", "changed", nil, true},
		{"default-written-out", "column: phone, empty: keep", "column: phone", nil, true},
		{"order-of-keys", "{floor: 1, share: 2.5%, most: 0}", "{most: 0, share: 2.5%, floor: 1}", nil, true},
		{"other-pipeline", "name: guests", "name: visitors", nil, true},
		{"auth-secret", "${AUTH_SECRET}", "x${AUTH_SECRET}", nil, true},
		{"no-auth-secret", "  auth_secret: ${AUTH_SECRET}\n", "", nil, true},
		{"proxy", "proxy.example.com", "proxy.example.org", nil, true},
		{"proxy-of-the-environment", "  proxy: http://sync:${PROXY_WORD}@proxy.example.com:3128\n", "", nil, true},
		{"ca-file", "ca_file: ca.pem", "ca_file: other.pem", nil, true},
		{"emulator", "write_others: true", "write_others: false", nil, true},
		{"emulators-key", "local-auth-key", "other-auth-key", nil, true},
		{"rate-limit", "rate_limit: 12.5", "rate_limit: 12", nil, true},
		{"timeout", "timeout: 1m30s", "timeout: 1m", nil, true},
		{"workers", "workers: 256", "workers: 8", nil, true},
		{"workers-by-itself", "workers: 256", "workers: auto", nil, true},
		{"breaker", "breaker: {in_a_row: 25, share: 80%}", "breaker: {share: 90%}", nil, true},
		{"max-duration", "max_duration: 5h30m", "max_duration: 1s", nil, true},
		{"schedule", "@every 1h", "0 2 * * *", nil, true},
		{"time-zone", "timezone: UTC", "timezone: Europe/Berlin", nil, true},
		{"service-users-id", "id: 7", "id: 8", nil, true},
		{"application-id", "application_id: ${APP}", "application_id: 4712", nil, false},
		{"creates", "creates: shared", "creates: key", nil, false},
		{"auth-key", "k-${AUTH_KEY}", "l-${AUTH_KEY}", nil, false},
		{"admin-key", "${ADMIN_KEY}", "x${ADMIN_KEY}", nil, false},
		{"service-password", `"file:service-password.txt"`, "another", nil, false},
		{"service-user", "sync@example.com", "other@example.com", nil, false},
		{"password-secret", "${NEW_SECRET}", "x${NEW_SECRET}", nil, false},
		{"previous-secret", "${OLD_SECRET}", "x${OLD_SECRET}", nil, false},
		{"endpoint", "chat.example.com", "chat.example.org", nil, false},
		{"guards", "share: 2.5%", "share: 2%", nil, false},
		{"owner", "owner: if_empty", "owner: create", nil, false},
		{"path", "/srv/users.csv", "/srv/new.csv", []string{"source"}, false},
		{"null-value", `null_value: ""`, `null_value: "-"`, []string{"source"}, false},
		{"delimiter", `"\t"`, `";"`, []string{"source"}, false},
		{"external-id", "{company}-{id}", "{id}-{company}", []string{"key"}, false},
		{"field", "column: phone", "column: mobile", []string{"mapping"}, false},
		{"tag", `split: ";"`, `split: ","`, []string{"mapping"}, false},
		{"expression", "left(given, 1)", "left(given, 2)", []string{"mapping"}, false},
		{"filter", `status == "left"`, `status == "gone"`, []string{"filter"}, false},
		{"no-filter", "      filter: status == \"left\"\n", "", []string{"filter"}, false},
		{"table", "a.example.com, \"7\"", "a.example.org, \"7\"", []string{"mapping"}, false},
		{"key-by-expression", `{template: "{company}-{id}"}`, `{expr: company + "-" + id}`, []string{"key"}, false},
		{"lines", "    mapping:\n      external_id: {t", "    mapping:\n\n\n      external_id: {t", nil, true}, // where an expression stands says nothing
		{"tests", "given: Ann,", "given: Anna,", nil, true},
		{"owner-tag", "owner_tag: staff-sync", "owner_tag: people-sync", []string{"owner_tag"}, false},
		{"other-owner-tag", "owner_tag: Gäste", "owner_tag: visitors", []string{"other_owner_tags"}, false},
		{"grace", "span: 4d12h", "span: 4d", []string{"grace"}, false},
		{"adopt", "adopt: [email, external_id, login]", "adopt: external_id", nil, false},
		{"order-of-adopt", "[email, external_id, login]", "[login, email, external_id]", nil, true},
		{"order-of-protected", "ids: [4711, 17, 17], logins: [Support, root]", "logins: [root, Support, root], ids: [17, 4711]", nil, true},
		{"protected-id", "[4711, 17, 17]", "[4711]", []string{"protected"}, false},
		{"protected-login", "[Support, root]", "[Support]", []string{"protected"}, false},
		{"protected-tag", "[vip, board]", "[vip]", []string{"protected"}, false},
		{"nothing-protected", "    protected: {ids: [4711, 17, 17], logins: [Support, root], tags: [vip, board]}\n", "", []string{"protected"}, false},
		{"leavers", "leavers: delete", "leavers: release", []string{"leavers"}, false},
	} {
		t.Run(each.name, func(t *testing.T) {
			after := digested(t, folder, each.old, each.new)
			if same := after.Digest == before.Digest; same != each.same {
				t.Errorf("digest stayed: %t, want %t", same, each.same)
			}
			var changed []string
			for _, name := range slices.Sorted(maps.Keys(before.Settings)) {
				if before.Settings[name] != after.Settings[name] {
					changed = append(changed, name)
				}
			}
			if diff := cmp.Diff(changed, each.settings); diff != "" {
				t.Errorf("changed settings (-got +want)\n%s", diff)
			}
		})
	}
	t.Run("order-of-other-pipelines", func(t *testing.T) {
		first := func(others ...string) config.Pipeline {
			text := "leavers: keep"
			for _, other := range others {
				text += strings.ReplaceAll("\n  - {name: other, owner_tag: other, source: {csv: {path: /other.csv}}, mapping: {external_id: {column: id}, login: {column: id}}, "+
					"passwords: {random: true}, updates: off, leavers: keep}", "other", other)
			}
			return load(t, write(t, "leavers: keep", text)).Pipelines[0]
		}
		one, other := first("guests", "partners").Settings, first("partners", "guests").Settings
		if one["other_owner_tags"] != other["other_owner_tags"] {
			t.Error("other pipelines in another order change a setting")
		}
	})
	t.Run("completeness", func(t *testing.T) {
		silent := load(t, write(t, "path: users.csv", "path: /users.csv")).Pipelines[0].Settings
		plausible := load(t, write(t, "path: users.csv", "path: /users.csv, completeness: plausible")).Pipelines[0].Settings
		if plausible["completeness"] == silent["completeness"] {
			t.Error("accepting plausible reads changes no digest")
		}
		if plausible["source"] != silent["source"] {
			t.Error("accepting plausible reads changes the source's digest")
		}
	})
}
