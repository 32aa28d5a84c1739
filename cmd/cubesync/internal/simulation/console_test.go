package simulation

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"cubesync/sink/emulator"
)

func mustParse(address string) *url.URL {
	parsed, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return parsed
}

// silent makes a call that nothing can happen to, and that isn't a process's.
func (n *network) silent(method, path, token string, body any) *reply {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	c := &call{method: method, url: mustParse("http://emulator.invalid" + path), header: http.Header{"Content-Type": {"application/json"}}, body: raw}
	if token != "" {
		c.header.Set("CB-Token", token)
	}
	return n.ask(c)
}

// open opens a session that the network doesn't end.
func (n *network) open() (token string) {
	var made struct{ Session struct{ Token string } }
	body := n.silent(http.MethodPost, "/session.json", "", map[string]any{"application_id": 1, "auth_key": emulator.DefaultAuthKey}).body
	if err := json.Unmarshal(body, &made); err != nil || made.Session.Token == "" {
		panic("no session: " + string(body))
	}
	return made.Session.Token
}

// shown returns the accounts that have one of the logins, or the tag.
func (n *network) shown(field string, values ...string) []*truly {
	token := n.open()
	var all []*truly
	for len(values) > 0 {
		some := values[:min(100, len(values))]
		values = values[len(some):]
		query := url.Values{field: some, "limit": {"100"}}
		for offset := 0; ; offset += 100 {
			query.Set("offset", strconv.Itoa(offset))
			var page struct {
				Total int      `json:"total_entries"`
				Items []*truly `json:"items"`
			}
			got := n.silent(http.MethodGet, "/users/v2.json?"+query.Encode(), token, nil)
			if err := json.Unmarshal(got.body, &page); err != nil || got.status != http.StatusOK {
				panic("no list: " + string(got.body))
			}
			all = append(all, page.Items...)
			if offset+100 >= page.Total {
				break
			}
		}
	}
	return all
}

// look takes in who is there.
func (n *network) look() {
	var logins []string
	for _, u := range n.world.server.Users {
		logins = append(logins, u.Login)
	}
	for _, a := range n.shown("login[in][]", logins...) {
		n.truth.live[a.ID], n.truth.names[a.ID] = a, a.ExternalID
	}
}
