package emulator

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const note = `{"blob":{"content_type":"text/plain","name":"a note.txt","public":%t}}`

// form sends what an upload's address asks for, as edited, with the file last.
func (c *testClient) form(address, content string, edit func(url.Values)) testAnswer {
	c.t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		c.t.Fatal(err)
	}
	fields := target.Query()
	edit(fields)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name := range fields {
		_ = w.WriteField(name, fields.Get(name))
	}
	_ = w.WriteField("file", content) // without a file name, as the SDK sends it
	_ = w.Close()
	return c.with("Content-Type", w.FormDataContentType()).do("POST", target.Path, body.String())
}

func asIs(url.Values) {}

// upload makes a file and returns its id and uid.
func (c *testClient) upload(public bool, content string) (id, uid string) {
	c.t.Helper()
	a := c.do("POST", "/blobs", fmt.Sprintf(note, public))
	a.want(c.t, 201, `"object_access_type":"Write"`)
	c.form(a.text("blob.blob_object_access.params"), content, asIs).want(c.t, 201, "<PostResponse>")
	id = a.text("blob.id")
	c.do("PUT", "/blobs/"+id+"/complete", fmt.Sprintf(`{"blob":{"size":%d}}`, len(content))).want(c.t, 200, "{}")
	return id, a.text("blob.uid")
}

func (c *testClient) follow(a testAnswer) testAnswer {
	c.t.Helper()
	target, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusMovedPermanently {
		c.t.Fatalf("no redirect: %d %s %v", a.status, a.body, err)
	}
	return c.do("GET", target.RequestURI(), "")
}

func TestBlobs(t *testing.T) {
	for name, data := range map[string]bool{"memory": false, "file": true} {
		t.Run(name, func(t *testing.T) {
			o := Options{}
			if data {
				o.Data = t.TempDir() + "/users.jsonl"
			}
			client := open(t, o)
			client.signUp(ann)
			session := client.session(ann)
			id, uid := session.upload(false, "content")
			public, publicUID := session.upload(true, "for all")
			if data { // a restart ends the sessions, not the files
				_ = client.server.Close()
				client = open(t, o)
				session = client.session(ann)
			}
			session.do("GET", "/blobs/"+id+".json", "").want(t, 200, `"name":"a note.txt","size":7,"public":false,"blob_status":"complete"`)
			client.do("GET", "/blobs/"+uid, "").want(t, 401, noSessionBody)
			session.follow(session.do("GET", "/blobs/"+uid, "")).want(t, 200, "content")
			token := session.header["CB-Token"]
			client.follow(client.do("GET", "/blobs/"+uid+"?token="+token, "")).want(t, 200, "content")
			client.follow(client.do("GET", "/blobs/"+publicUID, "")).want(t, 200, "for all")
			client.follow(client.do("GET", "/blobs/"+publicUID+"/download", "")).want(t, 200, "for all")
			session.do("GET", "/blobs/"+uid+"/object?download_url=1", "").want(t, 200, `"download_url":"http://`)
			session.do("DELETE", "/blobs/"+id, "").want(t, 200, "{}")
			session.do("GET", "/blobs/"+id, "").want(t, 404, "Couldn't find blob.")
			client.do("GET", "/blobs/"+uid, "").want(t, 404, "Couldn't find blob.")
			if next, _ := session.upload(true, ""); next <= public {
				t.Errorf("id %s after %s", next, public)
			}
		})
	}
}

func TestBlobRights(t *testing.T) {
	client := open(t, Options{})
	client.signUp(ann)
	client.signUp(bob)
	id, _ := client.session(ann).upload(true, "content")
	client.do("POST", "/blobs", fmt.Sprintf(note, true)).want(t, 401, noSessionBody)
	client.session("").do("POST", "/blobs", fmt.Sprintf(note, true)).want(t, 403, "Need user")
	other := client.session(bob)
	other.do("DELETE", "/blobs/"+id, "").want(t, 403, "appropriate permissions")
	other.do("PUT", "/blobs/"+id+"/complete", `{"size":7}`).want(t, 403, "appropriate permissions")
	other.do("DELETE", "/blobs/99", "").want(t, 404, "Couldn't find blob.")
	other.do("POST", "/blobs", `{"blob":{"name":"`+strings.Repeat("x", 101)+`"}}`).
		want(t, 422, `{"content_type":["can't be blank"],"name":["is too long (maximum is 100 characters)"]}`)
	other.do("POST", "/blobs", `{}`).want(t, 400, "The body must be")
}

