package main

import (
	"encoding/json"
	"testing"

	"cubesync/sync/mapping"
	"cubesync/sync/record"
)

// Machines can tell a cell that isn't there from one that is null, and that from an empty one.
func TestCellsForMachines(t *testing.T) {
	step := mapping.Step{Field: "full_name", Rule: "template {a} {b} {c}", From: []mapping.Cell{
		{Column: "a", Value: record.Value{}}, {Column: "b", Value: record.Null()}, {Column: "c", Value: record.Text("")},
	}}
	got, err := json.Marshal(stepForMachines(step))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"field":"full_name","from":{"b":null,"c":""},"rule":"template {a} {b} {c}","value":null}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
