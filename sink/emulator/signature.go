package emulator

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1" // the service's documented signature
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSkew is how far a request's timestamp may be from the server's clock. Documented.
const maxSkew = time.Hour

// checkFreshness refuses timestamps far from now and pairs of timestamp and nonce that were seen before. Both are
// optional: what isn't sent isn't checked.
func checkFreshness(t *tokens, timestamp, nonce string, now time.Time) error {
	wrong := problems{}
	if timestamp == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		wrong.add("timestamp", "must be Unix seconds")
		return wrong.failure()
	}
	sent := time.Unix(seconds, 0)
	if now.Sub(sent).Abs() > maxSkew {
		wrong.add("timestamp", "is more than 60 minutes from the server's clock, which says %d", now.Unix())
		return wrong.failure()
	}
	if nonce != "" && !t.spend(timestamp+" "+nonce, sent.Add(maxSkew), now) {
		wrong.add("nonce", "has already been used with this timestamp")
	}
	return wrong.failure()
}

// checkSignature verifies the request's signature if it carries one, or must.
func checkSignature(params map[string]value, secret string, required bool) error {
	got, wrong := params["signature"].text, problems{}
	if got == "" {
		if required {
			wrong.add("signature", "is required")
		}
		return wrong.failure()
	}
	for _, name := range []string{"timestamp", "nonce"} {
		if params[name].text == "" {
			wrong.add(name, "is required in a signed request")
		}
	}
	if want := sign(params, secret); !hmac.Equal([]byte(strings.ToLower(got)), []byte(want)) {
		wrong.add("base", "Unexpected signature")
	}
	return wrong.failure()
}

// sign is the hex HMAC-SHA1 over all parameters but the signature itself: key=value, sorted by key, joined with "&",
// nested ones as user[login]=value.
func sign(params map[string]value, secret string) string {
	type pair struct{ key, text string }
	var pairs []pair
	for key, v := range params {
		switch {
		case key == "signature":
		case v.fields != nil:
			for inner, nested := range v.fields {
				pairs = append(pairs, pair{key + "[" + inner + "]", nested.text})
			}
		default:
			pairs = append(pairs, pair{key, v.text})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.key, b.key) })

	mac := hmac.New(sha1.New, []byte(secret))
	for i, p := range pairs {
		if i > 0 {
			mac.Write([]byte("&"))
		}
		mac.Write([]byte(p.key + "=" + p.text))
	}
	return hex.EncodeToString(mac.Sum(nil))
}
