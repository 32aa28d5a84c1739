package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// blob is a file that belongs to a user. Times are Unix seconds. The JSON form is that of <uid>.json in the blobs' folder.
type blob struct {
	ID          int64  `json:"id"`
	UID         string `json:"uid"` // also the key in the storage
	Owner       int64  `json:"owner"`
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Public      bool   `json:"public"`
	Uploaded    bool   `json:"uploaded"`
	Size        int64  `json:"size"` // in bytes, once uploaded
	Created     int64  `json:"created"`
	Updated     int64  `json:"updated"`
	Completed   int64  `json:"completed"` // 0 before

	content []byte // without a folder
}

// blobs holds the files, in memory or in a folder beside the data file, which is made with the first of them: the content
// in <uid>, what is known of it in <uid>.json. Safe for concurrent use; it hands out copies.
type blobs struct {
	mu     sync.Mutex
	folder string // "" in memory
	last   int64
	ids    map[int64]*blob
	uids   map[string]*blob
}

func newBlobs() *blobs { return &blobs{ids: map[int64]*blob{}, uids: map[string]*blob{}} }

// openFolder keeps the files in a folder from now on, and reads those that are there.
func (s *blobs) openFolder(folder string) error {
	s.folder = folder
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b := &blob{}
		if err := json.Unmarshal(raw, b); err != nil {
			return fmt.Errorf("%s: damaged: %w; move it away", path, err)
		}
		s.ids[b.ID], s.uids[b.UID] = b, b
		s.last = max(s.last, b.ID)
	}
	return nil
}

func (s *blobs) add(b blob) (blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.ID = s.last + 1
	if err := s.save(&b); err != nil {
		return b, err
	}
	s.last = b.ID
	s.ids[b.ID], s.uids[b.UID] = &b, &b
	return b, nil
}

func (s *blobs) byID(id int64) (blob, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.ids[id])
}

func (s *blobs) byUID(uid string) (blob, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.uids[uid])
}

func copied(b *blob) (blob, bool) {
	if b == nil {
		return blob{}, false
	}
	return *b, true
}

// change edits a file; when it can't be saved it stays as it was.
func (s *blobs) change(id int64, edit func(*blob)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.edit(id, edit)
}

// edit is change for those who hold the lock.
func (s *blobs) edit(id int64, edit func(*blob)) error {
	b := s.ids[id]
	if b == nil {
		return noBlob()
	}
	next := *b
	edit(&next)
	if err := s.save(&next); err != nil {
		return broken(err)
	}
	*b = next
	return nil
}

// fill takes the content of a file. The lock is held while it is written: of two uploads one is the last, with content and
// size.
func (s *blobs) fill(id int64, content []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.ids[id]
	if b == nil {
		return noBlob()
	}
	if s.folder != "" {
		if err := writeFile(filepath.Join(s.folder, b.UID), content); err != nil {
			return err
		}
	}
	return s.edit(id, func(b *blob) {
		b.Uploaded, b.Size = true, int64(len(content))
		if s.folder == "" {
			b.content = content
		}
	})
}

func (s *blobs) content(b blob) ([]byte, error) {
	if s.folder == "" {
		return b.content, nil
	}
	return os.ReadFile(filepath.Join(s.folder, b.UID))
}

func (s *blobs) remove(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.ids[id]
	if b == nil {
		return noBlob()
	}
	if s.folder != "" {
		if err := os.Remove(filepath.Join(s.folder, b.UID+".json")); err != nil {
			return broken(err)
		}
		if err := os.Remove(filepath.Join(s.folder, b.UID)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return broken(err)
		}
	}
	delete(s.ids, id)
	delete(s.uids, b.UID)
	return nil
}

func (s *blobs) save(b *blob) error {
	if s.folder == "" {
		return nil
	}
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return err
	}
	return writeFile(filepath.Join(s.folder, b.UID+".json"), raw)
}

// writeFile writes a file durably, whole or not at all.
func writeFile(path string, content []byte) error {
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}
