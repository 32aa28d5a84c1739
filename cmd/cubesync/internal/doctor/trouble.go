package doctor

import (
	"errors"
	"net/http"
	"strings"

	"cubesync/sink/connectycube"
	"cubesync/sync/account"
)

// trouble says which line to look at when the examination couldn't go on.
func (d *diagnosis) trouble(t Trouble) {
	if t.Interrupted {
		return
	}
	failed, ok := errors.AsType[*account.Error](t.Err)
	if !ok {
		d.add(Finding{Gravity: Unusable, Problem: t.Err.Error()})
		return
	}
	unreached := failed.Kind == account.Unavailable && failed.Status < http.StatusBadRequest
	switch {
	case connectycube.AtProxy(failed):
		d.proxy(failed)
	case unreached:
		d.unusable(failed, "", "endpoint")
	case t.Stage == AtApplication && keyRefused(t.Err):
		d.application(failed)
	case t.Stage == AtServiceUser && keyRefused(t.Err):
		d.serviceUser(failed)
	case refused(failed):
		d.add(Finding{
			Gravity: Unusable, Problem: failed.Call + ": " + said(failed),
			Remedy: orElse(failed.Hint, "cubesync can't do without this call: ask who runs the server to provide it"),
		})
	default:
		d.add(Finding{Gravity: Unusable, Problem: failed.Call + ": " + said(failed), Remedy: orElse(failed.Hint, "try again later")})
	}
}

// proxy names the line of the proxy, or the environment that names it.
func (d *diagnosis) proxy(failed *account.Error) {
	f := Finding{Gravity: Unusable, Problem: failed.Call + ": " + said(failed), Remedy: "check the proxy's address, user and password"}
	if d.cfg.ConnectyCube.Proxy.Environment {
		f.Key = "HTTPS_PROXY in the environment"
		f.Remedy += ", or write proxy: none " + d.at("connectycube", "proxy")
	} else {
		f.Place, f.Key = d.cfg.Where("connectycube", "proxy"), "connectycube.proxy"
	}
	d.add(f)
}

// application names the key that the service complains of, or all that a session is made with.
func (d *diagnosis) application(failed *account.Error) {
	unsigned := d.cfg.ConnectyCube.AuthSecret.IsZero()
	keys := []string{"application_id", "auth_key"}
	if !unsigned {
		keys = append(keys, "auth_secret")
	}
	switch {
	case failed.Status == http.StatusNotFound:
		keys = []string{"endpoint"}
	case failed.Field == "application_id", failed.Field == "auth_key":
		keys = []string{failed.Field}
	case failed.Field == "timestamp", failed.Field == "nonce", speaksOfSignature(failed):
		keys = []string{"auth_secret"}
	}
	for _, key := range keys {
		remedy := ""
		switch {
		case key == "endpoint":
			remedy = "check it: no ConnectyCube answers there"
		case key == "auth_secret" && unsigned:
			remedy = "write auth_secret: ${NAME} or file:PATH, as the application's overview page has it"
		case speaksOfSignature(failed):
			remedy = "check it"
		}
		d.unusable(failed, remedy, key)
	}
}

// speaksOfSignature reads words, as the service names no field here. It only chooses the line to look at first.
func speaksOfSignature(failed *account.Error) bool {
	return failed.Field == "signature" || strings.Contains(strings.ToLower(failed.Words), "signature")
}

// serviceUser says what is wrong with the service user.
func (d *diagnosis) serviceUser(failed *account.Error) {
	who := d.cfg.ConnectyCube.ServiceUser
	switch {
	case who != nil && who.ID != 0 && who.Provider == nil && failed.Status == 0: // somebody else signed in
		d.unusable(failed, "", "service_user", "id")
	case who != nil && who.Password.IsZero() || failed.Status != http.StatusUnauthorized:
		d.unusable(failed, "", "service_user")
	default:
		wrong := *failed
		wrong.Call = "login or password is wrong"
		if who != nil && who.Login == "" {
			wrong.Call = "e-mail or password is wrong"
		}
		d.unusable(&wrong, "correct them", "service_user")
	}
}

// unusable names the line to look at.
func (d *diagnosis) unusable(failed *account.Error, remedy string, keys ...string) {
	path := append([]string{"connectycube"}, keys...)
	d.add(Finding{
		Gravity: Unusable, Place: d.cfg.Where(path...), Key: strings.Join(path, "."),
		Problem: failed.Call + ": " + said(failed), Remedy: orElse(remedy, orElse(failed.Hint, "check it")),
	})
}

func orElse(text, otherwise string) string {
	if text != "" {
		return text
	}
	return otherwise
}
