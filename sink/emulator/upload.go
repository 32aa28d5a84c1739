package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
)

// readUpload reads a form whose last field is the file.
func readUpload(body io.Reader, contentType string) (fields map[string]string, content []byte, err error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		return nil, nil, errors.New("the body must be multipart/form-data")
	}
	fields = map[string]string{}
	for form := multipart.NewReader(body, params["boundary"]); ; {
		part, err := form.NextRawPart()
		if err != nil {
			return nil, nil, fmt.Errorf("the form has no field named file: %w", err)
		}
		if part.FormName() != "file" {
			text, err := io.ReadAll(io.LimitReader(part, maxBody))
			if err != nil {
				return nil, nil, err
			}
			fields[part.FormName()] = string(text)
			continue
		}
		var content bytes.Buffer
		size, err := io.Copy(&content, io.LimitReader(part, maxBlob+1))
		if err == nil && size > maxBlob {
			err = errors.New("EntityTooLarge: a file may have 100 MB")
		}
		if err != nil {
			return nil, nil, err
		}
		if _, err := form.NextRawPart(); !errors.Is(err, io.EOF) {
			return nil, nil, errors.New("the file must be the last field, and the form must end after it")
		}
		return fields, content.Bytes(), nil
	}
}
