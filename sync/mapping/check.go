package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/cases"

	"cubesync/sync/record"
)

// shownColumns is how many of a source's columns an error lists.
const shownColumns = 40

// Check compares what the mapping needs with what a source has. The error says what went wrong with the header as a
// whole, or names every missing column with the fields that want it and the columns that are there.
func (m *Mapper) Check(columns *record.Columns) error {
	wanted := map[string][]string{} // fields by missing column
	for _, r := range m.deciding() {
		for _, name := range r.columns() {
			if !columns.Has(name) && !slices.Contains(wanted[name], r.name) {
				wanted[name] = append(wanted[name], r.name)
			}
		}
	}
	if m.password != "" && !columns.Has(m.password) {
		wanted[m.password] = append(wanted[m.password], passwordName)
	}
	if len(wanted) == 0 {
		return nil
	}
	there := columns.Names()
	if len(there) == 0 {
		return errors.New("the source has no columns at all: is it empty?")
	}
	if err := wrongDelimiter(there); err != nil {
		return err
	}
	var missing, spaced []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if other := withSpaces(name, there); other != "" {
			spaced = append(spaced, other)
			continue
		}
		text := fmt.Sprintf("%q (for %s)", name, strings.Join(wanted[name], ", "))
		if similar := alike(name, there); similar != "" {
			text += fmt.Sprintf(", did you mean %q?", similar)
		}
		missing = append(missing, text)
	}
	var problems []string
	if len(spaced) > 0 {
		problems = append(problems, fmt.Sprintf("the header has spaces around its names, such as %q: take them out of the header", spaced[0]))
	}
	if len(missing) > 0 {
		problems = append(problems, fmt.Sprintf("the source lacks %s; its columns are %s", strings.Join(missing, "; "), list(there)))
	}
	return errors.New(strings.Join(problems, "; "))
}

// withSpaces returns the column that is name but for white space around it, "" if none is.
func withSpaces(name string, there []string) string {
	for _, other := range there {
		if strings.TrimSpace(other) == name {
			return other
		}
	}
	return ""
}

// alike returns the column whose name differs from name only in case, white space or punctuation, "" if none does.
func alike(name string, there []string) string {
	letters := bare(name)
	for _, other := range there {
		if letters != "" && bare(other) == letters {
			return other
		}
	}
	return ""
}

func bare(name string) string {
	return cases.Fold().String(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) {
			return r
		}
		return -1
	}, name))
}

func list(names []string) string {
	shown := names[:min(len(names), shownColumns)]
	quoted := make([]string, len(shown))
	for i, name := range shown {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	text := strings.Join(quoted, ", ")
	if more := len(names) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// wrongDelimiter recognises a header that was read with the wrong delimiter: it is one column that holds another. Then
// nothing else is worth saying.
func wrongDelimiter(names []string) error {
	if len(names) != 1 {
		return nil
	}
	for _, usual := range []struct{ delimiter, name string }{{";", "semicolons"}, {"\t", "tabs"}, {",", "commas"}} {
		if strings.Contains(names[0], usual.delimiter) {
			return fmt.Errorf("the header is one column with %s in it: set the source's delimiter to %q", usual.name, usual.delimiter)
		}
	}
	return nil
}
