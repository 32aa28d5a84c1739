package mapping

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"cubesync/sync/record"
	"cubesync/sync/user"
)

// What an expression may take. Each bound is far above what a person's record needs, and all together they bound the time
// and the memory of one: a loop stands in no other, and goes over at most as many parts as a text was split into.
const (
	maxExpression = 4096    // bytes of it
	maxNodes      = 500     // names, constants, operators and calls in it
	maxText       = 1 << 16 // bytes of a cell, or of what a function makes
	maxParts      = 1000    // of a list
	maxSteps      = 1000    // that a pattern takes for a character
)

// expression is a compiled expression. It may be run by many goroutines.
type expression struct {
	text, place string
	program     *vm.Program
	cells       []named    // the columns that it reads
	machines    *sync.Pool // of *machine
}

// named is a column that an expression reads, under its name in there.
type named struct {
	name, column string
	at           int // the column's place in the records, in an expression that is placed
}

// machine is what one run of an expression needs.
type machine struct {
	vm  vm.VM
	env map[string]any
}

// result is what an expression is to give.
type result uint8

const (
	oneText   result = iota // or a number or a condition, as text
	texts                   // or a list of them
	condition               // true or false
)

// compileExpression compiles an expression against what is known of columns before any is: each that it names is text or
// nil. Functions with a state of their own would make something else of the same record the next time: there is none.
func compileExpression(text, place string, gives result, functions functions) (*expression, error) {
	e := &expression{text: text, place: place}
	if len(text) > maxExpression {
		return nil, fmt.Errorf("expression %s: it has %d bytes and may have %d", e.shown(), len(text), maxExpression)
	}
	// As expr.Compile does it, but columns get their names between parsing and checking: afterwards it would be too late for
	// their types, and before it a column that is called as a function is couldn't be told from it.
	config := conf.CreateNew()
	for _, option := range functions.options() {
		option(config)
	}
	if gives == condition {
		expr.AsBool()(config)
	}
	for name := range config.Disabled {
		delete(config.Builtins, name)
	}
	tree, err := parser.ParseWithConfig(text, config)
	if err != nil {
		return nil, e.wrong(err)
	}
	found := &names{functions: functions}
	ast.Walk(&tree.Node, found)
	ast.Walk(&tree.Node, (*renamer)(found))
	if found.err != nil {
		return nil, e.wrong(found.err)
	}
	columns := types.Map{}
	for _, column := range found.columns {
		name := columnPrefix + column
		columns[name] = types.String
		e.cells = append(e.cells, named{name: name, column: column, at: -1})
	}
	config.WithEnv(columns)
	config.Check()
	if _, err := checker.Check(tree, config); err != nil { // the next one says nothing of what stands within calls
		return nil, e.wrong(err)
	}
	if _, err := new(checker.Checker).PatchAndCheck(tree, config); err != nil {
		return nil, e.wrong(err)
	}
	if err := optimizer.Optimize(&tree.Node, config); err != nil {
		return nil, e.wrong(err)
	}
	if e.program, err = compiler.Compile(tree, config); err != nil {
		return nil, e.wrong(err)
	}
	if problem := unfit(e.program.Node().Type(), gives); problem != "" {
		return nil, fmt.Errorf("expression %s: %s", e.shown(), problem)
	}
	e.machines = &sync.Pool{New: func() any {
		return &machine{vm: vm.VM{MemoryBudget: 4 * maxParts}, env: make(map[string]any, len(e.cells))}
	}}
	return e, nil
}

// unfit says why an expression of a type can't give what it is to; "" if it can, as far as that is known beforehand.
func unfit(t reflect.Type, gives result) string {
	if t == nil || gives == condition {
		return ""
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		if gives != texts {
			return "it gives a list where one text belongs: take a part of it, or join it"
		}
	case reflect.Map, reflect.Struct, reflect.Func:
		return "it gives no text"
	}
	return ""
}

// wrong words what the compiler, or the machine, has to say.
func (e *expression) wrong(err error) error {
	located, ok := errors.AsType[*file.Error](err)
	if !ok {
		return fmt.Errorf("expression %s: %s", e.shown(), oneLine(err.Error()))
	}
	text := fmt.Sprintf("expression %s: %s, at character %d", e.shown(), oneLine(located.Message), located.From+1)
	// What E-Mail and Home page come to, which nobody would see in the words for it.
	if strings.HasPrefix(located.Message, "invalid operation: - (mismatched types string and string)") || strings.HasPrefix(located.Message, "unexpected token Identifier") {
		text += `; a column whose name isn't one word is record["Home page"]`
	}
	return errors.New(text)
}

