package simulation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing/synctest"
	"time"

	"cubesync/sink/connectycube"
	"cubesync/sink/emulator"
	"cubesync/sync/account"
	"cubesync/sync/mapping"
	"cubesync/sync/reconcile"
	"cubesync/sync/record"
	"cubesync/sync/state"
)

// worker is a process of cubesync, with a state that may outlive it.
type worker struct {
	*line
	dir    string // of the state
	source *roster
	client *connectycube.Client
	*reconcile.Pipeline
	draws int
}

// start starts a process whose state is in dir. It goes on from what is known of the one before it.
func (n *network) start(name, dir string, source *roster, before *watch) (*worker, error) {
	w := &worker{dir: dir, source: source, line: &line{watch: &watch{
		network: n, process: name, doubts: map[string]bool{}, signUps: map[string]sentAs{}, checked: map[int64]bool{},
	}}}
	if before != nil {
		w.doubts, w.signUps, w.checked = before.doubts, before.signUps, before.checked
	}
	options := connectycube.Options{
		Endpoint: "http://emulator.invalid", ApplicationID: "1", AuthKey: emulator.DefaultAuthKey, AdminKey: emulator.DefaultAdminKey,
		RequestsPerSecond: n.limit, Workers: n.workers, Base: w.line, Timeout: timeout, Draw: w.draw,
	}
	if n.shared {
		options.User = &connectycube.Credentials{Login: serviceLogin, Password: servicePassword}
	}
	client, err := connectycube.New(options)
	if err != nil {
		return nil, err
	}
	mapper, err := mapping.New(spec())
	if err != nil {
		return nil, err
	}
	w.client = client
	w.Pipeline = n.pipeline(client, mapper, source, dir)
	return w, nil
}

// pipeline is what the configuration would make of the world.
func (w *world) pipeline(client *connectycube.Client, mapper *mapping.Mapper, source *roster, dir string) *reconcile.Pipeline {
	either := &passwords{others: map[string]string{}}
	authority := connectycube.Authority{Updates: connectycube.UpdatesAsOwner, Deletes: connectycube.DeletesAsAdmin, Passwords: either.of}
	p := &reconcile.Pipeline{
		Name: "staff", Source: source, Mapper: mapper, Accept: record.Proven, Workers: w.workers, Policy: w.policy(), Guards: limits(),
		Password: func(externalID string) (string, error) { return password(externalID), nil },
		StateDir: dir, Identity: identity(), KeepRuns: 100,
	}
	if w.shared {
		authority.Updates = connectycube.UpdatesAsShared
		p.ServiceUser = client.UserID
	}
	p.Service = client.Service(authority)
	if !w.shared {
		p.Expel = func(ctx context.Context, externalID string, left account.Account, since time.Time) error {
			return client.Expel(ctx, left, either.of(externalID), since)
		}
	}
	if w.tale == rekeying {
		p.Rekeying = reconcile.Rekeying{Service: p.Service, Password: p.Password, MayHave: either.mayHave}
	}
	return p
}

func identity() state.Identity {
	return state.Identity{Endpoint: "emulator", ApplicationID: "1", Pipeline: "staff", OwnerTag: ownerTag}
}

// passwords are those that users may have.
type passwords struct {
	mu     sync.Mutex
	others map[string]string
}

func (p *passwords) mayHave(one, other string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.others[one], p.others[other] = other, one
}

func (p *passwords) of(externalID string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := []string{password(externalID)}
	if other := p.others[externalID]; other != "" {
		all = append(all, password(other))
	}
	return all
}

// draw draws the length of a pause: at least leastPause where it may be a second.
func (w *worker) draw(most time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.draws++
	return w.between(most/2, most, w.process, "draw", fmt.Sprint(w.draws))
}

// result is how a process ended; zero where it was killed.
type result struct {
	*reconcile.Result
	began, ended time.Duration
	before       int // commits before it
}

// run is the process's life, until it ends or is killed; then what it leaves of the state is in another folder.
func (w *worker) run(l life) (result, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.crash, w.end = l.crash, cancel
	left := ""
	w.save = func() {
		synctest.Wait() // until whatever is being written is written
		left = w.dir + "-after"
		if err := os.CopyFS(left, os.DirFS(w.dir)); err != nil {
			panic(err)
		}
	}
	order := reconcile.Order{}
	if l.stop > 0 {
		stop := make(chan struct{})
		timer := time.AfterFunc(l.stop, func() { close(stop) })
		defer timer.Stop()
		order.Stop = stop
	}
	w.mu.Lock()
	end := result{began: w.now(), before: len(w.truth.commits)}
	w.mu.Unlock()
	var err error
	if l.rekeys {
		end.Result, err = w.Rekey(ctx, "map.csv", w.renames, order)
	} else {
		end.Result, err = w.Sync(ctx, order)
	}
	end.ended = w.now()
	if left == "" { // or it is killed now
		w.unseen = w.workers == 1
		_ = w.client.Close(context.Background()) // sessions that it can't end die by themselves
	}
	if left != "" {
		end.Result = nil
		return end, errors.Join(os.RemoveAll(w.dir), os.Rename(left, w.dir))
	}
	if err != nil {
		return end, fmt.Errorf("%s: no result: %w", w.process, err)
	}
	return end, nil
}

// stateFolder is on a file system in memory, where there is one: a simulation needs no disk.
func stateFolder(usual func() string) string {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() {
		if dir, err := os.MkdirTemp(memory, "cubesync-simulation-"); err == nil {
			return dir
		}
	}
	return filepath.Join(usual(), "state")
}
