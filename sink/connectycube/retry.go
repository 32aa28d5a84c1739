package connectycube

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"cubesync/sync/account"
)

// How often a call is sent. Five tries wait 15 s at most between them, so an endpoint that is down is known soon.
const (
	maxTries    = 5
	maxThrottle = 10 // of tries where the service answers 429: it will have us, only later
	firstWait   = time.Second
)

// unsentError is a call that was given up before anything was sent.
type unsentError struct{ cause error }

func (e *unsentError) Error() string { return "not sent: " + e.cause.Error() }

func (e *unsentError) Unwrap() error { return e.cause }

// retry repeats what can't act twice: a GET that wasn't answered, or badly, what makes or ends a session (a second one
// dies by itself), so that one bad moment there doesn't end a night's run, and any call that was definitely refused
// or never left this machine. Everything else goes up, and after the last try so does the last answer or error.
//
//	outcome                                     GET, session  others
//	no answer, unreadable answer, 408, 5xx      repeat*       up
//	429 (limiter makes the next try wait)       repeat        repeat
//	connection refused, nothing written         repeat        repeat
//	everything else                             up            up
//
// * but for a call that acts each time: a password reset by GET, a guest's session.
type retry struct {
	next sender
	draw draw
}

func (r *retry) send(ctx context.Context, c *call) (*answer, error) {
	for try := 1; ; try++ {
		got, err := r.next.send(ctx, c)
		c.late = c.late || inDoubt(got, err)
		if ctx.Err() != nil {
			return got, err
		}
		if throttled(got, err) {
			if pause, _ := got.retryAfter(); try >= maxThrottle || pause > maxPause {
				return got, err
			}
			continue
		}
		if try >= maxTries || !repeatable(c, got, err) || sleep(ctx, r.draw.jitter(firstWait, try)) != nil {
			return got, err
		}
	}
}

// inDoubt reports whether nothing says that the call was carried out, or won't be.
func inDoubt(got *answer, err error) bool {
	if err != nil {
		return !neverSent(err)
	}
	return got.status == http.StatusAccepted || got.status == http.StatusRequestTimeout || got.status >= http.StatusInternalServerError
}

func throttled(got *answer, err error) bool {
	return err == nil && got.status == http.StatusTooManyRequests
}

func repeatable(c *call, got *answer, err error) bool {
	if _, ok := errors.AsType[*account.Error](err); ok {
		return false // the shared session can't be had, after tries of its own
	}
	if err != nil {
		return neverConnected(err) || (c.harmless() && !neverSent(err))
	}
	return c.harmless() && (got.status == http.StatusRequestTimeout || got.status >= http.StatusInternalServerError)
}

// neverConnected reports whether there was no connection to send the call over, be it to the service or to a proxy.
func neverConnected(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && (failed.Op == "dial" || failed.Op == proxyConnect || failed.Op == socksConnect)
}

// net/http's names for what goes wrong between us and a proxy, or between the proxy and the service.
const (
	proxyConnect = "proxyconnect"
	socksConnect = "socks connect"
)

func byProxy(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && (failed.Op == proxyConnect || failed.Op == socksConnect)
}

// neverSent reports whether nothing of the call left this machine: it can't have acted.
func neverSent(err error) bool {
	if _, ok := errors.AsType[*unsentError](err); ok {
		return true
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return untrusted || neverConnected(err)
}
