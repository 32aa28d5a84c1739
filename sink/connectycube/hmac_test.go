package connectycube

import "testing"

// The wanted signature was computed with another tool:
//
//	printf %s 'application_id=7&auth_key=k&nonce=3&timestamp=5&user[full_name]=Ann B&user[guest]=1' | openssl sha1 -hmac s
func TestSignature(t *testing.T) {
	params := map[string]any{
		"timestamp": int64(5), "nonce": int64(3), "auth_key": "k", "application_id": uint64(7),
		"user": map[string]string{"guest": "1", "full_name": "Ann B"},
	}
	if got, want := signature(params, "s"), "b76ac73374d9590f5ac8b31e550f04c400877356"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
