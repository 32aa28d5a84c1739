package mapping_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// TestKey: a key is there exactly where User doesn't reject the record for its external ID, and it is User's.
func TestKey(t *testing.T) {
	whole := spec()
	template := spec()
	template.ExternalID = mapping.Rule{Template: "{id}-{office}"}
	for name, change := range map[string]map[string]string{
		"good": nil, "trimmed": {"id": " E1\t"}, "composed": {"id": "e\u0301"}, "empty": {"id": " "}, "null": {"id": "NULL"}, "absent": {"id": "ABSENT"},
		"control": {"id": "E\t1"}, "not-utf-8": {"id": "\xff"}, "long": {"id": strings.Repeat("x", 256)}, "longest": {"id": strings.Repeat("ü", 255)},
		"half-of-a-template": {"office": ""}, "bad-otherwise": {"login": "x", "email": "y"}, "comma": {"id": "a,b"},
	} {
		for which, s := range map[string]mapping.Spec{"column": whole, "template": template} {
			t.Run(name+"-"+which, func(t *testing.T) {
				m, r := mapper(t, s), rec(t, row(change))
				key, ok := m.Key(r)
				u, err := m.User(r)
				rejected := err != nil && strings.Contains(err.Error(), "external_id: ")
				if ok == rejected || err == nil && key != u.ExternalID {
					t.Errorf("key %q, %v; the user is %q, %v", key, ok, u.ExternalID, err)
				}
				if bad, is := errors.AsType[*record.RejectError](err); ok && is && bad.ExternalID != key {
					t.Errorf("key %q, and the reject has %q", key, bad.ExternalID)
				}
			})
		}
	}
}

// TestAddTo: whatever changes in a column that is mapped changes the digest, and nothing else does.
func TestAddTo(t *testing.T) {
	names := []string{"id", "login", "email", "given", "family", "phone", "website", "tags", "office", "desk", "other"}
	with := func(column string, value record.Value) record.Record {
		values := make([]record.Value, len(names))
		for i, name := range names {
			values[i] = record.Text(row(nil)[name])
			if name == column {
				values[i] = value
			}
		}
		return record.New("users.csv:12", columns(t, names...), values)
	}
	m := mapper(t, spec())
	digest := func(r record.Record) user.Digest {
		var d user.Digester
		m.AddTo(&d, r)
		return d.Digest()
	}
	usual := digest(with("", record.Value{}))
	for _, name := range names {
		seen := map[user.Digest]bool{usual: true}
		for _, value := range []record.Value{{}, record.Null(), record.Text(""), record.Text("x"), record.Text(" x")} {
			got := digest(with(name, value))
			if name == "other" && got != usual {
				t.Errorf("%+v in a column that isn't mapped changes the digest", value)
			}
			if name != "other" && seen[got] {
				t.Errorf("%+v for %s has the digest of another value", value, name)
			}
			seen[got] = true
		}
	}
	uncertain := with("", record.Value{})
	uncertain.Position, uncertain.Uncertain = "users.csv:13", true
	if digest(uncertain) != usual {
		t.Error("the position or the certainty of a record changes the digest")
	}
}

// TestOtherColumns: one mapper maps the records of several readings, whose columns stand in other places.
func TestOtherColumns(t *testing.T) {
	m := mapper(t, mapping.Spec{ExternalID: column("id"), Fields: map[user.Field]mapping.Rule{user.FullName: column("name")}})
	names, values := []string{"id", "name", "more"}, []string{"E1", "Ann", "x"}
	var digests []user.Digest
	for range 4 {
		slices.Reverse(names)
		slices.Reverse(values)
		r := record.OfTexts("users.csv:2", columns(t, names...), slices.Clone(values))
		u, err := m.User(r)
		if key, ok := m.Key(r); err != nil || !ok || key != "E1" || u.ExternalID != "E1" || u.Values[user.FullName].Text != "Ann" {
			t.Errorf("columns %q: key %q, user %+v, error %v", names, key, u, err)
		}
		var d user.Digester
		m.AddTo(&d, r)
		digests = append(digests, d.Digest())
	}
	if len(slices.Compact(digests)) != 1 {
		t.Errorf("digests %x; want the same wherever the columns stand", digests)
	}
}

// TestNoAllocation: recognising a record costs no memory.
func TestNoAllocation(t *testing.T) {
	m, r := mapper(t, spec()), rec(t, row(nil))
	var d user.Digester
	if n := testing.AllocsPerRun(100, func() {
		key, _ := m.Key(r)
		d.Add(key)
		m.AddTo(&d, r)
		_ = d.Digest()
	}); n > 0 {
		t.Errorf("%v allocations; want none", n)
	}
}

// TestKeysThatComposeAlike: two keys of custom_data may be one in Unicode; the last that has something stands.
func TestKeysThatComposeAlike(t *testing.T) {
	s := mapping.Spec{ExternalID: column("id"), CustomData: map[string]mapping.Rule{"e\u0301": column("office"), "\u00e9": column("desk"), "z\"": column("id")}}
	for desk, want := range map[string]string{"12": `{"z\"":"E1","é":"12"}`, "": `{"z\"":"E1","é":"Zürich <1>"}`} {
		u, err := mapper(t, s).User(rec(t, row(map[string]string{"desk": desk})))
		if got := u.Values[user.CustomData]; err != nil || got != user.Text(want) || got.Text != user.CustomData.Canonical(got.Text) {
			t.Errorf("custom_data %+v, error %v; want %s", got, err, want)
		}
	}
}
