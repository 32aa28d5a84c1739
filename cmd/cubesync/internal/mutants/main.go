// Command mutants shows that the tests would notice: it breaks one rule at a time, as the lists beside it say, and runs
// the one test that each of them names. A rule that can be broken without that test turning red fails the command.
//
//	mutants [AREA | NAME]...
//
// An area is a list, such as client for client.diff; a name is that of one mutant; without either it is all of them. The
// tree isn't touched: the broken file is handed to the go command as an overlay. Nothing but the go command is needed.
//
// It isn't a search for mutants: somebody chose each of them, as a rule that must not be lost.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

// listFolder is where the lists are, from the root of the module.
const listFolder = "cmd/cubesync/internal/mutants"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, time.Minute)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run tries the chosen mutants of the module that the working folder belongs to. The tests of one mutant may take as long
// as timeout says.
func run(ctx context.Context, chosen []string, out io.Writer, timeout time.Duration) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	mutants, err := readLists(os.DirFS(filepath.Join(root, filepath.FromSlash(listFolder))))
	if err != nil {
		return err
	}
	mutants, err = choose(mutants, chosen)
	if err != nil {
		return err
	}
	return hunt{root, out, timeout}.run(ctx, mutants)
}

// moduleRoot is the folder of the go.mod that the working folder belongs to.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			return "", errors.New("there is no go.mod here or above; run it inside the module")
		}
		folder = above
	}
}
