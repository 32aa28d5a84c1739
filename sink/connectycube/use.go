package connectycube

import (
	"context"
	"fmt"
	"slices"
)

// use checks that the page follows the one before, and yields what is new.
func (w *walk[T]) use(ctx context.Context, got page[T], number int) error {
	items, err := w.follows(got, number)
	if err != nil {
		return err
	}
	for _, item := range items {
		if err := w.fits(ctx, item); err != nil {
			return err
		}
		if w.also != nil {
			if err := w.also(ctx, item); err != nil {
				return err
			}
		}
		id := w.id(item)
		if id <= w.last {
			return &movedError{fmt.Sprintf("user %d came after user %d", id, w.last)}
		}
		w.last = id
		if err := w.give(id, item); err != nil {
			return err
		}
	}
	return nil
}

// follows returns what the page has beyond the one before. Of a list that grows each page tells its own total, and
// those who joined push the others back: what begins with the last of the page before, or earlier, leaves nobody out.
func (w *walk[T]) follows(got page[T], number int) ([]T, error) {
	if got.total != w.total && !w.grows {
		return nil, &movedError{fmt.Sprintf("it had %d users, then %d", w.total, got.total)}
	}
	expected := min(pageSize, got.total-number*pageStep)
	if len(got.items) != expected || number > 0 && expected == 0 {
		return nil, &movedError{fmt.Sprintf("page %d of %d users had %d, where %d were due", number+1, got.total, len(got.items), expected)}
	}
	if number == 0 {
		return got.items, nil
	}
	first, repeated := w.id(got.items[0]), 1
	if first > w.last || first < w.last && !w.grows {
		return nil, &movedError{fmt.Sprintf("page %d started with user %d, where %d was due", number+1, first, w.last)}
	}
	for first < w.last && repeated < len(got.items) && w.id(got.items[repeated]) <= w.last {
		repeated++
	}
	return got.items[repeated:], nil
}

// fits checks that whoever is shown is one who was asked for.
func (w *walk[T]) fits(ctx context.Context, item T) error {
	if w.what.field != "" && !holdsAny(w.what.field, w.form.holds(item, w.what.field), w.what.values) && !w.heeds(ctx) {
		return ignored(w.name, w.what.field, w.id(item), hintQueries)
	}
	return nil
}

func (w *walk[T]) give(id int64, item T) error {
	if n := len(w.yielded); n > 0 && id <= w.yielded[n-1] {
		if _, known := slices.BinarySearch(w.yielded, id); !known && !w.grows {
			return &movedError{fmt.Sprintf("user %d turned up among those that were read before", id)}
		}
		return nil
	}
	if err := w.yield(item); err != nil {
		return err
	}
	w.yielded = append(w.yielded, id)
	return nil
}
