package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"cubesync/sync/mapping"
	"cubesync/sync/plan"
	"cubesync/sync/record"
	"cubesync/sync/spool"
	"cubesync/sync/user"
)

const (
	// readTries is how often a read that was cut off is begun again.
	readTries = 3
	// readBatch is how many records are handed from the goroutine that reads to the one that maps at once, skimBatch how
	// many that are passed over.
	readBatch = 256
	skimBatch = 16 * readBatch
	// readAhead is how many batches may be under way.
	readAhead = 4
)

// source is a read of the pipeline's source: whom it holds back for the planner, and how it ended.
type source struct {
	users    *spool.Users
	crowd    *plan.Crowd
	rejects  []plan.Reject
	passed   int // records that agree with their accounts: see plan.Sieve
	filtered int // records that the filter left out: what comes of their users is for the planner to say, as of all that are missing
	// External IDs of such records that begin with a zero, where zeros get lost: they have lost none.
	zerosLeftOut map[string]bool
	verdict      record.Verdict

	zeroless    []plan.Desired  // of the users, those whose records are rejected because of what is known: see lostZeros
	zerolessIDs map[string]bool // their external IDs
}

// records returns how many were read.
func (s *source) records() int { return s.users.Len() - len(s.zeroless) + s.passed + s.userless() }

// userless returns how many of them make no user.
func (s *source) userless() int { return len(s.rejects) + s.filtered }

// begun is a read whose first answer is known: before the service is asked for anything, it is clear that the source can
// be read, and that it isn't the sample.
type begun struct {
	record.Reader
	first answer
}

// open begins a read; where none can be begun the verdict says why. An error means that the run must not go on at all.
func (r *run) open(ctx context.Context) (*begun, record.Verdict, error) {
	r.openAlbum()
	reader, err := r.openSource(ctx)
	if err != nil {
		return nil, record.Verdict{Reason: err.Error()}, nil
	}
	r.columns = reader.Columns().Names()
	r.hidden = r.leftEmpty()
	if columns := reader.Columns(); len(columns.Names()) > 0 { // a source without any says why in its verdict
		if err := r.Mapper.Check(columns); err != nil {
			_ = reader.Close() // nothing was read
			return nil, record.Verdict{Reason: err.Error(), Evidence: reader.Verdict().Evidence}, nil
		}
		if err := r.pictures.check(columns); err != nil {
			_ = reader.Close() // nothing was read
			return nil, record.Verdict{Reason: err.Error(), Evidence: reader.Verdict().Evidence}, nil
		}
	}
	if skims, can := reader.(record.Skimmer); can {
		skims.Leave(r.unneeded(reader.Columns()))
	}
	b := &begun{Reader: reader, first: first(ctx, reader)}
	if b.first.err == nil {
		externalID, _ := r.Mapper.Key(b.first.record)
		if err := r.real(externalID, &b.first.record); err != nil {
			_ = reader.Close() // nothing is done with it
			return nil, record.Verdict{}, err
		}
	}
	return b, record.Verdict{}, nil
}

// useless reports whether the read ended before the first record, for a reason that stays.
func (b *begun) useless() bool {
	verdict := b.Verdict()
	return b.first.ends() && !verdict.Completeness.Usable() && !verdict.Retryable
}

// real refuses users of the sample.
func (r *run) real(externalID string, rec *record.Record) error {
	if r.SamplePrefix != "" && strings.HasPrefix(externalID, r.SamplePrefix) {
		return fmt.Errorf("%s: %w", rec.Position, ErrSample)
	}
	return nil
}

