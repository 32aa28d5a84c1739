package ldapdir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// decoder makes records of entries.
type decoder struct {
	columns    *record.Columns
	width      int      // the number of columns
	request    []string // the attributes to ask for
	attributes []*attribute
	slots      map[string]slot // by the names that the server writes
	key        int             // the column of the external ID; -1: none
	dn         int             // the column of the DN; -1: none
	disabledAt int             // and of what is made of the accounts' states
	groupsAt   int
	groups     *membership // nil: no groups are asked for
	uid        *attribute  // by which groups name their members; nil: none does
	room       []record.Value

	// what came of the last entry
	record   record.Record
	reject   *record.RejectError
	disabled bool
	ranged   []rangedAttribute
}

// attribute is one that is asked for.
type attribute struct {
	name    string // as the configuration writes it
	columns []int
	how     Multi
	text    func([]byte) (text, problem string) // nil: the value is its own text
	state   func(value string) (disabled bool, problem string)
	seen    bool
}

// slot is what the server's name of an attribute stands for.
type slot struct {
	attribute *attribute // nil: a subtype that wasn't asked for
	from      int        // of a range, the number of its first value
	last      bool       // nothing follows it
	ranged    bool
}

// stateAttributes say, in different directories, whether an account is disabled.
func stateAttributes() map[string]func(string) (bool, string) {
	return map[string]func(string) (bool, string){
		"userAccountControl": func(value string) (bool, string) { // Active Directory
			flags, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return false, fmt.Sprintf("%.40q is not a number", value)
			}
			return flags&accountDisable != 0, ""
		},
		"nsAccountLock": func(value string) (bool, string) { return strings.EqualFold(value, "TRUE"), "" }, // 389, FreeIPA
		// OpenLDAP locks an account for some time, too, when somebody mistypes a password: that disables nobody.
		"pwdAccountLockedTime": func(value string) (bool, string) { return value == lockedForGood, "" },
	}
}

const (
	accountDisable = 2
	lockedForGood  = "000001010000Z"
)

func newDecoder(o *Options) (*decoder, error) {
	columns, err := record.NewColumns(o.Columns)
	if err != nil {
		return nil, err
	}
	d := &decoder{columns: columns, width: len(o.Columns), slots: map[string]slot{}, key: columns.Index(o.Key), dn: columns.Index(DNColumn), disabledAt: columns.Index(DisabledColumn), groupsAt: columns.Index(GroupsColumn)}
	for _, name := range attributes(o.Columns) {
		a := d.attribute(name)
		a.columns = append(a.columns, columns.Index(name))
	}
	for name, how := range o.Values {
		i := slices.IndexFunc(d.attributes, func(a *attribute) bool { return strings.EqualFold(a.name, name) })
		if i < 0 {
			return nil, fmt.Errorf("values says how %s is taken, which isn't mapped", name)
		}
		d.attributes[i].how = how
	}
	if o.LeaveOut || d.disabledAt >= 0 {
		for name, state := range stateAttributes() {
			d.attribute(name).state = state
		}
	}
	if d.groupsAt >= 0 {
		d.groups = &membership{}
	}
	d.setRequest()
	return d, nil
}

// setRequest names the attributes to ask for.
func (d *decoder) setRequest() {
	d.request = nil
	for _, a := range d.attributes {
		d.request = append(d.request, a.name)
	}
	slices.Sort(d.request)
	if len(d.request) == 0 {
		d.request = []string{"1.1"} // none; without it the server would send all
	}
}

// askUID has the uid asked for, too, because groups name their members by it.
func (d *decoder) askUID() {
	d.uid = d.attribute("uid")
	d.setRequest()
}

// attribute returns the attribute with that name; two columns may write it with other letter case.
func (d *decoder) attribute(name string) *attribute {
	for _, a := range d.attributes {
		if strings.EqualFold(a.name, name) {
			return a
		}
	}
	a := &attribute{name: name, text: written(name)}
	d.attributes = append(d.attributes, a)
	return a
}

