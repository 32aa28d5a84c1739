package connectycube

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"cubesync/sync/account"

	"github.com/google/go-cmp/cmp"
)

func TestClassification(t *testing.T) {
	read := &call{name: "look", kind: lookUpCall, hint: "the hint"}
	write := &call{name: "write", kind: signUpCall, hint: "the hint"}
	tests := map[string]struct {
		call   *call
		status int
		body   string
		err    error
		want   account.Error // without Call
	}{
		"taken": {write, 422, `{"errors":{"login":["has already been taken"],"password":["is too short (minimum is 8 characters)"]}}`, nil,
			account.Error{Kind: account.Conflict, Field: "login", Words: "login has already been taken; password is too short (minimum is 8 characters)"}},
		"taken-second": {write, 422, `{"errors":{"email":["is odd"],"login":["already exists"]}}`, nil,
			account.Error{Kind: account.Conflict, Field: "login", Words: "email is odd; login already exists"}},
		"taken-in-a-list": {write, 422, `{"errors":["Email has already been taken"]}`, nil,
			account.Error{Kind: account.Conflict, Words: "Email has already been taken"}},
		"taken-400":        {write, 400, `{"errors":["login already exists"]}`, nil, account.Error{Kind: account.Conflict, Words: "login already exists"}},
		"error":            {write, 422, `{"error":"odd"}`, nil, account.Error{Kind: account.Invalid, Words: "odd"}},
		"base-as-text":     {write, 422, `{"errors":{"base":"odd"},"message":"unused"}`, nil, account.Error{Kind: account.Invalid, Words: "odd"}},
		"null-and-message": {write, 422, `{"errors":null,"code":17,"message":"odd"}`, nil, account.Error{Kind: account.Invalid, Words: "odd"}},
		"too-large":        {write, 413, `{"message":"too large"}`, nil, account.Error{Kind: account.Invalid, Words: "too large"}},
		"gateway-timeout":  {write, 504, `{"message":"E_TIMEOUT"}`, nil, account.Error{Kind: account.Ambiguous, Words: "E_TIMEOUT"}},
		"invalid-field": {write, 422, `{"errors":{"email":["should look like an email address."]}}`, nil,
			account.Error{Kind: account.Invalid, Field: "email", Words: "email should look like an email address."}},
		"invalid-base":      {write, 422, `{"errors":{"base":["login or email is required"]}}`, nil, account.Error{Kind: account.Invalid, Words: "login or email is required"}},
		"malformed":         {write, 400, `{"errors":"no such thing"}`, nil, account.Error{Kind: account.Invalid, Words: "no such thing"}},
		"message":           {write, 405, `{"message":"E_METHOD_NOT_ALLOWED"}`, nil, account.Error{Kind: account.Invalid, Words: "E_METHOD_NOT_ALLOWED"}},
		"conflict":          {write, 409, ``, nil, account.Error{Kind: account.Conflict}},
		"unauthenticated":   {read, 401, `{"errors":{"base":["Required session does not exist"]}}`, nil, account.Error{Kind: account.Unauthenticated, Words: "Required session does not exist", Hint: "the hint"}},
		"forbidden":         {write, 403, `{"errors":["You don't have appropriate permissions to perform this operation"]}`, nil, account.Error{Kind: account.Forbidden, Words: "You don't have appropriate permissions to perform this operation", Hint: "the hint"}},
		"not-found":         {write, 404, `{"errors":{"base":["Couldn't find user."]}}`, nil, account.Error{Kind: account.NotFound, Words: "Couldn't find user."}},
		"throttled":         {write, 429, ``, nil, account.Error{Kind: account.Throttled, Delay: 7 * time.Second}},
		"accepted":          {write, 202, `{}`, nil, account.Error{Kind: account.Ambiguous}},
		"no-content":        {write, 204, ``, nil, account.Error{Kind: account.Ambiguous}},
		"request-timeout":   {write, 408, ``, nil, account.Error{Kind: account.Ambiguous}},
		"html-from-a-proxy": {write, 502, "<html><head><style>p{}</style><title>502 Bad Gateway</title></head>\n<body><h1>Bad &amp; Gateway</h1></body></html>", nil, account.Error{Kind: account.Ambiguous, Words: "Bad & Gateway"}},
		"html-of-a-title":   {write, 502, "<html><head><title>502 Bad Gateway</title></head></html>", nil, account.Error{Kind: account.Ambiguous, Words: "502 Bad Gateway"}},
		"cut-off-refusal":   {write, 422, `{"errors":{"login":["has alre`, nil, account.Error{Kind: account.Invalid, Words: `{"errors":{"login":["has alre`}},
		"nothing-said":      {write, 500, ``, nil, account.Error{Kind: account.Ambiguous}},
		"read-in-trouble":   {read, 503, ``, nil, account.Error{Kind: account.Unavailable}},
		"field-of-a-stranger": {write, 422, `{"errors":{"\u001b[31mlogin":["has already been taken"]}}`, nil,
			account.Error{Kind: account.Conflict, Words: "[31mlogin has already been taken"}},
		"found":              {write, 302, ``, nil, account.Error{Kind: account.Ambiguous}},
		"see-other":          {write, 303, ``, nil, account.Error{Kind: account.Ambiguous}},
		"read-elsewhere":     {read, 302, ``, nil, account.Error{Kind: account.Unavailable, Hint: hintEndpoint}},
		"redirect":           {write, 301, ``, nil, account.Error{Kind: account.Unavailable, Hint: hintEndpoint}},
		"unreadable-write":   {write, 0, ``, &unreadableError{201, "it holds no user", "r-2"}, account.Error{Kind: account.Ambiguous, Status: 201, RequestID: "r-2", Words: "the answer can't be read: it holds no user"}},
		"unreadable-read":    {read, 0, ``, &unreadableError{200, "unexpected EOF", ""}, account.Error{Kind: account.Unavailable, Status: 200, Words: "the answer can't be read: unexpected EOF", Hint: hintEndpoint}},
		"refused-connection": {write, 0, ``, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, account.Error{Kind: account.Unavailable, Words: "dial: connection refused", Hint: hintEndpoint}},
		"refused-by-proxy":   {write, 0, ``, &net.OpError{Op: "proxyconnect", Err: errors.New("the proxy answered 407")}, account.Error{Kind: account.Unavailable, Words: "proxyconnect: the proxy answered 407", Hint: hintProxy}},
		"refused-by-socks":   {write, 0, ``, &net.OpError{Op: "socks connect", Err: errors.New("connection refused")}, account.Error{Kind: account.Unavailable, Words: "socks connect: connection refused", Hint: hintProxy}},
		"unknown-to-proxy":   {write, 407, ``, nil, account.Error{Kind: account.Unavailable, Hint: hintProxy}},
		"reset":              {write, 0, ``, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, account.Error{Kind: account.Ambiguous, Words: "read: connection reset by peer"}},
		"lost-answer":        {write, 0, ``, io.EOF, account.Error{Kind: account.Ambiguous, Words: "the connection was closed before the answer: EOF"}},
		"no-tls":             {write, 0, ``, tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, account.Error{Kind: account.Ambiguous, Words: "what answers there doesn't speak TLS, as https needs: tls: first record does not look like a TLS handshake"}},
		"timeout":            {write, 0, ``, context.DeadlineExceeded, account.Error{Kind: account.Ambiguous, Words: "context deadline exceeded"}},
		"given-up-sending":   {write, 0, ``, context.Canceled, account.Error{Kind: account.Ambiguous, Words: "context canceled"}},
		"given-up-waiting":   {write, 0, ``, &unsentError{context.Canceled}, account.Error{Kind: account.Unavailable, Words: "not sent: context canceled"}},
		"untrusted":          {write, 0, ``, &tls.CertificateVerificationError{Err: errors.New("expired")}, account.Error{Kind: account.Unavailable, Words: "tls: failed to verify certificate: expired", Hint: hintTrust}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got *answer
			if test.err == nil {
				got = says(test.status, "X-Request-Id", "r-1")
				got.body = []byte(test.body)
				test.want.Status, test.want.RequestID = test.status, "r-1"
				if test.status == 429 {
					got.header.Set("Retry-After", "7")
				}
			}
			test.want.Call = test.call.name
			failed, ok := errors.AsType[*account.Error]((&Client{}).failure(test.call, got, test.err))
			if !ok {
				t.Fatal("not an *account.Error")
			}
			if diff := cmp.Diff(*failed, test.want); diff != "" {
				t.Errorf("got (-), want (+):\n%s", diff)
			}
		})
	}
}