// read reads the source to its end: again from the start where a read was cut off, and where the sieve finds that it
// passed somebody over too early. An error means that the run must not go on at all.
func (r *run) read(ctx context.Context, reader *begun, sieve *plan.Sieve, salt user.Digest, into *spool.Users) (*source, error) {
	for try, passes := 1, 1; ; passes++ {
		if passes > readTries {
			sieve.Hold() // a source that says something else each time
		}
		sieve.Restart()
		into.Close()
		s, err := r.readOnce(ctx, reader, sieve, salt, into)
		if err != nil || ctx.Err() != nil {
			return s, err
		}
		s.passed = sieve.Agreeing()
		if cutOff := !s.verdict.Completeness.Usable() && s.verdict.Retryable; cutOff && try < readTries {
			try++
		} else if again, err := r.again(ctx, s, sieve); err != nil || !again {
			return s, err
		}
		var verdict record.Verdict
		if reader, verdict, err = r.open(ctx); reader == nil {
			sieve.Restart()
			into.Close()
			return &source{users: into, crowd: &plan.Crowd{}, verdict: verdict}, err
		}
	}
}

// again reports whether the source has to be read once more: whole, where what changed isn't all that it takes.
func (r *run) again(ctx context.Context, s *source, sieve *plan.Sieve) (bool, error) {
	if s.verdict.Since != "" {
		if s.verdict.Receded {
			r.following.since = ""
			return true, nil
		}
		if lacks, err := sieve.Lacks(ctx); err != nil || lacks {
			r.following.since = ""
			return lacks, err
		}
	}
	return sieve.Again(ctx)
}

// readOnce reads in one goroutine and maps in another.
func (r *run) readOnce(ctx context.Context, reader *begun, sieve *plan.Sieve, salt user.Digest, users *spool.Users) (*source, error) {
	r.order.Progress.Phase("read", 0)
	ctx, cancel := context.WithCancel(ctx)
	batches := make(chan []answer, readAhead)
	used := make(chan []answer, readAhead+2)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(batches)
		deliver(ctx, reader, r.skimmer(reader.Reader, sieve, salt), batches, used)
	})
	defer func() { _ = reader.Close() }() // the verdict says how the read ended
	defer reading.Wait()
	defer cancel()

	s := &source{users: users, crowd: &plan.Crowd{}, zerosLeftOut: map[string]bool{}}
	into := intake{run: r, source: s, sieve: sieve, salt: salt}
	for batch := range batches {
		n := 0
		for i := range batch {
			switch err := into.take(ctx, &batch[i]); {
			case err == nil:
				n += batch[i].records()
			case errors.Is(err, ErrSample), into.stuck:
				return s, err
			default:
				s.verdict = reader.Verdict()
				if s.verdict.Reason == "" && !errors.Is(err, io.EOF) {
					s.verdict.Reason = err.Error()
				}
				r.order.Progress.Step(n)
				return s, nil
			}
		}
		r.order.Progress.Step(n)
		used <- batch[:0]
	}
	s.verdict = record.Verdict{Reason: ctx.Err().Error()} // only an ended context leaves the answers without an end
	return s, nil
}

// deliver sends what the reader answers, its end included.
func deliver(ctx context.Context, reader *begun, skim *skimmer, batches chan<- []answer, used <-chan []answer) {
	next := reader.first
	if skim != nil {
		skim.resume(&next)
	}
	ended := false
	for !ended {
		var batch []answer
		select {
		case batch = <-used:
		default:
			batch = make([]answer, 0, readBatch)
		}
		for passed := 0; len(batch) < readBatch && passed < skimBatch && !ended; {
			if last := len(batch) - 1; last >= 0 && batch[last].continuedBy(&next) {
				batch[last].rows.to = next.rows.to
				passed++
			} else {
				batch = append(batch, next)
			}
			if ended = next.ends(); !ended {
				next = reader.next(ctx, skim)
			}
		}
		select {
		case batches <- batch:
		case <-ctx.Done():
			return
		}
	}
}

func (b *begun) next(ctx context.Context, skim *skimmer) (a answer) {
	if skim != nil {
		return skim.next(ctx)
	}
	a.record, a.err = b.Next(ctx)
	return a
}

// intake takes the records of one read in.
type intake struct {
	*run
	source *source
	sieve  *plan.Sieve
	salt   user.Digest
	digest user.Digester
	stuck  bool // a user couldn't be put aside
}

