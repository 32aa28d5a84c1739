package report

// Colour reports whether what is written to a stream may have colours: on a terminal that knows them, unless the
// person has said otherwise (no-color.org). lookup reads the environment.
func Colour(terminal bool, lookup func(string) (string, bool)) bool {
	if refused, _ := lookup("NO_COLOR"); refused != "" {
		return false
	}
	kind, _ := lookup("TERM")
	return terminal && kind != "dumb"
}
