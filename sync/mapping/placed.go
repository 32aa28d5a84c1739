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
	secret  int   // where the password stands
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
	p := &placed{
		columns: columns, secret: columns.Index(m.password),
		rules: rules{externalID: m.externalID.placed(columns), keys: m.keys, password: m.password},
	}
	for _, f := range m.fields {
		p.fields = append(p.fields, fieldRule{f.placed(columns), f.field})
	}
	for _, t := range m.tags {
		p.tags = append(p.tags, tagRule{t.placed(columns), t.split})
	}
	for _, r := range m.customData {
		p.customData = append(p.customData, r.placed(columns))
	}
	if m.filter != nil {
		filter := m.filter.placed(columns)
		p.filter = &filter
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
	if r.expr != nil {
		r.expr = r.expr.placed(columns)
	}
	return r
}

// Key returns the record's external ID as User gives it; false where User would reject the record for it.
func (m *Mapper) Key(rec record.Record) (string, bool) {
	var found problems
	id, _ := m.at(rec).key(rec, &found)
	return id, len(found) == 0
}

// key makes the external ID and finds what is wrong with it. It reports whether it can be read at all.
func (p *placed) key(rec record.Record, found *problems) (id string, readable bool) {
	before := len(*found)
	id, _ = p.externalID.read(rec, found)
	if len(*found) > before {
		return "", false // its expression failed
	}
	return id, found.checkExternalID(id, p.externalID.firstEmpty(rec))
}

// Filtered reports whether the filter leaves the record out. An error is a *record.RejectError: the filter couldn't tell,
// or nobody can tell whether another record hides in one that it would leave out.
func (m *Mapper) Filtered(rec record.Record) (bool, error) {
	if m.filter == nil {
		return false, nil
	}
	p := m.at(rec)
	out, err := p.filter.expr.holds(rec)
	switch {
	case err != nil:
		var found, key problems
		found.add(filterName, "%s", err.Error())
		id, readable := p.key(rec, &key)
		if !readable {
			id = ""
		}
		return false, found.reject(rec, id)
	case out && rec.Uncertain:
		_, err := m.User(rec) // as without a filter: what makes a user is taken for what it says
		return err == nil, err
	}
	return out, nil
}

// AddTo appends to a digest everything of the record that User and Filtered look at: equal digests, equal users. Whether
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
