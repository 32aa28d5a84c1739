// Command sampleusers writes invented users as CSV: the sample that the default configuration syncs, and as many more
// as a measurement needs. The same seed gives the same bytes, and the first rows of a longer file are the shorter
// file. Every name is made up, every e-mail and website lies in a domain reserved for examples, every phone number in
// a range that no subscriber ever gets. It is no fuzzer: each row is a valid user, however odd its spelling.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// The exit codes, as cubesync's own commands have them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

type options struct {
	rows int
	seed uint64
	file string // "" is standard output
}

func run(args []string, stdout, stderr io.Writer) int {
	opts, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage
	}
	if err := write(opts, stdout); err != nil {
		fmt.Fprintln(stderr, "sampleusers:", err)
		return exitFailed
	}
	return exitDone
}

// parse reads the flags; what is wrong with them is on stderr by the time it returns an error.
func parse(args []string, stderr io.Writer) (options, error) {
	var opts options
	flags := flag.NewFlagSet("sampleusers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&opts.rows, "n", 1000, "number of users")
	flags.Uint64Var(&opts.seed, "seed", 1, "the same seed gives the same users")
	flags.StringVar(&opts.file, "o", "", "write to `FILE` instead of standard output")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	problem := ""
	switch {
	case opts.rows < 0:
		problem = fmt.Sprintf("-n %d: a number of users can't be negative", opts.rows)
	case flags.NArg() > 0:
		problem = fmt.Sprintf("unexpected argument %q; use -o FILE to name the file", flags.Arg(0))
	}
	if problem != "" {
		fmt.Fprintln(stderr, "sampleusers:", problem)
		return options{}, errors.New(problem)
	}
	return opts, nil
}

func write(opts options, stdout io.Writer) error {
	if opts.file == "" {
		return writeUsers(stdout, opts)
	}
	file, err := os.Create(opts.file)
	if err != nil {
		return err
	}
	if err := writeUsers(file, opts); err != nil {
		return errors.Join(err, file.Close())
	}
	return file.Close()
}
