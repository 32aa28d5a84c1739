package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

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
	source, believed := p.Source.settings()
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

// settings returns the digest of what is read, and what decides by which reads of it absence is believed.
func (s Source) settings() (source string, believed any) {
	switch {
	case len(s.Parts) > 0:
		var sources []string
		var all []any
		for _, part := range s.sorted().Parts {
			one, how := part.settings()
			sources, all = append(sources, part.Name, part.Key, one), append(all, how)
		}
		return digest(sources), all
	case s.LDAP != nil:
		return digest(s.LDAP), false
	case s.SQL != nil:
		sql := *s.SQL
		sql.AcceptPlausible = false
		return digest(sql), s.SQL.AcceptPlausible
	}
	var csv CSV
	if s.CSV != nil {
		csv = *s.CSV
	}
	believed = csv.AcceptPlausible
	if csv.Complete != (Complete{}) {
		believed = csv.Complete
	}
	csv.AcceptPlausible, csv.Complete = false, Complete{} // they decide what is believed, not what is read
	return digest(csv), believed
}

// sorted is the source with its parts by their names: their order in the file decides nothing.
func (s Source) sorted() Source {
	s.Parts = slices.SortedFunc(slices.Values(s.Parts), func(a, b Part) int { return strings.Compare(a.Name, b.Name) })
	return s
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
	p.Schedule, p.Timezone, p.Workers, p.Source = "", nil, 0, p.Source.sorted()
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
