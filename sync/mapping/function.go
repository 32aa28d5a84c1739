package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/unicode/norm"
)

// functions are what an expression can call, beside the language's own loops over lists. All of them are pure: what they
// give depends on what they are given and on nothing else. Where they are given nil they give nil.
type functions struct {
	tables   map[string]map[string]string
	patterns map[string]*regexp.Regexp // as they are found in expressions; complete once all are compiled
	// key says that the expression makes an external ID. What is put together there of something that is missing is
	// another person's, or nobody's: so it is nil.
	key bool
}

// permittedBuiltins are the functions of the language itself that there are.
func permittedBuiltins() []string {
	return []string{"all", "any", "none", "filter", "map", "first", "last", "concat", "int"}
}

// function is one that an expression can call.
type function struct {
	call  func(args ...any) (any, error)
	types []any // each a pointer to a function of that type
}

// all returns the functions by their names.
func (f functions) all() map[string]function {
	return map[string]function{
		"trim":         onText("trim", strings.TrimSpace),
		"lower":        onText("lower", strings.ToLower),
		"upper":        onText("upper", strings.ToUpper),
		"slug":         onText("slug", slug),
		"sha256":       onText("sha256", hash),
		"trimPrefix":   onTexts("trimPrefix", strings.TrimPrefix),
		"trimSuffix":   onTexts("trimSuffix", strings.TrimSuffix),
		"left":         onNumber("left", left),
		"right":        onNumber("right", right),
		"replace":      {replace, []any{new(func(text, old, with string) string)}},
		"regexReplace": {f.regexReplace, []any{new(func(text, pattern, with string) string)}},
		"regexFind":    {f.regexFind, []any{new(func(text, pattern string) string)}},
		"split":        {split, []any{new(func(text, separator string) []string)}},
		"join":         {f.join, []any{new(func(list []any, separator string) string), new(func(list []string, separator string) string)}},
		"len":          {length, []any{new(func(string) int), new(func([]any) int), new(func([]string) int)}},
		"text":         {asText, []any{new(func(any) string)}},
		"default":      {preset, []any{new(func(value, preset string) string), new(func(value, preset any) any)}},
		"lookup":       {f.lookup, []any{new(func(table, key string) string), new(func(table, key, preset string) string)}},
		"e164":         {e164, []any{new(func(number, region string) string)}},
	}
}

// Names of the functions that operators become: the language's own fail where a value is nil.
const (
	plusName    = "plus…" // no expression can spell them
	sameName    = "same…"
	differsName = "differs…"
)

// options make the language of expressions.
func (f functions) options() []expr.Option {
	options := []expr.Option{expr.DisableAllBuiltins(), expr.MaxNodes(maxNodes)}
	for _, name := range permittedBuiltins() {
		options = append(options, expr.EnableBuiltin(name))
	}
	all := f.all()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		options = append(options, expr.Function(name, all[name].call, all[name].types...))
	}
	return append(options,
		expr.Function(plusName, f.plus, new(func(a, b string) string)), expr.Operator("+", plusName),
		expr.Function(sameName, same, new(func(a, b string) bool)), expr.Operator("==", sameName),
		expr.Function(differsName, differs, new(func(a, b string) bool)), expr.Operator("!=", differsName))
}

func (f functions) has(name string) bool {
	_, is := f.all()[name]
	return is
}

