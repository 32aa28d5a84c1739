package doctor

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/account"
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
	Place   string  `json:"place,omitempty"` // in the configuration, as config.yaml:12
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
			Gravity: Hint, Problem: "throw-away accounts that may still be there: " + strings.Join(f.Left, ", "),
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

// trouble says which line to look at when the examination couldn't go on.
func (d *diagnosis) trouble(t Trouble) {
	if t.Interrupted {
		return
	}
	failed, ok := errors.AsType[*account.Error](t.Err)
	if !ok {
		d.add(Finding{Gravity: Unusable, Problem: t.Err.Error()})
		return
	}
	unreached := failed.Kind == account.Unavailable && failed.Status < http.StatusBadRequest
	switch {
	case unreached:
		d.unusable(failed, "endpoint")
	case t.Stage == AtApplication && keyRefused(t.Err):
		d.application(failed)
	case t.Stage == AtServiceUser && keyRefused(t.Err):
		d.unusable(failed, "service_user")
	default:
		d.add(Finding{Gravity: Unusable, Problem: failed.Call + ": " + said(failed), Remedy: orElse(failed.Hint, "try again later")})
	}
}

// application names the key that the service complains of, or all that a session is made with.
func (d *diagnosis) application(failed *account.Error) {
	keys := []string{"application_id", "auth_key"}
	if !d.cfg.ConnectyCube.AuthSecret.IsZero() {
		keys = append(keys, "auth_secret")
	}
	switch failed.Field {
	case "application_id", "auth_key":
		keys = []string{failed.Field}
	case "signature", "timestamp", "nonce":
		keys = []string{"auth_secret"}
	}
	for _, key := range keys {
		d.unusable(failed, key)
	}
}

func (d *diagnosis) unusable(failed *account.Error, key string) {
	d.add(Finding{
		Gravity: Unusable, Place: d.cfg.Where("connectycube", key), Key: "connectycube." + key,
		Problem: failed.Call + ": " + said(failed), Remedy: orElse(failed.Hint, "check it"),
	})
}

func orElse(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
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
