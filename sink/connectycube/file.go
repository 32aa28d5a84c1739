package connectycube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"cubesync/sync/account"
)

// The documented limits of a file.
const (
	maxFileName = 100       // characters
	maxFile     = 100 << 20 // bytes
)

// File is a file as the service knows it.
type File struct {
	ID          int64
	UID         string // what an avatar points at
	Name        string
	ContentType string
	Size        int64 // in bytes; 0 until the upload is complete
	Public      bool
}

// NewFile is a file to upload. It is held in memory: it is for pictures, not for films.
type NewFile struct {
	Name        string // 1 to 100 characters
	ContentType string
	Public      bool   // may be read without a session
	Content     []byte // 100 MB at most
}

func (f NewFile) check() error {
	words := ""
	_, _, err := mime.ParseMediaType(f.ContentType)
	switch n := utf8.RuneCountInString(f.Name); {
	case n < 1 || n > maxFileName:
		words = fmt.Sprintf("the file's name has %d characters; the service takes 1 to %d", n, maxFileName)
	case err != nil:
		words = fmt.Sprintf("the file's content type %q is none, such as image/png", f.ContentType)
	case len(f.Content) == 0 || len(f.Content) > maxFile:
		words = fmt.Sprintf("the file has %d bytes; the service takes 1 to %d", len(f.Content), maxFile)
	default:
		return nil
	}
	return &account.Error{Kind: account.Invalid, Call: createFileName, Words: words}
}

// What errors call the parts of an upload.
const (
	createFileName   = "create a file"
	uploadFileName   = "upload a file"
	completeFileName = "complete a file"
)

// Upload uploads a file as the shared session, whose user becomes its owner. An upload that fails is taken back where
// that is possible.
func (c *Client) Upload(ctx context.Context, f NewFile) (File, error) {
	return c.upload(ctx, f, call{shared: true, hint: hintServiceUser})
}

// upload uploads a file with the credentials of as.
func (c *Client) upload(ctx context.Context, f NewFile, as call) (File, error) {
	if err := f.check(); err != nil {
		return File{}, err
	}
	made, destination, err := c.createFile(ctx, f, as)
	if err != nil {
		return File{}, err
	}
	err = c.store(ctx, destination, f)
	if err == nil {
		err = c.completeFile(ctx, made.ID, len(f.Content), as)
	}
	if err != nil {
		c.takeBack(ctx, made.ID, as)
		return File{}, err
	}
	made.Size = int64(len(f.Content))
	return made, nil
}

// takeBack deletes a file that is of no use, even for a caller who is gone. One that stays behind harms nobody.
func (c *Client) takeBack(ctx context.Context, id int64, as call) {
	ctx, cancel := tidying(ctx)
	defer cancel()
	if err := c.deleteFile(ctx, id, as); err != nil {
		c.log.Debug("a file of no use was left behind", "id", id, "error", err)
	}
}

// createFile announces the file, and returns where it has to be uploaded to: an address with all form fields.
func (c *Client) createFile(ctx context.Context, f NewFile, as call) (File, string, error) {
	var made File
	var destination string
	as.name, as.kind, as.method, as.path = createFileName, fileCall, http.MethodPost, "/blobs.json"
	as.body = mustMarshal(map[string]any{"blob": map[string]any{"content_type": f.ContentType, "name": f.Name, "public": f.Public}})
	as.read = func(body []byte) error {
		if err := readFile(&made, &destination)(body); err != nil {
			return err
		}
		if made.UID == "" || destination == "" {
			return errors.New("it doesn't say where to upload the file to")
		}
		return nil
	}
	_, err := c.do(ctx, &as)
	return made, destination, err
}

// completeFile tells that the file is uploaded, in the documented form.
func (c *Client) completeFile(ctx context.Context, id int64, size int, as call) error {
	as.name, as.kind, as.method = completeFileName, fileCall, http.MethodPut
	as.path = "/blobs/" + strconv.FormatInt(id, 10) + "/complete.json"
	as.body = mustMarshal(map[string]any{"blob": map[string]int{"size": size}})
	_, err := c.do(ctx, &as)
	return err
}

// File returns what the service knows of a file.
func (c *Client) File(ctx context.Context, id int64) (File, error) {
	var got File
	_, err := c.do(ctx, &call{
		name: "look at a file", kind: fileCall, method: http.MethodGet, path: filePath(id), shared: true, hint: hintServiceUser,
		read: readFile(&got, new(string)),
	})
	return got, err
}

// DeleteFile deletes a file of the shared session's user.
func (c *Client) DeleteFile(ctx context.Context, id int64) error {
	return c.deleteFile(ctx, id, call{shared: true, hint: hintServiceUser})
}

func (c *Client) deleteFile(ctx context.Context, id int64, as call) error {
	as.name, as.kind, as.method, as.path = "delete a file", fileCall, http.MethodDelete, filePath(id)
	_, err := c.do(ctx, &as)
	return err
}

func filePath(id int64) string { return "/blobs/" + strconv.FormatInt(id, 10) + ".json" }

func contentPath(uid string) string { return "/blobs/" + url.PathEscape(uid) }

// readFile reads {"blob":{…}} into the file and the place to upload it to.
func readFile(into *File, destination *string) func(body []byte) error {
	return func(body []byte) error {
		var got struct {
			Blob *struct {
				ID          Number   `json:"id"`
				UID         wireText `json:"uid"`
				Name        wireText `json:"name"`
				ContentType wireText `json:"content_type"`
				Size        Number   `json:"size"`
				Public      bool     `json:"public"`
				Access      struct {
					Params wireText `json:"params"`
				} `json:"blob_object_access"`
			} `json:"blob"`
		}
		if json.Unmarshal(body, &got) != nil || got.Blob == nil || got.Blob.ID.Number <= 0 {
			return errors.New("it holds no file")
		}
		b := got.Blob
		*into = File{
			ID: b.ID.Number, UID: string(b.UID), Name: string(b.Name), ContentType: string(b.ContentType),
			Size: b.Size.Number, Public: b.Public,
		}
		*destination = string(b.Access.Params)
		return nil
	}
}
