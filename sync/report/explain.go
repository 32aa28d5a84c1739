package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"cubesync/sync/account"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/state"
	"cubesync/sync/user"
)

// Explanation is what a run decided about somebody, from what they were recognised to how it ended.
type Explanation struct {
	Pipeline   string          `json:"pipeline"`
	Run        int64           `json:"run,omitempty"` // 0: it was only looked at
	Status     state.Status    `json:"status"`
	Rekey      bool            `json:"rekey,omitempty"` // the run gave accounts other external IDs
	PlannedAt  time.Time       `json:"planned_at,omitzero"`
	ExternalID string          `json:"external_id,omitempty"`
	AccountID  int64           `json:"account_id,omitempty"`
	Position   record.Position `json:"position,omitempty"`

	Keys     []string         `json:"keys,omitempty"`  // each match key that was tried, and what it found
	Owner    string           `json:"owner,omitempty"` // whose the account is
	Decision string           `json:"decision"`        // the kind of an operation, reject, leaver or unchanged
	Reason   plan.Reason      `json:"reason,omitempty"`
	Why      string           `json:"why"`
	Fields   []ExplainedField `json:"fields,omitempty"`
	Record   []ExplainedCell  `json:"record,omitempty"` // of a rejected one
	Remarks  []string         `json:"remarks,omitempty"`
	Order    string           `json:"order,omitempty"`
	Guards   []plan.Trip      `json:"guards,omitempty"`
	Ending   string           `json:"ending"`
	Words    string           `json:"words,omitempty"` // the service's own, or why it wasn't sent
}

// ExplainedField is the comparison of one field.
type ExplainedField struct {
	Field   user.Field `json:"field"`
	Before  string     `json:"before"`
	After   string     `json:"after"`
	Differs bool       `json:"differs"`
	Rule    string     `json:"rule"`
}

// ExplainedCell is a column of a record.
type ExplainedCell struct {
	Column string `json:"column"`
	Text   string `json:"text"`
}

// Explain returns what the plan of a run says about whoever text names: by external ID, account id, login, e-mail, or
// the position of a record. Nobody is returned whom the plan leaves as they are without a word. An error means that the plan
// can't be read on.
func Explain(run state.Run, file *plan.File, outcomes Outcomes, text string) ([]Explanation, error) {
	e := explainer{run: run, file: file, text: text}
	e.id, _ = strconv.ParseInt(text, 10, 64) // 0 is no account's
	if err := e.operations(outcomes); err != nil {
		return nil, err
	}
	for i := range file.Plan.Rejects {
		if r := &file.Plan.Rejects[i]; e.named(r.ExternalID, 0, r.Position) || e.inCells(r) {
			e.reject(r)
		}
	}
	for i := range file.Plan.Leavers {
		if l := &file.Plan.Leavers[i]; e.named(l.ExternalID, l.AccountID, "") {
			e.leaver(l)
		}
	}
	if len(e.found) == 0 {
		e.remarksAlone()
	}
	return e.found, nil
}

// operations explains those that are about whoever is meant, be it that only their outcome says so: the plan doesn't know the
// account of a sign-up.
func (e *explainer) operations(outcomes Outcomes) error {
	p := e.file.Plan
	meant := func(op *plan.Operation) bool {
		return e.named(op.ExternalID, op.AccountID, op.Position) || e.holds(op)
	}
	signUps := map[string]bool{} // external IDs
	if p.SignUps != nil {
		for op, err := range p.SignUps.Each {
			if err != nil {
				return err
			}
			if meant(op) {
				signUps[op.ExternalID] = true
			}
		}
	}
	ends, err := readEndings(p, outcomes, func(o *state.StoredOutcome) bool {
		return signUps[o.ExternalID] || e.id != 0 && o.AccountID == e.id
	})
	if err != nil {
		return err
	}
	for op, err := range p.All() {
		if err != nil {
			return err
		}
		outcome := ends.of(op)
		if op.Step != plan.Park && meant(&outcome.Operation) {
			e.operation(&outcome.Operation, outcome)
		}
	}
	return nil
}

// Unchanged is the explanation of a known account that the plan doesn't mention.
func Unchanged(run state.Run, a account.Account) Explanation {
	why := "its record and its account were equal, or it was left alone without a word"
	if run.Verdict.Since != "" {
		why = "its record wasn't read, as this run read only what changed since " + run.Verdict.Since + ", or was equal to its account"
	}
	if !a.CreatedAt.IsZero() && a.CreatedAt.After(run.StartedAt) {
		why = "its account was made after this run, at " + plan.Moment(a.CreatedAt)
	}
	return Explanation{
		Pipeline: run.Pipeline, Run: run.ID, Status: run.Status, Rekey: run.Rekey, PlannedAt: run.StartedAt, ExternalID: a.ExternalID, AccountID: a.ID,
		Decision: "unchanged", Why: why, Ending: "unchanged",
	}
}

type explainer struct {
	run   state.Run
	file  *plan.File
	text  string
	id    int64
	found []Explanation
}

func (e *explainer) named(externalID string, accountID int64, position record.Position) bool {
	return externalID == e.text || e.id != 0 && accountID == e.id || position != "" && string(position) == e.text
}

