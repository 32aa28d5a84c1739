package main

import (
	"context"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/cmd/cubesync/internal/doctor"
	"cubesync/sync/user"
)

// doctorRate is how many requests a second doctor makes at most: others may be at work with the application, and it is
// in no hurry.
const doctorRate = 5

func (c *command) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what the credentials may do, and which line of the configuration to change",
		Long: "Signs in, and tries on throw-away accounts of its own, which it removes again, what the service permits and\n" +
			"how it behaves. Compares that with what the pipelines need. Neither the source nor the state is touched, and\n" +
			"no other account. Exits with 0 where all that the configuration needs works, 2 where it must change, and 8\n" +
			"where ConnectyCube can't be used.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.output != "text" && c.output != "json" {
				return usagef("--output %q: write text or json", c.output)
			}
			cfg, err := c.load()
			if err != nil {
				return err
			}
			return c.examine(cmd.Context(), cfg)
		},
	}
	c.configFlags(cmd)
	cmd.Flags().StringVarP(&c.output, "output", "o", "text", "how the result is written to standard output: text or json")
	return cmd
}

// examine runs the doctor until it is done or a first signal comes. Then it still removes its accounts.
func (c *command) examine(ctx context.Context, cfg *config.Config) error {
	gentle := *cfg
	gentle.Pipelines = nil // neither sources nor states are opened
	if !cfg.ConnectyCube.Embedded() {
		gentle.ConnectyCube.RateLimit = min(cfg.ConnectyCube.RateLimit, doctorRate)
	}
	app, err := open(&gentle, c.log)
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
		Password: user.DerivePassword(cfg.ConnectyCube.AuthKey.Reveal(), doctor.Tag),
		Progress: func() { progress.Step(1) },
	})
	progress.Close()
	report := doctor.NewReport(cfg, c.configPath, facts)
	c.exit.add(codeOfDoctor(report.Verdict()))
	if c.output == "json" {
		return report.WriteJSON(c.stdout)
	}
	return report.WriteText(c.stdout)
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
