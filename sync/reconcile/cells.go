package reconcile

import (
	"context"
	"errors"
	"slices"

	"cubesync/sync/plan"
	"cubesync/sync/record"
)

// cells copies what a record says in the source's columns, but for what is never kept.
func (r *run) cells(rec record.Record) []record.Value {
	cells := make([]record.Value, len(r.columns))
	for i, name := range r.columns {
		cells[i] = rec.Value(name)
		if slices.Contains(r.hidden, name) || cells[i].IsAbsent() {
			cells[i] = record.Text("")
		}
	}
	return cells
}

// fillCells gives the records that the planner rejected their cells, for whoever corrects them. They weren't kept while
// the source was read, because hardly any is rejected; so it is read once more. A record that isn't the same any more
// gets none.
func (r *run) fillCells(ctx context.Context, desired, zeroless []plan.Desired) error {
	users := map[record.Position]*plan.Desired{}
	for i := range zeroless {
		users[zeroless[i].Position] = &zeroless[i]
	}
	wanted := map[record.Position]*plan.Reject{}
	for i := range r.Plan.Rejects {
		reject := &r.Plan.Rejects[i]
		if later := reject.Reason != plan.BadRecord || users[reject.Position] != nil; later && reject.Cells == nil {
			wanted[reject.Position] = reject
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	for i := range desired {
		if wanted[desired[i].Position] != nil {
			users[desired[i].Position] = &desired[i]
		}
	}
	reader, err := r.openSource(ctx)
	if err != nil {
		return ctx.Err() // only the cells are missing
	}
	defer func() { _ = reader.Close() }() // what was read is compared
	if !slices.Equal(reader.Columns().Names(), r.columns) {
		return nil
	}
	for len(users) > 0 {
		rec, err := reader.Next(ctx)
		if _, rejected := errors.AsType[*record.RejectError](err); rejected {
			continue
		}
		if err != nil {
			return ctx.Err()
		}
		was := users[rec.Position]
		if was == nil {
			continue
		}
		if u, err := r.Mapper.User(rec); err == nil && u == was.User {
			wanted[rec.Position].Cells = r.cells(rec)
		}
		delete(users, rec.Position)
	}
	return nil
}
