package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
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
		Long: "Serves the part of ConnectyCube's REST API that deals with sessions, users and files, on this machine only.\n" +
			"It refuses what the service refuses. Where the service's documentation is silent, a switch chooses the answer;\n" +
			"those that aren't at their default are shown at the start. GET / tells which pages of its own it has.\n\n" +
			"No configuration is read without --config; with it, its section emulator holds where no flag says otherwise.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.settle(cmd.Flags(), c.lookup); err != nil {
				return err
			}
			return c.emulate(cmd.Context(), e.listen, e.options)
		},
	}
	e.flags(cmd.Flags())
	return cmd
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
	flags.StringVar(&o.Data, "data", "", "the file to keep users in (default: in memory)")
	flags.StringVar(&o.ApplicationID, "application-id", o.ApplicationID, "the application's id")
	flags.StringVar(&o.AuthKey, "auth-key", o.AuthKey, "the application's authorization key")
	flags.StringVar(&o.AuthSecret, "auth-secret", o.AuthSecret, "the secret of signed sessions")
	flags.StringVar(&o.AdminKey, "admin-key", o.AdminKey, "the Admin API key")
	flags.IntVar(&o.RequestsPerSecond, "rate-limit", 0, "requests a second above which it answers 429 (default: no limit)")
	flags.StringVar(&e.verifyURL, "identity-url", "", "the address of your backend that is asked who signs in (a Custom Identity Provider)")
	flags.StringVar(&e.mapping, "identity-mapping", "", `how its answer makes a user, as JSON (default: {"uid":"#{user.id}"})`)
	for _, s := range o.Switches() {
		flags.Var(s, s.Name, s.Changes)
		if s.Type() == "bool" {
			flags.Lookup(s.Name).NoOptDefVal = "true"
		}
	}
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

func (c *command) emulate(ctx context.Context, listen string, options emulator.Options) (err error) {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return usagef("--listen %q: write a loopback address with a port, such as 127.0.0.1:8390", listen)
	}
	if options.RequestsPerSecond < 0 {
		return usagef("--rate-limit %d: write a number of requests a second, or 0 for no limit", options.RequestsPerSecond)
	}
	options.Users = serviceUser()
	server, err := emulator.Open(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "endpoint        http://%s\napplication id  %s\nauth key        %s\nauth secret     %s\nadmin key       %s\nservice user    %s / %s\n",
		listener.Addr(), options.ApplicationID, options.AuthKey, options.AuthSecret, options.AdminKey,
		emulatorServiceLogin, config.EmulatorServicePassword)
	for _, s := range options.Switches() {
		if s.Changed() {
			fmt.Fprintf(c.stdout, "switch          %s=%s: %s\n", s.Name, s, s.Changes)
		}
	}
	if options.Identity != nil {
		fmt.Fprintf(c.stdout, "identity        asked of %s\n", options.Identity.VerifyURL)
	}
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
