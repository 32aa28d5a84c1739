package doctor

import (
	"errors"
	"fmt"
	"strings"

	"cubesync/sync/account"
)

// Question is something to find out. Its text is its name for machines.
type Question string

// The questions.
const (
	SignUpKey         Question = "sign_up_key"
	SignUpShared      Question = "sign_up_shared"
	ListByTag         Question = "list_by_tag"
	ListAtOnce        Question = "list_at_once"
	FindByExternalID  Question = "find_by_external_id"
	FindByLogin       Question = "find_by_login"
	FindByEmail       Question = "find_by_email"
	UniqueLogins      Question = "unique_logins"
	UniqueEmails      Question = "unique_emails"
	UniqueExternalIDs Question = "unique_external_ids"
	UpdateOwner       Question = "update_owner"
	UpdateShared      Question = "update_shared"
	PutExternalID     Question = "put_external_id"
	DeleteOwner       Question = "delete_owner"
	DeleteShared      Question = "delete_shared"
	DeleteAdmin       Question = "delete_admin"
	UploadFile        Question = "upload_file"
	SessionMakesUsers Question = "session_makes_users"
	LoginMakesUsers   Question = "login_makes_users"
)

// Questions returns all of them, in the order in which reports show them.
func Questions() []Question {
	return []Question{
		SignUpKey, SignUpShared, ListByTag, ListAtOnce, FindByExternalID, FindByLogin, FindByEmail, UniqueLogins, UniqueEmails,
		UniqueExternalIDs, UpdateOwner, UpdateShared, PutExternalID, DeleteOwner, DeleteShared, DeleteAdmin, UploadFile,
		SessionMakesUsers, LoginMakesUsers,
	}
}

// forPeople is the question as people read it.
func (q Question) forPeople() string {
	switch q {
	case SignUpKey:
		return "sign up with the auth key"
	case SignUpShared:
		return "sign up as the service user"
	case ListByTag:
		return "list by tag"
	case ListAtOnce:
		return "a list shows a write at once"
	case FindByExternalID:
		return "look up by external ID"
	case FindByLogin:
		return "look up by login"
	case FindByEmail:
		return "look up by e-mail"
	case UniqueLogins:
		return "logins are unique"
	case UniqueEmails:
		return "e-mails are unique"
	case UniqueExternalIDs:
		return "external IDs are unique"
	case UpdateOwner:
		return "update as owner"
	case UpdateShared:
		return "update as shared"
	case PutExternalID:
		return "change an external ID"
	case DeleteOwner:
		return "delete as owner"
	case DeleteShared:
		return "delete as shared"
	case DeleteAdmin:
		return "delete as admin"
	case UploadFile:
		return "upload and delete a file"
	case SessionMakesUsers:
		return "POST /session makes users"
	case LoginMakesUsers:
		return "POST /login makes users"
	}
	return string(q)
}

// Answer is what was found out.
type Answer string

// The answers. Unknown is what couldn't be found out, which is neither a yes nor a no.
const (
	Unknown  Answer = ""
	Yes      Answer = "yes"
	No       Answer = "no"
	NotTried Answer = "not_tried" // the configuration has no such credential
)

// MarshalText writes the answer for machines.
func (a Answer) MarshalText() ([]byte, error) {
	if a == Unknown {
		return []byte("unknown"), nil
	}
	return []byte(a), nil
}

func (a Answer) forPeople() string {
	switch a {
	case Unknown:
		return "?"
	case NotTried:
		return "-"
	default:
		return string(a)
	}
}

// Check is a question and its answer. It holds no secret.
type Check struct {
	Question Question `json:"check"`
	Answer   Answer   `json:"answer"`
	Words    string   `json:"words,omitempty"` // what the service said to a no, or what there is to add
	Refused  bool     `json:"-"`               // the no is the service's own: it refused the call
}

// said is what the service said, without what we make of it.
func said(err error) string {
	failed, ok := errors.AsType[*account.Error](err)
	if !ok {
		return err.Error()
	}
	words := failed.Words
	if words == "" {
		words = failed.Kind.String()
	}
	if failed.Status != 0 {
		words = fmt.Sprintf("HTTP %d: %s", failed.Status, words)
	}
	return strings.TrimRight(words, ".")
}
