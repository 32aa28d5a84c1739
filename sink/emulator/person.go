package emulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// person is a user to work with. The directory keeps it packed and hands out copies. Times are Unix seconds. The JSON
// form is the data file's.
type person struct {
	ID             int64    `json:"id"`
	Login          string   `json:"login,omitempty"`
	Email          string   `json:"email,omitempty"`
	FullName       string   `json:"full_name,omitempty"`
	Phone          string   `json:"phone,omitempty"`
	Website        string   `json:"website,omitempty"`
	ExternalID     string   `json:"external_id,omitempty"`
	FacebookID     string   `json:"facebook_id,omitempty"`
	TwitterID      string   `json:"twitter_id,omitempty"`
	CustomData     string   `json:"custom_data,omitempty"`
	Avatar         string   `json:"avatar,omitempty"`
	ExternalUserID string   `json:"external_user_id,omitempty"` // digits
	BlobID         string   `json:"blob_id,omitempty"`          // digits
	Timezone       string   `json:"timezone,omitempty"`         // digits
	Tags           []string `json:"tags,omitempty"`
	CustomID       string   `json:"custom_id,omitempty"` // what a Custom Identity Provider knows the user by; never shown
	Guest          bool     `json:"guest,omitempty"`
	Created        int64    `json:"created"`
	Updated        int64    `json:"updated"`
	LastRequest    int64    `json:"last_request,omitempty"`
	Password       secret   `json:"password"`

	sequence uint64 // the journal's number of the write that made it so
	packed   string // what it was unpacked from
}

// field is a plain text by its name in the API, or nil: unknown, or not a text. Numbers are texts of digits.
func (p *person) field(name string) *string {
	switch name {
	case "login":
		return &p.Login
	case "email":
		return &p.Email
	case "full_name":
		return &p.FullName
	case "phone":
		return &p.Phone
	case "website":
		return &p.Website
	case "external_id":
		return &p.ExternalID
	case "facebook_id":
		return &p.FacebookID
	case "twitter_id":
		return &p.TwitterID
	case "custom_data":
		return &p.CustomData
	case "avatar":
		return &p.Avatar
	case "external_user_id":
		return &p.ExternalUserID
	case "blob_id":
		return &p.BlobID
	case "timezone":
		return &p.Timezone
	}
	return nil
}

// secret is a password's salt and SHA-256: never the password, but cheap to guess, as the package comment says.
type secret [8 + sha256.Size]byte

func newSecret(password string) secret {
	var s secret
	_, _ = rand.Read(s[:8]) // never fails, by its documentation
	s.seal(password)
	return s
}

func (s *secret) seal(password string) {
	sum := sha256.Sum256(append(s[:8:8], password...))
	copy(s[8:], sum[:])
}

func (s secret) opensWith(password string) bool {
	try := s
	try.seal(password)
	return try == s
}

// MarshalText implements encoding.TextMarshaler.
func (s secret) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(s[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *secret) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(s) {
		return fmt.Errorf("a password hash has %d hex digits, not %d", hex.EncodedLen(len(s)), len(text))
	}
	_, err := hex.Decode(s[:], text)
	return err
}

// view is a user as the API shows it.
type view struct {
	ID             int64   `json:"id"`
	FullName       *string `json:"full_name"`
	Email          *string `json:"email"`
	Login          *string `json:"login"`
	Phone          *string `json:"phone"`
	Website        *string `json:"website"`
	CreatedAt      string  `json:"created_at"`
	UpdatedAt      string  `json:"updated_at"`
	LastRequestAt  *string `json:"last_request_at"`
	ExternalID     *string `json:"external_id"`
	ExternalUserID number  `json:"external_user_id"`
	FacebookID     *string `json:"facebook_id"`
	TwitterID      *string `json:"twitter_id"`
	BlobID         number  `json:"blob_id"`
	CustomData     *string `json:"custom_data"`
	Avatar         *string `json:"avatar"`
	Timezone       number  `json:"timezone"`
	IsGuest        bool    `json:"is_guest"`
	UserTags       any     `json:"user_tags"` // array, comma-separated string or null
}

// number is digits, shown as a JSON number, or null when empty.
type number string

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("null"), nil
	}
	return []byte(n), nil
}

// listed is how GET /users/v2 shows a user: with an array of tags, unless switched.
func (s *Server) listed(p *person) view { return p.view(s.options.Tags != "text") }

// single is how all other calls show a user: with a comma-separated string of tags, unless switched.
func (s *Server) single(p *person) view { return p.view(s.options.Tags == "array") }

func (p *person) view(tagArray bool) view {
	v := view{
		ID: p.ID, Login: orNull(p.Login), Email: orNull(p.Email), FullName: orNull(p.FullName), Phone: orNull(p.Phone),
		Website: orNull(p.Website), ExternalID: orNull(p.ExternalID), FacebookID: orNull(p.FacebookID),
		TwitterID: orNull(p.TwitterID), CustomData: orNull(p.CustomData), Avatar: orNull(p.Avatar),
		ExternalUserID: number(p.ExternalUserID), BlobID: number(p.BlobID), Timezone: number(p.Timezone),
		CreatedAt: rfc3339(p.Created), UpdatedAt: rfc3339(p.Updated), IsGuest: p.Guest,
	}
	if p.LastRequest != 0 {
		v.LastRequestAt = orNull(rfc3339(p.LastRequest))
	}
	switch {
	case len(p.Tags) == 0:
	case tagArray:
		v.UserTags = p.Tags
	default:
		v.UserTags = strings.Join(p.Tags, ",")
	}
	return v
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func rfc3339(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }
