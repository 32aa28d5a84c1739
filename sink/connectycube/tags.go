package connectycube

import (
	"context"
	"errors"
	"sync/atomic"

	"cubesync/sync/account"
)

// tagForm is how the server takes tags: both an array and a comma-separated text are documented. The array comes
// first; a server that refuses it is sent the text, from then on by everybody.
type tagForm struct{ known atomic.Int32 }

const (
	tagsUnknown int32 = iota
	tagsAsArray
	tagsAsText
)

// body spells what a write sends of a user, with the tags in one text where they aren't sent as an array.
type body func(tagsAsText bool) []byte

// send sends the call with the body, which holds these tags; nil: it doesn't set any.
func (f *tagForm) send(ctx context.Context, c *Client, user body, tags []string, as *call) error {
	if tags == nil {
		return c.put(ctx, user(false), as)
	}
	if f.known.Load() == tagsAsText {
		return c.put(ctx, user(true), as)
	}
	err := c.put(ctx, user(false), as)
	if err == nil && len(tags) > 0 {
		f.known.CompareAndSwap(tagsUnknown, tagsAsArray)
	}
	if !refusesTags(err) || f.known.Load() == tagsAsArray {
		return err
	}
	second := c.put(ctx, user(true), as)
	if second == nil && len(tags) > 0 {
		f.known.CompareAndSwap(tagsUnknown, tagsAsText)
	}
	if refusesTags(second) {
		return err // it isn't the form
	}
	return second
}

// refusesTags reports whether it is the tags that were refused, and nothing was written.
func refusesTags(err error) bool {
	failed, ok := errors.AsType[*account.Error](err)
	return ok && failed.Kind == account.Invalid && (failed.Field == tagField || failed.Field == "user_tags")
}

// put sends the call with the body as it is.
func (c *Client) put(ctx context.Context, body []byte, as *call) error {
	as.body = body
	_, err := c.do(ctx, as)
	return err
}
