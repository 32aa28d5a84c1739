package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
)

// upload is a form whose last field is a file, which is still to be read.
type upload struct {
	fields map[string]string
	parts  *multipart.Reader
	file   *multipart.Part
}

// readUpload reads a form up to its file.
func readUpload(body io.Reader, contentType string) (*upload, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		return nil, errors.New("the body must be multipart/form-data")
	}
	u := &upload{fields: map[string]string{}, parts: multipart.NewReader(body, params["boundary"])}
	for left := int64(maxBody); ; {
		part, err := u.parts.NextRawPart()
		if err != nil {
			return nil, fmt.Errorf("the form has no field named file: %w", err)
		}
		if part.FormName() == "file" {
			u.file = part
			return u, nil
		}
		text, err := io.ReadAll(io.LimitReader(part, left+1))
		if left -= int64(len(text)); err == nil && left < 0 {
			err = fmt.Errorf("the fields before the file have more than %d bytes", maxBody)
		}
		if err != nil {
			return nil, err
		}
		u.fields[part.FormName()] = string(text)
	}
}

// content reads the file, and the end of the form after it.
func (u *upload) content() ([]byte, error) {
	var content bytes.Buffer
	size, err := io.Copy(&content, io.LimitReader(u.file, maxBlob+1))
	if err == nil && size > maxBlob {
		err = errors.New("EntityTooLarge: a file may have 100 MB")
	}
	if err != nil {
		return nil, err
	}
	if _, err := u.parts.NextRawPart(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file must be the last field, and the form must end after it")
	}
	return content.Bytes(), nil
}
