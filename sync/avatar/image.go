package avatar

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/webp"
)

// format is a kind of picture that is taken.
type format struct {
	magic  func(content []byte) bool // of its first bytes
	ending string
	mime   string
	header func(io.Reader) (image.Config, error) // reads no more than the header
}

func formats() []format {
	begins := func(with string) func([]byte) bool {
		return func(content []byte) bool { return bytes.HasPrefix(content, []byte(with)) }
	}
	return []format{
		{begins("\x89PNG\r\n\x1a\n"), ".png", "image/png", png.DecodeConfig},
		{begins("\xff\xd8\xff"), ".jpg", "image/jpeg", jpeg.DecodeConfig},
		{begins("GIF8"), ".gif", "image/gif", gif.DecodeConfig},
		{func(content []byte) bool {
			return len(content) >= 12 && string(content[:4]) == "RIFF" && string(content[8:12]) == "WEBP"
		}, ".webp", "image/webp", webp.DecodeConfig},
	}
}

// check makes a picture of bytes that are one, and not too large.
func (a *Album) check(content []byte) (*Picture, error) {
	if len(content) == 0 {
		return nil, problemf("the picture is empty")
	}
	if len(content) > a.options.MaxBytes {
		return nil, a.tooLarge()
	}
	for _, f := range formats() {
		if !f.magic(content) {
			continue
		}
		size, err := f.header(bytes.NewReader(content))
		switch {
		case err != nil || size.Width <= 0 || size.Height <= 0:
			return nil, problemf("the picture is damaged: it begins as %s, and its header can't be read", f.mime)
		case size.Height > a.options.MaxPixels/size.Width:
			return nil, problemf("the picture has %d × %d pixels, and %d are permitted in all (max_pixels)", size.Width, size.Height, a.options.MaxPixels)
		}
		sum := sha256.Sum256(content)
		return &Picture{Name: "avatar" + f.ending, ContentType: f.mime, SHA256: hex.EncodeToString(sum[:]), Content: content}, nil
	}
	return nil, problemf("it is no PNG, JPEG, GIF or WebP picture")
}

func (a *Album) tooLarge() error {
	return problemf("the picture is larger than %d bytes (max_bytes)", a.options.MaxBytes)
}

// decode reads base64, of either alphabet and with or without its end, in which lines may be broken.
func (a *Album) decode(cell string) ([]byte, error) {
	text := strings.Map(func(r rune) rune {
		switch r {
		case '-':
			return '+'
		case '_':
			return '/'
		case '\r', '\n', ' ':
			return -1
		}
		return r
	}, cell)
	text = strings.TrimRight(text, "=")
	if base64.RawStdEncoding.DecodedLen(len(text)) > a.options.MaxBytes {
		return nil, a.tooLarge()
	}
	content, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, problemf("the cell isn't base64")
	}
	return content, nil
}
