package csvfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	textunicode "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
)

// The encodings that a byte order mark shows. All others must be declared: nothing in a file proves them.
const (
	utf8Name    = "utf-8"
	utf16LEName = "utf-16le"
	utf16BEName = "utf-16be"
	utf16Name   = "utf-16" // either, by its mark
)

// encodingNamed returns the one name of an encoding; "" is not to be decided before the file is seen.
func encodingNamed(label string) (string, error) {
	label = strings.ToLower(strings.TrimSpace(label))
	if label == "" || label == utf16Name {
		return label, nil
	}
	found, err := htmlindex.Get(label)
	if err != nil || found == encoding.Replacement {
		return "", fmt.Errorf("encoding %q isn't known: take one such as utf-8, utf-16, windows-1252 or shift_jis", label)
	}
	return htmlindex.Name(found)
}

// KnownEncoding reports whether files can be read in the encoding of that name.
func KnownEncoding(name string) bool {
	_, err := encodingNamed(name)
	return err == nil
}

// decode returns the text as UTF-8, the name of the encoding it was in, and how long its byte order mark was. What can't be
// decoded comes out as bytes that aren't UTF-8 either, so that it is refused where it stands.
func decode(in io.Reader, declared string) (text io.Reader, name string, mark int, err error) {
	declared, err = encodingNamed(declared)
	if err != nil {
		return nil, "", 0, err
	}
	head, all := peek(in, 4)
	marked, mark := byMark(head)
	switch {
	case marked == utf32Name:
		return nil, "", 0, errors.New("is UTF-32: save it as UTF-8")
	case marked != "" && !strings.HasPrefix(marked, declared): // utf-16 is either
		return nil, "", 0, fmt.Errorf("begins with the byte order mark of %s and encoding says %s: leave encoding out, or write the file as it says",
			strings.ToUpper(marked), declared)
	case marked != "":
		name = marked
	case declared == utf16Name:
		return nil, "", 0, fmt.Errorf("has no byte order mark, so that either order of bytes may be meant: say encoding: %s or %s", utf16LEName, utf16BEName)
	case declared != "":
		name = declared
	default:
		name = utf8Name
	}
	if mark > 0 {
		_, err = io.CopyN(io.Discard, all, int64(mark))
	}
	if name == utf8Name || err != nil {
		return all, name, mark, err
	}
	decoder, err := decoderOf(name)
	if err != nil {
		return nil, "", 0, err
	}
	return transform.NewReader(all, decoder), name, mark, nil
}

// Encode returns what writes text in an encoding that decode reads again. What the encoding has no sign for is written as a
// question mark. It has to be closed.
func Encode(out io.Writer, name string) (io.WriteCloser, error) {
	name, err := encodingNamed(name)
	if err != nil {
		return nil, err
	}
	var into encoding.Encoding
	switch name {
	case "", utf8Name:
		into = encoding.Nop
	case utf16Name, utf16LEName:
		into = textunicode.UTF16(textunicode.LittleEndian, textunicode.UseBOM)
	case utf16BEName:
		into = textunicode.UTF16(textunicode.BigEndian, textunicode.UseBOM)
	default:
		if into, err = htmlindex.Get(name); err != nil {
			return nil, err
		}
	}
	known := map[rune]bool{}
	orMark := runes.Map(func(r rune) rune {
		fits, seen := known[r]
		if !seen {
			_, err := into.NewEncoder().String(string(r))
			fits = err == nil
			known[r] = fits
		}
		if !fits {
			return '?'
		}
		return r
	})
	return transform.NewWriter(out, transform.Chain(orMark, into.NewEncoder())), nil
}

const utf32Name = "utf-32"

// byMark returns the encoding that the beginning shows, and how long the mark is.
func byMark(head []byte) (name string, mark int) {
	for _, known := range []struct{ mark, name string }{
		{byteOrderMark, utf8Name},
		{"\xff\xfe\x00\x00", utf32Name},
		{"\x00\x00\xfe\xff", utf32Name},
		{"\xff\xfe", utf16LEName},
		{"\xfe\xff", utf16BEName},
	} {
		if bytes.HasPrefix(head, []byte(known.mark)) {
			return known.name, len(known.mark)
		}
	}
	return "", 0
}

func decoderOf(name string) (transform.Transformer, error) {
	switch name {
	case utf16LEName:
		return &utf16Decoder{order: binary.LittleEndian}, nil
	case utf16BEName:
		return &utf16Decoder{order: binary.BigEndian}, nil
	}
	found, err := htmlindex.Get(name)
	if err != nil {
		return nil, err
	}
	return strictDecoder{found.NewDecoder()}, nil
}

// noText is a byte that no UTF-8 text has.
const noText = 0xff

// utf16Decoder decodes UTF-16 without taking halves of characters for something else.
type utf16Decoder struct {
	transform.NopResetter
	order binary.ByteOrder
}

func (d *utf16Decoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		var letter [utf8.UTFMax]byte
		to, from := 1, 2
		switch rest := src[nSrc:]; {
		case len(rest) < 2 && !atEOF:
			return nDst, nSrc, transform.ErrShortSrc
		case len(rest) < 2:
			letter[0], from = noText, 1
		default:
			r := rune(d.order.Uint16(rest))
			if utf16.IsSurrogate(r) {
				if len(rest) < 4 && !atEOF {
					return nDst, nSrc, transform.ErrShortSrc
				}
				second := rune(0)
				if len(rest) >= 4 {
					second = rune(d.order.Uint16(rest[2:]))
				}
				if r = utf16.DecodeRune(r, second); r == utf8.RuneError {
					letter[0] = noText
					break
				}
				from = 4
			}
			to = utf8.EncodeRune(letter[:], r)
		}
		if len(dst)-nDst < to {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += copy(dst[nDst:], letter[:to])
		nSrc += from
	}
	return nDst, nSrc, nil
}

// strictDecoder leaves no trace of what a decoder couldn't read but bytes that aren't text.
type strictDecoder struct{ *encoding.Decoder }

func (d strictDecoder) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	nDst, nSrc, err = d.Transformer.Transform(dst, src, atEOF)
	for rest := dst[:nDst]; ; {
		i := bytes.Index(rest, []byte("\ufffd"))
		if i < 0 {
			return nDst, nSrc, err
		}
		rest = rest[i:]
		n := copy(rest, "\xff\xff\xff") // as long as it was
		rest = rest[n:]
	}
}
