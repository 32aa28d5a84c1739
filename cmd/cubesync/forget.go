package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/plan"
	"cubesync/sync/state"
)

func (c *command) stateForgetCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "forget USER",
		Short: "Remove a person from everything that cubesync keeps",
		Long: "USER is an external ID, a login, an e-mail or an account id. What is known of them, their operations in the journal,\n" +
			"and their lines of the kept plans are removed, and their names from what is kept of others; then every byte in the\n" +
			"folder of the state is searched for each text that was kept of them. A plan from which something was taken out\n" +
			"can still be read, and not carried out any more.\n\n" +
			"Neither the source nor ConnectyCube is touched: while they have the person, the next run takes them up again, or signs\n" +
			"them up. So take them out there first. Plans written with -o, reports, logs and backups are yours to look through.\n" +
			"It asks first, and waits for no run.\n\n" +
			"Exit codes:\n    0  nothing of them is left\n    1  something is left, or it couldn't be done\n    2  usage or configuration; nobody is known by that name, or several are; not confirmed\n    7  a run holds the lock of this application",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usagef("state forget needs one user: an external ID, a login, an e-mail or an account id")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.forget(cmd.Context(), args[0], yes) },
	}
	c.configFlags(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return cmd
}

// forgetting is the state of one pipeline, and what it keeps of the person.
type forgetting struct {
	pipeline string
	store    *state.Store
	traces   *state.Traces
}

func (c *command) forget(ctx context.Context, word string, yes bool) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	lock, err := state.Lock(cfg.State, cfg.ConnectyCube.Endpoint, cfg.ConnectyCube.ApplicationID, "state forget")
	if err != nil {
		return err
	}
	defer lock.Unlock()
	var all []forgetting
	var ids []state.Identity
	defer func() {
		for _, f := range all {
			_ = f.store.Close() // what matters was committed before
		}
	}()
	for _, p := range cfg.Pipelines {
		f, err := traced(ctx, cfg, p, word)
		if err != nil {
			return fmt.Errorf("pipeline %s: %w", p.Name, err)
		}
		if f.store != nil {
			all, ids = append(all, f), append(ids, identityOf(cfg, p))
		}
	}
	found := false
	for _, f := range all {
		found = found || f.traces.Found()
	}
	if !found {
		return c.forgetRemnants(ctx, cfg, ids, all, word)
	}
	if err := c.confirmForgetting(all, yes); err != nil {
		return err
	}
	proof, err := forgetAll(ctx, cfg, ids, all)
	if err != nil {
		return err
	}
	if !proof.Clean() {
		c.exit.add(exitFailure)
	}
	return c.write(func(w io.Writer) error { return writeProof(w, proof) })
}

// traced opens the state of a pipeline, if there is one, and finds what it keeps of the person.
func traced(ctx context.Context, cfg *config.Config, p config.Pipeline, word string) (forgetting, error) {
	store, err := state.OpenExisting(ctx, cfg.State, identityOf(cfg, p))
	if err != nil || store == nil {
		return forgetting{}, err
	}
	traces, err := store.Trace(ctx, word)
	if err != nil {
		if _, several := errors.AsType[*state.SeveralError](err); several {
			err = usageError{err}
		}
		return forgetting{}, errors.Join(err, store.Close())
	}
	return forgetting{pipeline: p.Name, store: store, traces: traces}, nil
}

// forgetAll removes the person everywhere, closes the states, and searches them.
func forgetAll(ctx context.Context, cfg *config.Config, ids []state.Identity, all []forgetting) (*state.Proof, error) {
	var traces []*state.Traces
	for _, f := range all {
		traces = append(traces, f.traces)
		if err := errors.Join(f.store.Forget(ctx, f.traces), f.store.Close()); err != nil {
			return nil, fmt.Errorf("pipeline %s: %w", f.pipeline, err)
		}
	}
	return state.Prove(ctx, cfg.State, ids, traces)
}

