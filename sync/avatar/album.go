// Package avatar gets the pictures that records point at: from files below one folder, from web servers that are allowed,
// or from the record itself. It checks what it gets by its first bytes and its header, and never decodes a picture.
//
// It doesn't know users, remembers nothing, and doesn't decide whether a picture is needed: see sync/plan.
package avatar

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

// From says what the cells hold.
type From string

// What cells hold.
const (
	FromFile   From = "file"   // the path of a file, below the folder
	FromURL    From = "url"    // an address
	FromBase64 From = "base64" // the picture itself
)

// The limits of an album that sets none.
const (
	DefaultMaxBytes  = 5 << 20
	DefaultMaxPixels = 25_000_000
	DefaultTimeout   = 10 * time.Second
)

// Options say where pictures come from, and which are taken.
type Options struct {
	From      From
	MaxBytes  int            // 0: DefaultMaxBytes
	MaxPixels int            // width times height; 0: DefaultMaxPixels
	Folder    string         // of FromFile: no path leads out of it, nor does a link
	Hosts     []string       // of FromURL: the names that addresses may have, "name:port" for another port than the scheme's
	Networks  []netip.Prefix // of FromURL: networks that aren't public, in which hosts may be all the same
	Plain     bool           // of FromURL: http too
	Timeout   time.Duration  // of one picture, redirects included; 0: DefaultTimeout
	RootCAs   *x509.CertPool // to trust; nil: the system's

	// Reachable says which addresses may be connected to, in place of the public ones and Networks. It is for tests, whose
	// servers are on this machine: no configuration sets it.
	Reachable func(netip.Addr) bool
}

// Album is where the pictures of a pipeline are. It is safe for concurrent use.
type Album struct {
	options Options
	client  *http.Client // of FromURL
}

// New makes an album. It opens nothing.
func New(options Options) *Album {
	options.MaxBytes = cmp.Or(options.MaxBytes, DefaultMaxBytes)
	options.MaxPixels = cmp.Or(options.MaxPixels, DefaultMaxPixels)
	options.Timeout = cmp.Or(options.Timeout, DefaultTimeout)
	a := &Album{options: options}
	if options.From == FromURL {
		a.client = a.newClient()
	}
	return a
}

// Close closes idle connections. The album may be used on.
func (a *Album) Close() {
	if a.client != nil {
		a.client.CloseIdleConnections()
	}
}

// Picture is a picture that was got and checked.
type Picture struct {
	Name        string // of a file for it, with the ending of its type
	ContentType string
	SHA256      string // of the content, hex
	Content     []byte
}

// ProblemError is a picture that can't be used. It holds nothing of an address but its host and path.
type ProblemError struct{ problem string }

func (e *ProblemError) Error() string { return e.problem }

func problemf(format string, args ...any) error {
	return &ProblemError{fmt.Sprintf(format, args...)}
}

// Stamp recognises what a cell points at, as well as can be told without reading it: a file's size and time, the bytes of
// the cell, an address as it is written. A picture whose stamp is the same is taken for the same. "" is a cell that
// points at none.
func (a *Album) Stamp(cell string) string {
	cell = strings.TrimSpace(cell)
	if cell == "" {
		return ""
	}
	what := cell
	if a.options.From == FromFile {
		what = a.fileStamp(cell)
	}
	sum := sha256.Sum256([]byte(string(a.options.From) + "\x00" + what))
	return hex.EncodeToString(sum[:16])
}

// Source says for people where the picture of a cell is: a path, or an address without what may be secret in it; "" for the
// cell itself.
func (a *Album) Source(cell string) string {
	switch cell = strings.TrimSpace(cell); a.options.From {
	case FromFile:
		return cell
	case FromURL:
		return shownText(cell)
	default:
		return ""
	}
}

// Ready returns why no picture at all can be got now: a folder that isn't there, as when it isn't mounted; nil where
// pictures may be got.
func (a *Album) Ready() error {
	if a.options.From != FromFile {
		return nil
	}
	root, err := os.OpenRoot(a.options.Folder)
	if err != nil {
		return problemf("the folder %s can't be opened: %s", a.options.Folder, why(err))
	}
	return root.Close()
}

// Local reports whether pictures are at hand: getting one asks nobody else.
func (a *Album) Local() bool { return a.options.From != FromURL }

// Carried reports whether records carry the pictures themselves.
func (a *Album) Carried() bool { return a.options.From == FromBase64 }

// Get returns the picture that a cell points at. A *ProblemError says why it can't be used, now; any other error is that of ctx.
func (a *Album) Get(ctx context.Context, cell string) (*Picture, error) {
	cell = strings.TrimSpace(cell)
	var content []byte
	var err error
	switch a.options.From {
	case FromFile:
		content, err = a.readFile(cell)
	case FromURL:
		content, err = a.fetch(ctx, cell)
	default:
		content, err = a.decode(cell)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return a.check(content)
}
