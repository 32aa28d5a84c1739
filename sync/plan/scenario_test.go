package plan

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"cubesync/sync/account"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// scenario is the input of one plan.
type scenario struct {
	desired  []Desired
	observed []account.Account
	known    []Known
	found    []account.Account // what the application holds beside the listed accounts
	refused  map[string]string // step and external ID of operations that were refused before, and the service's words
	input    Input             // policy and switches; the sequences are filled in by plan
	before   string            // the config digest under which operations were refused; "": the same

	guarded   bool
	limits    Limits
	situation Situation
}

// plan makes the plan twice where operations were refused before: the first time to learn their digests.
func (s *scenario) plan(t *testing.T) *Plan {
	t.Helper()
	if len(s.refused) > 0 {
		first := *s
		first.refused = nil
		if s.before != "" {
			first.input.ConfigDigest = s.before
		}
		for _, op := range first.plan(t).Operations {
			words, ok := s.refused[string(op.Step)+op.ExternalID]
			i := slices.IndexFunc(s.known, func(k Known) bool { return k.ExternalID == op.ExternalID })
			if !ok || i < 0 {
				continue
			}
			refusal := &Refusal{Digest: op.Digest, Words: words}
			if op.Step == PutBack {
				s.known[i].Parked.Refused = []Refusal{*refusal}
			} else {
				s.known[i].Refusal = refusal
			}
		}
	}
	in := s.input
	in.Desired, in.Observed, in.Known = slices.Values(s.desired), slices.Values(s.observed), slices.Values(s.known)
	survey := NewSurvey(in)
	return survey.Build(s.answer(t, survey.Lookups()))
}

// answer finds what the look-ups ask for, as the service does; everything in found must have been asked for.
func (s *scenario) answer(t *testing.T, lookups Lookups) []account.Account {
	t.Helper()
	asked := func(a account.Account) bool {
		return slices.Contains(lookups.IDs, strconv.FormatInt(a.ID, 10)) ||
			slices.Contains(lookups.ExternalIDs, a.ExternalID) && a.ExternalID != "" ||
			holds(a, user.Login, lookups.Logins) || holds(a, user.Email, lookups.Emails)
	}
	var found []account.Account
	for _, a := range s.found {
		if !asked(a) {
			t.Errorf("account %d is never looked up: %+v", a.ID, lookups)
			continue
		}
		found = append(found, a)
	}
	for _, a := range s.observed {
		if asked(a) {
			found = append(found, a)
		}
	}
	return found
}

func holds(a account.Account, field user.Field, values []string) bool {
	have := a.Values[field].Text
	return have != "" && slices.ContainsFunc(values, func(v string) bool { return field.Equal(v, have) })
}

