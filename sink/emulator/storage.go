package emulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// storagePath is where the content of files lives. The service keeps it at Amazon's, and its SDK tells that by the name:
// it sends no token to an address that has it in it. So the name is in ours too.
const storagePath = "/__emulator/s3.amazonaws.com/"

// accessLife is how long an address to upload to or to download from is good.
const accessLife = time.Hour

// maxBlob is the size of the largest file, in bytes. Documented.
const maxBlob = 100 << 20

// storage is the other server that content is uploaded to, as a form, and downloaded from. It knows no tokens: an address
// carries a signature. It isn't the API, so its requests are neither counted nor limited.
type storage struct {
	secret []byte
	blobs  *blobs
	clock  *clock
}

func newStorage(b *blobs, c *clock) *storage {
	return &storage{secret: []byte(randomHex(32)), blobs: b, clock: c}
}

func (s *storage) sign(what string) string {
	mac := hmac.New(sha256.New, s.secret)
	mac.Write([]byte(what))
	return hex.EncodeToString(mac.Sum(nil))
}

// fields are the form fields that must come with a file's content.
func (s *storage) fields(b blob) url.Values {
	expires := time.Unix(b.Created, 0).Add(accessLife).UTC()
	policy := base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf(`{"expiration":%q,"conditions":[{"key":%q}]}`,
		expires.Format(time.RFC3339), b.UID)))
	acl := "authenticated-read"
	if b.Public {
		acl = "public-read"
	}
	return url.Values{
		"Content-Type": {b.ContentType}, "Expires": {expires.Format(http.TimeFormat)}, "acl": {acl}, "key": {b.UID},
		"policy": {policy}, "success_action_status": {"201"}, "x-amz-algorithm": {"AWS4-HMAC-SHA256"},
		"x-amz-credential": {"emulator/storage"}, "x-amz-date": {time.Unix(b.Created, 0).UTC().Format("20060102T150405Z")},
		"x-amz-signature": {s.sign("POST " + policy)},
	}
}

func (s *storage) uploadURL(r *http.Request, b blob) string {
	// A query decoder that isn't a form decoder leaves "+" alone.
	return base(r) + "?" + strings.ReplaceAll(s.fields(b).Encode(), "+", "%20")
}

func (s *storage) downloadURL(r *http.Request, b blob, expires time.Time) string {
	until := strconv.FormatInt(expires.Unix(), 10)
	return base(r) + b.UID + "?" + url.Values{"Expires": {until}, "Signature": {s.sign("GET " + b.UID + " " + until)}}.Encode()
}

// base is the storage as the one who asks reaches it.
func base(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.URL.Scheme == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host + storagePath
}

// ServeHTTP implements http.Handler.
func (s *storage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, storagePath)
	switch {
	case r.Method == http.MethodPost && key == "":
		s.upload(w, r)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		s.download(w, r, key)
	default:
		refuseXML(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "POST a form to "+storagePath+", or GET a key")
	}
}

func (s *storage) upload(w http.ResponseWriter, r *http.Request) {
	form, err := readUpload(http.MaxBytesReader(w, r.Body, maxBlob+maxBody), r.Header.Get("Content-Type"))
	if err != nil {
		refuseXML(w, http.StatusBadRequest, "MalformedPOSTRequest", err.Error())
		return
	}
	b, refusal := s.admit(form.fields)
	if refusal != "" {
		refuseXML(w, http.StatusForbidden, "AccessDenied", refusal)
		return
	}
	content, err := form.content()
	if err != nil {
		refuseXML(w, http.StatusBadRequest, "MalformedPOSTRequest", err.Error())
		return
	}
	if err := s.blobs.fill(b.ID, content); err != nil {
		refuseXML(w, http.StatusInternalServerError, "InternalError", err.Error())
		return
	}
	writeXML(w, http.StatusCreated, posted{Location: base(r) + b.UID, Key: b.UID})
}

// admit returns the file that the fields of a form are for, or why they are refused.
func (s *storage) admit(fields map[string]string) (b blob, refusal string) {
	b, known := s.blobs.byUID(fields["key"])
	if !known {
		return b, "no upload of this key was asked for"
	}
	if s.clock.now().Sub(time.Unix(b.Created, 0)) > accessLife {
		return b, "Invalid according to Policy: Policy expired."
	}
	want := s.fields(b)
	for name := range want {
		if fields[name] != want.Get(name) {
			return b, "Invalid according to Policy: " + name
		}
	}
	for name := range fields {
		if !want.Has(name) {
			return b, "Invalid according to Policy: Extra input fields: " + name
		}
	}
	return b, ""
}

func (s *storage) download(w http.ResponseWriter, r *http.Request, key string) {
	params := r.URL.Query()
	until := params.Get("Expires")
	seconds, err := strconv.ParseInt(until, 10, 64)
	signed := hmac.Equal([]byte(params.Get("Signature")), []byte(s.sign("GET "+key+" "+until)))
	if err != nil || !signed || s.clock.now().Unix() > seconds {
		refuseXML(w, http.StatusForbidden, "AccessDenied", "Request has expired, or isn't signed")
		return
	}
	b, known := s.blobs.byUID(key)
	if !known || !b.Uploaded {
		refuseXML(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	content, err := s.blobs.content(b)
	if err != nil {
		refuseXML(w, http.StatusInternalServerError, "InternalError", err.Error())
		return
	}
	w.Header().Set("Content-Type", b.ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

type posted struct {
	XMLName  xml.Name `xml:"PostResponse"`
	Location string
	Key      string
}

type refusedXML struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

func refuseXML(w http.ResponseWriter, status int, code, text string) {
	writeXML(w, status, refusedXML{Code: code, Message: text})
}

func writeXML(w http.ResponseWriter, status int, body any) {
	raw, err := xml.Marshal(body)
	if err != nil {
		status, raw = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), raw...)) // the client may be gone
}
