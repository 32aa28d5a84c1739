package doctor

import (
	"slices"
	"strings"

	"cubesync/cmd/cubesync/internal/config"
)

// Gravity says what a finding means for whoever wants to sync.
type Gravity string

// The gravities.
const (
	MustChange Gravity = "must_change" // the configuration asks for what the service doesn't permit
	Unusable   Gravity = "unusable"    // the service can't be used, or couldn't be examined
	Hint       Gravity = "hint"        // works, and ought to be known
)

// Finding is one thing to know or to do. It holds no secret.
type Finding struct {
	Gravity Gravity `json:"gravity"`
	Place   string  `json:"place,omitempty"` // in the configuration, as config.yaml:12; under config.yaml:5 where it isn't said
	Key     string  `json:"key,omitempty"`   // what stands there, such as updates: shared
	Problem string  `json:"problem"`
	Remedy  string  `json:"remedy,omitempty"`
}

// String returns the finding as "config.yaml:12: updates: shared: problem; remedy".
func (f Finding) String() string {
	var out strings.Builder
	for _, part := range []string{f.Place, f.Key} {
		if part != "" {
			out.WriteString(part + ": ")
		}
	}
	out.WriteString(f.Problem)
	if f.Remedy != "" {
		out.WriteString("; " + f.Remedy)
	}
	return out.String()
}

// Diagnose compares what was found out with what the pipelines of the configuration need. The gravest findings come
// first.
func Diagnose(cfg *config.Config, f Facts) []Finding {
	d := &diagnosis{cfg: cfg, facts: f}
	if f.Trouble != nil {
		d.trouble(*f.Trouble)
	} else {
		d.compare()
		d.hints()
	}
	if len(f.Left) > 0 {
		d.add(Finding{
			Gravity: Hint, Problem: "throw-aways that may still be there: " + strings.Join(f.Left, ", "),
			Remedy: "run doctor again, or delete them in the dashboard",
		})
	}
	rank := map[Gravity]int{MustChange: 0, Unusable: 1, Hint: 2}
	slices.SortStableFunc(d.findings, func(a, b Finding) int { return rank[a.Gravity] - rank[b.Gravity] })
	return d.findings
}

// compare looks at what the pipelines need. Without an account to try things on, nothing but sign-ups was found out.
func (d *diagnosis) compare() {
	for _, p := range d.cfg.Pipelines {
		d.creates(p)
	}
	if !d.yes(SignUpKey) && !d.yes(SignUpShared) {
		return
	}
	d.always()
	for _, p := range d.cfg.Pipelines {
		d.updates(p)
		d.deletes(p)
	}
}

type diagnosis struct {
	cfg      *config.Config
	facts    Facts
	findings []Finding
}

// add notes a finding, once: pipelines share lines.
func (d *diagnosis) add(f Finding) {
	for _, known := range d.findings {
		if known == f {
			return
		}
	}
	d.findings = append(d.findings, f)
}

// Verdict is what all findings come to.
type Verdict string

// The verdicts.
const (
	Sound            Verdict = "sound"
	ConfigMustChange Verdict = "config_must_change"
	ServiceUnusable  Verdict = "service_unusable"
	Interrupted      Verdict = "interrupted"
)

func verdict(f Facts, findings []Finding) Verdict {
	result := Sound
	for _, finding := range findings {
		switch {
		case finding.Gravity == MustChange:
			result = ConfigMustChange
		case finding.Gravity == Unusable && result == Sound:
			result = ServiceUnusable
		}
	}
	if f.Trouble != nil && f.Trouble.Interrupted {
		return Interrupted
	}
	return result
}
