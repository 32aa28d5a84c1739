package emulator

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// What a browser shows or does must not depend on pages of elsewhere: any of them can reach this machine.
const (
	misdirected = "Misdirected request: the emulator answers on 127.0.0.1 or localhost only, whatever other names lead here."
	foreign     = "Forbidden: only pages that are served from this machine may write."
)

// calledHere reports whether a request names this server by number or as localhost. Any other name may be of somebody who
// lets it lead here (DNS rebinding), whose pages would then be of one origin with this server. A number can't be made to.
func calledHere(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	return strings.EqualFold(name, "localhost") || net.ParseIP(name) != nil
}

// foreignWrite reports whether a page of elsewhere wants to write, which a browser lets it do unasked as a form or plain text.
// What isn't a browser, as the SDK in Node, says nothing of an origin.
func foreignWrite(r *http.Request) bool {
	return !fromHere(r.Header.Get("Origin")) && http.NewCrossOriginProtection().Check(r) != nil
}

// letBrowsers lets web apps that are served from this machine read the answers, as the service lets all of them. No others:
// the users in here may be real, and any page in the browser can reach this machine. It reports whether the request was only
// the browser's question, which is then answered.
func letBrowsers(w http.ResponseWriter, r *http.Request) (asked bool) {
	origin := r.Header.Get("Origin")
	if !fromHere(origin) {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "CB-Token-ExpirationDate, Retry-After")
	h.Set("Vary", "Origin")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE")
	h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	w.WriteHeader(http.StatusNoContent)
	return true
}

func fromHere(origin string) bool {
	at, err := url.Parse(origin)
	if err != nil {
		return false
	}
	ip := net.ParseIP(at.Hostname())
	return at.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