// list names all functions.
func (f functions) list() string {
	all := append(slices.Collect(maps.Keys(f.all())), permittedBuiltins()...)
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// constant returns which argument of a function has to be known beforehand, and what checks it; nil for a function without
// one.
func (f functions) constant(name string) (argument int, check func(string) error) {
	switch name {
	case "regexReplace", "regexFind":
		return 1, f.learn
	case "lookup":
		return 0, func(table string) error {
			if _, is := f.tables[table]; is {
				return nil
			}
			if len(f.tables) == 0 {
				return fmt.Errorf("there is no table %q: write it under tables", table)
			}
			return fmt.Errorf("there is no table %q: there are %s", table, strings.Join(slices.Sorted(maps.Keys(f.tables)), ", "))
		}
	case "e164":
		return 1, func(region string) error {
			if phonenumbers.GetSupportedRegions()[region] {
				return nil
			}
			return fmt.Errorf("%q is no region: write two capital letters such as DE", region)
		}
	}
	return 0, nil
}

// word names that argument.
func (f functions) word(name string) string {
	return map[string]string{"lookup": "table", "e164": "region"}[name] + map[bool]string{true: "pattern"}[strings.HasPrefix(name, "regex")]
}

// learn compiles a pattern.
func (f functions) learn(pattern string) error {
	if err := checkPattern(pattern); err != nil {
		return err
	}
	compiled, err := regexp.Compile(pattern)
	f.patterns[pattern] = compiled
	return err
}

// checkPattern refuses a pattern that isn't one, or takes so many steps for each character that a long text takes long.
func checkPattern(pattern string) error {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if program, err := syntax.Compile(parsed.Simplify()); err != nil || len(program.Inst) > maxSteps {
		return fmt.Errorf("the pattern takes more than %d steps for each character: repeat less in it", maxSteps)
	}
	return nil
}

// text takes an argument as text; given is false where it is nil.
func text(function string, arg any) (text string, given bool, err error) {
	switch arg := arg.(type) {
	case nil:
		return "", false, nil
	case string:
		return arg, true, nil
	}
	return "", false, fmt.Errorf("%s takes text, and was given %s", function, kindOf(arg))
}

// bounded refuses what has become too long.
func bounded(made string) (any, error) {
	if len(made) > maxText {
		return nil, tooLong()
	}
	return made, nil
}

func tooLong() error { return fmt.Errorf("it makes a text of more than %d bytes", maxText) }

func onText(name string, do func(string) string) function {
	return function{func(args ...any) (any, error) {
		s, given, err := text(name, args[0])
		if !given {
			return nil, err
		}
		return bounded(do(s))
	}, []any{new(func(string) string)}}
}

func onTexts(name string, do func(string, string) string) function {
	return function{func(args ...any) (any, error) {
		s, given, err := text(name, args[0])
		other, _, otherErr := text(name, args[1])
		if !given || otherErr != nil {
			return nil, errors.Join(err, otherErr)
		}
		return do(s, other), nil
	}, []any{new(func(text, part string) string)}}
}

func onNumber(name string, do func(string, int) string) function {
	return function{func(args ...any) (any, error) {
		s, given, err := text(name, args[0])
		if !given {
			return nil, err
		}
		n, whole := args[1].(int)
		if !whole || n < 0 {
			return nil, fmt.Errorf("%s takes a whole number from 0", name)
		}
		return do(s, n), nil
	}, []any{new(func(text string, characters int) string)}}
}

// plus joins two texts, of which nil is the empty one.
func (f functions) plus(args ...any) (any, error) {
	a, aGiven, err := text("+", args[0])
	b, bGiven, bErr := text("+", args[1])
	switch {
	case err != nil || bErr != nil:
		return nil, errors.Join(err, bErr)
	case !aGiven && !bGiven, f.key && (a == "" || b == ""):
		return nil, nil
	}
	return bounded(a + b)
}

func same(args ...any) (any, error) { return args[0] == args[1], nil }

func differs(args ...any) (any, error) { return args[0] != args[1], nil }

// left returns the first so many characters.
func left(s string, n int) string {
	for at := range s {
		if n == 0 {
			return s[:at]
		}
		n--
	}
	return s
}

// right returns the last so many characters.
func right(s string, n int) string {
	at := len(s)
	for ; n > 0 && at > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(s[:at])
		at -= size
	}
	return s[at:]
}

// slug makes lower-case letters without marks, digits, and single hyphens between them.
func slug(s string) string {
	var out strings.Builder
	gap := false
	latin := strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ı", "i")
	for _, r := range norm.NFKD.String(latin.Replace(strings.ToLower(s))) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if gap && out.Len() > 0 {
				out.WriteByte('-')
			}
			gap = false
			out.WriteRune(r)
		case !unicode.IsMark(r):
			gap = true
		}
	}
	return norm.NFC.String(out.String())
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func replace(args ...any) (any, error) {
	s, given, err := text("replace", args[0])
	old, _, oldErr := text("replace", args[1])
	with, _, withErr := text("replace", args[2])
	if err := errors.Join(err, oldErr, withErr); err != nil || !given {
		return nil, err
	}
	if old == "" {
		return s, nil
	}
	if n := strings.Count(s, old); len(s)+n*(len(with)-len(old)) > maxText {
		return nil, tooLong()
	}
	return strings.ReplaceAll(s, old, with), nil
}

