package user

import (
	"crypto/sha256"
	"encoding/hex"
)

// ComputedLogin returns the login of a user whom no record gives one, for the sign-up that needs it: always the same
// for an external ID, never the same for two, also where case doesn't count, and within the service's rules whatever
// the external ID looks like.
func ComputedLogin(externalID string) string {
	const bytesKept = 20 // 160 bits: two external IDs never meet
	sum := sha256.Sum256([]byte("cubesync login\x00" + externalID))
	return "id-" + hex.EncodeToString(sum[:bytesKept])
}
