package mapping

import (
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// placed is a mapping that knows where its columns stand in the records of one reading.
type placed struct {
	rules
	columns *record.Columns
	cells   []int // where everything stands that the rules look at
}

// at returns the mapping placed for a record.
func (m *Mapper) at(rec record.Record) *placed {
	if last := m.last.Load(); last != nil && last.columns == rec.Columns() {
		return last
	}
	p := m.place(rec.Columns())
	m.last.Store(p)
	return p
}

// place finds the places of all columns.
func (m *Mapper) place(columns *record.Columns) *placed {
	p := &placed{columns: columns, rules: rules{externalID: m.externalID.placed(columns), keys: m.keys}}
	for _, f := range m.fields {
		p.fields = append(p.fields, fieldRule{f.placed(columns), f.field})
	}
	for _, t := range m.tags {
		p.tags = append(p.tags, tagRule{t.placed(columns), t.split})
	}
	for _, r := range m.customData {
		p.customData = append(p.customData, r.placed(columns))
	}
	for _, name := range m.Columns() {
		p.cells = append(p.cells, columns.Index(name))
	}
	return p
}

func (r rule) placed(columns *record.Columns) rule {
	parts := make([]part, len(r.parts))
	for i, p := range r.parts {
		if p.column != "" {
			p.at = columns.Index(p.column)
		}
		parts[i] = p
	}
	r.parts = parts
	return r
}

// Key returns the record's external ID as User gives it; false where User would reject the record for it.
func (m *Mapper) Key(rec record.Record) (string, bool) {
	r := m.at(rec).externalID
	id, _ := r.text(rec)
	var found problems
	found.checkExternalID(id, r.firstEmpty(rec))
	return id, len(found) == 0
}

// AddTo appends to a digest everything of the record that User makes the user of: equal digests, equal users. Whether
// the record is uncertain isn't part of it.
func (m *Mapper) AddTo(d *user.Digester, rec record.Record) {
	const absent, null = 0, 1
	for _, at := range m.at(rec).cells {
		switch value := rec.At(at); {
		case value.IsAbsent():
			d.AddMissing(absent)
		case value.IsNull():
			d.AddMissing(null)
		default:
			d.Add(value.Text())
		}
	}
}
