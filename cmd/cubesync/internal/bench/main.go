// Command bench measures the program against an emulator in another process, over loopback:
//
//	import  how fast a first import is without a limit, and how much memory it and the run after it take; the same of one by a
//	        saved plan; it fails above 300 MB
//	loops   how many sign-ups a second the apply phase reaches, beside a bare net/http loop over as many; it fails below 0.75
//	limits  how well limits are used and kept, the server's own among them, and how long whole runs take far away; it fails
//	        when a limit is exceeded or wasted, or when a run takes longer than its calls, or makes others than it announced
//	sources how many users a second are read from a file, a directory and databases, beside a bare loop over the library that
//	        each source stands on; it fails below 0.9, or 0.8 of databases, or above 32 MB for the file and 40 for the directory
//	plan    how fast, and in how much memory, a few differences are found among many users, from a CSV file and a warm
//	        mirror to a finished plan file; beside it DuckDB's full outer join of the same users as two CSV files
//
// Given a name it measures that, otherwise everything. Every count is the server's, or checked against what was made to
// differ. It is no test of what a plan says.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// The exit codes, as cubesync's own commands have them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	release()
	os.Exit(code)
}

// options are what to measure, and how large.
type options struct {
	part   string    // "": all
	users  int       // of the import and of the plan
	rounds int       // of the plan
	logs   io.Writer // as the field of bench
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage
	}
	if err := measure(ctx, o, stdout); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitFailed
	}
	return exitDone
}

// parse reads the arguments; what is wrong with them is on stderr by the time it returns an error.
func parse(args []string, stderr io.Writer) (options, error) {
	o := options{}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		o.part, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("bench [import|loops|limits|sources|plan]", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.users, "n", 1_000_000, "users of the import and of the plan, a multiple of 100")
	flags.IntVar(&o.rounds, "rounds", 5, "rounds of the plan that are measured")
	verbose := flags.Bool("v", false, "show what the measured commands log, the time of each phase for instance")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *verbose {
		o.logs = stderr
	}
	known := slices.ContainsFunc(parts(), func(p part) bool { return p.name == o.part })
	var err error
	switch {
	case o.part != "" && !known:
		err = fmt.Errorf("%q can't be measured: write import, loops, limits, sources or plan, or nothing for all of them", o.part)
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.users < block || o.users%block != 0:
		err = fmt.Errorf("-n %d: write a multiple of %d", o.users, block)
	case o.rounds < 1:
		err = fmt.Errorf("-rounds %d: write 1 or more", o.rounds)
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
	}
	return o, err
}

// part is something that can be measured by itself.
type part struct {
	name string
	do   func(*bench, context.Context, options, io.Writer) error
}

func parts() []part {
	return []part{
		{"import", func(b *bench, ctx context.Context, o options, out io.Writer) error {
			return b.firstImport(ctx, o.users, out)
		}},
		{"loops", func(b *bench, ctx context.Context, _ options, out io.Writer) error { return b.loops(ctx, out) }},
		{"limits", func(b *bench, ctx context.Context, _ options, out io.Writer) error { return b.limits(ctx, out) }},
		{"sources", func(b *bench, ctx context.Context, _ options, out io.Writer) error { return b.sources(ctx, out) }},
		{"plan", func(b *bench, ctx context.Context, o options, out io.Writer) error {
			return b.planning(ctx, o, out)
		}},
	}
}

// measure does the parts, in a temporary folder that is gone afterwards.
func measure(ctx context.Context, o options, out io.Writer) error {
	folder, err := os.MkdirTemp("", "cubesync-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // a temporary folder
	b := &bench{folder: folder, program: filepath.Join(folder, "cubesync"), logs: o.logs}
	if err := b.build(ctx); err != nil {
		return err
	}
	var failures []error
	for _, p := range parts() {
		if o.part != "" && o.part != p.name {
			continue
		}
		if err := p.do(b, ctx, o, out); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", p.name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failures...)
}

// bench holds what the measurements share.
type bench struct {
	folder, program string
	logs            io.Writer // of all commands; nil: shown only where one fails
}

// build makes the program as it is delivered.
func (b *bench) build(ctx context.Context) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.program, "cubesync/cmd/cubesync")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	return b.execute(command)
}

// generate writes a CSV file of so many invented users.
func (b *bench) generate(ctx context.Context, users int, path string) error {
	command := exec.CommandContext(ctx, "go", "run", "-trimpath", "cubesync/cmd/sampleusers", "-n", fmt.Sprint(users), "-o", path)
	command.Env = append(os.Environ(), "CGO_ENABLED=0") // as the program, which has compiled what both need
	return b.execute(command)
}

// execute carries a command out. What it says on standard error is in the error, if there is one, or goes where b.logs
// says.
func (b *bench) execute(command *exec.Cmd) error {
	var said bytes.Buffer
	command.Stderr = &said
	if b.logs != nil {
		command.Stderr = b.logs
	}
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, said.Bytes())
	}
	return nil
}
