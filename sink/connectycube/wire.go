package connectycube

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// wireUser is a user as the service writes one. Every field but id may be null or absent; what isn't listed is
// ignored.
type wireUser struct {
	ID         wireText `json:"id"`
	Login      wireText `json:"login"`
	Email      wireText `json:"email"`
	FullName   wireText `json:"full_name"`
	Phone      wireText `json:"phone"`
	Website    wireText `json:"website"`
	ExternalID wireText `json:"external_id"`
	CustomData wireText `json:"custom_data"`
	UserTags   wireTags `json:"user_tags"`
	CreatedAt  wireText `json:"created_at"`
	UpdatedAt  wireText `json:"updated_at"`
}

func (u *wireUser) account() (account.Account, error) {
	id, err := strconv.ParseInt(string(u.ID), 10, 64)
	if err != nil || id <= 0 {
		return account.Account{}, errors.New("it holds a user without an id")
	}
	a := account.Account{ID: id, ExternalID: string(u.ExternalID), CreatedAt: u.CreatedAt.time(), UpdatedAt: u.UpdatedAt.time()}
	a.Values[user.Login] = user.Text(string(u.Login))
	a.Values[user.Email] = user.Text(string(u.Email))
	a.Values[user.FullName] = user.Text(string(u.FullName))
	a.Values[user.Phone] = user.Text(string(u.Phone))
	a.Values[user.Website] = user.Text(string(u.Website))
	a.Values[user.CustomData] = user.Text(string(u.CustomData))
	a.Values[user.Tags] = user.Text(u.UserTags.text())
	return a, nil
}

// wireText is a text that may also come as a number, as ids do, or as bare JSON, as custom_data may; null is "".
type wireText string

func (t *wireText) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		if bytes.IndexByte(data, '\\') < 0 && utf8.Valid(data) { // most are; a list has millions of them
			*t = wireText(data[1 : len(data)-1])
			return nil
		}
		return json.Unmarshal(data, (*string)(t))
	}
	if bytes.Equal(data, []byte("null")) {
		*t = ""
		return nil
	}
	*t = wireText(data)
	return nil
}

// time reads RFC 3339; anything else is the zero time.
func (t wireText) time() time.Time {
	parsed, err := time.Parse(time.RFC3339, string(t))
	if err != nil {
		return time.Time{}
	}
	return parsed
}

// wireTags are an array in v2 and a comma-separated string in v1.
type wireTags []wireText

func (t *wireTags) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]wireText)(t))
	}
	var text wireText
	if err := text.UnmarshalJSON(data); err != nil {
		return err
	}
	*t = tagsIn(text)
	return nil
}

func tagsIn(text wireText) (tags wireTags) {
	for tag := range strings.SplitSeq(string(text), ",") {
		tags = append(tags, wireText(tag))
	}
	return tags
}

func (t wireTags) text() string {
	tags := make([]string, len(t))
	for i, tag := range t {
		tags[i] = string(tag)
	}
	return user.JoinTags(tags)
}

// list returns the tags, sorted, or nil.
func (t wireTags) list() []string {
	if text := t.text(); text != "" {
		return user.SplitTags(text)
	}
	return nil
}

// readUser reads {"user":{…}} into the account.
func readUser(into *account.Account) func(body []byte) error {
	return func(body []byte) error {
		var got struct {
			User *wireUser `json:"user"`
		}
		var usual wireUser
		if readQuickly(body, &usual) {
			got.User = &usual
		} else if json.Unmarshal(body, &got) != nil || got.User == nil {
			return errors.New("it holds no user")
		}
		var err error
		*into, err = got.User.account()
		return err
	}
}

// page is one page of a list.
type page[T any] struct {
	total int
	items []T
}

// readPage reads a list of records as the service writes them, W, into what we take them for, T.
func readPage[W, T any](into *page[T], convert func(*W) (T, error)) func(body []byte) error {
	return func(body []byte) error {
		var got struct {
			Total *int `json:"total_entries"`
			Items []W  `json:"items"`
		}
		if json.Unmarshal(body, &got) != nil || got.Total == nil {
			return errors.New("it holds no list of users")
		}
		into.total = *got.Total
		into.items = make([]T, len(got.Items))
		for i := range got.Items {
			var err error
			if into.items[i], err = convert(&got.Items[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

// tagField is the name of the tags in a write.
const tagField = "tag_list"

// wireName is the field's name in a write, where tags have another name than in an answer.
func wireName(field user.Field) string {
	if field == user.Tags {
		return tagField
	}
	return field.String()
}

// wireValue spells a value for a write; an emptied field is null, and no tags are an empty array.
func wireValue(field user.Field, text string) any {
	switch {
	case field == user.Tags && text == "":
		return []string{}
	case field == user.Tags:
		return user.SplitTags(text)
	case text == "":
		return nil
	default:
		return text
	}
}

func userBody(fields map[string]any) []byte {
	return mustMarshal(map[string]any{"user": fields})
}
