package mapping_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

func TestExplain(t *testing.T) {
	mapper, err := mapping.New(mapping.Spec{
		ExternalID: mapping.Rule{Column: "id"},
		Fields: map[user.Field]mapping.Rule{
			user.FullName: {Template: "{given} {{{family}}}"}, user.Email: {Column: "mail"}, user.Phone: {Column: "phone", Clear: true},
		},
		Tags:       []mapping.TagRule{{Rule: mapping.Rule{Constant: "staff"}}, {Rule: mapping.Rule{Column: "teams"}, Split: ";"}},
		CustomData: map[string]mapping.Rule{"desk": {Column: "desk"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	columns, err := record.NewColumns([]string{"id", "given", "family", "mail", "teams", "phone"})
	if err != nil {
		t.Fatal(err)
	}
	text := record.Text
	rec := record.New("users.csv:2", columns, []record.Value{text(" 7 "), text("Ann"), text("Lee"), record.Null(), text("b; a"), text("")})
	const trim = "trimmed, NFC"
	want := []mapping.Step{
		{Field: "external_id", From: []mapping.Cell{{"id", text(" 7 ")}}, Rule: trim, Value: "7", Set: true},
		{Field: "email", From: []mapping.Cell{{"mail", record.Null()}}, Rule: trim},
		{Field: "full_name", From: []mapping.Cell{{"given", text("Ann")}, {"family", text("Lee")}}, Rule: "template {given} {{{family}}}", Value: "Ann {Lee}", Set: true},
		{Field: "phone", From: []mapping.Cell{{"phone", text("")}}, Rule: trim, Set: true},
		{Field: "tags", Rule: "a constant", Value: "staff", Set: true},
		{Field: "tags", From: []mapping.Cell{{"teams", text("b; a")}}, Rule: trim + ", split at ;", Value: "a,b", Set: true},
		{Field: "custom_data.desk", From: []mapping.Cell{{"desk", record.Value{}}}, Rule: trim},
	}
	if diff := cmp.Diff(want, mapper.Explain(rec), cmp.AllowUnexported(record.Value{})); diff != "" {
		t.Errorf("the steps (-want +got):\n%s", diff)
	}
	fields := []user.Field{user.Email, user.FullName, user.Phone, user.CustomData, user.Tags}
	if diff := cmp.Diff(fields, mapper.Fields()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"id", "mail", "given", "family", "phone", "teams", "desk"}, mapper.Columns()); diff != "" {
		t.Error(diff)
	}
}

func TestExplainFilter(t *testing.T) {
	mapper, err := mapping.New(mapping.Spec{ExternalID: mapping.Rule{Column: "id"}, Filter: `int(years) > 7`, FilterPlace: "config.yaml:3"})
	if err != nil {
		t.Fatal(err)
	}
	columns, err := record.NewColumns([]string{"id", "years"})
	if err != nil {
		t.Fatal(err)
	}
	for years, want := range map[string]mapping.Step{
		"8":   {Value: "true", Set: true},
		"7":   {Value: "false", Set: true},
		"old": {}, // it can't tell, and Filtered says why
	} {
		want.Field, want.From, want.Rule = "filter", []mapping.Cell{{"years", record.Text(years)}}, "expression int(years) > 7 (config.yaml:3)"
		steps := mapper.Explain(record.OfTexts("row 1", columns, []string{"1", years}))
		if diff := cmp.Diff(want, steps[0], cmp.AllowUnexported(record.Value{})); diff != "" || len(steps) != 2 {
			t.Errorf("%s: %d steps, the first (-want +got):\n%s", years, len(steps), diff)
		}
	}
}