// shown is the expression in a message: in one line, and not all of a long one.
func (e *expression) shown() string {
	const most = 200
	text := oneLine(e.text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	if e.place == "" {
		return text
	}
	return text + " (" + e.place + ")"
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// columns returns the columns that it reads.
func (e *expression) columns() []string {
	columns := make([]string, len(e.cells))
	for i, c := range e.cells {
		columns[i] = c.column
	}
	return columns
}

// placed returns the expression for records with those columns.
func (e *expression) placed(columns *record.Columns) *expression {
	at := *e
	at.cells = slices.Clone(e.cells)
	for i, c := range at.cells {
		at.cells[i].at = columns.Index(c.column)
	}
	return &at
}

// known reports whether the record has one of the columns, or none is needed.
func (e *expression) known(rec record.Record) bool {
	return len(e.cells) == 0 || slices.ContainsFunc(e.cells, func(c named) bool { return !rec.At(c.at).IsAbsent() })
}

// run makes the expression's value of a record: nil, a text, a number, true or false, or a list.
func (e *expression) run(rec record.Record) (any, error) {
	m, ok := e.machines.Get().(*machine)
	if !ok {
		panic("the pool holds something else than machines")
	}
	defer e.machines.Put(m)
	for _, c := range e.cells {
		value := rec.At(c.at)
		text := value.Text()
		switch {
		case value.IsAbsent() || value.IsNull():
			m.env[c.name] = nil
			continue
		case len(text) > maxText:
			return nil, fmt.Errorf("expression %s: the column %q holds %d bytes, and an expression takes %d", e.shown(), c.column, len(text), maxText)
		case !utf8.ValidString(text):
			return nil, fmt.Errorf("expression %s: the column %q isn't valid UTF-8: correct the source's encoding", e.shown(), c.column)
		}
		m.env[c.name] = user.Clean(text)
	}
	out, err := m.vm.Run(e.program, m.env)
	if err != nil {
		return nil, e.wrong(err)
	}
	return out, nil
}

// texts are what the expression makes of a record: one, or those of a list. There is none where it gives nil.
func (e *expression) texts(rec record.Record) ([]string, error) {
	out, err := e.run(rec)
	if err != nil {
		return nil, err
	}
	list, isList := listOf(out)
	if !isList {
		list = []any{out}
	}
	made := make([]string, 0, len(list))
	for _, one := range list {
		text, ok := textOf(one)
		if !ok {
			return nil, fmt.Errorf("expression %s: it gives %s where text belongs", e.shown(), kindOf(one))
		}
		if one != nil {
			made = append(made, text)
		}
	}
	return made, nil
}

// one is what the expression makes of a record for a field; "" where it gives nil.
func (e *expression) one(rec record.Record) (string, error) {
	out, err := e.run(rec)
	if err != nil {
		return "", err
	}
	text, ok := textOf(out)
	if !ok {
		return "", fmt.Errorf("expression %s: it gives %s where one text belongs", e.shown(), kindOf(out))
	}
	return text, nil
}

// holds reports whether the expression, a condition, is true of a record: nil isn't.
func (e *expression) holds(rec record.Record) (bool, error) {
	out, err := e.run(rec)
	if err != nil {
		return false, err
	}
	is, _ := out.(bool) // the compiler and the machine see to it
	return is, nil
}

// textOf writes a value as a field has it; "" for nil.
func textOf(value any) (text string, ok bool) {
	switch value := value.(type) {
	case nil:
		return "", true
	case string:
		return value, true
	case bool:
		return strconv.FormatBool(value), true
	case int:
		return strconv.Itoa(value), true
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64), !isEndless(value)
	}
	return "", false
}

// isEndless reports whether a number is none: what a division by zero makes.
func isEndless(value float64) bool { return math.IsInf(value, 0) || math.IsNaN(value) }

// listOf returns the parts of a list.
func listOf(value any) ([]any, bool) {
	switch list := value.(type) {
	case []any:
		return list, true
	case []string:
		all := make([]any, len(list))
		for i, text := range list {
			all[i] = text
		}
		return all, true
	}
	return nil, false
}

// kindOf names what a value is.
func kindOf(value any) string {
	if number, is := value.(float64); is && isEndless(number) {
		return "what a division by zero makes"
	}
	switch value.(type) {
	case nil:
		return "nothing"
	case string:
		return "text"
	case bool:
		return "true or false"
	case int, float64:
		return "a number"
	case []any, []string:
		return "a list"
	}
	return "something else"
}

// columnPrefix begins the names that columns have in a compiled expression: nothing else has such a name, whatever the
// columns are called.
const columnPrefix = recordName + "."

// recordName is the record in an expression, record["Odd name"], and envName all that the library knows.
const (
	recordName = "record"
	envName    = "$env"
)

// names looks through an expression: which columns it reads, and whether it does what none may.
type names struct {
	functions functions
	columns   []string // each once, in the order of the expression
	err       error    // the first thing that is wrong
	apart     map[*ast.IdentifierNode]bool
	lets      map[string]bool
}

// Visit takes note of the names that aren't those of columns.
func (n *names) Visit(node *ast.Node) {
	if n.apart == nil {
		n.apart, n.lets = map[*ast.IdentifierNode]bool{}, map[string]bool{}
	}
	switch at := (*node).(type) {
	case *ast.CallNode:
		callee, plain := at.Callee.(*ast.IdentifierNode)
		switch {
		case !plain:
			n.refuse(at, "only the functions of cubesync can be called")
		case !n.functions.has(callee.Value):
			n.refuse(callee, "there is no function %s: there are %s", callee.Value, n.functions.list())
		default:
			n.apart[callee] = true
			n.pattern(at, callee.Value)
		}
	case *ast.BuiltinNode:
		if !slices.Contains(permittedBuiltins(), at.Name) {
			n.refuse(at, "there is no function %s: there are %s", at.Name, n.functions.list())
		}
	case *ast.MemberNode:
		base, is := at.Node.(*ast.IdentifierNode)
		_, constant := at.Property.(*ast.StringNode)
		switch {
		case !is || base.Value == envName:
		case base.Value == recordName && !constant:
			n.refuse(at, `%s[…] takes the name of a column in quotes: which columns are read has to be known beforehand`, recordName)
			n.apart[base] = true
		case constant:
			n.apart[base] = true
		}
	case *ast.VariableDeclaratorNode:
		n.lets[at.Name] = true
	case *ast.BinaryNode:
		pattern, constant := at.Right.(*ast.StringNode)
		switch {
		case at.Operator == "..":
			n.refuse(at, "there are no ranges of numbers here")
		case at.Operator == "matches" && !constant:
			n.refuse(at, "the pattern has to stand in quotes")
		case at.Operator == "matches":
			if err := checkPattern(pattern.Value); err != nil {
				n.refuse(pattern, "%s", err.Error())
			}
		}
	case *ast.PredicateNode:
		inner := &loops{}
		ast.Walk(&at.Node, inner)
		if inner.found {
			n.refuse(at, "a loop within a loop could take very long: there is none")
		}
	}
}

// pattern refuses patterns and tables that aren't known beforehand, or are wrong.
func (n *names) pattern(call *ast.CallNode, function string) {
	i, check := n.functions.constant(function)
	if check == nil || len(call.Arguments) <= i {
		return // the compiler counts them
	}
	text, constant := call.Arguments[i].(*ast.StringNode)
	if !constant {
		n.refuse(call, "the %s of %s has to stand in quotes", n.functions.word(function), function)
		return
	}
	if err := check(text.Value); err != nil {
		n.refuse(text, "%s", err.Error())
	}
}

func (n *names) refuse(node ast.Node, format string, args ...any) {
	if n.err == nil {
		n.err = &file.Error{Location: node.Location(), Message: fmt.Sprintf(format, args...)}
	}
}

// loops looks for a loop.
type loops struct{ found bool }

func (l *loops) Visit(node *ast.Node) {
	if _, is := (*node).(*ast.PredicateNode); is {
		l.found = true
	}
}

// renamer gives columns their names in compiled expressions, once names went through.
type renamer names

// Visit renames a column.
func (r *renamer) Visit(node *ast.Node) {
	column := ""
	switch at := (*node).(type) {
	case *ast.IdentifierNode:
		if r.apart[at] || r.lets[at.Value] {
			return
		}
		if at.Value == recordName || at.Value == envName {
			(*names)(r).refuse(at, `%s alone is no value: write record["name of a column"]`, at.Value)
			return
		}
		column = at.Value
	case *ast.MemberNode:
		base, is := at.Node.(*ast.IdentifierNode)
		name, constant := at.Property.(*ast.StringNode)
		if !is || !constant || !r.apart[base] || r.lets[base.Value] {
			return
		}
		column = name.Value
		if base.Value != recordName {
			column = base.Value + "." + name.Value // of one source of several
		}
	default:
		return
	}
	if !slices.Contains(r.columns, column) {
		r.columns = append(r.columns, column)
	}
	ast.Patch(node, &ast.IdentifierNode{Value: columnPrefix + column})
}