func TestUploads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := open(t, Options{})
		client.signUp(ann)
		session := client.session(ann)
		created := session.do("POST", "/blobs", fmt.Sprintf(note, true))
		complete := "/blobs/" + created.text("blob.id") + "/complete"
		address := created.text("blob.blob_object_access.params")

		session.do("PUT", complete, `{"size":7}`).want(t, 422, "isn't uploaded yet")
		session.do("GET", "/blobs/"+created.text("blob.uid"), "").want(t, 404, "")
		for name, edit := range map[string]func(url.Values){
			"missing":  func(v url.Values) { v.Del("policy") },
			"changed":  func(v url.Values) { v.Set("Content-Type", "text/html") },
			"added":    func(v url.Values) { v.Set("CB-Token", "x") },
			"other":    func(v url.Values) { v.Set("key", "x") },
			"unsigned": func(v url.Values) { v.Set("x-amz-signature", "") },
		} {
			if a := session.form(address, "content", edit); a.status != 403 || !strings.Contains(a.body, "<Code>AccessDenied</Code>") {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		session.do("POST", storagePath, "content").want(t, 400, "MalformedPOSTRequest")
		session.do("PUT", storagePath, "content").want(t, 405, "MethodNotAllowed")
		session.form(address, "content", asIs).want(t, 201, created.text("blob.uid"))
		session.do("PUT", complete, `{"size":"8"}`).want(t, 422, "isn't what was uploaded: 7 bytes")
		session.do("PUT", complete, `{}`).want(t, 422, "must be a number of bytes")
		session.do("PUT", complete, `{"size":"7"}`).want(t, 200, "{}")

		redirect := session.do("GET", "/blobs/"+created.text("blob.uid"), "")
		unsigned := redirect
		unsigned.header = http.Header{"Location": {strings.TrimRight(redirect.header.Get("Location"), "0123456789abcdef")}}
		client.follow(unsigned).want(t, 403, "AccessDenied")
		client.follow(redirect).want(t, 200, "content")
		before := client.server.Counters().Requests
		time.Sleep(accessLife + time.Second)
		client.follow(redirect).want(t, 403, "AccessDenied")
		session.form(address, "content", asIs).want(t, 403, "expired")
		if got := client.server.Counters().Requests; got != before {
			t.Errorf("%d requests to the storage were counted", got-before)
		}
	})
}

func TestTokenOfADeletedUserReadsNoFiles(t *testing.T) {
	client := open(t, Options{})
	client.signUp(ann)
	session := client.session(ann)
	_, uid := session.upload(false, "content")
	client.with("CB-Administration-API-Key", DefaultAdminKey).do("DELETE", "/admin/user/1", "").want(t, 200, "")
	client.do("GET", "/blobs/"+uid+"?token="+session.header["CB-Token"], "").want(t, 401, noSessionBody)
}

// An upload is the file last, and nothing of the file is read before everything else is right.
func TestUploadForms(t *testing.T) {
	client := open(t, Options{})
	client.signUp(ann)
	address := client.session(ann).do("POST", "/blobs", fmt.Sprintf(note, true)).text("blob.blob_object_access.params")
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		edit  func(url.Values)
		after string // the file
		want  int
		read  bool // the file is
	}{
		"good":             {asIs, "\r\n--x--\r\n", 201, true},
		"field-after-file": {asIs, "\r\n--x\r\nContent-Disposition: form-data; name=\"more\"\r\n\r\n1\r\n--x--\r\n", 400, true},
		"cut-off":          {asIs, "", 400, true},
		"wrong-policy":     {func(v url.Values) { v.Set("policy", "x") }, "\r\n--x--\r\n", 403, false},
		"large-fields":     {func(v url.Values) { v.Set("a", strings.Repeat("x", maxBody)); v.Set("b", "x") }, "\r\n--x--\r\n", 400, false},
	} {
		t.Run(name, func(t *testing.T) {
			fields := target.Query()
			c.edit(fields)
			var head strings.Builder
			for name := range fields {
				fmt.Fprintf(&head, "--x\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", name, fields.Get(name))
			}
			head.WriteString("--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n")
			file := strings.NewReader(strings.Repeat("x", 2<<20))
			body := io.MultiReader(strings.NewReader(head.String()), file, strings.NewReader(c.after))
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://emulator.test"+storagePath, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			resp, err := client.server.Transport().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if read := file.Len() < 1<<20; resp.StatusCode != c.want || read != c.read {
				t.Errorf("%d, want %d; the file was read: %t", resp.StatusCode, c.want, read)
			}
		})
	}
}

func TestUploadsOfOneFileAtATime(t *testing.T) {
	client := open(t, Options{Data: t.TempDir() + "/users.jsonl"})
	client.signUp(ann)
	session := client.session(ann)
	for range 5 {
		made := session.do("POST", "/blobs", fmt.Sprintf(note, true))
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				content := strings.Repeat(fmt.Sprint(i), 100_000*(i+1))
				session.form(made.text("blob.blob_object_access.params"), content, asIs).want(t, 201, "")
			})
		}
		all.Wait()
		b, _ := client.server.blobs.byUID(made.text("blob.uid"))
		content, err := client.server.blobs.content(b)
		if whole := strings.Repeat(string(content[:1]), len(content)); err != nil || string(content) != whole || b.Size != int64(len(content)) {
			t.Errorf("%d bytes, known as %d, of one upload: %t, error %v", len(content), b.Size, string(content) == whole, err)
		}
	}
}