func TestWordsAreFitToBeShown(t *testing.T) {
	c := &Client{secrets: []string{"", "auth-key", "auth-key-of-admin", "secre"}}
	with := &call{pass: pass{tokenHeader, "the token"}, secrets: []string{`p"ss<&wörd`}}
	tests := map[string]struct{ words, want string }{
		"plain":          {"nothing to hide", "nothing to hide"},
		"header":         {"bad auth-key!", "bad [secret]!"},
		"part-of-a-mark": {"bad secre!", "bad [secret]!"},
		"longer-first":   {"bad auth-key-of-admin!", "bad [secret]!"},
		"token":          {"token=the+token or the%20token or the token", "token=[secret] or [secret] or [secret]"},
		"json":           {`{"password":"p\"ss\u003c\u0026wörd"}`, `{"password":"[secret]"}`},
		"html":           {`p&#34;ss&lt;&amp;wörd`, "[secret]"},
		"parted":         {"auth\x00-key", "[secret]"},
		"control":        {"one\r\ntwo\x1b[31m\tthree\u202e", "one two[31m three"},
		"broken-unicode": {"a\xffb", "ab"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := c.clean(with, test.words); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	t.Run("long", func(t *testing.T) {
		got := c.clean(with, "a"+strings.Repeat("ä", 300)+"auth-key")
		if len(got) > maxWords+len("…") || !utf8.ValidString(got) || !strings.HasSuffix(got, "ä…") {
			t.Errorf("got %d bytes: %q", len(got), got)
		}
	})
	t.Run("cut-inside-a-secret", func(t *testing.T) {
		if got := c.clean(with, strings.Repeat("a", maxWords-4)+" auth-key"); strings.Contains(got, "aut") {
			t.Errorf("got %q", got[maxWords-10:])
		}
	})
}
