package connectycube

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"cubesync/sync/account"
	"cubesync/sync/user"
)

// AvatarPlace says where a user's record points at the file of the avatar.
type AvatarPlace string

// The places of an avatar: a field of its own, as documented today, or the key avatar_uid of the JSON in custom_data, as
// the documentation for Android has it.
const (
	AvatarInField      AvatarPlace = "avatar"
	AvatarInCustomData AvatarPlace = "custom_data"
)

// SetAvatar uploads a picture and makes it the account's avatar, as whoever the authority says updates are made. The
// file's owner is the one who writes. A picture that the account can't be pointed at is deleted again, unless the write
// is in doubt.
func (c *Client) SetAvatar(ctx context.Context, as Authority, known account.Account, picture NewFile, place AvatarPlace) (File, error) {
	switch as.Updates {
	case UpdatesAsOwner:
		var passwords []string
		if as.Passwords != nil {
			passwords = as.Passwords(known.ExternalID)
		}
		s, now, err := c.signInAsOwner(ctx, known, passwords)
		if err != nil {
			return File{}, err
		}
		set, err := c.setAvatar(ctx, now, picture, place, call{pass: s.pass(), hint: hintOwner})
		if err != nil {
			c.discard(ctx, s)
			return File{}, err
		}
		c.release(ctx, s)
		return set, nil
	case UpdatesAsShared:
		now, err := c.byID(ctx, known.ID)
		if err != nil {
			return File{}, err
		}
		return c.setAvatar(ctx, now, picture, place, call{shared: true, hint: hintServiceUser})
	default:
		return File{}, errNoUpdates()
	}
}

func (c *Client) setAvatar(ctx context.Context, now account.Account, picture NewFile, place AvatarPlace, as call) (File, error) {
	if _, err := avatarFields(now, "", place); err != nil {
		return File{}, err // before anything is uploaded
	}
	made, err := c.upload(ctx, picture, as)
	if err != nil {
		return File{}, err
	}
	fields, err := avatarFields(now, made.UID, place)
	if err == nil {
		write := as
		write.name, write.kind, write.method, write.path = updateName, updateCall, http.MethodPut, userPath(now.ID)
		write.read = readUserOf(now.ID, new(account.Account))
		err = c.put(ctx, userBody(fields), &write)
	}
	if err == nil {
		return made, nil
	}
	if account.KindOf(err) != account.Ambiguous {
		c.takeBack(ctx, made.ID, as)
	}
	return File{}, err
}

// avatarFields are what to write to point the account at the file. custom_data travels whole: what the user changes in
// the moment between is lost.
func avatarFields(now account.Account, uid string, place AvatarPlace) (map[string]any, error) {
	if place != AvatarInCustomData {
		return map[string]any{"avatar": uid}, nil
	}
	field := user.CustomData.String()
	merged, ok := user.MergeJSON(now.Values[user.CustomData].Text, "", string(mustMarshal(map[string]string{"avatar_uid": uid})))
	if !ok {
		return nil, &account.Error{
			Kind: account.Invalid, Call: updateName, Field: field,
			Words: fmt.Sprintf("custom_data of account %d isn't a JSON object, and has no place for an avatar", now.ID),
		}
	}
	return map[string]any{field: merged}, nil
}

// readUserOf reads {"user":{…}}, which must be about the user of the id.
func readUserOf(id int64, into *account.Account) func(body []byte) error {
	read := readUser(into)
	return func(body []byte) error {
		if err := read(body); err != nil {
			return err
		}
		if into.ID != id {
			return errors.New("it is about another user")
		}
		return nil
	}
}

// avatars is the application as one pipeline sets avatars in it.
type avatars struct {
	client    *Client
	authority Authority
	place     AvatarPlace
	public    bool
}

// Avatars sets avatars in the application as one pipeline does. Public ones can be read without a session by whoever knows
// what the file is called, others by the application's users.
func (c *Client) Avatars(authority Authority, place AvatarPlace, public bool) account.Avatars {
	return &avatars{client: c, authority: authority, place: place, public: public}
}

func (a *avatars) SetAvatar(ctx context.Context, known account.Account, picture account.Picture) (string, error) {
	set, err := a.client.SetAvatar(ctx, a.authority, known, NewFile{
		Name: picture.Name, ContentType: picture.ContentType, Content: picture.Content, Public: a.public,
	}, a.place)
	return set.UID, err
}
