package user

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
)

// derivedLength is the longest password that the service takes.
const derivedLength = 40

// DerivePassword computes a user's password from a secret and their external ID: the first 40 characters of the
// URL-safe Base64 of HMAC-SHA256(key: secret, message: external ID), both as UTF-8. A company's own backend computes
// the same to sign its users in.
func DerivePassword(secret, externalID string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(externalID))
	return base64.URLEncoding.EncodeToString(mac.Sum(nil))[:derivedLength]
}
