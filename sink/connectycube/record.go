package connectycube

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// User is the service's whole record of a user, where account.Account has only what is kept equal. Field names and
// kinds are the documented ones; fields that aren't listed are ignored.
type User struct {
	ID             int64
	Login          Text
	Email          Text
	FullName       Text
	Phone          Text
	Website        Text
	ExternalID     Text
	ExternalUserID Number // deprecated
	FacebookID     Text
	TwitterID      Text
	CustomData     Text   // often JSON
	Avatar         Text   // a file's uid, or a URL
	BlobID         Number // deprecated
	Tags           []string
	Timezone       Number // minutes from UTC
	Guest          bool
	CreatedAt      time.Time // zero where the service doesn't tell; so are the next two
	UpdatedAt      time.Time
	LastRequestAt  time.Time
}

// Presence says whether a record has a field. Absent is not null: a server that never shows a field doesn't know it.
type Presence uint8

// The presences of a field.
const (
	Absent Presence = iota
	Null
	Given
)

// Text is a text of a record; numbers are taken as texts of digits, as ids may come either way.
type Text struct {
	Presence Presence
	Text     string // "" unless given
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		*t = Text{Presence: Null}
		return nil
	}
	var text wireText
	if err := text.UnmarshalJSON(data); err != nil {
		return err
	}
	*t = Text{Given, string(text)}
	return nil
}

// Number is a whole number of a record.
type Number struct {
	Presence Presence
	Number   int64 // 0 unless given
}

// UnmarshalJSON implements json.Unmarshaler. What isn't a whole number, as a number or as a text of digits, is null.
func (n *Number) UnmarshalJSON(data []byte) error {
	*n = Number{Presence: Null}
	if number, err := strconv.ParseInt(strings.Trim(string(data), `"`), 10, 64); err == nil {
		*n = Number{Given, number}
	}
	return nil
}

// UnmarshalJSON implements json.Unmarshaler. A record without an id is an error.
func (u *User) UnmarshalJSON(data []byte) error {
	var got struct {
		ID             Number   `json:"id"`
		Login          Text     `json:"login"`
		Email          Text     `json:"email"`
		FullName       Text     `json:"full_name"`
		Phone          Text     `json:"phone"`
		Website        Text     `json:"website"`
		ExternalID     Text     `json:"external_id"`
		ExternalUserID Number   `json:"external_user_id"`
		FacebookID     Text     `json:"facebook_id"`
		TwitterID      Text     `json:"twitter_id"`
		CustomData     Text     `json:"custom_data"`
		Avatar         Text     `json:"avatar"`
		BlobID         Number   `json:"blob_id"`
		Tags           wireTags `json:"user_tags"`
		Timezone       Number   `json:"timezone"`
		Guest          wireText `json:"is_guest"`
		CreatedAt      wireText `json:"created_at"`
		UpdatedAt      wireText `json:"updated_at"`
		LastRequestAt  wireText `json:"last_request_at"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		return err
	}
	if got.ID.Number <= 0 {
		return errors.New("it holds a user without an id")
	}
	*u = User{
		ID: got.ID.Number, Login: got.Login, Email: got.Email, FullName: got.FullName, Phone: got.Phone, Website: got.Website,
		ExternalID: got.ExternalID, ExternalUserID: got.ExternalUserID, FacebookID: got.FacebookID, TwitterID: got.TwitterID,
		CustomData: got.CustomData, Avatar: got.Avatar, BlobID: got.BlobID, Tags: got.Tags.list(), Timezone: got.Timezone,
		Guest: got.Guest == "true" || got.Guest == "1", CreatedAt: got.CreatedAt.time(), UpdatedAt: got.UpdatedAt.time(),
		LastRequestAt: got.LastRequestAt.time(),
	}
	return nil
}
