package connectycube

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
)

// sent is a request as it arrived, with everything that is compared in it.
type sent struct {
	method, path string
	parts        []part
}

// route is what two requests must share to be compared: paths answer with and without the suffix.
func (s sent) route() string { return s.method + " " + strings.TrimSuffix(s.path, ".json") }

// recorder stands before an emulator and keeps the requests of each call. The call is named by begin, from Go, or by a
// request to /call/NAME, from elsewhere; requests between calls aren't kept. It sees what the emulator's own log hides,
// and replaces what no two runs share by names.
type recorder struct {
	emulator http.Handler
	url      string

	mu       sync.Mutex
	call     string
	calls    []string
	requests map[string][]sent
	names    map[string]string // of values that the emulator made up
	form     url.Values        // that the emulator asked for with the last file
}

func newRecorder(emulator http.Handler) *recorder {
	return &recorder{emulator: emulator, requests: map[string][]sent{}, names: map[string]string{}}
}

// begin names the call that is made from now on; "" is none.
func (r *recorder) begin(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.call = call
	if call != "" {
		r.calls = append(r.calls, call)
	}
}

// ServeHTTP implements http.Handler.
func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if call, ok := strings.CutPrefix(request.URL.Path, "/call/"); ok {
		r.begin(call)
		return
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.keep(request, body)
	request.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	r.emulator.ServeHTTP(answer, request)
	r.learn(request, answer)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the caller may be gone
}

func (r *recorder) keep(request *http.Request, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.call == "" {
		return
	}
	reader := partReader{named: r.named, form: r.form}
	seen := sent{method: request.Method, path: r.named(request.URL.Path), parts: reader.parts(request, body)}
	r.requests[r.call] = append(r.requests[r.call], seen)
}

// learn takes names for what the emulator made up: tokens are called by whose they are now.
func (r *recorder) learn(request *http.Request, answer *httptest.ResponseRecorder) {
	var got struct {
		Session struct {
			Token string
			User  *struct{ Login string }
		}
		User *struct{ Login string }
		Blob struct {
			UID    string
			Access struct{ Params string } `json:"blob_object_access"`
		}
	}
	_ = json.Unmarshal(answer.Body.Bytes(), &got) // what isn't JSON has nothing to learn
	r.mu.Lock()
	defer r.mu.Unlock()
	r.learnRedirect(answer.Header().Get("Location"))
	token := request.Header.Get(tokenHeader)
	switch request.Method + " " + strings.TrimSuffix(request.URL.Path, ".json") {
	case "POST /session":
		token, got.User = got.Session.Token, got.Session.User
		fallthrough
	case "POST /login", "DELETE /login":
		holder := "the application"
		if got.User != nil {
			holder = got.User.Login
		}
		if token != "" {
			r.names[token] = "<token of " + holder + ">"
		}
	case "POST /blobs":
		if got.Blob.UID == "" {
			return
		}
		r.names[got.Blob.UID] = "<uid of the file>"
		if address, err := url.Parse(got.Blob.Access.Params); err == nil {
			r.form = address.Query()
		}
	}
}

// learnRedirect takes names for what the address of a download is signed with.
func (r *recorder) learnRedirect(location string) {
	address, err := url.Parse(location)
	if err != nil {
		return
	}
	for name, values := range address.Query() {
		r.names[values[0]] = "<" + name + " of the address>"
	}
}

// named replaces what the emulator made up. These values are long enough to stand nowhere by chance.
func (r *recorder) named(text string) string {
	for value, name := range r.names {
		text = strings.ReplaceAll(text, value, name)
	}
	return text
}
