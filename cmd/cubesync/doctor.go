package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/cmd/cubesync/internal/doctor"
)

// doctorRate is how many requests a second doctor makes at most: others may be at work with the application, and it is
// in no hurry.
const doctorRate = 5

func (c *command) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what the credentials may do, and what to change",
		Long: "Signs in, and tries on throw-away accounts of its own, which it removes again, what the service permits and\n" +
			"how it behaves. Compares that with what the pipelines need. Neither the source nor the state is touched, and\n" +
			"no other account. Exits with 0 where all that the configuration needs works, 2 where it must change, and 8\n" +
			"where ConnectyCube can't be used. A throw-away account that may still be there is named, and changes nothing\n" +
			"of that.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.format != formatText && c.format != formatJSON {
				return usagef("--format %q: write text or json", c.format)
			}
			cfg, err := c.load()
			if err != nil {
				return err
			}
			return c.examine(cmd.Context(), cfg)
		},
	}
	c.configFlags(cmd)
	cmd.Flags().StringVar(&c.format, "format", formatText, "how the result is written to standard output: text or json")
	return cmd
}

// examine runs the doctor until it is done or a first signal comes. Then it still removes its accounts.
func (c *command) examine(ctx context.Context, cfg *config.Config) error {
	app, err := open(gentle(cfg), c.stdin, c.log)
	if err != nil {
		return err
	}
	defer app.end(ctx, c.log)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	progress := c.progress("doctor")
	progress.Phase("examine", doctor.Steps())
	facts := doctor.Examine(ctx, doctor.Options{
		Client: app.client, ServiceUser: cfg.ConnectyCube.ServiceUser != nil, AdminKey: !cfg.ConnectyCube.AdminKey.IsZero(),
		Identity: identified(cfg.ConnectyCube.ServiceUser), Secret: throwAwaySecret(cfg.ConnectyCube),
		Progress: func() { progress.Step(1) },
	})
	progress.Close()
	report := doctor.NewReport(cfg, c.configPath, facts)
	c.exit.add(codeOfDoctor(report.Verdict()))
	if c.format == formatJSON {
		return report.WriteJSON(c.stdout)
	}
	return report.WriteText(c.stdout)
}

// gentle is the configuration for the doctor: neither sources nor states are opened, and an application that others use,
// too, is asked slowly.
func gentle(cfg *config.Config) *config.Config {
	own := *cfg
	own.Pipelines = nil
	if !cfg.ConnectyCube.Embedded() {
		own.ConnectyCube.RateLimit = min(cfg.ConnectyCube.RateLimit, doctorRate)
	}
	return &own
}

// identified reports whether sign-ins by login go to an identity provider, which answers as it likes.
func identified(who *config.ServiceUser) bool {
	return who != nil && who.Provider != nil && who.Provider.Name == "custom_identity"
}

// throwAwaySecret is what the passwords of throw-away accounts are derived from: the best kept of the keys that the
// dashboard made, which nobody can guess. The service user's password may be one that people think of, and logins show
// what is derived. Apps ship the auth key, but who has that may sign users up, and so has nothing to gain.
func throwAwaySecret(c config.ConnectyCube) string {
	return cmp.Or(c.AdminKey.Reveal(), c.AuthSecret.Reveal(), c.AuthKey.Reveal())
}

func codeOfDoctor(v doctor.Verdict) int {
	switch v {
	case doctor.Sound:
		return exitInSync
	case doctor.ConfigMustChange:
		return exitUsage
	case doctor.ServiceUnusable:
		return exitUnusable
	case doctor.Interrupted:
		return exitInterrupted
	default:
		return exitFailure
	}
}
