package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/emulator"
)

func (c *command) emulatorCommand() *cobra.Command {
	var listen string
	options := emulator.Options{
		ApplicationID: emulator.DefaultApplicationID, AuthKey: emulator.DefaultAuthKey,
		AuthSecret: emulator.DefaultAuthSecret, AdminKey: emulator.DefaultAdminKey,
		Users: []emulator.SeedUser{{
			Login: emulatorServiceLogin, Password: config.EmulatorServicePassword, FullName: "cubesync service user",
		}},
	}
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Serve a local ConnectyCube, to try cubesync and to develop against",
		Long: "Serves the part of ConnectyCube's REST API that deals with sessions, users and files, on this machine only.\n" +
			"It refuses what the service refuses. Where the service's documentation is silent, a switch chooses the answer;\n" +
			"those that aren't at their default are shown at the start. GET / tells which pages of its own it has.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.emulate(cmd.Context(), listen, options)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", "127.0.0.1:8390", "the loopback address to listen on; port 0 takes a free one")
	flags.StringVar(&options.Data, "data", "", "the file to keep users in (default: in memory)")
	flags.StringVar(&options.ApplicationID, "application-id", options.ApplicationID, "the application's id")
	flags.StringVar(&options.AuthKey, "auth-key", options.AuthKey, "the application's authorization key")
	flags.StringVar(&options.AuthSecret, "auth-secret", options.AuthSecret, "the secret of signed sessions")
	flags.StringVar(&options.AdminKey, "admin-key", options.AdminKey, "the Admin API key")
	flags.IntVar(&options.RequestsPerSecond, "rate-limit", 0, "requests a second above which it answers 429 (default: no limit)")
	for _, s := range options.Switches() {
		flags.Var(s, s.Name, s.Changes)
		if s.Type() == "bool" {
			flags.Lookup(s.Name).NoOptDefVal = "true"
		}
	}
	return cmd
}

func (c *command) emulate(ctx context.Context, listen string, options emulator.Options) (err error) {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return usagef("--listen %q: write a loopback address with a port, such as 127.0.0.1:8390", listen)
	}
	if options.RequestsPerSecond < 0 {
		return usagef("--rate-limit %d: write a number of requests a second, or 0 for no limit", options.RequestsPerSecond)
	}
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
