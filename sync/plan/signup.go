package plan

import "cubesync/sync/user"

// Sent recognises what a sign-up sends, without any of it.
func (o *Operation) Sent() user.Digest { return sentBy(o.ExternalID, o.Changes) }

// WouldSend is what the sign-up of a user would be recognised by.
func (p *Policy) WouldSend(u *user.User) user.Digest {
	return sentBy(u.ExternalID, createChanges(*u, *p))
}

func sentBy(externalID string, changes []Change) user.Digest {
	var d user.Digester
	d.Add(externalID)
	for _, c := range changes {
		d.AddNumber(int64(c.Field))
		d.Add(c.After)
	}
	return d.Digest()
}
