package emulator

import (
	"net/http"
	"strconv"
)

// blobView is a file's metadata as the API shows it.
type blobView struct {
	ID          int64       `json:"id"`
	UID         string      `json:"uid"`
	ContentType string      `json:"content_type"`
	Name        string      `json:"name"`
	Size        *int64      `json:"size"` // null before it is complete
	Public      bool        `json:"public"`
	Status      *string     `json:"blob_status"` // "complete", or null before
	CreatedAt   string      `json:"created_at"`
	UpdatedAt   string      `json:"updated_at"`
	CompletedAt *string     `json:"set_completed_at"`
	Access      *accessView `json:"blob_object_access,omitempty"`
}

// accessView is where a file's content is: to be written, or to be read.
type accessView struct {
	ID          int64  `json:"id"`
	BlobID      int64  `json:"blob_id"`
	Expires     string `json:"expires"`
	Type        string `json:"object_access_type"` // "Write" or "Read"
	Params      string `json:"params"`
	DownloadURL string `json:"download_url,omitempty"`
}

type blobBody struct {
	Blob blobView `json:"blob"`
}

func (b blob) view() blobView {
	v := blobView{
		ID: b.ID, UID: b.UID, ContentType: b.ContentType, Name: b.Name, Public: b.Public,
		CreatedAt: rfc3339(b.Created), UpdatedAt: rfc3339(b.Updated),
	}
	if b.Completed != 0 {
		complete := "complete"
		v.Size, v.Status, v.CompletedAt = &b.Size, &complete, orNull(rfc3339(b.Completed))
	}
	return v
}

// createBlob is POST /blobs: it tells where to upload the content, and with which form fields.
func createBlob(s *Server, c *call) (answer, error) {
	params, err := c.params()
	if err != nil {
		return answer{}, err
	}
	given, wrong := params["blob"].fields, problems{}
	if given == nil {
		return answer{}, malformed(`The body must be {"blob":{…}}`)
	}
	now := s.clock.now()
	b := blob{
		UID: randomHex(16), Owner: c.session.user, Name: given["name"].text, ContentType: given["content_type"].text,
		Public: given["public"].text == "true" || given["public"].text == "1", Created: now.Unix(), Updated: now.Unix(),
	}
	checkLength("name", b.Name, 1, 100, wrong)
	if b.ContentType == "" {
		wrong.add("content_type", "can't be blank")
	}
	if err := wrong.failure(); err != nil {
		return answer{}, err
	}
	if b, err = s.blobs.add(b); err != nil {
		return answer{}, broken(err)
	}
	v := b.view()
	v.Access = &accessView{
		ID: b.ID, BlobID: b.ID, Type: "Write", Params: s.storage.uploadURL(c.r, b), Expires: rfc3339(now.Add(accessLife).Unix()),
	}
	return answer{status: http.StatusCreated, body: blobBody{v}}, nil
}

// showBlob is GET /blobs/{id}.
func showBlob(s *Server, c *call) (answer, error) {
	b, ok := s.blobs.byID(c.id)
	if !ok {
		return answer{}, noBlob()
	}
	return answer{status: http.StatusOK, body: blobBody{b.view()}}, nil
}

// completeBlob is PUT /blobs/{id}/complete, with {"blob":{"size":n}} as documented or {"size":n} as the SDK sends it.
func completeBlob(s *Server, c *call) (answer, error) {
	params, err := c.params()
	if err != nil {
		return answer{}, err
	}
	b, err := s.ownBlob(c)
	if err != nil {
		return answer{}, err
	}
	text, wrong := params["size"].text, problems{}
	if inner := params["blob"].fields; inner != nil {
		text = inner["size"].text
	}
	size, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || size < 0:
		wrong.add("size", "must be a number of bytes")
	case !b.Uploaded:
		wrong.add("base", "The content isn't uploaded yet")
	case size != b.Size:
		wrong.add("size", "isn't what was uploaded: %d bytes", b.Size)
	}
	if err := wrong.failure(); err != nil {
		return answer{}, err
	}
	now := s.clock.now().Unix()
	err = s.blobs.change(b.ID, func(b *blob) { b.Completed, b.Updated = now, now })
	return answer{status: http.StatusOK, body: struct{}{}}, err
}

// deleteBlob is DELETE /blobs/{id}.
func deleteBlob(s *Server, c *call) (answer, error) {
	b, err := s.ownBlob(c)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: struct{}{}}, s.blobs.remove(b.ID)
}

func (s *Server) ownBlob(c *call) (blob, error) {
	b, ok := s.blobs.byID(c.id)
	switch {
	case !ok:
		return b, noBlob()
	case b.Owner != c.session.user:
		return b, notYours()
	}
	return b, nil
}

// downloadBlob is GET /blobs/{uid}/download as documented, GET /blobs/{uid} as the SDK asks, and GET /blobs/{uid}/object: a
// redirect to the content, or with download_url the address of it. What isn't public needs a session, whose token may come as ?token=.
func downloadBlob(s *Server, c *call) (answer, error) {
	b, ok := s.blobs.byUID(c.uid)
	if !ok || b.Completed == 0 {
		return answer{}, noBlob()
	}
	params := c.r.URL.Query()
	if !b.Public && c.session.token == "" {
		if _, valid := s.sessionOf(params.Get("token"), s.clock.now()); !valid {
			return answer{}, noSession()
		}
	}
	expires := s.clock.now().Add(accessLife)
	link := s.storage.downloadURL(c.r, b, expires)
	if params.Get("download_url") == "" {
		c.w.Header().Set("Location", link)
		return answer{status: http.StatusMovedPermanently, body: struct{}{}}, nil
	}
	v := b.view()
	v.Access = &accessView{ID: b.ID, BlobID: b.ID, Type: "Read", Params: link, DownloadURL: link, Expires: rfc3339(expires.Unix())}
	return answer{status: http.StatusOK, body: blobBody{v}}, nil
}
