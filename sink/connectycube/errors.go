package connectycube

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"

	"cubesync/sync/account"
)

// What to check where the service refuses credentials, or can't be reached.
const (
	hintApplication = "check connectycube.application_id and connectycube.auth_key"
	hintUnsigned    = hintApplication + ", and set connectycube.auth_secret if the application wants signed sessions"
	hintSigned      = "check connectycube.application_id, connectycube.auth_key and connectycube.auth_secret"
	hintServiceUser = "check connectycube.service_user and what this user may do"
	hintAdmin       = "check connectycube.admin_key: the Administration API is part of larger plans only"
	hintEndpoint    = "check connectycube.endpoint"
	hintQueries     = hintEndpoint + ": something on the way may change queries"
	hintProxy       = "check connectycube.proxy, or HTTPS_PROXY in the environment"
	hintTrust       = "check connectycube.endpoint, and connectycube.ca_file where the certificate is of an authority of your own"
	hintOwner       = "check what the application lets users do with their own account"
)

// failure makes the one error of a call that wasn't done, from its answer or from what kept it from being answered.
func (c *Client) failure(call *call, got *answer, err error) error {
	if known, ok := errors.AsType[*account.Error](err); ok {
		return known
	}
	result := &account.Error{Call: call.name}
	if err != nil {
		result.Kind = kindOfError(call, err)
		result.Words = c.clean(call, inWords(err))
		if unreadable, ok := errors.AsType[*unreadableError](err); ok {
			result.Status = unreadable.status
			result.RequestID = c.clean(call, unreadable.requestID)
		}
	} else {
		var said complaint
		if got.status >= http.StatusBadRequest { // what isn't a refusal complains of nothing, and may hold a token
			said = readComplaint(got.body)
		}
		result.Kind = kindOfStatus(call, got.status, said)
		result.Field = knownField(said.field)
		result.Words = c.clean(call, said.words)
		result.Status = got.status
		result.RequestID = c.clean(call, got.requestID())
		if result.Kind == account.Throttled {
			result.Delay, _ = got.retryAfter()
		}
	}
	if !errors.Is(err, context.Canceled) {
		result.Hint = hint(call, result, err)
	}
	return result
}

// kindOfStatus classifies an answer:
//
//	400, 422             invalid; conflict where a field's value is taken
//	401                  unauthenticated
//	403                  forbidden
//	404                  not found
//	409                  conflict
//	407                  unavailable: a proxy's, so nothing happened
//	429                  throttled
//	other 4xx            invalid
//	302, 303             in doubt, as below: servers redirect so after they acted
//	other 3xx            unavailable: redirects aren't followed, so nothing happened
//	202, 408, 5xx, else  in doubt: ambiguous for a write; nothing happened otherwise
func kindOfStatus(call *call, status int, said complaint) account.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return account.Unauthenticated
	case status == http.StatusForbidden:
		return account.Forbidden
	case status == http.StatusNotFound:
		return account.NotFound
	case status == http.StatusTooManyRequests:
		return account.Throttled
	case status == http.StatusRequestTimeout:
		return doubt(call)
	case status == http.StatusProxyAuthRequired:
		return account.Unavailable
	case status == http.StatusConflict, status >= 400 && status < 500 && said.taken:
		return account.Conflict
	case status >= 400 && status < 500:
		return account.Invalid
	case status == http.StatusFound, status == http.StatusSeeOther:
		return doubt(call)
	case status >= 300 && status < 400:
		return account.Unavailable
	default:
		return doubt(call)
	}
}

func kindOfError(call *call, err error) account.Kind {
	if neverSent(err) {
		return account.Unavailable
	}
	return doubt(call)
}

// doubt is the kind of a call that may have been carried out.
func doubt(call *call) account.Kind {
	if call.writes() {
		return account.Ambiguous
	}
	return account.Unavailable
}

// inWords is what kept a call from being answered. What Go only says for programmers is said for people before it.
func inWords(err error) string {
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case noTLS:
		return "what answers there doesn't speak TLS, as https needs: " + err.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer: " + err.Error()
	default:
		return err.Error()
	}
}

// AtProxy reports whether it was a proxy that kept a call from the service.
func AtProxy(err error) bool {
	failed, ok := errors.AsType[*account.Error](err)
	return ok && failed.Hint == hintProxy
}

func hint(call *call, failed *account.Error, err error) string {
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted:
		return hintTrust
	case failed.Status == http.StatusProxyAuthRequired || byProxy(err):
		return hintProxy
	case failed.Kind == account.Unauthenticated || failed.Kind == account.Forbidden:
		return call.hint
	case failed.Kind == account.Unavailable && failed.Status < http.StatusBadRequest:
		return hintEndpoint
	}
	return ""
}
