package plan

import (
	"slices"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// Crowd is everything by which the people of a run can meet, as digests: external IDs, logins and e-mails, of records,
// rejects, accounts and what is known. It shows who meets nobody: the newcomers. What is decided about one of them
// depends on nobody else, so they may be planned by themselves, in parts, and the parts put together are the whole plan.
//
// Everybody is counted first, then Settle is called. Two values that share a digest only make somebody take the long way.
type Crowd struct {
	digests [1 << crowdBits][]user.Digest // by their highest bits, so that no part of it has to be large in one piece
	shared  map[user.Digest]bool
}

const crowdBits = 8

func (c *Crowd) add(d user.Digest) {
	part := &c.digests[d>>(64-crowdBits)]
	*part = append(*part, d)
}

// Record counts a record in.
func (c *Crowd) Record(u *user.User) {
	for _, d := range meeting(u) {
		if d != 0 {
			c.add(d)
		}
	}
}

// NewcomerLookups are the values that a newcomer's sign-up would claim, to be looked up before it is planned.
func NewcomerLookups(u *user.User) Lookups {
	l := Lookups{ExternalIDs: []string{u.ExternalID}, Logins: []string{signUpLogin(*u)}}
	if email := u.Values[user.Email].Text; email != "" {
		l.Emails = []string{email}
	}
	return l
}

// meeting are the digests of what a sign-up of the user would claim; 0 for no e-mail.
func meeting(u *user.User) [3]user.Digest {
	digests := [...]user.Digest{KeyOf(u.ExternalID), claimOf(user.Login, signUpLogin(*u)).digest(), 0}
	if email := u.Values[user.Email].Text; email != "" {
		digests[2] = claimOf(user.Email, email).digest()
	}
	return digests
}

// Reject counts the external ID of a rejected record in.
func (c *Crowd) Reject(externalID string) {
	if externalID != "" {
		c.add(KeyOf(externalID))
	}
}

// Account counts a listed account in.
func (c *Crowd) Account(a *account.Account) {
	for _, d := range holding(a) {
		c.add(d)
	}
}

// holding are the digests of what an account holds, and of what it may be given back.
func holding(a *account.Account) []user.Digest {
	var digests []user.Digest
	if a.ExternalID != "" {
		digests = append(digests, KeyOf(a.ExternalID))
	}
	for _, field := range claimed() {
		if value := a.Values[field].Text; value != "" {
			digests = append(digests, claimOf(field, value).digest())
		}
	}
	if isParked(a.Values[user.Login].Text) {
		digests = append(digests, claimOf(user.Login, user.ComputedLogin(a.ExternalID)).digest())
	}
	return digests
}

// Known counts in what earlier runs left of somebody.
func (c *Crowd) Known(k *Known) {
	c.add(KeyOf(k.ExternalID))
	if k.Parked != nil {
		for _, claim := range k.Parked.claims(k.ExternalID) {
			c.add(claim.digest())
		}
	}
}

// Settle ends the counting.
func (c *Crowd) Settle() {
	c.shared = map[user.Digest]bool{}
	for i := range c.digests {
		slices.Sort(c.digests[i])
		for j, d := range c.digests[i] {
			if j > 0 && c.digests[i][j-1] == d {
				c.shared[d] = true
			}
		}
		c.digests[i] = nil
	}
}

// Found takes in an account that a look-up found after Settle: whoever would claim what it holds is no newcomer.
func (c *Crowd) Found(a *account.Account) {
	for _, d := range holding(a) {
		c.shared[d] = true
	}
}

// Newcomer reports whether the user of a record, which was counted in, meets nobody.
func (c *Crowd) Newcomer(u *user.User) bool {
	if len(c.shared) == 0 {
		return true
	}
	digests := meeting(u)
	return !c.shared[digests[0]] && !c.shared[digests[1]] && !c.shared[digests[2]]
}
