package connectycube

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func arrived(method, target, contentType, body string) sent {
	r := httptest.NewRequest(method, target, http.NoBody)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	reader := partReader{named: strings.NewReplacer("abc123", "<token>").Replace, form: url.Values{"key": {"k"}}}
	return sent{method, r.URL.Path, reader.parts(r, []byte(body))}
}

// The comparison itself: what is a difference, and what isn't.
func TestComparingRequests(t *testing.T) {
	const form = "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n"
	const file = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
	const json = "application/json"
	tests := map[string]struct {
		sdk, ours sent
		want      []string // differences
	}{
		"order-and-encoding-of-a-query": {arrived("GET", "/a?b=x%20y&c%5B%5D=1&c[]=2", "", ""), arrived("GET", "/a?c[]=2&c[]=1&b=x+y", "", ""), nil},
		"a-value-twice":                 {arrived("GET", "/a?c[]=1&c[]=1", "", ""), arrived("GET", "/a?c[]=1", "", ""), []string{"?c[]: 1 → nothing"}},
		"another-value":                 {arrived("GET", "/a?b=x", "", ""), arrived("GET", "/a?b=y", "", ""), []string{"?b: x → y"}},
		"an-unreadable-query":           {arrived("GET", "/a?b=%zz", "", ""), arrived("GET", "/a", "", ""), []string{"query: (unreadable) b=%zz → nothing"}},
		"a-suffix":                      {arrived("GET", "/a.json", "", ""), arrived("GET", "/a", "", ""), []string{"path: /a.json → /a"}},
		"space-and-order-in-json":       {arrived("POST", "/a", json, `{"x": 1, "y": [2]}`), arrived("POST", "/a", json, `{"y":[2],"x":1}`), nil},
		"a-number-is-no-text":           {arrived("POST", "/a", json, `{"x":1}`), arrived("POST", "/a", json, `{"x":"1"}`), []string{`body.x: 1 → "1"`}},
		"null-is-not-absent":            {arrived("POST", "/a", json, `{"x":null}`), arrived("POST", "/a", json, `{"x":{}}`), []string{"body.x: null → {}"}},
		"the-order-of-an-array": {
			arrived("POST", "/a", json, `["1","2"]`), arrived("POST", "/a", json, `["2","1"]`), []string{`body[0]: "1" → "2"`, `body[1]: "2" → "1"`},
		},
		"names-for-tokens": {arrived("POST", "/a", json, `["abc123"]`), arrived("POST", "/a", json, `["<token>"]`), nil},
		"the-file-is-last": {
			arrived("POST", "/a", "multipart/form-data;boundary=x", form+file+"--x--"),
			arrived("POST", "/a", "multipart/form-data; boundary=x", file+form+"--x--"),
			[]string{"form, in order: key file → file key"},
		},
		"what-was-asked-for": {
			arrived("POST", "/a", "multipart/form-data; boundary=x", form+"--x--"),
			arrived("POST", "/a", "multipart/form-data; boundary=x", strings.ReplaceAll(form, "\nk", "\nl")+"--x--"),
			[]string{`form key: <as asked for> → "l"`},
		},
		"another-method": {arrived("POST", "/a", "", ""), arrived("GET", "/a", "", ""), []string{"POST /a: the SDK only", "GET /a: we only"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newReport(nil)
			r.compare("call", []sent{test.sdk}, []sent{test.ours})
			var want []string
			for _, difference := range test.want {
				if !strings.HasSuffix(difference, " only") {
					difference = test.sdk.route() + ": " + difference
				}
				want = append(want, "call: "+difference)
			}
			if diff := cmp.Diff(want, r.unreasoned); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}

// Requests of one side only stand between the others.
func TestComparingSeries(t *testing.T) {
	a, b, c := arrived("GET", "/a", "", ""), arrived("GET", "/b", "", ""), arrived("GET", "/c", "", "")
	r := newReport(nil)
	r.compare("call", []sent{a, b, a}, []sent{c, a, a, c})
	want := []string{"call: GET /c: we only", "call: GET /b: the SDK only", "call: GET /c: we only"}
	if diff := cmp.Diff(want, r.unreasoned); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestReasonsAndDifferencesGoTogether(t *testing.T) {
	r := newReport([]reason{{"because", "It is so.", []string{"call: GET /a: ?b: * → nothing", "call: GET /a: ?c: * → nothing"}}})
	r.compare("call", []sent{arrived("GET", "/a?b=1&d=2", "", "")}, []sent{arrived("GET", "/a", "", "")})
	want := []string{
		"there is no reason for: call: GET /a: ?d: 2 → nothing",
		"the reason because has no difference like: call: GET /a: ?c: * → nothing",
	}
	if diff := cmp.Diff(want, r.problems()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if !slices.Contains(strings.Split(r.String(), "\n"), "-   ?b: 1  [because]") {
		t.Errorf("the reason doesn't stand beside its difference:\n%s", r)
	}
}
