package main

import (
	"encoding/csv"
	"fmt"
	"io"

	"github.com/gocarina/gocsv"
)

// batchRows is how many users are in memory at a time. Marshalling a slice flushes the writer at its end, so a batch
// also bounds what waits to be written; marshalling from a channel would leave its feeder blocked when a write fails.
const batchRows = 512

// row is a line of the file. The tags' order is the columns' order.
type row struct {
	EmployeeID string `csv:"employee_id"`
	Email      string `csv:"email"`
	GivenName  string `csv:"given_name"`
	FamilyName string `csv:"family_name"`
	Phone      string `csv:"phone"`
	Website    string `csv:"website"`
	Department string `csv:"department"`
	Tags       string `csv:"tags"`
	CustomData string `csv:"custom_data"`
}

// writeUsers writes a header and the users to w, in flat memory however many they are.
func writeUsers(w io.Writer, opts options) error {
	out := csv.NewWriter(w)
	batch := make([]row, 0, batchRows)
	if err := gocsv.MarshalCSV(batch, out); err != nil {
		return fmt.Errorf("write the header: %w", err)
	}
	people := newCrowd(opts.seed)
	for written := 0; written < opts.rows; written += len(batch) {
		batch = batch[:0]
		for range min(batchRows, opts.rows-written) {
			person, err := people.next()
			if err != nil {
				return err
			}
			batch = append(batch, person)
		}
		if err := gocsv.MarshalCSVWithoutHeaders(batch, out); err != nil {
			return fmt.Errorf("write users from number %d on: %w", written+1, err)
		}
	}
	return nil
}
