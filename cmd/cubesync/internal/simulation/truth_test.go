package simulation

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"cubesync/sync/user"
)

// person of the service, as it really is.
type truly struct {
	ID         int64    `json:"id"`
	Login      string   `json:"login"`
	Email      string   `json:"email"`
	FullName   string   `json:"full_name"`
	Website    string   `json:"website"`
	ExternalID string   `json:"external_id"`
	Tags       tagNames `json:"user_tags"`
}

// tagNames are tags, however they are shown.
type tagNames []string

func (t *tagNames) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*t = nil
		if text != "" {
			*t = strings.Split(text, ",")
		}
		return nil
	}
	var names []string
	err := json.Unmarshal(raw, &names)
	*t = names
	return err
}

func (a *truly) ours() bool { return a != nil && slices.Contains(a.Tags, ownerTag) }

// value is one of the fields that the source wants.
func (a *truly) value(f user.Field) string {
	switch f {
	case user.Login:
		return a.Login
	case user.Email:
		return a.Email
	case user.FullName:
		return a.FullName
	case user.Website:
		return a.Website
	case user.Tags:
		return user.JoinTags(a.Tags)
	default:
		return ""
	}
}

// commit is a write that the service carried out.
type commit struct {
	*call
	late bool
}

// truth is the accounts, as the service's own answers tell, whoever got to see them.
type truth struct {
	live    map[int64]*truly
	names   map[int64]string // external IDs, of those who are gone too
	made    map[int64]bool   // whom a sign-in made
	commits []commit
	tokens  map[string]bool // sessions that were not seen to end
}

func newTruth() *truth {
	return &truth{live: map[int64]*truly{}, names: map[int64]string{}, made: map[int64]bool{}, tokens: map[string]bool{}}
}

func (t *truth) externalID(id int64) string { return t.names[id] }

// signsIn names who has the login or e-mail, or else that.
func (t *truth) signsIn(login, email string) string {
	for _, id := range slices.Sorted(maps.Keys(t.live)) {
		if a := t.live[id]; login != "" && a.Login == login || login == "" && strings.EqualFold(a.Email, email) {
			return a.ExternalID
		}
	}
	return login + email
}

// holding returns the accounts of the external ID.
func (t *truth) holding(externalID string) []*truly {
	var all []*truly
	for _, a := range t.live {
		if a.ExternalID == externalID {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *truly) int { return int(a.ID - b.ID) })
	return all
}

// ours are the accounts with our tag, by external ID; one of several.
func (t *truth) ours() map[string]*truly {
	all := map[string]*truly{}
	for _, a := range t.live {
		if a.ours() {
			all[a.ExternalID] = a
		}
	}
	return all
}

// learn takes in what the service answered to a call, wherever the answer goes.
func (t *truth) learn(c *call, status int, body []byte, late bool) {
	if status != http.StatusOK && status != http.StatusCreated {
		return
	}
	var answer struct {
		User    *truly `json:"user"`
		Session struct {
			Token string `json:"token"`
		} `json:"session"`
	}
	_ = json.Unmarshal(body, &answer) // an answer about nobody
	switch c.kind {
	case openSession:
		t.tokens[answer.Session.Token] = true
	case endSession:
		delete(t.tokens, c.token())
	case login:
		if a := answer.User; a != nil && t.names[a.ID] == "" && t.live[a.ID] == nil {
			t.live[a.ID], t.made[a.ID] = a, true
		}
	case signUp, update:
		t.live[answer.User.ID], t.names[answer.User.ID] = answer.User, answer.User.ExternalID
	case remove:
		delete(t.live, c.id)
	}
	if c.writes() {
		t.commits = append(t.commits, commit{c, late})
	}
}
