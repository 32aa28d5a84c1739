package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is everything that is wrong with a configuration, in the order of the file.
type Error struct {
	Complaints []Complaint
}

// Error returns one line per complaint.
func (e *Error) Error() string {
	lines := make([]string, len(e.Complaints))
	for i, c := range e.Complaints {
		lines[i] = c.String()
	}
	return strings.Join(lines, "\n")
}

// Complaint is one thing that is wrong. It never holds a secret.
type Complaint struct {
	File         string // as it was given to Load
	Line, Column int    // from 1; 0 for the file as a whole
	Key          string // such as pipelines[0].source.csv.path; "" where no key is concerned
	Problem      string
	Remedy       string
}

// String returns the complaint as "config.yaml:12:5: pipelines[0].leavers: problem; remedy".
func (c Complaint) String() string {
	var out strings.Builder
	out.WriteString(c.File)
	if c.Line > 0 {
		fmt.Fprintf(&out, ":%d:%d", c.Line, c.Column)
	}
	if c.Key != "" {
		out.WriteString(": " + c.Key)
	}
	out.WriteString(": " + c.Problem + "; " + c.Remedy)
	return out.String()
}

// position is a place in the file; both count from 1, columns in characters.
type position struct {
	line, column int
}

// checker collects complaints and holds what values are resolved against.
type checker struct {
	file       string // as it was given to Load
	folder     string // absolute; relative paths start here
	env        func(string) (string, bool)
	schedule   ScheduleCheck
	readsInput string // the path that is standard input; "": none is
	complaints []Complaint
}

func (c *checker) complain(at position, key, problem, remedy string) {
	c.complaints = append(c.complaints, Complaint{
		File: c.file, Line: at.line, Column: at.column, Key: key, Problem: problem, Remedy: remedy,
	})
}

// err returns the complaints in the order of the file, or nil.
func (c *checker) err() error {
	if len(c.complaints) == 0 {
		return nil
	}
	slices.SortStableFunc(c.complaints, func(a, b Complaint) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{Complaints: c.complaints}
}