// holds reports whether the account has, or is to get, the login or e-mail.
func (e *explainer) holds(op *plan.Operation) bool {
	for _, field := range []user.Field{user.Login, user.Email} {
		values := []string{op.Was().Values[field].Text}
		for _, c := range op.Changes {
			if c.Field == field {
				values = append(values, c.Before, c.After)
			}
		}
		for _, value := range values {
			if value != "" && field.Equal(value, e.text) {
				return true
			}
		}
	}
	return false
}

func (e *explainer) inCells(r *plan.Reject) bool {
	for _, cell := range r.Cells {
		if text := cell.Text(); text != "" && user.Email.Equal(text, e.text) {
			return true
		}
	}
	return false
}

func (e *explainer) begin(externalID string, accountID int64, position record.Position) Explanation {
	x := Explanation{
		Pipeline: e.file.Header.Pipeline, Run: e.run.ID, Status: e.run.Status, Rekey: e.run.Rekey, PlannedAt: e.file.Header.MadeAt,
		ExternalID: externalID, AccountID: accountID, Position: position, Guards: e.run.Trips,
	}
	for _, r := range e.file.Plan.Remarks {
		if externalID != "" && r.ExternalID == externalID || externalID == "" && accountID != 0 && r.AccountID == accountID {
			x.Remarks = append(x.Remarks, r.String())
		}
	}
	return x
}

func (e *explainer) operation(op *plan.Operation, outcome state.Outcome) {
	x := e.begin(op.ExternalID, op.AccountID, op.Position)
	x.Decision, x.Reason, x.Why = string(op.Kind), op.Reason, WhyOf(op)
	x.Keys, x.Owner = keysOf(op, e.file.Header.OwnerTag), ownerOf(op, e.file.Header.OwnerTag)
	if op.Kind != plan.Delete {
		x.Fields = fieldsOf(op, e.file.Header.Fields, e.remarkedFields(op.ExternalID))
	}
	if len(op.WaitsFor) > 0 {
		x.Order = strings.Join(op.Order(), "; ")
	}
	x.Ending, x.Words = string(outcome.Ending), outcome.Words
	if outcome.Ending == state.NotAttempted && x.Words == "" {
		x.Words = e.whyNotAttempted()
	}
	e.found = append(e.found, x)
}

// remarkedFields are the fields that the plan remarks something about.
func (e *explainer) remarkedFields(externalID string) []string {
	var fields []string
	for _, r := range e.file.Plan.Remarks {
		if r.ExternalID == externalID {
			fields = append(fields, r.Field)
		}
	}
	return fields
}

// whyNotAttempted says why nothing was tried.
func (e *explainer) whyNotAttempted() string {
	switch e.run.Status {
	case state.Held:
		return "the run was held by its guards"
	case state.Planned:
		return "it was only planned"
	default:
		return e.run.Problem
	}
}

func (e *explainer) reject(r *plan.Reject) {
	x := e.begin(r.ExternalID, 0, r.Position)
	x.Decision, x.Reason, x.Why, x.Ending = "reject", r.Reason, r.Detail, "rejected"
	for i, name := range e.file.Header.Columns {
		if i < len(r.Cells) && r.Cells[i].Text() != "" {
			x.Record = append(x.Record, ExplainedCell{name, r.Cells[i].Text()})
		}
	}
	e.found = append(e.found, x)
}

func (e *explainer) leaver(l *plan.Leaver) {
	x := e.begin(l.ExternalID, l.AccountID, "")
	x.Decision, x.Reason, x.Ending = "leaver", l.Reason, "left alone"
	x.Keys = []string{fmt.Sprintf("external ID %s: account %d, and no record in this read", l.ExternalID, l.AccountID)}
	x.Why = l.Fate()
	switch l.Reason {
	case plan.AbsenceUnknown:
		x.Why += " (" + e.file.Header.AbsenceUnknown + ")"
	case plan.Kept:
		x.Why = "the policy keeps leavers (leavers: keep)"
	}
	e.found = append(e.found, x)
}

// remarksAlone explains somebody of whom the plan only remarks something.
func (e *explainer) remarksAlone() {
	seen := map[string]bool{}
	for _, r := range e.file.Plan.Remarks {
		key := fmt.Sprint(r.ExternalID, "\x00", r.AccountID)
		if seen[key] || !e.named(r.ExternalID, r.AccountID, r.Position) {
			continue
		}
		seen[key] = true
		x := e.begin(r.ExternalID, r.AccountID, r.Position)
		x.Decision, x.Reason, x.Why, x.Ending = "unchanged", r.Reason, "nothing is to be done; see the remarks", "unchanged"
		e.found = append(e.found, x)
	}
	for i := range e.file.Plan.Avatars {
		a := &e.file.Plan.Avatars[i]
		if key := fmt.Sprint(a.ExternalID, "\x00", a.AccountID); seen[key] || !e.named(a.ExternalID, a.AccountID, a.Position) {
			continue
		}
		x := e.begin(a.ExternalID, a.AccountID, a.Position)
		x.Decision, x.Reason, x.Why, x.Ending = "unchanged", a.Blocked, "only the avatar is to be set: "+a.What(), "unchanged"
		e.found = append(e.found, x)
	}
}