func readScenario(t *testing.T, archive *txtar.Archive) *scenario {
	t.Helper()
	s := &scenario{
		refused: map[string]string{},
		limits:  DefaultLimits(),
		input: Input{
			Policy:       Policy{OwnerTag: "staff", Owners: map[user.Field]Ownership{}, Leavers: KeepLeavers},
			ConfigDigest: "config",
			CountsAsRead: true,
			Now:          time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC),
		},
	}
	for _, part := range archive.Files {
		switch part.Name {
		case "desired":
			s.desired = readDesired(t, part.Data)
		case "observed":
			s.observed = readAccounts(t, part.Data)
		case "found":
			s.found = readAccounts(t, part.Data)
		case "known":
			s.readKnown(t, part.Data)
		case "late":
			s.readLate(t, part.Data)
		case "rejects":
			s.input.Rejects = readRejects(t, part.Data)
		case "policy":
			eachSetting(t, part.Data, func(key, value string) error { return setPolicy(s, key, value) })
		case "guard":
			s.guarded = true
			eachSetting(t, part.Data, s.setGuard)
		default:
			if !isExpected(part.Name) {
				t.Fatalf("unknown part %q", part.Name)
			}
		}
	}
	slices.SortStableFunc(s.desired, func(a, b Desired) int { return strings.Compare(a.User.ExternalID, b.User.ExternalID) })
	slices.SortStableFunc(s.observed, func(a, b account.Account) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	slices.SortStableFunc(s.known, func(a, b Known) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	return s
}

// rows reads CSV with a header and yields each row by its column names, with its line.
func rows(t *testing.T, data []byte, yield func(line int, row map[string]string)) {
	t.Helper()
	reader := csv.NewReader(bytes.NewReader(data))
	header, err := reader.Read()
	if err != nil {
		t.Fatalf("header: %v", err)
	}
	for {
		cells, err := reader.Read()
		if err != nil {
			if len(cells) > 0 {
				t.Fatal(err)
			}
			return
		}
		line, _ := reader.FieldPos(0)
		row := map[string]string{}
		for i, name := range header {
			row[name] = spelledOut(cells[i])
		}
		yield(line, row)
	}
}

// spelledOut lets archives name control characters.
func spelledOut(cell string) string {
	return strings.NewReplacer(`<ESC>`, "\x1b", `<RLO>`, "\u202e", `<LF>`, "\n").Replace(cell)
}

func readDesired(t *testing.T, data []byte) []Desired {
	t.Helper()
	var all []Desired
	rows(t, data, func(line int, row map[string]string) {
		d := Desired{User: user.User{ExternalID: row["external_id"]}, Position: record.Position(fmt.Sprintf("users.csv:%d", line)), Unfit: row["unfit"]}
		for _, field := range user.Fields() {
			if text, ok := row[field.String()]; ok && text != "-" {
				d.User.Values[field] = user.Text(text)
			}
		}
		all = append(all, d)
	})
	return all
}

func readAccounts(t *testing.T, data []byte) []account.Account {
	t.Helper()
	var all []account.Account
	rows(t, data, func(_ int, row map[string]string) {
		id, err := strconv.ParseInt(row["id"], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		a := account.Account{ID: id, ExternalID: row["external_id"]}
		for _, field := range user.Fields() {
			a.Values[field] = user.Text(row[field.String()])
		}
		all = append(all, a)
	})
	return all
}

func readRejects(t *testing.T, data []byte) []Reject {
	t.Helper()
	var all []Reject
	rows(t, data, func(_ int, row map[string]string) {
		all = append(all, Reject{Position: record.Position(row["position"]), ExternalID: row["external_id"], Reason: BadRecord, Detail: row["detail"]})
	})
	return all
}

// readKnown reads one JSON object a line.
func (s *scenario) readKnown(t *testing.T, data []byte) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var line struct {
			ExternalID string                `json:"external_id"`
			AccountID  int64                 `json:"account_id"`
			Mine       map[user.Field]string `json:"mine"`
			Learned    []Learned             `json:"learned"`
			Refused    string                `json:"refused"`      // the service's words, of exactly the operation that is planned
			Step       Step                  `json:"refused_step"` // the step of the operation that was refused
			KeptID     *string               `json:"kept_id"`
			Parked     *Parked               `json:"parked"` // what the account gave up in a swap
			Reads      int                   `json:"reads"`
			Since      time.Time             `json:"since"`
			Approved   Leavers               `json:"approved"`
		}
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&line); err != nil {
			t.Fatalf("known: %v", err)
		}
		k := Known{ExternalID: line.ExternalID, AccountID: line.AccountID, Learned: line.Learned, KeptID: line.KeptID, Parked: line.Parked}
		for field, text := range line.Mine {
			k.Mine.Set(field, text)
		}
		if line.Reads > 0 {
			k.Absence = &Absence{Reads: line.Reads, Since: line.Since, Approved: line.Approved}
		}
		if line.Refused != "" {
			s.refused[string(line.Step)+line.ExternalID] = line.Refused
		}
		s.known = append(s.known, k)
	}
}

