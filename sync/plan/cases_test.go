package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// rules are the sentences of the design's chapter on deciding that the table above Build doesn't hold, each with the
// golden plans that show it. What no single plan can show is in the properties, or belongs to the state.
func rules() map[string][]string {
	return map[string][]string{
		"matched by the mirror's account id first, then by external ID":     {"crossed-external-ids", "external-id-freed-by-another", "notes-of-another-account"},
		"a record that is rejected as not ours counts as present":           {"not-ours-counts-as-present"},
		"an adoption shows each value that it would overwrite":              {"adopt-respects-owners", "adopt-tags-and-custom-data"},
		"what this plan frees is claimed, not adopted":                      {"adopt-after-a-delete", "adopt-after-an-update"},
		"a sign-up claims a login, a computed one where none is mapped":     {"login-computed-is-claimed", "login-is-computed-at-sign-up-only"},
		"e-mail: case is no difference":                                     {"email-case-is-no-difference"},
		"website: with and without http://":                                 {"website-scheme-is-no-difference"},
		"phone: by digits":                                                  {"phone-is-compared-by-digits"},
		"custom_data: as JSON":                                              {"custom-data-spelling-is-no-difference"},
		"tags: as sets":                                                     {"order-of-tags-is-no-difference", "tags-in-the-services-spelling"},
		"outer space and Unicode composition are ignored":                   {"composition-and-outer-space-are-no-difference"},
		"null and empty are one":                                            {"null-and-empty-are-one"},
		"absent is neither compared nor written":                            {"unset-field-is-not-compared"},
		"empty: clear":                                                      {"set-and-empty-clears"},
		"a known normalisation is no difference":                            {"learned-normalisation"},
		"an ignored value isn't sent again until the desired value changes": {"ignored-by-server", "ignored-until-the-source-changes"},
		"owner: create":                                                     {"owned-at-create"},
		"owner: if_empty":                                                   {"owned-if-empty"},
		"our tags are kept":                                                 {"mapped-tag-removed", "owner-tag-is-never-taken-off"},
		"foreign tags are left alone":                                       {"foreign-tags-stay"},
		"without room only the mapped tags are skipped":                     {"no-room-for-tags", "no-room-for-the-owner-tag"},
		"custom_data is merged or replaced":                                 {"custom-data-merges", "custom-data-replace"},
		"custom_data that isn't an object":                                  {"custom-data-not-an-object", "custom-data-not-an-object-replaced"},
		"what frees a value comes before what claims it":                    {"claim-waits-for-update", "claim-waits-for-an-adoption", "chain"},
		"a chain runs only if every member may be written":                  {"claim-waits-for-a-blocked-one"},
		"a cycle runs, its temporary step clears an e-mail or names itself in a login": {
			"swap-of-two-emails", "swap-of-two-logins", "swap-of-login-and-email", "ring-of-three-and-a-follower",
			"swaps-at-once", "swap-in-two-directions", "swap-with-an-adoption",
		},
		"a cycle runs only if every member may be written": {
			"swap-without-authority", "swap-with-a-refused-member", "swap-with-a-refused-member-and-without-logins", "swap-that-could-not-begin", "swap-without-logins",
			"swap-behind-a-blocked-one",
		},
		"a half-finished cycle is recognised without state": {"half-finished-swap", "parked-login-not-mapped", "parked-login-owned-at-create"},
		"nobody stays locked out by a half-finished cycle":  {"parked-login-behind-a-refused-one"},
		"what was given up in a cycle is remembered, and given back where nothing finishes it": {
			"parked-email-is-finished", "parked-email-behind-a-refused-one", "parked-email-no-longer-mapped", "parked-values-of-a-leaver",
			"parked-values-before-a-release", "parked-values-of-a-rejected-record", "parked-values-that-are-taken",
			"parked-values-of-two-accounts", "parked-values-left-waiting",
		},
		"a known account is looked up by its id":       {"lost-account-is-found-by-its-id"},
		"a login that only looks parked is its user's": {"login-that-only-looks-parked"},
		"another pipeline's tag is one in any case":    {"tag-of-another-pipeline-in-another-case"},
		"deletes last":     {"deletes-last"},
		"held by a leaver": {"held-by-kept-leaver", "held-by-released-leaver", "rehire-of-two"},
		"from max(3, 1 %) such pairs the run is held":               {"rehire-in-grace-holds-the-run", "guard-rekeyed"},
		"guards: releases and deletes":                              {"guard-deletes", "guard-releases", "guard-never-more-than-half", "guard-approved-leavers", "guard-approved-otherwise"},
		"guards: the week":                                          {"guard-week-deletes"},
		"guards: updates and adoptions":                             {"guard-updates", "guard-counts-a-swap-once"},
		"guards: creates once there is a baseline":                  {"guard-creates", "guard-creates-at-the-first-run"},
		"guards: one field":                                         {"guard-field"},
		"guards: shrink, empty, settings":                           {"guard-shrink", "guard-empty-source", "guard-settings", "guard-counts-rejects-as-persons"},
		"guards: all that trip are named, and a usual night's none": {"guard-all-at-once", "guard-nothing-trips"},
		"grace: reads and time":                                     {"grace-needs-reads-and-time", "reads-without-time", "time-without-reads", "absence-dated-in-the-future"},
		"grace: a read counts if it is new evidence":                {"same-evidence-counts-no-read"},
		"grace: presence resets":                                    {"returning-person"},
		"what was refused is sent again when something changes":     {"refused-before-config-changed", "refused-before-retry"},
		"what a plan shows can't harm a terminal":                   {"control-characters-are-escaped"},
	}
}

// TestEveryCaseIsNamed holds the table above Build, the rules and the golden plans together.
func TestEveryCaseIsNamed(t *testing.T) {
	named := tableCases(t)
	if len(named) < 40 {
		t.Errorf("the table above Build has %d rows", len(named))
	}
	for _, cases := range rules() {
		named = append(named, cases...)
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 80 {
		t.Errorf("there are %d golden plans", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if !slices.Contains(named, name) {
			t.Errorf("%s stands neither in the table above Build nor among the rules", name)
		}
	}
	for _, name := range named {
		if !slices.Contains(files, filepath.Join("testdata", name+".txtar")) {
			t.Errorf("the case %s doesn't exist", name)
		}
	}
}

// tableCases returns the last column of the table above Build.
func tableCases(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("build.go")
	if err != nil {
		t.Fatal(err)
	}
	var cases []string
	for line := range strings.Lines(string(source)) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "//\t") && len(cells) == 5 && !strings.HasPrefix(line, "//\trecord") {
			cases = append(cases, strings.TrimSpace(cells[4]))
		}
	}
	return cases
}
