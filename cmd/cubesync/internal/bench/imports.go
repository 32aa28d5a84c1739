package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// company is a folder with users, and the path of its configuration.
func (b *bench) company(ctx context.Context, server *server, users, limit int) (config string, err error) {
	folder, err := os.MkdirTemp(b.folder, "run-")
	if err != nil {
		return "", err
	}
	if err := b.generate(ctx, users, filepath.Join(folder, "users.csv")); err != nil {
		return "", err
	}
	return writeConfig(folder, server.endpoint, limit, "leavers: keep")
}

// sync is a run of the program over so many users, in a folder of its own.
func (b *bench) sync(ctx context.Context, server *server, users, limit int, flags ...string) (*exec.Cmd, error) {
	config, err := b.company(ctx, server, users, limit)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, b.program, append([]string{"sync", "--yes", "-c", config}, flags...)...), nil
}
