package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/plan"
)

func (c *command) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration and run the tests in it",
		Long:  "Reads the configuration and the secrets and certificates that it refers to, and says everything that is wrong with it.\nThen it runs the tests of the mappings, and shows every difference.\nNeither the source nor ConnectyCube nor the state is touched. Exits with 0 or 2.",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			if err := testMappings(cfg); err != nil {
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
					if usual := p.UsualMapping(); usual != "" {
						fmt.Fprintf(w, "pipeline %s: mapping of the preset %s: %s\n", p.Name, p.Source.LDAP.Preset, usual)
					}
					if n := p.Tests.Len(); n > 0 {
						fmt.Fprintf(w, "pipeline %s: %s of the mapping passed\n", p.Name, plan.Counted(n, "test"))
					}
				}
				_, err := fmt.Fprintf(w, "%s is valid\n", c.configPath)
				return err
			})
		},
	}
	c.configFlags(cmd)
	return cmd
}

// testMappings runs the tests of all pipelines, and says everything that isn't as they want it.
func testMappings(cfg *config.Config) error {
	var failed config.Error
	for _, p := range cfg.Pipelines {
		err := p.Test()
		if one, is := errors.AsType[*config.Error](err); is {
			failed.Complaints = append(failed.Complaints, one.Complaints...)
		} else if err != nil {
			return err
		}
	}
	if len(failed.Complaints) > 0 {
		return &failed
	}
	return nil
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
