package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/user"
)

// passwordsHeld is of how many sign-ups passwords are in memory, where the pipeline doesn't say.
const passwordsHeld = 50_000

// passwords gives those who are signed up the passwords that their records have. No plan holds any, and none goes to the disk:
// before anybody is signed up the source is read once more, for a lot of sign-ups at a time.
//
//	the source, read again                  | the sign-ups of the lot
//	----------------------------------------+--------------------------------------------------
//	wasn't read to its end                  | not attempted, nor is anything else from there on
//	has the record, as it was planned       | get the password that it has now
//	has another one, or several that differ | skipped: it changed
//	has none                                | skipped: it is gone
//
// Nothing is used of a read that was cut off: its last record may be cut, too.
type passwords struct {
	*run
	lot map[string]*newcomer // whom the source was read for last, by external ID; used by one goroutine at a time

	mu    sync.Mutex
	ready map[string]string // by external ID: of those who are about to be signed up
}

// newPasswords gives passwords to those whom the run signs up.
func newPasswords(r *run) *passwords { return &passwords{run: r, ready: map[string]string{}} }

// newcomer is somebody who is to be signed up.
type newcomer struct {
	sent     user.Digest // see plan.Operation.Sent
	seen     bool        // there is a record
	password string
	why      string // they get none
}

// SourceError is a source that was read for a plan and couldn't be read again for the passwords of those it signs up.
type SourceError struct {
	SignUps int // that it was read for
	Reason  string
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("the source couldn't be read again for the passwords of %s: %s; nothing more is sent, and the same command goes on", plan.Counted(e.SignUps, "new user"), e.Reason)
}

// readFirst reads the source for the first lot, before anything is sent.
func (p *passwords) readFirst(ctx context.Context) error {
	if p.Plan.Count(plan.Create) == 0 {
		return nil
	}
	return p.readFrom(ctx, "")
}

// prepare is apply.Applier.Prepare.
func (p *passwords) prepare(ctx context.Context, signUps []*plan.Operation) (map[string]string, error) {
	without := map[string]string{}
	for _, op := range signUps {
		if p.lot[op.ExternalID] == nil {
			if err := p.readFrom(ctx, op.ExternalID); err != nil {
				return nil, err
			}
		}
		one := p.lot[op.ExternalID]
		if one.why != "" {
			without[op.ExternalID] = one.why
			continue
		}
		p.mu.Lock()
		p.ready[op.ExternalID] = one.password
		p.mu.Unlock()
	}
	return without, nil
}

// take is apply.Applier.Password. Nobody is signed up twice in a run, so the password isn't kept.
func (p *passwords) take(externalID string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	password, ready := p.ready[externalID]
	if !ready {
		return "", errors.New("its password wasn't read")
	}
	delete(p.ready, externalID)
	return password, nil
}

// readFrom reads the source for the lot that begins with somebody, "" for the first of all: again where it was cut off, and may
// not be the next time.
func (p *passwords) readFrom(ctx context.Context, first string) error {
	if err := p.begin(first); err != nil {
		return err
	}
	ctx, release := untilStop(ctx, p.order.Stop)
	defer release()
	for try := 1; ; try++ {
		for _, one := range p.lot {
			*one = newcomer{sent: one.sent}
		}
		verdict := p.read(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case verdict.Completeness.Usable():
			return nil
		case !verdict.Retryable || try == readTries:
			return &SourceError{SignUps: len(p.lot), Reason: verdict.Reason}
		}
	}
}

// begin begins a lot with somebody and those whose sign-ups follow theirs.
func (p *passwords) begin(first string) error {
	p.lot = map[string]*newcomer{}
	for op, err := range p.Plan.All() {
		if err != nil {
			return err
		}
		if op.Kind != plan.Create || op.Blocked != "" || len(p.lot) == 0 && first != "" && op.ExternalID != first {
			continue
		}
		p.lot[strings.Clone(op.ExternalID)] = &newcomer{sent: op.Sent()}
		if len(p.lot) == cmp.Or(p.PasswordsHeld, passwordsHeld) {
			break
		}
	}
	return nil
}

// read reads the source once.
func (p *passwords) read(ctx context.Context) record.Verdict {
	reader, err := p.Source.Open(ctx)
	if err != nil {
		return record.Verdict{Reason: err.Error()}
	}
	defer func() { _ = reader.Close() }()                      // the verdict says how it ended
	if columns := reader.Columns(); len(columns.Names()) > 0 { // a source without any says why in its verdict
		if err := p.Mapper.Check(columns); err != nil {
			return record.Verdict{Reason: err.Error()}
		}
	}
	for {
		rec, err := reader.Next(ctx)
		if bad, rejected := errors.AsType[*record.RejectError](err); rejected {
			p.lot[bad.ExternalID].meet(newcomer{why: "its record can't be read any more"})
			continue
		}
		switch {
		case err == nil:
			p.see(rec)
		case errors.Is(err, io.EOF):
			for _, one := range p.lot {
				if !one.seen {
					one.why = "its record is gone from the source since the plan was made"
				}
			}
			return reader.Verdict()
		default:
			verdict := reader.Verdict()
			verdict.Completeness, verdict.Reason = record.Incomplete, cmp.Or(verdict.Reason, err.Error())
			return verdict
		}
	}
}

// see takes a record in.
func (p *passwords) see(rec record.Record) {
	externalID, readable := p.Mapper.Key(rec)
	one := p.lot[externalID]
	if !readable || one == nil {
		return
	}
	if out, err := p.Mapper.Filtered(rec); out || err != nil {
		return // as if it weren't there
	}
	u, err := p.Mapper.User(rec)
	password, problem := p.Mapper.Password(rec)
	switch {
	case err != nil || p.Policy.WouldSend(&u) != one.sent:
		one.meet(newcomer{why: "its record changed in the source since the plan was made"})
	case problem != "":
		one.meet(newcomer{why: "its password changed in the source since the plan was made: " + problem})
	default:
		one.meet(newcomer{password: strings.Clone(password)})
	}
}

// meet takes in what a record gives; of several, all must give the same.
func (n *newcomer) meet(given newcomer) {
	switch {
	case n == nil:
	case n.seen && (n.password != given.password || n.why != given.why):
		n.password, n.why = "", "several records of the source have its external ID, and they differ"
	default:
		n.seen, n.password, n.why = true, given.password, given.why
	}
}
