package plan

import (
	"fmt"
	"slices"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// events are what may happen to a town, each often enough to meet the others.
func (w *town) events() []func() {
	return []func(){
		w.newValues, w.newValues, w.ownChanges, w.newClaim, w.newClaim, w.rotate, w.rotate, w.chain, w.shareValue,
		w.leaves, w.leaves, w.joins, w.joins, w.rehire, w.rehire, w.stranger, w.stranger, w.meets, w.meets, w.meets, w.meets, w.meets, w.meets,
		w.wantsUnset, w.wantsUnset, w.leavesTwice, w.leavesTwice,
		w.repeats, w.rejects, w.wantsForeignTag, w.losesTag, w.losesID, w.losesID, w.vanishes, w.secondAccount, w.tagWithoutID,
		w.dislikes, w.ownPassword, w.oddData, w.fullOfTags, w.brokenOff, w.forgets, w.wasAbsent, w.ignored, w.everybodyLeaves,
	}
}

// someone returns a record, nil where there is none.
func (w *town) someone() *Desired {
	if len(w.desired) == 0 {
		return nil
	}
	return &w.desired[w.IntN(len(w.desired))]
}

// anyone returns an account, nil where there is none.
func (w *town) anyone() *account.Account {
	if len(w.accounts) == 0 {
		return nil
	}
	return &w.accounts[w.IntN(len(w.accounts))]
}

func (w *town) newValues() {
	if d := w.someone(); d != nil {
		field := user.Field(w.IntN(len(d.User.Values)-2) + 2)
		d.User.Values[field] = user.Text(w.pick(map[user.Field][]string{
			user.FullName: {"", "Ann", "Ann Lee", "Cy  Dee"}, user.Phone: {"", "+1 555 0100", "+1 555 0101"},
			user.Website: {"", "example.com", "http://example.net"}, user.CustomData: {"", `{}`, `{"a":1}`, `{"a":2,"b":1}`, `{"c":null}`},
			user.Tags: {"", "vip", "new", "new,vip", "a,b,c,d"},
		}[field]...))
	}
}

// ownChanges are what users change themselves.
func (w *town) ownChanges() {
	a := w.anyone()
	if a == nil {
		return
	}
	switch w.IntN(4) {
	case 0:
		w.give(a, user.Email, fmt.Sprintf("own%d@example.net", a.ID))
	case 1:
		a.Values[user.FullName] = user.Text(w.pick("", "Zoe"))
	case 2:
		a.Values[user.Tags] = user.Text(user.JoinTags(append(user.SplitTags(a.Values[user.Tags].Text), w.pick("mine", "vip", "other"))))
	case 3:
		a.Values[user.CustomData] = user.Text(`{"own":true}`)
	}
}

// give sets a value that only one account can hold, where it is free.
func (w *town) give(a *account.Account, field user.Field, value string) {
	if w.holder(field, value, a.ID) == nil {
		a.Values[field] = user.Text(value)
	}
}

// newClaim lets somebody want a login or an e-mail that nobody has, or none.
func (w *town) newClaim() {
	if d := w.someone(); d != nil {
		w.free++
		d.User.Values[w.uniqueField()] = user.Text(w.pick("", fmt.Sprintf("new%d@example.com", w.free)))
	}
}

func (w *town) uniqueField() user.Field { return claimed()[w.IntN(2)] }

// rotate lets some people hand their logins or e-mails round.
func (w *town) rotate() {
	field := w.uniqueField()
	members := w.holders(field)
	if len(members) < 2 {
		return
	}
	members = members[:2+w.IntN(len(members)-1)]
	first := members[0].User.Values[field]
	for i := range members[1:] {
		members[i].User.Values[field] = members[i+1].User.Values[field]
	}
	members[len(members)-1].User.Values[field] = first
}

// chain lets somebody have what another has, who gets something new.
func (w *town) chain() {
	field := w.uniqueField()
	members := w.holders(field)
	w.free++
	next := fmt.Sprintf("last%d@example.com", w.free)
	for _, d := range members {
		d.User.Values[field], next = user.Text(next), d.User.Values[field].Text
	}
}

// holders returns the records that want something in the field, in any order.
func (w *town) holders(field user.Field) []*Desired {
	var all []*Desired
	for _, i := range w.Perm(len(w.desired)) {
		if d := &w.desired[i]; d.User.Values[field].Text != "" {
			all = append(all, d)
		}
	}
	return all
}

func (w *town) shareValue() {
	if one, other := w.someone(), w.someone(); one != nil {
		field := w.uniqueField()
		if value := other.User.Values[field]; value.Text != "" {
			one.User.Values[field] = value
		}
	}
}

func (w *town) leaves() {
	if len(w.desired) > 0 {
		i := w.IntN(len(w.desired))
		w.desired = slices.Delete(w.desired, i, i+1)
	}
}

func (w *town) everybodyLeaves() {
	if w.oneIn(3) {
		w.desired = nil
	}
}

func (w *town) joins() {
	w.free++
	d := Desired{Position: record.Position(fmt.Sprintf("users.csv:1%d", w.free)), User: user.User{ExternalID: fmt.Sprintf("N%d", w.free)}}
	d.User.Values[user.FullName] = user.Text("New")
	if w.oneIn(2) {
		d.User.Values[user.Email] = user.Text(fmt.Sprintf("n%d@example.com", w.free))
	}
	w.desired = append(w.desired, d)
}

// rehire lets somebody come back under another external ID.
func (w *town) rehire() {
	if d := w.someone(); d != nil {
		w.free++
		d.User.ExternalID = fmt.Sprintf("R%d", w.free)
	}
}

// stranger is an account that isn't ours.
func (w *town) stranger() {
	w.strangers++
	id := ""
	if w.oneIn(2) {
		id = fmt.Sprintf("S%d", w.strangers)
	}
	a := w.newAccount(id)
	w.give(a, user.Login, w.pick("stranger", "login1", "login2", fmt.Sprint("s", a.ID)))
	w.give(a, user.Email, w.pick("", "stranger@example.com", "e1@example.com", "E2@example.com"))
	a.Values[user.FullName] = user.Text(w.pick("", "Stranger"))
	a.Values[user.Tags] = user.Text(w.pick("", "", "vip", "root", "partners", "1,2,3,4,5", "1,2,3,4"))
}

// meets lets a newcomer be somebody whom the application has already, under one key or several.
func (w *town) meets() {
	id := ""
	if w.oneIn(3) {
		id = fmt.Sprintf("M%d", w.free)
	}
	a := w.newAccount(id)
	a.Values[user.Login], a.Values[user.Email] = user.Text(fmt.Sprint("m", a.ID)), user.Text(fmt.Sprintf("m%d@example.com", a.ID))
	a.Values[user.Tags] = user.Text(w.pick("", "", "", "vip", "root", "partners", "1,2,3,4,5", "1,2,3,4", "staff"))
	met := *a
	w.joins()
	d := &w.desired[len(w.desired)-1]
	by := []int{0, 0, 1, 2, 2, 3}[w.IntN(6)] // 3: all of them
	if met.ExternalID != "" && (by == 0 || by == 3) {
		d.User.ExternalID = met.ExternalID
	}
	for i, field := range claimed() {
		if by == i+1 || by == 3 {
			d.User.Values[field] = met.Values[field]
		}
	}
	if w.oneIn(6) {
		w.joins() // somebody else claims it too
		w.desired[len(w.desired)-1].User.Values[user.Email] = met.Values[user.Email]
	}
}

// wantsUnset lets a newcomer want what one of ours has, whose record doesn't say so.
func (w *town) wantsUnset() {
	if d, field := w.someone(), w.uniqueField(); d != nil && d.User.Values[field].Text != "" {
		value := d.User.Values[field]
		d.User.Values[field] = user.Value{}
		w.joins()
		w.desired[len(w.desired)-1].User.Values[field] = value
	}
}

// leavesTwice is a leaver of whom there are two accounts.
func (w *town) leavesTwice() {
	if d := w.someone(); d != nil && !w.uniqueIDs {
		id := d.User.ExternalID
		a := w.newAccount(id)
		a.Values[user.Tags] = user.Text("staff")
		w.desired = slices.DeleteFunc(w.desired, func(d Desired) bool { return d.User.ExternalID == id })
	}
}

func (w *town) repeats() {
	if d := w.someone(); d != nil {
		again := *d
		again.Position += "0"
		if w.oneIn(2) {
			again.User.Values[user.FullName] = user.Text("Another")
		}
		w.desired = append(w.desired, again)
	}
}

func (w *town) rejects() {
	w.input.Rejects = append(w.input.Rejects, Reject{
		Position: record.Position(fmt.Sprintf("users.csv:9%d", w.free)), ExternalID: w.pick("", "E0", "E1", "E9"), Reason: BadRecord,
	})
}

func (w *town) wantsForeignTag() {
	if d := w.someone(); d != nil {
		d.User.Values[user.Tags] = user.Text(w.pick("partners", "vip,Partners"))
	}
}

func (w *town) losesTag() {
	if a := w.anyone(); a != nil {
		tags := slices.DeleteFunc(user.SplitTags(a.Values[user.Tags].Text), func(tag string) bool { return tag == "staff" })
		if w.oneIn(4) {
			tags = append(tags, "partners")
		}
		a.Values[user.Tags] = user.Text(user.JoinTags(tags))
	}
}

// losesID changes or clears external IDs, or exchanges two, by hand.
func (w *town) losesID() {
	a, other := w.anyone(), w.anyone()
	switch {
	case a == nil:
	case w.oneIn(3):
		a.ExternalID, other.ExternalID = other.ExternalID, a.ExternalID
	case w.oneIn(2) || w.uniqueIDs:
		a.ExternalID = w.pick("", fmt.Sprintf("X%d", a.ID))
	default:
		a.ExternalID = w.pick("E0", "E1", "E2")
	}
}

func (w *town) vanishes() {
	if len(w.accounts) > 0 {
		i := w.IntN(len(w.accounts))
		w.accounts = slices.Delete(w.accounts, i, i+1)
	}
}

func (w *town) secondAccount() {
	if d := w.someone(); d != nil && !w.uniqueIDs {
		a := w.newAccount(d.User.ExternalID)
		a.Values[user.Tags] = user.Text("staff")
		w.passwords[a.ID] = a.ExternalID
	}
}

func (w *town) tagWithoutID() {
	a := w.newAccount("")
	a.Values[user.Tags] = user.Text("staff")
	w.give(a, user.Login, w.pick("login1", "by-hand"))
}

// dislikes lets the service refuse whatever login or e-mail somebody is to get.
func (w *town) dislikes() {
	if a := w.anyone(); a != nil {
		w.picky[a.ID] = true
	}
}

func (w *town) ownPassword() {
	if a := w.anyone(); a != nil {
		delete(w.passwords, a.ID)
	}
}

func (w *town) oddData() {
	if a := w.anyone(); a != nil {
		a.Values[user.CustomData] = user.Text(w.pick("[1]", "not JSON", `"text"`))
	}
}

func (w *town) fullOfTags() {
	if a := w.anyone(); a != nil {
		a.Values[user.Tags] = user.Text(w.pick("1,2,3,4,staff", "1,2,3,4,5", "1,2,3,staff"))
	}
}

// brokenOff is what a swap leaves that was killed in the middle, or what a login looks like that somebody gave away.
func (w *town) brokenOff() {
	a := w.anyone()
	if a == nil || w.passwords[a.ID] == "" {
		return
	}
	known := w.known[w.passwords[a.ID]]
	if known != nil && known.AccountID == a.ID && w.oneIn(2) {
		known.Parked = &Parked{Email: a.Values[user.Email].Text}
		a.Values[user.Email] = user.Text("")
		if w.oneIn(2) {
			return
		}
		known.Parked.Login = a.Values[user.Login].Text
	}
	w.give(a, user.Login, ParkedLogin(w.passwords[a.ID]))
}

func (w *town) forgets() {
	if w.oneIn(2) {
		clear(w.known)
	}
}

func (w *town) wasAbsent() {
	for _, k := range w.known {
		k.Absence = &Absence{Reads: 1 + len(k.ExternalID)%2, Since: w.input.Now.Add(-24 * time.Hour)}
	}
}

// ignored is a value that the service kept as it was when another was sent.
func (w *town) ignored() {
	d := w.someone()
	if d == nil || w.known[d.User.ExternalID] == nil {
		return
	}
	k := w.known[d.User.ExternalID]
	if a := w.byID(k.AccountID); a != nil && d.User.Values[user.Website].Set {
		sent, got := d.User.Values[user.Website].Text, a.Values[user.Website].Text
		sent += "/new"
		d.User.Values[user.Website] = user.Text(sent)
		k.Learned = append(k.Learned, Learned{Field: user.Website, Sent: sent, Got: got, Ignored: !w.oneIn(3)})
	}
}