// forgetRemnants is what is left to do of somebody who isn't kept: pages that the database freed may still hold their bytes.
func (c *command) forgetRemnants(ctx context.Context, cfg *config.Config, ids []state.Identity, all []forgetting, word string) error {
	nobody := usagef("nobody is known as %q: nothing that is kept has it as external ID, login, e-mail or account id", word)
	if len(all) == 0 {
		return nobody
	}
	proof, err := state.Prove(ctx, cfg.State, ids, []*state.Traces{all[0].traces})
	if err != nil {
		return err
	}
	if proof.Clean() {
		return nobody
	}
	if proof, err = forgetAll(ctx, cfg, ids, all); err != nil {
		return err
	}
	if !proof.Clean() {
		c.exit.add(exitFailure)
	}
	fmt.Fprintf(c.stdout, "nothing is kept of %s any more; what deleted rows had left of them was overwritten\n", plan.Printable(word))
	return c.write(func(w io.Writer) error { return writeProof(w, proof) })
}

// confirmForgetting says what is about to go, and asks.
func (c *command) confirmForgetting(all []forgetting, yes bool) error {
	var told strings.Builder
	for _, f := range all {
		if f.traces.Found() {
			writeTraces(&told, f.pipeline, f.traces)
		}
	}
	told.WriteString("While the source or ConnectyCube has them, the next run takes them up again, or signs them up.\n")
	if err := c.write(func(w io.Writer) error { _, err := io.WriteString(w, told.String()); return err }); err != nil {
		return err
	}
	if yes {
		return nil
	}
	if !isTerminal(c.stdin) {
		return usagef("nobody can be asked here: give --yes to forget them; nothing was changed")
	}
	if !c.answered("Forget them?") {
		return usagef("not confirmed; nothing was changed")
	}
	return nil
}

func writeTraces(w io.Writer, pipeline string, t *state.Traces) {
	who := t.Person.Names
	if len(t.Person.ExternalIDs) > 0 {
		who = t.Person.ExternalIDs
	}
	fmt.Fprintf(w, "%s keeps of %s: %s of what is known, %s of the journal, %s of plans\n", plan.Printable(pipeline),
		plan.Printable(strings.Join(who, ", ")), plan.Counted(t.Known, "row"), plan.Counted(t.Operations, "operation"), plan.Counted(t.Lines, "line"))
	for _, consequence := range []struct {
		is    bool
		words string
	}{
		{t.Absent, "their grace would begin anew"},
		{t.InDoubt > 0, "what became of an operation in doubt is then found out only as far as the source and ConnectyCube show it"},
		{t.Parked, "what their account gave up in a swap is known here only: it can't be given back then; `cubesync sync` may give it back before"},
		{t.Rekeying > 0, "their external ID is being changed: their account may then have a password that nobody can derive; `cubesync rekey` with the same map ends that before"},
	} {
		if consequence.is {
			fmt.Fprintf(w, "  %s\n", consequence.words)
		}
	}
}

func writeProof(w io.Writer, p *state.Proof) error {
	verdict := "nothing of them is left"
	if !p.Clean() {
		verdict = "something of them is left"
	}
	_, err := fmt.Fprintf(w, "%s: searched %s in %s for %s\n", verdict, plan.Counted(int(p.Bytes), "byte"), plan.Counted(p.Files, "file"), plan.Counted(p.Sought, "text"))
	for _, list := range []struct {
		what string
		all  []state.Remainder
	}{
		{"left", p.Left},
		{"in a file of no pipeline here, to be removed by hand if it is theirs", p.Others},
		{"somebody else's, or part of something else", p.Shared},
	} {
		for i, r := range list.all {
			if i == listLines {
				_, _ = fmt.Fprintf(w, "  … and %s more\n", plan.Number(len(list.all)-i)) // the last error below
				break
			}
			_, err = fmt.Fprintf(w, "  %s: %s, in %s\n", list.what, plan.Printable(r.Text), plan.Printable(r.Where))
		}
	}
	for _, text := range p.Short {
		_, err = fmt.Fprintf(w, "  too short to be sought byte by byte, and in no row, operation or line of theirs: %s\n", plan.Printable(text))
	}
	return err
}