// take maps a record, unless it may be passed over. An error is the end of the read.
func (in *intake) take(ctx context.Context, a *answer) error {
	if a.rows != (rows{}) {
		in.sieve.Skimmed(a.rows.from, a.rows.to)
		return nil
	}
	if a.ends() {
		return a.err
	}
	if bad, rejected := errors.AsType[*record.RejectError](a.err); rejected {
		in.reject(identified(bad), nil)
		return nil
	}
	rec := a.record
	out, err := in.Mapper.Filtered(rec)
	if bad, rejected := errors.AsType[*record.RejectError](err); rejected {
		in.reject(bad, in.cells(rec))
		return nil
	}
	if out {
		in.source.filtered++
		if externalID, _ := in.Mapper.Key(rec); in.ZerosGetLost && strings.HasPrefix(externalID, "0") {
			in.source.zerosLeftOut[externalID] = true
		}
		return nil
	}
	digest := a.digest
	picture := in.pictures.picture(rec)
	if externalID, readable := in.Mapper.Key(rec); readable {
		if err := in.real(externalID, &rec); err != nil {
			return err
		}
		if digest == 0 {
			in.digest.AddNumber(int64(in.salt)) //nolint:gosec // any number will do
			in.Mapper.AddTo(&in.digest, rec)
			if in.pictures != nil {
				in.digest.Add(picture.Stamp)
			}
			digest = in.digest.Digest()
		}
		if in.sieve.Record(externalID, digest) {
			return nil
		}
	}
	u, err := in.Mapper.User(rec)
	if bad, rejected := errors.AsType[*record.RejectError](err); rejected {
		in.reject(bad, in.cells(rec))
		return nil
	}
	in.sieve.Claim(u)
	d := plan.Desired{User: u, Position: rec.Position, Digest: digest, Picture: picture}
	_, d.Unfit = in.Mapper.Password(rec)
	if err := in.pictures.carried(ctx, &d, rec); err != nil {
		return err
	}
	in.source.crowd.Record(&u)
	err = in.source.users.Add(&d)
	in.stuck = err != nil
	return err
}

func (in *intake) reject(bad *record.RejectError, cells []record.Value) {
	in.sieve.Reject(bad.ExternalID)
	one := reject(bad)
	one.Cells = cells
	in.source.rejects = append(in.source.rejects, one)
}

// identified is a source's reject whose external ID can be read, or that has none: a spelling that no record may have is nobody's,
// and who has the one behind it would be missing.
func identified(bad *record.RejectError) *record.RejectError {
	if bad.ExternalID == "" || mapping.Readable(bad.ExternalID) {
		return bad
	}
	unread := *bad
	unread.ExternalID = ""
	return &unread
}

func reject(bad *record.RejectError) plan.Reject {
	detail := bad.Problem
	if bad.Field != "" {
		detail = bad.Field + ": " + detail
	}
	return plan.Reject{Position: bad.Position, ExternalID: bad.ExternalID, Reason: plan.BadRecord, Detail: detail, Uncertain: bad.Uncertain}
}

// salt is the digest of all that decides about a record beside the record itself.
func (r *run) salt(policy *plan.Policy) user.Digest {
	text, err := json.Marshal([]any{r.Version, r.Settings, policy})
	if err != nil {
		panic("digest of a policy: " + err.Error()) // texts, numbers and lists of them: always encodable
	}
	return user.DigestOf(string(text))
}

// present gathers whom a read showed, with what it wants of the fields that are merged; those who were passed over are
// as they were, and of newcomers nothing is known that could change.
func present(desired []plan.Desired, rejects []plan.Reject) map[string]plan.Mine {
	all := make(map[string]plan.Mine, len(desired))
	for _, reject := range rejects {
		if reject.ExternalID != "" {
			all[reject.ExternalID] = plan.Mine{}
		}
	}
	for i := range desired {
		all[desired[i].User.ExternalID] = plan.Merged(desired[i].User.Values)
	}
	return all
}
