package doctor

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"cubesync/cmd/cubesync/internal/config"
	"cubesync/sync/plan"
)

// width is how long a line may be: that of the smallest terminals in use.
const width = 80

// Report is what people and machines get to see.
type Report struct {
	Config        string // its file, as it was named
	Endpoint      string
	ApplicationID string
	Facts         Facts
	Findings      []Finding
}

// NewReport puts an examination and its diagnosis together.
func NewReport(cfg *config.Config, path string, f Facts) Report {
	return Report{
		Config: path, Endpoint: cfg.ConnectyCube.Endpoint, ApplicationID: cfg.ConnectyCube.ApplicationID,
		Facts: f, Findings: Diagnose(cfg, f),
	}
}

// Verdict is what all findings come to.
func (r Report) Verdict() Verdict { return verdict(r.Facts, r.Findings) }

// WriteText writes the report for people.
func (r Report) WriteText(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s, application %s\n", plan.Printable(r.Endpoint), plan.Printable(r.ApplicationID))
	r.writeSession(out)
	if r.Facts.Trouble == nil || r.Facts.Trouble.Stage == AtWork {
		for _, c := range r.Facts.Checks {
			writeWrapped(out, fmt.Sprintf("  %-3s  %-28s  ", c.Answer.forPeople(), c.Question.forPeople()), c.Words, 37)
		}
	}
	if r.Facts.Removed > 0 {
		fmt.Fprintf(out, "removed %s of an earlier doctor\n", plan.Counted(r.Facts.Removed, "throw-away account"))
	}
	if r.Facts.Made > 0 && len(r.Facts.Left) == 0 {
		fmt.Fprintf(out, "made and removed %s with the tag %s\n", plan.Counted(r.Facts.Made, "throw-away account"), Tag)
	}
	for _, f := range r.Findings {
		writeWrapped(out, "", f.String(), 4)
	}
	fmt.Fprintln(out, r.conclusion())
	return out.Flush()
}

func (r Report) writeSession(w io.Writer) {
	s := r.Facts.Session
	if s == nil {
		return
	}
	who := "of the application, which only reads"
	if s.UserID != 0 {
		who = fmt.Sprintf("of user %d", s.UserID)
		if s.User != nil && s.User.Login.Text != "" {
			who += " (" + plan.Printable(s.User.Login.Text) + ")"
		}
	}
	fmt.Fprintf(w, "session %d %s, expires %s\n", s.ID, who, plan.Moment(s.Expires))
	fmt.Fprintf(w, "answers in %s (median of %d)\nthis machine's clock is %s\n", milliseconds(r.Facts.Latency), looks, skew(s.Skew))
}

func milliseconds(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}

func (r Report) conclusion() string {
	switch r.Verdict() {
	case Interrupted:
		return "interrupted before everything was tried"
	case ServiceUnusable:
		return "ConnectyCube can't be used with " + r.Config + " as things stand"
	case ConfigMustChange:
		return r.Config + " has to change before it can work"
	default:
		return "all that " + r.Config + " needs works"
	}
}

// writeWrapped writes words after a beginning, in lines of the width; those that follow are indented.
func writeWrapped(w io.Writer, begin, words string, indent int) {
	line, empty := begin, begin == ""
	for _, word := range strings.Fields(plan.Printable(words)) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			fmt.Fprintln(w, strings.TrimRight(line, " "))
			line, empty = strings.Repeat(" ", indent)+word, false
			continue
		}
		if !empty && !strings.HasSuffix(line, " ") {
			line += " "
		}
		line, empty = line+word, false
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

type sessionView struct {
	ID            int64     `json:"id"`
	UserID        int64     `json:"user_id,omitempty"`
	Login         string    `json:"login,omitempty"`
	ApplicationID string    `json:"application_id"`
	CreatedAt     time.Time `json:"created_at"`
	Expires       time.Time `json:"expires"`
}

// WriteJSON writes the report for machines: one JSON object, on one line.
func (r Report) WriteJSON(w io.Writer) error {
	view := struct {
		Verdict       Verdict      `json:"verdict"`
		Endpoint      string       `json:"endpoint"`
		ApplicationID string       `json:"application_id"`
		Session       *sessionView `json:"session"`
		Latency       float64      `json:"latency_ms"`
		Skew          float64      `json:"clock_skew_seconds"` // how far this machine is ahead
		Lag           float64      `json:"list_lag_seconds"`
		Checks        []Check      `json:"checks"`
		Findings      []Finding    `json:"findings"`
		Tag           string       `json:"tag"`  // of throw-away accounts
		Made          int          `json:"made"` // by this examination
		Removed       int          `json:"removed_of_earlier_runs"`
		Left          []string     `json:"left"`
	}{
		Verdict: r.Verdict(), Endpoint: r.Endpoint, ApplicationID: r.ApplicationID, Checks: r.Facts.Checks,
		Latency: float64(r.Facts.Latency.Microseconds()) / 1000, Lag: r.Facts.Lag.Seconds(),
		Findings: append([]Finding{}, r.Findings...), Tag: Tag, Made: r.Facts.Made, Removed: r.Facts.Removed, Left: append([]string{}, r.Facts.Left...),
	}
	if s := r.Facts.Session; s != nil {
		view.Skew = s.Skew.Seconds()
		view.Session = &sessionView{ID: s.ID, UserID: s.UserID, ApplicationID: s.ApplicationID, CreatedAt: s.CreatedAt, Expires: s.Expires.UTC().Truncate(time.Second)}
		if s.User != nil {
			view.Session.Login = s.User.Login.Text
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(view)
}
