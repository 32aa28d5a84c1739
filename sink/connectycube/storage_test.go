package connectycube

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"cubesync/sync/account"

	"github.com/google/go-cmp/cmp"
)

// cloud is a service with files and, on another host, a storage that insists on the documented form.
type cloud struct {
	storage *httptest.Server
	destroy int    // the storage's status; 0: it works
	params  string // of the address to upload to; "": a good one
	avatar  int    // the status of what writes the user; 0: it works
	data    string // the user's custom_data

	mu      sync.Mutex
	said    []string // to the service
	stored  []byte
	written string // the last user's body
}

const policy = "a+b/c=="

func newCloud(t *testing.T) (*Client, *cloud) {
	t.Helper()
	s := &cloud{}
	s.storage = httptest.NewServer(http.HandlerFunc(s.store))
	t.Cleanup(s.storage.Close)
	return newTestClient(t, s), s
}

func (s *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/session.json" && r.Method == http.MethodPost {
		_, _ = fmt.Fprint(w, `{"session":{"token":"token-of-ours"}}`)
		return
	}
	if r.Header.Get("CB-Token") != "token-of-ours" {
		http.Error(w, `{"errors":{"base":["Required session does not exist"]}}`, http.StatusUnauthorized)
		return
	}
	s.said = append(s.said, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	switch {
	case r.URL.Path == "/blobs.json":
		params := s.storage.URL + "/bucket?Content-Type=image%2Fpng&key=uid-1&policy=" + url.QueryEscape(policy) + "&plus=a+b"
		if s.params != "" {
			params = s.params
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"blob":{"id":7,"uid":"uid-1","name":"me.png","content_type":"image/png","size":null,"public":true,"blob_object_access":{"params":%q}}}`, params)
	case r.URL.Path == "/blobs/uid-1":
		http.Redirect(w, r, s.storage.URL+"/bucket/uid-1?signature=hush", http.StatusFound)
	case r.URL.Path == "/blobs/7.json" && r.Method == http.MethodGet:
		_, _ = fmt.Fprintf(w, `{"blob":{"id":"7","uid":"uid-1","name":"me.png","content_type":"image/png","size":%d,"public":true}}`, len(s.stored))
	case strings.HasPrefix(r.URL.Path, "/users/v2"):
		_, _ = fmt.Fprintf(w, `{"total_entries":1,"items":[{"id":5,"custom_data":%q}]}`, s.data)
	case strings.HasPrefix(r.URL.Path, "/users/"):
		s.written = string(body)
		if s.avatar != 0 {
			w.WriteHeader(s.avatar)
			return
		}
		_, _ = fmt.Fprint(w, `{"user":{"id":5}}`)
	case r.URL.Path == "/login.json":
		_, _ = fmt.Fprintf(w, `{"user":{"id":5,"login":"l","custom_data":%q}}`, s.data)
	}
}

func (s *cloud) store(w http.ResponseWriter, r *http.Request) {
	for name := range r.Header {
		if strings.HasPrefix(strings.ToLower(name), "cb-") {
			http.Error(w, "a header that isn't for me: "+name, http.StatusTeapot)
			return
		}
	}
	if r.Method == http.MethodGet {
		if r.URL.Query().Get("signature") != "hush" {
			http.Error(w, "no signature", http.StatusForbidden)
			return
		}
		_, _ = w.Write(s.stored)
		return
	}
	if s.destroy != 0 {
		w.WriteHeader(s.destroy)
		_, _ = fmt.Fprintf(w, "<Error>policy %s isn't liked</Error>", policy)
		return
	}
	parts, err := r.MultipartReader()
	if err != nil || r.URL.RawQuery != "" || r.URL.Path != "/bucket" {
		http.Error(w, "not the form", http.StatusBadRequest)
		return
	}
	var fields []string
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		content, _ := io.ReadAll(part)
		if part.FormName() == "file" {
			s.stored = content
			fields = append(fields, "file "+part.FileName()+" "+part.Header.Get("Content-Type"))
			continue
		}
		fields = append(fields, part.FormName()+"="+string(content))
	}
	want := []string{"Content-Type=image/png", "key=uid-1", "policy=" + policy, "plus=a+b", "file me.png image/png"}
	if !slices.Equal(fields, want) {
		http.Error(w, fmt.Sprintf("got %v", fields), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprint(w, `<PostResponse><Key>uid-1</Key></PostResponse>`)
}

func picture() NewFile {
	return NewFile{Name: "me.png", ContentType: "image/png", Public: true, Content: []byte("\x89PNG picture")}
}

func TestUploadAndDownload(t *testing.T) {
	c, s := newCloud(t)
	made, err := c.Upload(t.Context(), picture())
	if err != nil {
		t.Fatal(err)
	}
	want := File{ID: 7, UID: "uid-1", Name: "me.png", ContentType: "image/png", Size: int64(len(picture().Content)), Public: true}
	if diff := cmp.Diff(made, want); diff != "" {
		t.Errorf("uploaded: got (-), want (+):\n%s", diff)
	}
	read, err := c.File(t.Context(), made.ID)
	if diff := cmp.Diff(read, want); diff != "" || err != nil {
		t.Errorf("error %v; read back: got (-), want (+):\n%s", err, diff)
	}
	content, err := c.Download(t.Context(), made.UID)
	if err != nil || !bytes.Equal(content, picture().Content) {
		t.Errorf("error %v; downloaded %q", err, content)
	}
	if err := c.DeleteFile(t.Context(), made.ID); err != nil {
		t.Error(err)
	}
	said := []string{
		`POST /blobs.json {"blob":{"content_type":"image/png","name":"me.png","public":true}}`,
		`PUT /blobs/7/complete.json {"blob":{"size":12}}`, "GET /blobs/7.json", "GET /blobs/uid-1", "DELETE /blobs/7.json",
	}
	if diff := cmp.Diff(s.said, said); diff != "" {
		t.Errorf("said (-), want (+):\n%s", diff)
	}
	if calls := c.Calls(); calls["upload"] != 1 || calls["file"] != 6 { // the download took two
		t.Errorf("counted %v", calls)
	}
}

// A storage that says nothing took the file.
func TestUploadAnsweredWithNothing(t *testing.T) {
	c, s := newCloud(t)
	s.destroy = http.StatusNoContent
	if _, err := c.Upload(t.Context(), picture()); err != nil {
		t.Error(err)
	}
}

func TestUploadThatFails(t *testing.T) {
	tests := map[string]struct {
		status int
		params string
		kind   account.Kind
	}{
		"refused":           {http.StatusForbidden, "", account.Forbidden},
		"not-known":         {http.StatusUnauthorized, "", account.Forbidden}, // not our credentials: others' calls go on
		"trouble":           {http.StatusServiceUnavailable, "", account.Ambiguous},
		"no-address":        {0, "nowhere", account.Unavailable},
		"odd-scheme":        {0, "ftp://storage.example.org/x?a=b", account.Unavailable},
		"unreadable-fields": {0, "https://storage.example.org/x?a=%zz", account.Unavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, s := newCloud(t)
			s.destroy, s.params = test.status, test.params
			_, err := c.Upload(t.Context(), picture())
			if account.KindOf(err) != test.kind || strings.Contains(err.Error(), policy) || strings.Contains(err.Error(), "%zz") {
				t.Errorf("got error %v", err)
			}
			if last := s.said[len(s.said)-1]; last != "DELETE /blobs/7.json" {
				t.Errorf("the file was left behind; said %v", s.said)
			}
		})
	}
}

func TestFileInDoubt(t *testing.T) {
	c := newTestClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/session.json" {
			_, _ = fmt.Fprint(w, `{"session":{"token":"t"}}`)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	_, err := c.Upload(t.Context(), picture())
	for _, err := range []error{err, c.DeleteFile(t.Context(), 7)} {
		if err == nil || account.KindOf(err) != account.Ambiguous {
			t.Errorf("got error %v", err)
		}
	}
}

func TestStorageIsDown(t *testing.T) {
	c, s := newCloud(t)
	s.storage.Close()
	_, err := c.Upload(t.Context(), picture())
	host := strings.TrimPrefix(s.storage.URL, "http://")
	if account.KindOf(err) != account.Unavailable || !strings.Contains(err.Error(), "; check that "+host+" can be reached") {
		t.Errorf("got error %v", err)
	}
}

func TestFilesThatAreNotUploaded(t *testing.T) {
	for name, spoil := range map[string]func(*NewFile){
		"no-name":       func(f *NewFile) { f.Name = "" },
		"long-name":     func(f *NewFile) { f.Name = strings.Repeat("ü", 101) },
		"no-type":       func(f *NewFile) { f.ContentType = "" },
		"line-in-type":  func(f *NewFile) { f.ContentType = "image/png\r\nX: y" },
		"empty":         func(f *NewFile) { f.Content = nil },
		"far-too-large": func(f *NewFile) { f.Content = make([]byte, maxFile+1) },
	} {
		t.Run(name, func(t *testing.T) {
			c, s := newCloud(t)
			f := picture()
			spoil(&f)
			if _, err := c.Upload(t.Context(), f); account.KindOf(err) != account.Invalid || len(s.said) != 0 {
				t.Errorf("got error %v; said %v", err, s.said)
			}
		})
	}
}

func TestEncryptedServiceNamesNoPlainStorage(t *testing.T) {
	c := &Client{options: Options{Endpoint: "https://api.example.org"}}
	if _, _, err := c.storageForm("http://storage.example.org/x?a=b"); err == nil {
		t.Error("the file would travel in the clear")
	}
	if u, fields, err := c.storageForm("https://storage.example.org/x/?a=b&&c"); err != nil || u.String() != "https://storage.example.org/x/" || len(fields) != 2 {
		t.Errorf("got %v, %v, error %v", u, fields, err)
	}
}
