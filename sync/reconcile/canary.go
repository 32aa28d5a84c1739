package reconcile

import (
	"context"

	"cubesync/sync/apply"
)

// normalised are the names of fields of which earlier samples showed that the service makes something else: a person was told then,
// and goes on.
func (r *run) normalised(ctx context.Context) (map[string]bool, error) {
	if r.order.Canary == (apply.Canary{}) {
		return nil, nil
	}
	runs, err := r.store.Runs(ctx, 0)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for i := range runs {
		if c := runs[i].Canary; c != nil {
			for _, field := range c.Normalised {
				known[field] = true
			}
		}
	}
	return known, nil
}