// readLate reads CSV; every call is expected for the same time.
func (s *scenario) readLate(t *testing.T, data []byte) {
	t.Helper()
	s.input.Late = map[string]Late{}
	rows(t, data, func(_ int, row map[string]string) {
		late := Late{Login: row["login"], Until: s.input.Now.Add(LateAtMost)}
		if id := row["account_id"]; id != "" {
			var err error
			if late.AccountID, err = strconv.ParseInt(id, 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		s.input.Late[row["external_id"]] = late
	})
}

func eachSetting(t *testing.T, data []byte, set func(key, value string) error) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), ": ")
		if !ok {
			t.Fatalf("%q isn't key: value", lines.Text())
		}
		if err := set(key, value); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
	}
}

func setPolicy(s *scenario, key, value string) (err error) {
	in, policy := &s.input, &s.input.Policy
	if name, ok := strings.CutPrefix(key, "owner."); ok {
		var field user.Field
		if err := field.UnmarshalText([]byte(name)); err != nil {
			return err
		}
		owners := map[string]Ownership{"source": OwnedBySource, "create": OwnedAtCreate, "if_empty": OwnedIfEmpty}
		policy.Owners[field], ok = owners[value]
		if !ok {
			return fmt.Errorf("unknown owner %q", value)
		}
		return nil
	}
	switch key {
	case "other_owner_tags":
		policy.OtherOwnerTags = strings.Fields(value)
	case "custom_data":
		policy.ReplaceCustomData = value == "replace"
	case "adopt":
		for _, key := range strings.Fields(value) {
			policy.Adopt = append(policy.Adopt, account.Key(key))
		}
	case "adoptions":
		policy.AdoptionsOff = value == "off"
	case "protected.ids":
		for _, id := range strings.Fields(value) {
			n, err := strconv.ParseInt(id, 10, 64)
			if err != nil {
				return err
			}
			policy.Protected.IDs = append(policy.Protected.IDs, n)
		}
	case "protected.logins":
		policy.Protected.Logins = strings.Fields(value)
	case "protected.tags":
		policy.Protected.Tags = strings.Fields(value)
	case "updates":
		policy.UpdatesOff = value == "off"
	case "leavers":
		policy.Leavers = Leavers(value)
	case "grace_reads":
		policy.GraceReads, err = strconv.Atoi(value)
	case "grace_span":
		policy.GraceSpan, err = time.ParseDuration(value)
	case "vanished":
		policy.LeaveVanished = value == "leave"
	case "absence_unknown":
		in.AbsenceUnknown = value
	case "counts_as_read":
		in.CountsAsRead = value == "true"
	case "retry_refused":
		in.RetryRefused = value == "true"
	case "refused_under":
		s.before = value
	case "now":
		in.Now, err = time.Parse(time.RFC3339, value)
	default:
		err = fmt.Errorf("unknown setting")
	}
	return err
}

func (s *scenario) setGuard(key, value string) (err error) {
	baseline := func() *Baseline {
		if s.situation.Baseline == nil {
			s.situation.Baseline = &Baseline{Run: 7, Settled: map[string]string{}}
		}
		return s.situation.Baseline
	}
	if name, ok := strings.CutPrefix(key, "baseline.setting."); ok {
		baseline().Settled[name] = value
		return nil
	}
	if name, ok := strings.CutPrefix(key, "setting."); ok {
		if s.situation.Settings == nil {
			s.situation.Settings = map[string]string{}
		}
		s.situation.Settings[name] = value
		return nil
	}
	ceilings := map[string]*Ceiling{
		"deletes": &s.limits.Deletes, "week_deletes": &s.limits.WeekDeletes, "updates": &s.limits.Updates,
		"creates": &s.limits.Creates, "field": &s.limits.Field, "rekeyed": &s.limits.Rekeyed,
	}
	switch {
	case key == "baseline.present":
		baseline().Present, err = strconv.Atoi(value)
	case key == "week_deletes_before":
		s.situation.WeekDeletes, err = strconv.Atoi(value)
	case key == "shrink":
		s.limits.Shrink, err = strconv.ParseFloat(value, 64)
	case ceilings[key] != nil:
		_, err = fmt.Sscan(value, &ceilings[key].Floor, &ceilings[key].Share, &ceilings[key].Most)
	default:
		err = fmt.Errorf("unknown setting")
	}
	return err
}
