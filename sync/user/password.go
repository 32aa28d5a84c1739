package user

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"sync"
)

// derivedLength is the longest password that the service takes.
const derivedLength = 40

// DerivePassword computes a user's password from a secret and their external ID: the first 40 characters of the
// URL-safe Base64 of HMAC-SHA256(key: secret, message: external ID), both as UTF-8. A company's own backend computes
// the same to sign its users in.
func DerivePassword(secret, externalID string) string { return Deriver(secret)(externalID) }

// Deriver is DerivePassword for the passwords of many: the secret is prepared once. It is safe for concurrent use.
func Deriver(secret string) func(externalID string) string {
	macs := sync.Pool{New: func() any { return hmac.New(sha256.New, []byte(secret)) }}
	return func(externalID string) string {
		mac, ok := macs.Get().(hash.Hash)
		if !ok {
			panic("the pool holds something else") // it has only what New makes
		}
		defer macs.Put(mac)
		mac.Reset()
		mac.Write([]byte(externalID))
		return base64.URLEncoding.EncodeToString(mac.Sum(nil))[:derivedLength]
	}
}
