package state

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
)

// file returns where the state of the identity is kept: named for the pipeline, told apart by a digest of it all.
func (id Identity) file(dir string) string {
	return filepath.Join(dir, fileName(id.Pipeline, id.Endpoint, id.ApplicationID, id.Pipeline, id.OwnerTag)+".db")
}

// fileName makes a name that people recognise and that no other values share.
func fileName(name string, values ...string) string {
	hash := sha256.New()
	for _, value := range values {
		fmt.Fprintf(hash, "%d:%s", len(value), value)
	}
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		default:
			return '_'
		}
	}, name)
	return safe[:min(len(safe), 60)] + "-" + hex.EncodeToString(hash.Sum(nil))[:12]
}

// check refuses a file that was renamed or copied from another identity's.
func (id Identity) check(file string, stored Identity) error {
	if id == stored {
		return nil
	}
	return &DamagedError{File: file, Problem: fmt.Sprintf("it belongs to pipeline %q of application %s at %s with owner tag %q",
		stored.Pipeline, stored.ApplicationID, stored.Endpoint, stored.OwnerTag)}
}

// checkSize refuses what is left of a file that was cut off in its first page: the database would take it for empty.
func checkSize(file string, size int64) error {
	const smallestPage = 512
	if size == 0 || size >= smallestPage {
		return nil
	}
	return &DamagedError{File: file, Problem: fmt.Sprintf("it was cut off after %d bytes", size)}
}

func makeFolderOf(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("the folder of the state can't be made: %w; check who may write there", err)
	}
	return nil
}

// open prepares the use of a database file. Nothing is touched before the first query.
func open(path, settings string) *sql.DB {
	address := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: settings}
	if !filepath.IsAbs(path) {
		address.Path, address.Opaque = "", (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
	}
	connector, err := sqlite.NewConnector(address.String())
	if err != nil {
		panic("settings of our own: " + err.Error())
	}
	return sql.OpenDB(keeping{connector})
}