// mostSlots bounds what is remembered of the names that a server writes.
const mostSlots = 4096

// slot finds out what a name stands for. A server sends subtypes, too, which weren't asked for: with cn also cn;lang-de, and with
// name all names there are.
func (d *decoder) slot(name string) slot {
	if s, known := d.slots[name]; known {
		return s
	}
	s := slot{attribute: d.find(name)}
	if base, from, last, ok := parseRange(name); ok && s.attribute == nil {
		s = slot{attribute: d.find(base), from: from, last: last, ranged: true}
	}
	if len(d.slots) < mostSlots {
		d.slots[strings.Clone(name)] = s
	}
	return s
}

func (d *decoder) find(name string) *attribute {
	for _, a := range d.attributes {
		if strings.EqualFold(a.name, name) {
			return a
		}
	}
	return nil
}

// decode makes a record, or a reject, of an entry. Where values are missing that the server has in ranges, it says which.
func (d *decoder) decode(entry *ldap.Entry) {
	d.reject, d.disabled, d.ranged = nil, false, nil
	for _, a := range entry.Attributes {
		if s := d.slot(a.Name); s.ranged && s.attribute != nil && (!s.last || s.from != 0) {
			d.ranged = append(d.ranged, rangedAttribute{a, s})
		}
	}
	if len(d.ranged) > 0 {
		return
	}
	at := record.Position(strings.ToValidUTF8(entry.DN, "\uFFFD"))
	if at == "" {
		at = "the root of the directory"
	}
	values := d.values()
	var uids []string
	for _, given := range entry.Attributes {
		a := d.slot(given.Name).attribute
		if a == nil || len(given.ByteValues) == 0 {
			continue
		}
		a.seen = true
		if a == d.uid {
			uids = given.Values
		}
		if problem := d.put(values, a, given); problem != "" && d.reject == nil {
			d.reject = &record.RejectError{Position: at, Field: a.name, Problem: problem}
		}
	}
	if d.dn >= 0 {
		values[d.dn] = record.Text(entry.DN)
		if problem := fault(entry.DN); problem != "" && d.reject == nil {
			d.reject = &record.RejectError{Position: at, Field: DNColumn, Problem: problem}
		}
	}
	if d.disabledAt >= 0 && d.disabled {
		values[d.disabledAt] = record.Text(Disabled)
	}
	if d.groups != nil {
		values[d.groupsAt] = d.groups.of(entry.DN, uids)
	}
	if d.reject != nil && d.key >= 0 {
		d.reject.ExternalID = user.Clean(values[d.key].Text())
	}
	d.record = record.New(at, d.columns, values)
}

// values returns room for the values of a record, in which every attribute is missing.
func (d *decoder) values() []record.Value {
	const records = 128 // at once
	width := d.width
	if len(d.room) < width {
		d.room = make([]record.Value, records*width)
		for i := range d.room {
			d.room[i] = record.Null()
		}
	}
	values := d.room[:width:width]
	d.room = d.room[width:]
	return values
}

// put writes an attribute's value into its columns.
func (d *decoder) put(values []record.Value, a *attribute, given *ldap.EntryAttribute) (problem string) {
	if a.state != nil {
		for _, value := range given.Values {
			disabled, problem := a.state(value)
			if problem != "" {
				return problem
			}
			d.disabled = d.disabled || disabled
		}
	}
	if len(a.columns) == 0 {
		return ""
	}
	text, problem := a.join(given)
	if problem != "" {
		return problem
	}
	for _, column := range a.columns {
		values[column] = record.Text(text)
	}
	return ""
}

// unseen are the attributes that no entry has shown: they may be misspelt, or not for us to see.
func (d *decoder) unseen() []string {
	var names []string
	for _, a := range d.attributes {
		if !a.seen && len(a.columns) > 0 {
			names = append(names, a.name)
		}
	}
	return names
}
