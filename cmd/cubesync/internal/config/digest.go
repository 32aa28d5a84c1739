package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"cubesync/sync/mapping"
)

// Digests are over JSON of plain values: maps come out sorted, so the order of the file doesn't matter, and a default
// that is written out changes nothing.

// settings returns the digests of what decides who is a leaver.
func (p Pipeline) settings() map[string]string {
	others := p.Mapping
	others.ExternalID, others.Filter = mapping.Rule{}, "" // they have digests of their own
	filter := ""                                          // none is what it was before there were any
	if p.Mapping.Filter != "" {
		filter = digest(p.Mapping.Filter)
	}
	var csv CSV
	if p.Source.CSV != nil {
		csv = *p.Source.CSV
	}
	var believed any = csv.AcceptPlausible
	if csv.Complete != (Complete{}) {
		believed = csv.Complete
	}
	csv.AcceptPlausible, csv.Complete = false, Complete{} // they decide what is believed, not what is read
	source := digest(csv)
	if p.Source.LDAP != nil {
		source = digest(p.Source.LDAP)
	}
	if p.Source.SQL != nil {
		sql := *p.Source.SQL
		believed, sql.AcceptPlausible = sql.AcceptPlausible, false
		source = digest(sql)
	}
	return map[string]string{
		"source":           source,
		"key":              digest(p.Mapping.ExternalID),
		"mapping":          digest(others),
		"filter":           filter,
		"owner_tag":        digest(p.OwnerTag),
		"other_owner_tags": digest(p.Policy.OtherOwnerTags),
		"leavers":          digest(p.Policy.Leavers),
		"protected":        digest(p.Policy.Protected),
		"grace":            digest([]any{p.Policy.GraceReads, p.Policy.GraceSpan}),
		"completeness":     digest(believed),
	}
}

// digest of everything that decides what the pipeline would write, and with whose right. When it changes, what was refused
// is sent again and a held run asks again: so when and how fast it works, and on which way, isn't in it. Secrets go in
// hashed, all of them into one digest: guessing one against it takes knowing all the others.
func (p Pipeline) digest(app ConnectyCube) string {
	secrets := []string{hash(app.AuthKey), hash(app.AdminKey)}
	if app.ServiceUser != nil {
		who := *app.ServiceUser
		secrets = append(secrets, hash(who.Password))
		if who.Provider != nil {
			secrets = append(secrets, hash(who.Provider.Token.written), hash(who.Provider.Secret.written))
		}
		who.ID = 0 // it checks who signs in, and changes nobody
		app.ServiceUser = &who
	}
	if p.Passwords.Derive != nil {
		secrets = append(secrets, hash(p.Passwords.Derive.Secret), hash(p.Passwords.Derive.Previous))
	}
	app.AuthSecret, app.Proxy, app.CAs, app.RateLimit, app.Timeout = Secret{}, Proxy{}, nil, 0, 0
	p.Schedule, p.Timezone, p.Workers = "", nil, 0
	p.Settings, p.Digest = nil, ""
	return digest([]any{app, p, secrets})
}

func hash(secret Secret) string {
	sum := sha256.Sum256([]byte(secret.Reveal()))
	return hex.EncodeToString(sum[:])
}

// digest is the SHA-256 of the value's JSON, in hex. The values are all ours and can be written as JSON.
func digest(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("digest of the configuration: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
