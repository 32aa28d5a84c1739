// Command cubesync keeps the users of a ConnectyCube application equal to a company's own system of record.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules name time zones, and a bare machine has none

	"github.com/spf13/cobra"

	"cubesync/sync/failpoint"
)

// version is set by the linker: -X main.version=…
var version = "unreleased"

func main() {
	collect("")
	if err := failpoint.Arm(os.LookupEnv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(context.Background(), signals, os.Args[1:], environment{
		lookup: os.LookupEnv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, exit: os.Exit,
	}))
}

// environment is what a command sees of the process around it.
type environment struct {
	lookup         func(string) (string, bool)
	stdin          io.Reader
	stdout, stderr io.Writer
	exit           func(code int) // ends the process at once
}

// run is the whole program: it returns the exit code.
func run(ctx context.Context, signals <-chan os.Signal, args []string, env environment) int {
	ctx, interruption, release := interruptible(ctx, signals, env.exit)
	defer release()
	c := &command{environment: env, stop: interruption}
	root := c.root()
	root.SetArgs(args)
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	called, err := root.ExecuteContextC(ctx)
	if err != nil {
		c.called = called.CommandPath()
		if c.log == nil { // refused before any command began
			err = usageError{err}
		}
		return c.report(err)
	}
	return c.exit.code()
}

// command is what all commands share.
type command struct {
	environment
	stop <-chan struct{} // closed by the first signal
	exit exits

	called     string // the command and the ones above it: "cubesync runs show"
	configPath string
	several    bool // more than one pipeline is walked
	pipeline   string
	format     string
	logFormat  string
	all        bool
	log        *slog.Logger
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "cubesync",
		Short:         "Keep the users of a ConnectyCube application equal to your system of record",
		Long:          "cubesync keeps the users of a ConnectyCube application equal to your system of record.\n\n" + exitHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			c.called = cmd.CommandPath()
			return c.openLog()
		},
	}
	root.SetVersionTemplate("cubesync {{.Version}}\n")
	root.PersistentFlags().StringVar(&c.logFormat, "log-format", "text", "how log lines are written to standard error: text or json")
	root.AddCommand(c.syncCommand(), c.planCommand(), c.applyCommand(), c.approveCommand(), c.rekeyCommand(), c.runsCommand(), c.explainCommand(), c.stateCommand(), c.serveCommand(), c.validateCommand(), c.doctorCommand(), c.emulatorCommand(), c.versionCommand())
	root.CompletionOptions.HiddenDefaultCmd = true
	fitHelp(root)
	return root
}

// openLog makes the logger, on standard error so that reports alone go to standard output.
func (c *command) openLog() error {
	switch c.logFormat {
	case "text":
		c.log = slog.New(slog.NewTextHandler(c.stderr, nil))
	case "json":
		c.log = slog.New(slog.NewJSONHandler(c.stderr, &slog.HandlerOptions{ReplaceAttr: durationsAsText}))
	default:
		return usagef("--log-format %q: write text or json", c.logFormat)
	}
	return nil
}

// durationsAsText writes 2.5s where JSON would have a number of nanoseconds.
func durationsAsText(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

const defaultConfig = "config.yaml"

// configFlags adds the flags of the commands that read a configuration.
func (c *command) configFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.configPath, "config", "c", defaultConfig, "the configuration file")
	cmd.Flags().StringVar(&c.pipeline, "pipeline", "", "the one pipeline to use (default: all, in order)")
}

// reportFlags adds the flags of the commands that show a plan or a run.
func (c *command) reportFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.format, "format", formatText, "how the result is written to standard output: text, json, markdown or html")
	cmd.Flags().BoolVar(&c.all, "all", false, "show every line of long lists")
}
