package connectycube

import (
	"crypto/hmac"
	"crypto/sha1" // the service's documented signature
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// maxSkew is how far the timestamp of a signed request may be from the service's clock, as documented.
const maxSkew = time.Hour

// sessionBody returns the body that opens a session, with the user who signs in with it, if there is one. With an
// authorization secret it is signed, as documented: older applications require it. The JavaScript SDK signs nothing.
func (c *Client) sessionBody(userFields map[string]string) []byte {
	params := map[string]any{"application_id": applicationID(c.options.ApplicationID), "auth_key": c.options.AuthKey}
	if userFields != nil {
		params["user"] = userFields
	}
	if c.options.AuthSecret != "" {
		params["timestamp"] = time.Now().Unix()
		params["nonce"] = nonce()
		params["signature"] = signature(params, c.options.AuthSecret)
	}
	return mustMarshal(params)
}

// nonce returns a positive whole number: the service's lineage takes no other nonce.
func nonce() int64 {
	return rand.Int64N(1<<53-1) + 1 // as far as a JSON number is exact everywhere
}

// signature is the hex HMAC-SHA1 over key=value of all parameters, sorted by key and joined with "&"; the user's are
// written user[login]=value. Documented.
func signature(params map[string]any, secret string) string {
	texts := map[string]string{}
	for key, value := range params {
		if fields, nested := value.(map[string]string); nested {
			for inner, text := range fields {
				texts[key+"["+inner+"]"] = text
			}
			continue
		}
		texts[key] = fmt.Sprint(value)
	}
	mac := hmac.New(sha1.New, []byte(secret))
	for i, key := range slices.Sorted(maps.Keys(texts)) {
		if i > 0 {
			mac.Write([]byte("&"))
		}
		mac.Write([]byte(key + "=" + texts[key]))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// explainSkew says that the clocks differ too much for a signature, where they do, and returns "" otherwise.
func explainSkew(refusal *answer) string {
	if refusal == nil || refusal.header.Get("Date") == "" {
		return ""
	}
	skew := time.Until(refusal.date()).Round(time.Second)
	if skew.Abs() <= maxSkew {
		return ""
	}
	direction := "behind"
	if skew < 0 {
		direction = "ahead of"
	}
	return fmt.Sprintf("this machine's clock is %v %s the service's, and a signature is valid for 60 minutes: set the clock",
		skew.Abs(), direction)
}
