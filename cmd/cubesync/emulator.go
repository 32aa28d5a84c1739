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
		Long: "Serves the part of ConnectyCube's REST API that deals with sessions and users, on this machine only.\n" +
			"It refuses what the service refuses. GET /__emulator/counters tells what it was asked.",
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
	flags.BoolVar(&options.DenyOnTheFly, "deny-on-the-fly", false, "don't make users when somebody signs in with an unknown login")
	return cmd
}

func (c *command) emulate(ctx context.Context, listen string, options emulator.Options) (err error) {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return usagef("--listen %q: write a loopback address with a port, such as 127.0.0.1:8390", listen)
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
