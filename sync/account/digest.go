package account

import "cubesync/sync/user"

// Digest recognises the account with everything that the service shows of it.
func (a *Account) Digest() user.Digest {
	var d user.Digester
	d.AddNumber(a.ID)
	d.Add(a.ExternalID)
	for i := range a.Values {
		d.Add(a.Values[i].Text)
	}
	d.AddNumber(a.CreatedAt.UnixMilli())
	d.AddNumber(a.UpdatedAt.UnixMilli())
	return d.Digest()
}
