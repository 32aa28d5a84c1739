package ldapdir

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/go-ldap/ldap/v3"
)

// readError is why a read ended before its end.
type readError struct {
	reason string
	retry  bool
}

func (e *readError) Error() string { return e.reason }

// noCode is what an error has that no server sent.
const noCode = 0xffff

// code is the result code of an error.
func code(err error) uint16 {
	if e := (*ldap.Error)(nil); errors.As(err, &e) {
		return e.ResultCode
	}
	return noCode
}

// inTheirWords is an error with what the server says about it.
func inTheirWords(err error) string {
	e := (*ldap.Error)(nil)
	if !errors.As(err, &e) || e.ResultCode >= ldap.ErrorNetwork {
		return shown(err.Error())
	}
	text := fmt.Sprintf("%s (%d)", ldap.LDAPResultCodeMap[e.ResultCode], e.ResultCode)
	if said := strings.TrimSpace(shown(e.Err.Error())); said != "" {
		text += ": " + said
	}
	return text
}

// shown makes one line of a server's words, not too long.
func shown(text string) string {
	const most = 300
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

// advice says what to do about a result code in mid-read, and whether reading from the start may help. A limit is met again by
// every further read.
func advice(c uint16, pages int) (remedy string, retry bool) {
	switch c {
	case ldap.LDAPResultTimeLimitExceeded:
		return "the server's time limit ends the search: raise it for the account that we sign in as, or have the filter's attributes indexed", false
	case ldap.LDAPResultSizeLimitExceeded:
		return "the server's size limit is for the search as a whole, not for a page: raise it for the account that we sign in as " +
			"(OpenLDAP: limits dn.exact=… size=unlimited)", false
	case ldap.LDAPResultAdminLimitExceeded:
		return "an administrative limit ends the search: raise it for the account that we sign in as (389 Directory Server: nsLookThroughLimit, " +
			"nsPagedLookThroughLimit), or have the filter's attributes indexed", false
	case ldap.LDAPResultBusy, ldap.LDAPResultUnavailable:
		return "the server has too much to do, or is going down", true
	case ldap.LDAPResultUnwillingToPerform:
		return "the server doesn't go on with the search, as when it has forgotten where it was: see its log", pages > 0
	case ldap.LDAPResultOther:
		return "the server failed: see its log", true
	case ldap.LDAPResultNoSuchObject:
		return "there is no such base, or the account that we sign in as may not see it", false
	case ldap.LDAPResultInsufficientAccessRights:
		return "the account that we sign in as may not search there", false
	case ldap.LDAPResultOperationsError:
		return "Active Directory answers so to who hasn't signed in: see bind", pages > 0
	case ldap.LDAPResultReferral:
		return "the base is on another server: write that one into urls", false
	case ldap.LDAPResultUnavailableCriticalExtension:
		return "the server can't page: it can't show that a read is whole", false
	}
	return "see the server's log", false
}

// halves reports whether a smaller page may be answered.
func halves(err error) bool {
	c := code(err)
	return c == ldap.LDAPResultSizeLimitExceeded || c == ldap.LDAPResultAdminLimitExceeded
}
