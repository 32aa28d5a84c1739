package sinktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// ErrNotHere is the outcome of a case that needs what the application hasn't got.
var ErrNotHere = errors.New("the application has no such authority")

// Case proves one thing.
type Case struct {
	Name  string
	Why   string // what it proves, and what rests on it
	prove func(ctx context.Context, s *scene) error
}

// Cases returns the whole suite.
func Cases() []Case {
	return slices.Concat(signUpCases(), uniqueCases(), findCases(), listCases(), changedCases(), updateCases(), updateRefusalCases(), deleteCases(), callCases())
}

// Prove runs the case and removes its accounts, also when it fails. What can't be removed is an error.
func (c Case) Prove(ctx context.Context, app *Application) error {
	if err := app.check(); err != nil {
		return err
	}
	s := &scene{Application: app}
	err := c.prove(ctx, s)
	if errors.Is(err, ErrNotHere) {
		return err // before anything was made
	}
	return errors.Join(err, s.sweep(ctx))
}

// Run proves every case as a subtest of its own, each with the application that open gives it.
func Run(t *testing.T, open func(t *testing.T) *Application) {
	t.Helper()
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			err := c.Prove(t.Context(), open(t))
			switch {
			case errors.Is(err, ErrNotHere):
				t.Skip(err)
			case err != nil:
				t.Error(fmt.Errorf("%w\nwhat the case proves: %s", err, c.Why))
			}
		})
	}
}
