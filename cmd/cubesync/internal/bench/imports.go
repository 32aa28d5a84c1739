package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	imported = 100_000 // users of a first import
	noLimit  = 100_000 // requests a second: the most that a configuration takes, and more than any machine reaches
)

// firstImport signs everybody up into an empty server and shows users a second, look-ups included.
func (b *bench) firstImport(ctx context.Context, out io.Writer) error {
	server, err := b.serve(ctx)
	if err != nil {
		return err
	}
	defer server.stop()
	worker, err := b.sync(ctx, server, imported, noLimit)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := b.execute(worker); err != nil {
		return err
	}
	took := time.Since(began)
	counters, err := server.counters(ctx)
	if err != nil {
		return err
	}
	if counters.Written.SignUp != imported {
		return fmt.Errorf("the server counts %d sign-ups, want %d", counters.Written.SignUp, imported)
	}
	fmt.Fprintf(out, "first import of %d users, no limit: %.0f users/s\n\n", imported, imported/took.Seconds())
	return nil
}

// sync is a run of the program over so many users, in a folder of its own.
func (b *bench) sync(ctx context.Context, server *server, users, limit int, flags ...string) (*exec.Cmd, error) {
	folder, err := os.MkdirTemp(b.folder, "run-")
	if err != nil {
		return nil, err
	}
	if err := b.generate(ctx, users, filepath.Join(folder, "users.csv")); err != nil {
		return nil, err
	}
	path, err := writeConfig(folder, server.endpoint, limit, "leavers: keep")
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, b.program, append([]string{"sync", "--yes", "-c", path}, flags...)...), nil
}
