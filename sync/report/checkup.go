package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"cubesync/sync/plan"
	"cubesync/sync/state"
)

// Checkups are what became of a look at the states of a configuration, and the states beside them that are nobody's.
type Checkups struct {
	States []*state.Checkup `json:"states"`
	Strays []state.Stray    `json:"strays"`
}

// Sound reports whether nothing is wrong with any of them.
func (c Checkups) Sound() bool {
	for _, s := range c.States {
		if !s.Sound() {
			return false
		}
	}
	return true
}

// WriteText writes them for people: where each state lies, how large it is, what is wrong and what to do.
func (c Checkups) WriteText(w io.Writer) error {
	var out bytes.Buffer
	for _, s := range c.States {
		writeCheckup(&out, s)
	}
	for _, stray := range c.Strays {
		fmt.Fprintf(&out, "another state: %s (%s)\n", plan.Printable(stray.File), bytesOf(stray.Size))
		whose := "whose it is can't be read"
		if id := stray.Identity; id != (state.Identity{}) {
			whose = fmt.Sprintf("of pipeline %s, application %s at %s, owner tag %s", id.Pipeline, id.ApplicationID, id.Endpoint, id.OwnerTag)
		}
		fmt.Fprintf(&out, "  %s\n  none of these pipelines uses it: where no other configuration does, remove it and its folder in plans\n", plan.Printable(whose))
	}
	_, err := out.WriteTo(w)
	return err
}

func writeCheckup(out *bytes.Buffer, s *state.Checkup) {
	verdict := "sound"
	switch {
	case !s.Sound():
		verdict = "not sound"
	case !s.There:
		verdict = "no state yet"
	}
	fmt.Fprintf(out, "%s: %s\n", plan.Printable(s.Pipeline), verdict)
	fmt.Fprintf(out, "  file   %s\n", plan.Printable(s.File))
	if s.There {
		fmt.Fprintf(out, "  size   %s, write-ahead log %s, version %d\n", bytesOf(s.Size), bytesOf(s.LogSize), s.Version)
		fmt.Fprintf(out, "  holds  %s known, %s of them equal to their records; %s; %s in doubt\n",
			plan.Number(s.Known), plan.Number(s.Agreeing), plan.Counted(s.Runs, "run"), plan.Counted(s.Pending, "operation"))
	}
	if s.Plans > 0 {
		fmt.Fprintf(out, "  plans  %s, %s\n", plan.Counted(s.Plans, "file"), bytesOf(s.PlanSize))
	}
	if s.Holder != nil {
		fmt.Fprintf(out, "  lock   %s\n", plan.Printable(s.Holder.Error()))
	}
	for _, note := range s.Notes {
		fmt.Fprintf(out, "  note   %s\n", plan.Printable(note))
	}
	for i, p := range s.Problems {
		fmt.Fprintf(out, "  wrong  %s\n", plan.Printable(p.What))
		if i+1 == len(s.Problems) || s.Problems[i+1].Remedy != p.Remedy { // the same for several is said once
			fmt.Fprintf(out, "  do     %s\n", plan.Printable(p.Remedy))
		}
	}
}

// WriteJSON writes them for machines.
func (c Checkups) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(c)
}

// bytesOf is a size as people read it.
func bytesOf(n int64) string {
	const thousand = 1000
	switch {
	case n < thousand:
		return fmt.Sprintf("%d B", n)
	case n < thousand*thousand:
		return fmt.Sprintf("%.1f kB", float64(n)/thousand)
	case n < thousand*thousand*thousand:
		return fmt.Sprintf("%.1f MB", float64(n)/thousand/thousand)
	default:
		return fmt.Sprintf("%.1f GB", float64(n)/thousand/thousand/thousand)
	}
}
