package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// node is a value of the file, or the place where one could be: value is nil where the file has none. Each typed
// method returns its default for a missing value, and complains of a wrong one.
type node struct {
	*checker
	key   string   // the path of keys
	at    position // of the value; of the parent where there is no value
	value *value
}

// given reports whether the file has the value, right or wrong.
func (n node) given() bool { return n.value != nil }

func (n node) complain(problem, remedy string) {
	n.checker.complain(n.at, n.key, problem, remedy)
}

// is checks the value's kind; it is false without a complaint where there is no value.
func (n node) is(wanted kind, remedy string) bool {
	switch {
	case n.value == nil:
		return false
	case n.value.kind == wanted:
		return true
	case n.value.kind == nullKind && n.value.text != "":
		n.complain("is the null of YAML", "put it in quotes if the word is meant, or take the line out")
	case n.value.kind == nullKind:
		n.complain("is empty", "give it a value or take the line out")
	case n.value.kind == refusedKind:
		n.complain("uses an anchor, alias or tag of YAML", "write the value out")
	case wanted == textKind && (n.value.kind == numberKind || n.value.kind == boolKind):
		n.complain(fmt.Sprintf("is %s where text belongs", n.value.kind), "put it in quotes")
	default:
		n.complain(fmt.Sprintf("is %s where %s belongs", n.value.kind, wanted), remedy)
	}
	return false
}

// text returns a text that isn't empty; ok is false where there is none.
func (n node) text() (text string, ok bool) {
	if !n.is(textKind, "write one value") {
		return "", false
	}
	if n.value.text == "" {
		n.complain("is empty", "give it a value or take the line out")
		return "", false
	}
	return n.value.text, true
}

// choice returns one of the options.
func (n node) choice(preset string, options ...string) string {
	want := "choose " + either(options)
	switch {
	case n.given() && (n.value.kind == numberKind || n.value.kind == boolKind):
	case !n.is(textKind, want):
		return preset
	}
	if !slices.Contains(options, n.value.text) {
		n.complain(fmt.Sprintf("unknown value %q", n.value.text), want)
		return preset
	}
	return n.value.text
}

// integer returns a whole number from least to most.
func (n node) integer(preset, least, most int) int {
	want := fmt.Sprintf("write a whole number from %d to %d", least, most)
	if most == math.MaxInt {
		want = fmt.Sprintf("write a whole number from %d", least)
	}
	if !n.is(numberKind, want) {
		return preset
	}
	number, err := strconv.Atoi(n.value.text)
	if err != nil || number < least || number > most {
		n.complain(n.value.text+" is out of range", want)
		return preset
	}
	return number
}

// rate returns a number of requests a second: with fewer nothing would be done in a lifetime, and more can't be sent.
func (n node) rate(preset float64) float64 {
	const want = "write a number from 0.01 to 100000"
	if !n.is(numberKind, want) {
		return preset
	}
	number, err := strconv.ParseFloat(n.value.text, 64)
	if err != nil || !(number >= 0.01 && number <= 100_000) { // nor is it a number, where it isn't one
		n.complain(n.value.text+" is out of range", want)
		return preset
	}
	return number
}

// flag returns true or false.
func (n node) flag() bool {
	return n.is(boolKind, "write true or false") && strings.EqualFold(n.value.text, "true")
}

// share returns a percentage, as a part of 1; most is in percent.
func (n node) share(preset float64, most int) float64 {
	const want = "write one such as 5%"
	if !n.given() || n.value.kind != numberKind && !n.is(textKind, want) {
		return preset
	}
	digits, percent := strings.CutSuffix(n.value.text, "%")
	number, err := strconv.ParseFloat(digits, 64)
	if !percent || err != nil || !(number >= 0 && number <= float64(most)) {
		n.complain(fmt.Sprintf("%q is not a share from 0%% to %d%%", n.value.text, most), want)
		return preset
	}
	return number / 100
}

// duration returns a span of time from least to most.
func (n node) duration(preset, least, most time.Duration) time.Duration {
	const want = "write a number and its unit, such as 30s, 5m, 72h or 3d"
	if !n.given() || n.value.kind != numberKind && !n.is(textKind, want) {
		return preset
	}
	span, err := parseDuration(n.value.text)
	if err != nil || span < least || span > most {
		n.complain(fmt.Sprintf("%q is not a span of time from %s to %s", n.value.text, spell(least), spell(most)), want)
		return preset
	}
	return span
}

// list returns the items of a list that has some.
func (n node) list(remedy string) []node {
	if !n.is(listKind, remedy) {
		return nil
	}
	if len(n.value.items) == 0 {
		n.complain("is an empty list", remedy)
	}
	nodes := make([]node, len(n.value.items))
	for i := range n.value.items {
		item := &n.value.items[i]
		nodes[i] = node{checker: n.checker, key: fmt.Sprintf("%s[%d]", n.key, i), at: item.at, value: item}
	}
	return nodes
}
