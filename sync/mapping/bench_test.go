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
	b.Run("user", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.User(rec); err != nil {
				b.Fatal(err)
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
