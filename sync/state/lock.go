package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"cubesync/sync/failpoint"
	"cubesync/sync/plan"
)

// Locked is a lock that is held.
type Locked struct {
	lock   *flock.Flock
	holder string
}

// LockedError says who holds the lock. All but File are empty where the holder didn't leave word.
type LockedError struct {
	File  string    `json:"-"`
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Work  string    `json:"work"` // what it does: "sync of pipeline staff"
	Since time.Time `json:"since"`
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another process works on this application (lock %s): wait for it to end", e.File)
	}
	return fmt.Sprintf("another process works on this application: %s (process %d on %s, since %s; lock %s): wait for it to end",
		e.Work, e.PID, e.Host, plan.Moment(e.Since), e.File)
}

// Lock keeps every other run and apply off the application until Unlock, or until the process ends, however it ends.
// work says what it is for, to those who meet the lock: they get a *LockedError, at once. Only those who use the same
// folder meet it.
func Lock(dir, endpoint, applicationID, work string) (*Locked, error) {
	path := lockFile(dir, endpoint, applicationID)
	if err := makeFolderOf(path); err != nil {
		return nil, err
	}
	// The word about the holder has a file of its own, because a locked file can't be read on every system.
	l := &Locked{lock: flock.New(path, flock.SetPermissions(0o600)), holder: path + ".holder"}
	locked, err := l.tryLock()
	if err != nil {
		return nil, fmt.Errorf("the application can't be locked: %w; check who may write there", err)
	}
	if !locked {
		return nil, l.held(path)
	}
	failpoint.Reach(failpoint.Locked, "")
	if err := l.leaveWord(work); err != nil {
		return nil, errors.Join(fmt.Errorf("the application can't be locked: %w; check who may write there", err), l.lock.Unlock())
	}
	return l, nil
}

// tryLock tries for a moment: a Probe holds the lock for the blink of an eye, and mustn't cost a night's run.
func (l *Locked) tryLock() (bool, error) {
	const tries, pause = 5, 20 * time.Millisecond
	for try := 1; ; try++ {
		locked, err := l.lock.TryLock()
		if locked || err != nil || try == tries {
			return locked, err
		}
		time.Sleep(pause)
	}
}

// Probe returns a *LockedError while somebody holds the lock. It makes no file.
func Probe(dir, endpoint, applicationID string) error {
	path := lockFile(dir, endpoint, applicationID)
	if _, err := os.Stat(path); err != nil {
		return nil // nobody ever locked it
	}
	l := &Locked{lock: flock.New(path), holder: path + ".holder"}
	locked, err := l.lock.TryRLock()
	if err != nil {
		return nil // who may not even read it doesn't compete with anybody
	}
	if !locked {
		return l.held(path)
	}
	return l.lock.Unlock()
}

func lockFile(dir, endpoint, applicationID string) string {
	return filepath.Join(dir, fileName("application-"+applicationID, endpoint, applicationID)+".lock")
}

// Unlock lets others in. What goes wrong with it ends with the process.
func (l *Locked) Unlock() {
	_ = os.Remove(l.holder) // first: afterwards it may be another's
	_ = l.lock.Unlock()
}

func (l *Locked) leaveWord(work string) error {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	text, err := json.Marshal(LockedError{PID: os.Getpid(), Host: host, Work: work, Since: time.Now().Round(time.Second)})
	if err != nil {
		return err
	}
	if err := os.Remove(l.holder); err != nil && !errors.Is(err, fs.ErrNotExist) { // of one that was killed
		return err
	}
	return os.WriteFile(l.holder, text, 0o600)
}

func (l *Locked) held(path string) *LockedError {
	held := LockedError{}
	if text, err := os.ReadFile(l.holder); err != nil || json.Unmarshal(text, &held) != nil {
		held = LockedError{} // it has just come or is just going
	}
	held.File = path
	return &held
}
