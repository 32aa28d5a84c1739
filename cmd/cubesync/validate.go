package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (c *command) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration without touching anything",
		Long:  "Reads the configuration and the secrets and certificates that it refers to, and says everything that is wrong with it.\nNeither the source nor ConnectyCube nor the state is touched. Exits with 0 or 2.",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			return c.write(func(w io.Writer) error {
				for _, p := range cfg.Pipelines {
					when := "on demand only"
					if p.Schedule != "" {
						when = fmt.Sprintf("%s, %s", p.Schedule, p.Timezone)
					}
					fmt.Fprintf(w, "pipeline %s: tag %s, %s; creates %s, updates %s, deletes %s, leavers %s\n",
						p.Name, p.OwnerTag, when, p.Creates, p.Updates, p.Deletes, p.Policy.Leavers)
				}
				_, err := fmt.Fprintf(w, "%s is valid\n", c.configPath)
				return err
			})
		},
	}
	c.configFlags(cmd)
	return cmd
}

func (c *command) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(c.stdout, "cubesync", version)
			return err
		},
	}
}
