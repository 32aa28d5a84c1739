package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"cubesync/sync/mapping"
)

// Digests are over JSON of plain values: maps come out sorted, so the order of the file doesn't matter, and a default
// that is written out changes nothing.

// settings returns the digests of what decides who is a leaver.
func (p Pipeline) settings() map[string]string {
	others := p.Mapping
	others.ExternalID = mapping.Rule{} // it has a digest of its own
	var csv CSV
	if p.Source.CSV != nil {
		csv = *p.Source.CSV
	}
	plausible := csv.AcceptPlausible
	csv.AcceptPlausible = false // it decides what is believed, not what is read
	return map[string]string{
		"source":       digest(csv),
		"key":          digest(p.Mapping.ExternalID),
		"mapping":      digest(others),
		"owner_tag":    digest(p.OwnerTag),
		"leavers":      digest(p.Policy.Leavers),
		"grace":        digest([]any{p.Policy.GraceReads, p.Policy.GraceSpan}),
		"completeness": digest(plausible),
	}
}

// digest of everything that the pipeline works with. Secrets go in hashed, all of them into one digest: guessing one
// against it takes knowing all the others.
func (p Pipeline) digest(app ConnectyCube) string {
	secrets := []string{hash(app.AuthKey), hash(app.AdminKey)}
	if app.ServiceUser != nil {
		secrets = append(secrets, hash(app.ServiceUser.Password))
	}
	if p.Passwords.Derive != nil {
		secrets = append(secrets, hash(p.Passwords.Derive.Secret), hash(p.Passwords.Derive.Previous))
	}
	// How sessions are signed, and the way to the service, decide nothing about users: a run isn't held for them.
	app.AuthSecret, app.Proxy, app.CAs = Secret{}, Proxy{}, nil
	p.Settings, p.Digest = nil, ""
	return digest([]any{app, p, fmt.Sprint(p.Timezone), secrets})
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
