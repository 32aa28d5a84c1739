package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/emulator"
)

func (c *command) emulatorCommand() *cobra.Command {
	e := newEmulation()
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Serve a local ConnectyCube, to try cubesync and to develop against",
		Long: "Serves the part of ConnectyCube's REST API that deals with sessions, users and\n" +
			"files, on this machine only. It refuses what the service refuses. Where the\n" +
			"service's documentation is silent, a switch chooses the answer; those that are\n" +
			"not at their default are shown at the start. GET / lists its own pages and how\n" +
			"to make calls fail; docs/emulator.md is its manual.\n\n" +
			"No configuration is read without --config; with it, its section emulator holds\n" +
			"where no flag says otherwise.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.settle(cmd.Flags(), c.lookup); err != nil {
				return err
			}
			return c.emulate(cmd.Context(), e)
		},
	}
	e.flags(cmd.Flags())
	cmd.SetUsageFunc(emulatorUsage)
	return cmd
}

// emulatorUsage shows the switches apart from the other flags, in the 80 columns of a terminal.
func emulatorUsage(cmd *cobra.Command) error {
	isSwitch := map[string]bool{}
	for _, s := range new(emulator.Options).Switches() {
		isSwitch[s.Name] = true
	}
	settings, switches := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if isSwitch[f.Name] {
			switches.AddFlag(f)
		} else {
			settings.AddFlag(f)
		}
	})
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "Usage:\n  %s\n\nFlags:\n%s\nSwitches, with _ for - under emulator.switches of a configuration:\n%s",
		cmd.UseLine(), settings.FlagUsagesWrapped(80), switches.FlagUsagesWrapped(80))
	return err
}

// emulation is what the flags say of an emulator.
type emulation struct {
	listen, config string
	verifyURL      string
	mapping        string // JSON
	options        emulator.Options
}

func newEmulation() *emulation {
	return &emulation{options: emulator.Options{
		ApplicationID: emulator.DefaultApplicationID, AuthKey: emulator.DefaultAuthKey,
		AuthSecret: emulator.DefaultAuthSecret, AdminKey: emulator.DefaultAdminKey,
	}}
}

func (e *emulation) flags(flags *pflag.FlagSet) {
	o := &e.options
	flags.StringVar(&e.listen, "listen", "127.0.0.1:8390", "the loopback address to listen on; port 0 takes a free one")
	flags.StringVarP(&e.config, "config", "c", "", "a configuration whose section emulator is used (default: none)")
	flags.StringVar(&o.Data, "data", "", "the file to keep users and files in (default: in memory)")
	flags.StringVar(&o.ApplicationID, "application-id", o.ApplicationID, "the application's id")
	flags.StringVar(&o.AuthKey, "auth-key", o.AuthKey, "the application's authorization key")
	flags.StringVar(&o.AuthSecret, "auth-secret", o.AuthSecret, "the secret of signed sessions")
	flags.StringVar(&o.AdminKey, "admin-key", o.AdminKey, "the Admin API key")
	flags.IntVar(&o.RequestsPerSecond, "rate-limit", 0, "requests a second above which it answers 429 (default: no limit)")
	flags.StringVar(&e.verifyURL, "identity-url", "", "the address of your backend that is asked who signs in (a Custom Identity Provider)")
	flags.StringVar(&e.mapping, "identity-mapping", "", `how its answer makes a user, as JSON (default: {"uid":"#{user.id}"})`)
	for _, s := range o.Switches() {
		flags.Var(switchFlag{s}, s.Name, s.Changes)
		if s.Type() == "bool" {
			flags.Lookup(s.Name).NoOptDefVal = "true"
		}
	}
}

// switchFlag shows beside its flag what a switch can be.
type switchFlag struct{ emulator.Switch }

// Type implements pflag.Value.
func (f switchFlag) Type() string {
	if f.Switch.Type() == "string" {
		return strings.Join(f.Answers(), "|")
	}
	return f.Switch.Type()
}

// settle takes over what the configuration says where no flag did.
func (e *emulation) settle(flags *pflag.FlagSet, env func(string) (string, bool)) error {
	if e.config != "" {
		said := map[string]string{} // by the flags, which write into the options that are replaced now
		flags.Visit(func(f *pflag.Flag) { said[f.Name] = f.Value.String() })
		options, err := config.LoadEmulator(e.config, env)
		if err != nil {
			return err
		}
		e.options = options
		for name, text := range said {
			if err := flags.Set(name, text); err != nil {
				return err
			}
		}
	}
	return e.identify(flags)
}

// identify makes the identity provider of the flags; what they don't say stays as it is.
func (e *emulation) identify(flags *pflag.FlagSet) error {
	url, mapping := flags.Changed("identity-url"), flags.Changed("identity-mapping")
	if !url && !mapping {
		return nil
	}
	var identity emulator.Identity
	if e.options.Identity != nil {
		identity = *e.options.Identity
	}
	if url {
		identity.VerifyURL = e.verifyURL
	}
	if mapping {
		identity.Mapping = nil
		if err := json.Unmarshal([]byte(e.mapping), &identity.Mapping); err != nil {
			return usagef(`--identity-mapping: write JSON such as {"uid":"#{user.id}"}`)
		}
	}
	if err := identity.Check(); err != nil {
		return usagef("--identity-url and --identity-mapping: %w", err)
	}
	e.options.Identity = &identity
	return nil
}

// check refuses what Open would take for a default, and what it would refuse.
func (e *emulation) check() error {
	host, _, err := net.SplitHostPort(e.listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return usagef("--listen %q: write a loopback address with a port, such as 127.0.0.1:8390", e.listen)
	}
	o := e.options
	for _, f := range []struct{ name, text string }{
		{"application-id", o.ApplicationID}, {"auth-key", o.AuthKey}, {"auth-secret", o.AuthSecret}, {"admin-key", o.AdminKey},
	} {
		if f.text == "" {
			return usagef("--%s is empty: write one, or leave it out for the usual one", f.name)
		}
	}
	if o.RequestsPerSecond < 0 {
		return usagef("--rate-limit %d: write a number of requests a second, or 0 for no limit", o.RequestsPerSecond)
	}
	if err := o.Check(); err != nil {
		return usageError{err}
	}
	return nil
}

func (c *command) emulate(ctx context.Context, e *emulation) (err error) {
	if err := e.check(); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", e.listen)
	if err != nil {
		return usagef("--listen %s: %w; write another address (port 0 takes a free one), or stop what listens there", e.listen, errors.Unwrap(err))
	}
	e.options.Users = serviceUser()
	fresh := isMissing(e.options.Data)
	server, err := emulator.Open(e.options)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	fmt.Fprint(c.stdout, sheet(listener.Addr().String(), e.options, fresh))
	web := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		select {
		case <-c.stop:
		case <-ctx.Done():
		}
		_ = web.Close() // what is under way is cut off, as by a crash: clients must bear that
	}()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func isMissing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
