package connectycube

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// reason says why we differ from the SDK. The differences that it is about are those that match one of its patterns,
// where * is anything; a difference is written "call: METHOD /path: part: the SDK's → ours".
type reason struct {
	name, why string
	patterns  []string
}

func (r reason) covers(pattern, difference string) bool {
	expression := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
	return regexp.MustCompile("^" + expression + "$").MatchString(difference)
}

// report compares calls and writes down what it found, as a diff from the SDK's requests to ours.
type report struct {
	reasons    []reason
	used       map[string]bool // patterns
	unreasoned []string
	text       strings.Builder
}

func newReport(reasons []reason) *report {
	r := &report{reasons: reasons, used: map[string]bool{}}
	fmt.Fprintln(&r.text, "The requests that ConnectyCube's JavaScript SDK makes (-), and ours for the same calls (+). Written by a test.")
	fmt.Fprintln(&r.text, "Each difference has its reason in [brackets].")
	fmt.Fprintln(&r.text, "\nNot compared: the order of headers and of queries, and these headers:")
	ignored := notCompared()
	for _, name := range slices.Sorted(maps.Keys(ignored)) {
		fmt.Fprintf(&r.text, "  %s: %s\n", spelled(name), ignored[name])
	}
	fmt.Fprintln(&r.text, "\nReasons:")
	for _, each := range reasons {
		fmt.Fprintf(&r.text, "  [%s] %s\n", each.name, each.why)
	}
	return r
}

// String returns the report.
func (r *report) String() string { return r.text.String() }

// problems lists the differences without a reason and the reasons without a difference.
func (r *report) problems() []string {
	var all []string
	for _, difference := range r.unreasoned {
		all = append(all, "there is no reason for: "+difference)
	}
	for _, each := range r.reasons {
		for _, pattern := range each.patterns {
			if !r.used[pattern] {
				all = append(all, fmt.Sprintf("the reason %s has no difference like: %s", each.name, pattern))
			}
		}
	}
	return all
}

func (r *report) compare(call string, sdk, ours []sent) {
	fmt.Fprintf(&r.text, "\n== %s\n", call)
	if len(sdk)+len(ours) == 0 {
		r.unreasoned = append(r.unreasoned, call+": no request at all")
	}
	for len(sdk)+len(ours) > 0 {
		// The requests of ours before the SDK's next one are only ours; where that doesn't come, it is only the SDK's.
		at := 0
		if len(sdk) > 0 {
			at = slices.IndexFunc(ours, func(o sent) bool { return o.route() == sdk[0].route() })
		}
		switch {
		case len(sdk) > 0 && at == 0:
			r.pair(call, sdk[0], ours[0])
			sdk, ours = sdk[1:], ours[1:]
		case len(sdk) > 0 && at < 0:
			r.alone("-", call, sdk[0], "the SDK only")
			sdk = sdk[1:]
		default:
			r.alone("+", call, ours[0], "we only")
			ours = ours[1:]
		}
	}
}

// alone writes a request that one side makes only.
func (r *report) alone(sign, call string, s sent, who string) {
	fmt.Fprintf(&r.text, "%s %s %s%s\n", sign, s.method, s.path, r.why(call, s.route(), who))
	for _, p := range s.parts {
		fmt.Fprintf(&r.text, "%s   %s: %s\n", sign, p.key, p.value)
	}
}

func (r *report) pair(call string, sdk, ours sent) {
	if sdk.path == ours.path {
		fmt.Fprintf(&r.text, "  %s %s\n", sdk.method, sdk.path)
	} else {
		fmt.Fprintf(&r.text, "- %s %s\n+ %s %s%s\n", sdk.method, sdk.path, ours.method, ours.path,
			r.why(call, sdk.route(), "path: "+sdk.path+" → "+ours.path))
	}
	for _, key := range keysOf(sdk, ours) {
		theirs, mine := sdk.values(key), ours.values(key)
		for i := range max(len(theirs), len(mine)) {
			r.values(call, sdk.route(), key, theirs[min(i, len(theirs)):], mine[min(i, len(mine)):])
		}
	}
}

// values writes the first value of each side, where it has one.
func (r *report) values(call, route, key string, sdk, ours []string) {
	switch {
	case len(sdk) > 0 && len(ours) > 0 && sdk[0] == ours[0]:
		fmt.Fprintf(&r.text, "    %s: %s\n", key, sdk[0])
	case len(sdk) > 0 && len(ours) > 0:
		fmt.Fprintf(&r.text, "-   %s: %s\n+   %s: %s%s\n", key, sdk[0], key, ours[0], r.why(call, route, key+": "+sdk[0]+" → "+ours[0]))
	case len(sdk) > 0:
		fmt.Fprintf(&r.text, "-   %s: %s%s\n", key, sdk[0], r.why(call, route, key+": "+sdk[0]+" → nothing"))
	default:
		fmt.Fprintf(&r.text, "+   %s: %s%s\n", key, ours[0], r.why(call, route, key+": nothing → "+ours[0]))
	}
}

// why finds the reason of a difference.
func (r *report) why(call, route, what string) string {
	difference := call + ": " + route + ": " + what
	for _, each := range r.reasons {
		for _, pattern := range each.patterns {
			if each.covers(pattern, difference) {
				r.used[pattern] = true
				return "  [" + each.name + "]"
			}
		}
	}
	r.unreasoned = append(r.unreasoned, difference)
	return "  [no reason]"
}

func (s sent) values(key string) []string {
	var all []string
	for _, p := range s.parts {
		if p.key == key {
			all = append(all, p.value)
		}
	}
	return all
}

// keysOf returns the keys of both requests, each once, those of the SDK in their order and then those that are only ours.
func keysOf(sdk, ours sent) []string {
	var keys []string
	for _, p := range slices.Concat(sdk.parts, ours.parts) {
		if !slices.Contains(keys, p.key) {
			keys = append(keys, p.key)
		}
	}
	return keys
}
