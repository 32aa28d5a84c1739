package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/plan"
	"cubesync/sync/reconcile"
	"cubesync/sync/state"
)

// compare plans the same data under two configurations and shows what they do differently.
func (c *command) compare(ctx context.Context, o planOrder) error {
	if o.out != "" || o.redacted || o.pending {
		return usagef("--against goes with neither -o, --redacted nor --exit-code")
	}
	if c.format != formatText && c.format != formatJSON {
		return usagef("--format %q: with --against, write text or json", c.format)
	}
	old, err := config.Load(o.against, c.lookup, checkSchedule)
	if err != nil {
		return err
	}
	return c.visitPipelines(ctx, func(ctx context.Context, v visit) error {
		before, err := v.app.otherwise(old, v.cfg, v.pipeline.Name, o.against)
		if err != nil {
			return err
		}
		v.order.RetryRefused, v.order.ListAll = o.retry, o.listAll
		nowResult, oldResult, err := v.pipeline.Compare(ctx, before, v.order)
		v.progress.Close()
		if err != nil {
			return err
		}
		c.exit.add(codeOfRun(nowResult.Run))
		return c.showComparison(comparison{v.pipeline.Name, o.against, nowResult, oldResult})
	})
}

// otherwise makes the pipeline of another configuration, for the same application.
func (a *application) otherwise(old, cfg *config.Config, name, path string) (*reconcile.Pipeline, error) {
	if old.ConnectyCube.Endpoint != cfg.ConnectyCube.Endpoint || old.ConnectyCube.ApplicationID != cfg.ConnectyCube.ApplicationID {
		return nil, usagef("--against %s: it is for application %s at %s, not for application %s at %s", path,
			old.ConnectyCube.ApplicationID, old.ConnectyCube.Endpoint, cfg.ConnectyCube.ApplicationID, cfg.ConnectyCube.Endpoint)
	}
	for _, p := range old.Pipelines {
		if p.Name == name {
			return a.pipeline(old, p)
		}
	}
	return nil, usagef("--against %s: it has no pipeline %s", path, name)
}

// comparison is what two configurations would do with the same data.
type comparison struct {
	pipeline, against string
	now, old          *reconcile.Result
}

func (c *command) showComparison(x comparison) error {
	if x.now.Plan == nil || x.old.Plan == nil { // the read, or the service, is the same for both
		return c.show(x.now, nil)
	}
	differences := plan.Differences(x.now.Plan, x.old.Plan)
	if c.format == formatJSON {
		encoder := json.NewEncoder(c.stdout)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(struct {
			Pipeline    string            `json:"pipeline"`
			Against     string            `json:"against"`
			Now         planned           `json:"now"`
			Old         planned           `json:"old"`
			Differences []plan.Difference `json:"differences"`
		}{x.pipeline, x.against, plannedOf(x.now), plannedOf(x.old), differences})
	}
	return c.write(func(w io.Writer) error {
		c.writeComparison(w, x, differences)
		return nil
	})
}

func (c *command) writeComparison(w io.Writer, x comparison, differences []plan.Difference) {
	fmt.Fprintf(w, "%s against %s: %s decided differently\n", x.pipeline, x.against, plan.Number(len(differences)))
	for i, d := range differences {
		if !c.all && i == listLines {
			fmt.Fprintf(w, "  … and %s more; --all shows every one\n", plan.Number(len(differences)-i))
			break
		}
		fmt.Fprintf(w, "  %s %s\n    now  %s\n    old  %s\n", plan.Printable(d.ExternalID), plan.Printable(string(d.Position)), d.Now, d.Old)
	}
	writePlanned(w, "now", plannedOf(x.now))
	writePlanned(w, "old", plannedOf(x.old))
}

// planned is the sum of one plan.
type planned struct {
	Status state.Status `json:"status"`
	Counts plan.Counts  `json:"counts"`
	Guards []plan.Trip  `json:"guards,omitempty"`
}

func plannedOf(r *reconcile.Result) planned {
	return planned{r.Run.Status, r.Header.Counts, r.Run.Trips}
}

func writePlanned(w io.Writer, name string, p planned) {
	n := p.Counts
	fmt.Fprintf(w, "%s: %s to create, %s to update, %s to adopt, %s to release, %s to delete; %s unchanged, %s rejected\n", name,
		plan.Number(n.Create), plan.Number(n.Update), plan.Number(n.Adopt), plan.Number(n.Release), plan.Number(n.Delete),
		plan.Number(n.Unchanged), plan.Number(n.Rejects))
	for _, trip := range p.Guards {
		fmt.Fprintf(w, "  held by %s\n", trip)
	}
}
