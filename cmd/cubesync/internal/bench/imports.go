package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

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
