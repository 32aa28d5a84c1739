package mapping

import (
	"fmt"
	"slices"
	"strings"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// rule is a compiled Rule: the parts that its value is made of.
type rule struct {
	name  string // of the field, in messages
	parts []part
	first bool        // of the parts, all of them columns, the first that holds something
	expr  *expression // instead of parts
	clear bool
}

// part is a column, or literal text where column is "".
type part struct {
	column  string
	at      int // the column's place in the records, in a rule that is placed
	literal string
}

func compileRule(name string, r Rule, gives result, functions functions) (rule, error) {
	compiled := rule{name: name, clear: r.Clear, first: len(r.First) > 0}
	constant := user.Clean(r.Constant)
	given := min(1, len(r.First))
	for _, text := range []string{r.Column, constant, r.Template, r.Expr} {
		if text != "" {
			given++
		}
	}
	if given != 1 {
		return compiled, fmt.Errorf("give exactly one of column, first, constant, template and expr (%d are given)", given)
	}
	var err error
	switch {
	case r.Column != "":
		compiled.parts = []part{{column: r.Column}}
	case compiled.first:
		for i, name := range r.First {
			if name == "" || slices.Contains(r.First[:i], name) {
				return compiled, fmt.Errorf("first names the column %q twice, or not at all: name each once", name)
			}
			compiled.parts = append(compiled.parts, part{column: name})
		}
	case constant != "":
		compiled.parts = []part{{literal: constant}}
	case r.Expr != "":
		compiled.expr, err = compileExpression(r.Expr, r.Place, gives, functions)
	default:
		compiled.parts, err = parseTemplate(r.Template)
	}
	return compiled, err
}

// parseTemplate reads text with {column} in it; {{ and }} stand for the braces themselves.
func parseTemplate(template string) ([]part, error) {
	var parts []part
	var literal strings.Builder
	columns := 0
	rest := template
	for rest != "" {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			literal.WriteString(rest)
			break
		}
		literal.WriteString(rest[:i])
		at := len(template) - len(rest) + i + 1
		brace := rest[i]
		rest = rest[i+1:]
		if rest != "" && rest[0] == brace {
			literal.WriteByte(brace)
			rest = rest[1:]
			continue
		}
		if brace == '}' {
			return nil, fmt.Errorf("template %q: the } at byte %d closes nothing: write }} for a brace", template, at)
		}
		end := strings.IndexAny(rest, "{}")
		if end < 0 || rest[end] == '{' {
			return nil, fmt.Errorf("template %q: the { at byte %d isn't closed: write {{ for a brace", template, at)
		}
		if end == 0 {
			return nil, fmt.Errorf("template %q: the braces at byte %d name no column", template, at)
		}
		if literal.Len() > 0 {
			parts = append(parts, part{literal: literal.String()})
			literal.Reset()
		}
		parts = append(parts, part{column: rest[:end]})
		columns++
		rest = rest[end+1:]
	}
	if columns == 0 {
		return nil, fmt.Errorf("template %q names no {column}: take a constant instead", template)
	}
	if literal.Len() > 0 {
		parts = append(parts, part{literal: literal.String()})
	}
	return parts, nil
}

// columns returns the columns that the rule needs.
func (r rule) columns() []string {
	if r.expr != nil {
		return r.expr.columns()
	}
	var names []string
	for _, p := range r.parts {
		if p.column != "" {
			names = append(names, p.column)
		}
	}
	return names
}

// firstEmpty returns the first of the columns of several parts that the record gives nothing for, "" if there is none.
func (r *rule) firstEmpty(rec record.Record) string {
	if len(r.parts) == 1 {
		return "" // what it gives says as much
	}
	for _, p := range r.parts {
		if p.column != "" && user.Clean(rec.At(p.at).Text()) == "" {
			return p.column
		}
	}
	return ""
}

// read makes the rule's value of a record as text does, by an expression too. What goes wrong in one is found.
func (r *rule) read(rec record.Record, found *problems) (text string, known bool) {
	if r.expr == nil {
		return r.text(rec)
	}
	text, err := r.expr.one(rec)
	if err != nil {
		found.add(r.name, "%s", err.Error())
		return "", false
	}
	text = user.Clean(text)
	return text, text != "" || r.expr.known(rec)
}

// text makes the value of a record of a rule without an expression. It is "" where all its columns are empty or null, whatever literal text
// stands around them; known is false where the record has none of them.
func (r *rule) text(rec record.Record) (text string, known bool) {
	if len(r.parts) == 1 {
		if p := r.parts[0]; p.column == "" {
			return p.literal, true
		}
		value := rec.At(r.parts[0].at)
		return user.Clean(value.Text()), !value.IsAbsent()
	}
	if r.first {
		for _, p := range r.parts {
			value := rec.At(p.at)
			if text = user.Clean(value.Text()); text != "" {
				return text, true
			}
			known = known || !value.IsAbsent()
		}
		return "", known
	}
	var room [64]byte
	out := room[:0]
	filled := false
	for _, p := range r.parts {
		if p.column == "" {
			out = append(out, p.literal...)
			continue
		}
		value := rec.At(p.at)
		cell := strings.TrimSpace(value.Text())
		known = known || !value.IsAbsent()
		filled = filled || cell != ""
		out = append(out, cell...)
	}
	if !filled {
		return "", known
	}
	return user.Clean(string(out)), known
}

// value is what an outcome of text means for the field.
func (r *rule) value(text string, known bool) user.Value {
	if !known || text == "" && !r.clear {
		return user.Value{}
	}
	return user.Text(text)
}
