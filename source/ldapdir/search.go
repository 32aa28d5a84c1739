package ldapdir

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"

	"cubesync/sync/record"
)

// leastPage is the smallest page that is asked for: who permits no more can't be read in pages.
const leastPage = 8

// emptyPages is how many pages without an entry may follow each other. Active Directory sends some where much is filtered out.
const emptyPages = 1000

// answer is an entry as Next returns it.
type answer struct {
	record record.Record
	reject *record.RejectError
}

// search is one paged search, which runs in a goroutine of its own.
type search struct {
	source  *Source
	link    *link
	decoder *decoder

	size      int // of a page
	cookie    []byte
	pages     int
	entries   int
	referrals int
	leftOut   int // disabled accounts

	page   []answer
	ranged []ranged // of this page
}

// run reads page after page and hands over each one that the server attests. It returns nil only where the server attested that
// it was the last.
func (s *search) run(ctx context.Context, emit func([]answer) error) error {
	if err := s.readGroups(ctx); err != nil {
		return s.explain(ctx, err)
	}
	for empty := 0; ; {
		err := s.nextPage(ctx)
		if err != nil && s.pages == 0 && halves(err) && s.size/2 >= leastPage {
			s.size /= 2
			continue
		}
		if err == nil {
			err = s.followRanges(ctx)
		}
		if err != nil {
			return s.explain(ctx, err)
		}
		s.pages++
		if empty++; len(s.page) > 0 {
			empty = 0
		}
		if uid := s.decoder.uid; len(s.cookie) == 0 && uid != nil && !uid.seen && s.entries > 0 {
			return &readError{"no entry shows uid, by which groups name their members: these would lose their tags: let the account that we sign in as read it", false}
		}
		if err := emit(s.page); err != nil || len(s.cookie) == 0 {
			return err
		}
		if empty > emptyPages {
			return &readError{fmt.Sprintf("the server sends page after page without an entry, %d by now: see its log", empty), false}
		}
	}
}

var (
	errIdle = errors.New("the server sent nothing more")
	errLost = errors.New("the connection was lost")
	// errNotPaged is a page without the control that says whether there is a next one.
	errNotPaged = errors.New("the server doesn't say whether there is another page")
)

// nextPage reads the page after the cookie. Without an error the server has sent all of it.
func (s *search) nextPage(ctx context.Context) error {
	s.page, s.ranged = make([]answer, 0, s.size), nil
	paging := ldap.NewControlPaging(uint32(s.size)) //nolint:gosec // far less than that
	paging.SetCookie(s.cookie)
	done, err := s.ask(ctx, s.source.options.IdleTimeout, &ldap.SearchRequest{
		BaseDN: s.source.options.Base, Scope: s.source.scope, DerefAliases: ldap.NeverDerefAliases, Filter: s.source.options.Filter,
		Attributes: s.decoder.request, Controls: []ldap.Control{paging},
	}, s.take)
	if err != nil {
		return err
	}
	end, _ := ldap.FindControl(done, ldap.ControlTypePaging).(*ldap.ControlPaging)
	if end == nil {
		return errNotPaged
	}
	s.cookie = end.Cookie
	return nil
}

// ask sends a search and takes its entries; it returns the controls of its end. Without an error the server has sent that end: after
// a cancelled search go-ldap reports none either, nor always after a lost connection.
func (s *search) ask(ctx context.Context, idle time.Duration, request *ldap.SearchRequest, take func(*ldap.Entry)) ([]ldap.Control, error) {
	searching, cancel := context.WithCancel(ctx)
	defer cancel()
	var silent atomic.Bool
	timer := time.AfterFunc(idle, func() {
		silent.Store(true)
		cancel()
	})
	defer timer.Stop()
	var end []ldap.Control
	response := s.link.SearchAsync(searching, request, s.size)
	for response.Next() {
		timer.Reset(idle)
		end = nil
		switch {
		case response.Entry() != nil:
			take(response.Entry())
		case response.Referral() != "":
			s.referrals++
		default:
			end = response.Controls()
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case silent.Load():
		return nil, fmt.Errorf("%w for %s", errIdle, idle)
	case response.Err() != nil:
		return nil, response.Err()
	case s.link.IsClosing():
		return nil, errLost
	}
	return end, nil
}

// take takes an entry of the page in.
func (s *search) take(entry *ldap.Entry) {
	s.entries++
	d := s.decoder
	d.decode(entry)
	if len(d.ranged) > 0 {
		s.ranged = append(s.ranged, ranged{entry: entry, at: len(s.page), attributes: d.ranged})
		d.ranged = nil
		s.page = append(s.page, answer{})
		return
	}
	if a, ok := s.answer(); ok {
		s.page = append(s.page, a)
	}
}

// answer is what comes of the entry that was decoded last; ok is false where it is left out.
func (s *search) answer() (a answer, ok bool) {
	if s.decoder.reject == nil && s.decoder.disabled && s.source.options.LeaveOut {
		s.leftOut++
		return answer{}, false
	}
	return answer{s.decoder.record, s.decoder.reject}, true
}

// explain makes a reason of an error: what went wrong, how far the read was, what to do.
func (s *search) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if known := (*readError)(nil); errors.As(err, &known) {
		return known
	}
	where := fmt.Sprintf("%s, after %s and %s", s.link.server.shown, count(s.pages, "page"), count(s.entries, "entry"))
	switch c := code(err); {
	case errors.Is(err, errNotPaged):
		return &readError{where + ": the server answers without the paging control (RFC 2696), so that nothing shows a read to be whole: " +
			"permit the control, or name a server that knows it", false}
	case errors.Is(err, errIdle):
		return &readError{where + ": " + err.Error() + ": see its log, or raise timeouts.idle", true}
	case c == noCode || c >= ldap.ErrorNetwork:
		return &readError{where + ": the connection was lost: " + inTheirWords(err), true}
	default:
		remedy, retry := advice(c, s.pages)
		return &readError{where + ": " + inTheirWords(err) + ": " + remedy, retry}
	}
}

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if thing == "entry" {
		return fmt.Sprintf("%d entries", n)
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
