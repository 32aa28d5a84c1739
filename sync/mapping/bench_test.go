package mapping_test

import (
	"testing"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

func BenchmarkMapper(b *testing.B) {
	columns, err := record.NewColumns([]string{"employee_id", "email", "given_name", "family_name", "phone", "website", "department", "tags", "custom_data"})
	if err != nil {
		b.Fatal(err)
	}
	m, err := mapping.New(mapping.Spec{
		ExternalID: column("employee_id"),
		Fields: map[user.Field]mapping.Rule{
			user.Email: column("email"), user.FullName: {Template: "{given_name} {family_name}"}, user.Phone: column("phone"),
			user.Website: column("website"), user.CustomData: column("custom_data"),
		},
		Tags: []mapping.TagRule{{Rule: column("tags"), Split: ";"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	rec := record.OfTexts("users.csv:2", columns, []string{
		"sample-0000001", "zofia.kovacic1@example.com", "Zofia", "Kovačić, PhD", "+1 514 555 0197", "https://www.example.com/people/1",
		"People & Culture", "équipe-a;on-call", `{"office":"東京","desk":123}`,
	})
	// The same user, by expressions; and the decision of a filter beside it.
	byExpressions, err := mapping.New(mapping.Spec{
		ExternalID: mapping.Rule{Expr: "employee_id"},
		Fields: map[user.Field]mapping.Rule{
			user.Email: {Expr: "email"}, user.FullName: {Expr: `trim(given_name + " " + family_name)`}, user.Phone: {Expr: "trim(phone)"},
			user.Website: {Expr: "website"}, user.CustomData: column("custom_data"),
		},
		Tags:   []mapping.TagRule{{Rule: mapping.Rule{Expr: `split(tags, ";")`}}},
		Filter: `department in ["Interns", "Guests"] or employee_id == ""`,
	})
	if err != nil {
		b.Fatal(err)
	}
	for name, m := range map[string]*mapping.Mapper{"user": m, "user-by-expressions": byExpressions} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.User(rec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("filter", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if out, err := byExpressions.Filtered(rec); out || err != nil {
				b.Fatal(out, err)
			}
		}
	})
	b.Run("key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := m.Key(rec); !ok {
				b.Fatal("no key")
			}
		}
	})
	b.Run("digest", func(b *testing.B) {
		b.ReportAllocs()
		var d user.Digester
		for b.Loop() {
			m.AddTo(&d, rec)
			_ = d.Digest()
		}
	})
}
