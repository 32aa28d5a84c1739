package emulator

import (
	"net"
	"net/http"
	"net/url"
)

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
