package main

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sink/connectycube"
	"cubesync/sync/reconcile"
)

func (c *command) rekeyCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rekey MAP",
		Short: "Give accounts the new keys of the source",
		Long: "Reads a CSV file with the columns " + oldIDColumn + " and " + newIDColumn + ", and gives each account its new external ID\n" +
			"and, with passwords: derive, the password derived from it, in one call. All that is known of a user goes along: after\n" +
			"it, a sync of a source with the new keys finds everybody. An external ID stands in the map once, old or new. A map that\n" +
			"was broken off is given again. Nothing else changes external IDs. On anything but the embedded emulator it asks first.\n\n" + exitHelp,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("rekey needs one file, with the columns %s and %s", oldIDColumn, newIDColumn)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := readRenames(args[0])
			if err != nil {
				return err
			}
			return c.eachPipeline(cmd.Context(), func(ctx context.Context, cfg *config.Config, p *reconcile.Pipeline, order reconcile.Order) (*reconcile.Result, error) {
				if len(cfg.Pipelines) > 1 {
					return nil, usagef("name the pipeline whose accounts %s is about with --pipeline", filepath.Base(args[0]))
				}
				order.Confirm = c.ask(cfg, order.Progress, yes, "This changes external IDs, and the passwords that belong to them, at "+cfg.ConnectyCube.Endpoint)
				return p.Rekey(ctx, args[0], wanted, order)
			})
		},
	}
	c.configFlags(cmd)
	c.reportFlags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask before external IDs are changed")
	return cmd
}

// rekeying is with whose right external IDs are changed. Where passwords are derived from them, both go in one call, which
// only the user can make.
func (a *application) rekeying(cfg *config.Config, p config.Pipeline, authority connectycube.Authority,
	password func(string) (string, error), either *either,
) reconcile.Rekeying {
	switch {
	case p.Passwords.Derive != nil && cfg.ConnectyCube.Gives(config.AsOwner, p.Passwords):
		authority.Updates = connectycube.UpdatesAsOwner
		return reconcile.Rekeying{Service: a.client.Service(authority), Password: password, MayHave: either.add}
	case p.Passwords.Derive == nil && p.Updates == config.AsShared:
		return reconcile.Rekeying{Service: a.client.Service(authority)}
	default:
		return reconcile.Rekeying{}
	}
}

// either are the passwords that users may have while their external IDs are being changed: those of both.
type either struct {
	of func(externalID string) []string // nil where none can be computed

	mu     sync.RWMutex
	others map[string]string // the other external ID
}

func newEither(of func(string) []string) *either {
	return &either{of: of, others: map[string]string{}}
}

func (e *either) add(one, other string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.others[one], e.others[other] = other, one
}

// passwords returns those that the user of the external ID may have, likeliest first.
func (e *either) passwords(externalID string) []string {
	if e.of == nil {
		return nil
	}
	all := e.of(externalID)
	e.mu.RLock()
	defer e.mu.RUnlock()
	if other, being := e.others[externalID]; being {
		all = append(all, e.of(other)...)
	}
	return all
}
