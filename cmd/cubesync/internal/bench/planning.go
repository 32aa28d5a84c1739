package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// leaverRules have everybody who is gone deleted by the plan, and no guard in the way of one in a hundred.
const leaverRules = `leavers: delete
    deletes: admin
    grace: none
    vanished: recreate
    guards: {deletes: {floor: 3, share: 5%, most: 1000000}, week_deletes: {floor: 3, share: 10%, most: 1000000}}`

// site is a company that was synced yesterday, and whose export is a new one today.
type site struct {
	*bench
	folder        string
	config        string
	server        *server
	before, after string // the exports; until today's is there, the old one is in its place
	made          differences
	nights        [2]int // requests
}

// prepare makes a site: accounts as sign-ups would have left them, and the state as a run of the program over the old
// export leaves it.
func (b *bench) prepare(ctx context.Context, users int) (*site, error) {
	folder, err := os.MkdirTemp(b.folder, "plan-")
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	s := &site{bench: b, folder: folder, before: in("before.csv"), after: in("users.csv")}
	if err := b.generate(ctx, users+users/block, in("all.csv")); err != nil {
		return nil, err
	}
	if s.made, err = s.people(in("all.csv"), s.after, in("after.csv"), in("accounts.jsonl"), users); err != nil {
		return nil, err
	}
	if err := os.Remove(in("all.csv")); err != nil {
		return nil, err
	}
	if s.server, err = b.serve(ctx, "--data", in("accounts.jsonl")); err != nil {
		return nil, err
	}
	err = s.warm(ctx, users)
	if err == nil {
		err = errors.Join(os.Rename(s.after, s.before), os.Rename(in("after.csv"), s.after)) // a day passes
	}
	if err != nil {
		s.server.stop()
		return nil, err
	}
	return s, nil
}

// people writes the exports of two days, and the accounts, from one CSV file. The last account is a day old.
func (s *site) people(all, before, after, accounts string, users int) (made differences, err error) {
	var files []*os.File
	defer func() {
		for _, file := range files {
			err = errors.Join(err, file.Close())
		}
	}()
	for _, path := range []string{before, after, accounts} {
		file, err := os.Create(path)
		if err != nil {
			return made, err
		}
		files = append(files, file)
	}
	from, err := os.Open(all)
	if err != nil {
		return made, err
	}
	defer func() { _ = from.Close() }() // it was only read
	since := time.Now().Add(-24*time.Hour - time.Duration(users)*every)
	staff := staff{before: files[0], after: files[1], accounts: files[2], since: since}
	return staff.write(from, users)
}

// What two nights may ask the server where nothing has changed: the first lists everybody, by pages that begin with the last one of
// the page before; the second, what changed since.
const (
	newInPage   = 99
	mostChecks  = 10 // beside a full list
	mostAtNight = 10
)

// warm syncs the old export, twice: the first run knows nobody, the second is a night like any other. Both must find
// that there is nothing to write.
func (s *site) warm(ctx context.Context, users int) (err error) {
	if s.config, err = writeConfig(s.folder, s.server.endpoint, noLimit, leaverRules); err != nil {
		return err
	}
	var before int64
	for night, most := range []int{(users+newInPage-1)/newInPage + mostChecks, mostAtNight} {
		if err := s.execute(exec.CommandContext(ctx, s.program, "sync", "--yes", "-c", s.config)); err != nil {
			return err
		}
		counters, err := s.server.counters(ctx)
		if err != nil {
			return err
		}
		if counters.UserWrites != 0 {
			return fmt.Errorf("syncing %d accounts that are equal already wrote %d of them", users, counters.UserWrites)
		}
		s.nights[night] = int(counters.Requests - before)
		if before = counters.Requests; s.nights[night] > most {
			return fmt.Errorf("night %d over %d accounts without a change took %d requests, and may take %d", night+1, users, s.nights[night], most)
		}
	}
	return nil
}

// planned is what the program took, and how much it asked the server.
type planned struct {
	cost
	requests int64
}

// plan has the program plan the new export, and counts the operations.
func (s *site) plan(ctx context.Context) (p planned, found differences, err error) {
	out := filepath.Join(s.folder, "changes.plan")
	if err := os.Remove(out); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p, found, err
	}
	first, err := s.server.counters(ctx)
	if err != nil {
		return p, found, err
	}
	if p.cost, err = s.costOf(exec.CommandContext(ctx, s.program, "plan", "-o", out, "-c", s.config)); err != nil {
		return p, found, err
	}
	last, err := s.server.counters(ctx)
	if err != nil {
		return p, found, err
	}
	p.requests = last.Requests - first.Requests
	found, err = countIn(out, countPlanned)
	return p, found, err
}

// countPlanned reads what the header of a plan counts, and sees that as many lines follow.
func countPlanned(from io.Reader) (found differences, err error) {
	in := bufio.NewScanner(from)
	in.Buffer(nil, 1<<20)
	in.Scan()
	var header struct {
		Counts struct {
			Create, Update, Delete                int
			Operations, Rejects, Leavers, Remarks int
		}
	}
	if err := json.Unmarshal(in.Bytes(), &header); err != nil {
		return found, fmt.Errorf("the header of the plan: %w", err)
	}
	counts := header.Counts
	found = differences{Added: counts.Create, Changed: counts.Update, Gone: counts.Delete}
	lines := 0
	for in.Scan() {
		lines++
	}
	if err := in.Err(); err != nil {
		return found, fmt.Errorf("the plan: %w", err)
	}
	if want := counts.Create + counts.Update + counts.Delete; lines != want || counts.Operations != want {
		return found, fmt.Errorf("the plan has %d lines, want one each for %d creates, updates and deletes: %+v", lines, want, counts)
	}
	return found, nil
}