func (f functions) regexReplace(args ...any) (any, error) {
	s, given, err := text("regexReplace", args[0])
	pattern, _, patternErr := text("regexReplace", args[1])
	with, _, withErr := text("regexReplace", args[2])
	if err := errors.Join(err, patternErr, withErr); err != nil || !given {
		return nil, err
	}
	compiled := f.patterns[pattern]
	var out []byte
	from := 0
	for _, match := range compiled.FindAllStringSubmatchIndex(s, -1) {
		out = compiled.ExpandString(append(out, s[from:match[0]]...), with, s, match)
		from = match[1]
		if len(out) > maxText {
			return nil, tooLong()
		}
	}
	return bounded(string(out) + s[from:])
}

// regexFind returns the pattern's first group in the text, or all that it matches where it has none; nil where it matches
// nothing.
func (f functions) regexFind(args ...any) (any, error) {
	s, given, err := text("regexFind", args[0])
	pattern, _, patternErr := text("regexFind", args[1])
	if err := errors.Join(err, patternErr); err != nil || !given {
		return nil, err
	}
	match := f.patterns[pattern].FindStringSubmatch(s)
	if match == nil {
		return nil, nil
	}
	return match[min(1, len(match)-1)], nil
}

// split returns the parts of a text between separators, trimmed, without those that are empty.
func split(args ...any) (any, error) {
	s, _, err := text("split", args[0])
	separator, _, sepErr := text("split", args[1])
	switch {
	case err != nil || sepErr != nil:
		return nil, errors.Join(err, sepErr)
	case separator == "":
		return nil, errors.New("split takes a separator, such as \";\"")
	case strings.Count(s, separator) >= maxParts:
		return nil, fmt.Errorf("it makes a list of more than %d parts", maxParts)
	}
	parts := []string{}
	for part := range strings.SplitSeq(s, separator) {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts, nil
}

// join puts the parts of a list together, without those that are nil or empty.
func (f functions) join(args ...any) (any, error) {
	list, isList := listOf(args[0])
	separator, _, err := text("join", args[1])
	switch {
	case err != nil:
		return nil, err
	case !isList:
		return nil, fmt.Errorf("join takes a list, and was given %s", kindOf(args[0]))
	}
	var parts []string
	length := 0
	for _, one := range list {
		part, ok := textOf(one)
		switch {
		case !ok:
			return nil, fmt.Errorf("join takes texts, and was given %s", kindOf(one))
		case part != "":
			parts = append(parts, part)
			length += len(part) + len(separator)
		case f.key:
			return nil, nil
		}
	}
	if length > maxText {
		return nil, tooLong()
	}
	return strings.Join(parts, separator), nil
}

// length counts characters, or the parts of a list.
func length(args ...any) (any, error) {
	if list, isList := listOf(args[0]); isList {
		return len(list), nil
	}
	s, _, err := text("len", args[0])
	return utf8.RuneCountInString(s), err
}

func asText(args ...any) (any, error) {
	if args[0] == nil {
		return nil, nil
	}
	s, ok := textOf(args[0])
	if !ok {
		return nil, fmt.Errorf("text takes a number or a condition, and was given %s", kindOf(args[0]))
	}
	return s, nil
}

// preset returns the second value where the first is nil or empty.
func preset(args ...any) (any, error) {
	if args[0] == nil || args[0] == "" {
		return args[1], nil
	}
	return args[0], nil
}

// lookup returns what a table has for a key; where it has nothing, the third argument, or nil without one.
func (f functions) lookup(args ...any) (any, error) {
	table, _, err := text("lookup", args[0])
	key, given, keyErr := text("lookup", args[1])
	if err := errors.Join(err, keyErr); err != nil {
		return nil, err
	}
	if value, is := f.tables[table][key]; given && is {
		return value, nil
	}
	if len(args) == 3 {
		return args[2], nil
	}
	return nil, nil
}

// e164 writes a phone number as +4930123456. Whether anybody has it isn't asked, only whether it is as long as one may be:
// regions open new ranges.
func e164(args ...any) (any, error) {
	s, given, err := text("e164", args[0])
	region, _, regionErr := text("e164", args[1])
	if err := errors.Join(err, regionErr); err != nil || !given || s == "" {
		return nil, err
	}
	number, err := phonenumbers.Parse(s, region)
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return nil, fmt.Errorf("%s is no phone number of %s: correct it", excerpt(s), region)
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}
