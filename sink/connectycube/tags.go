package connectycube

import (
	"context"
	"errors"
	"maps"
	"strings"
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

// send sends the call with the fields as its user.
func (f *tagForm) send(ctx context.Context, c *Client, fields map[string]any, as *call) error {
	tags, ok := fields[tagField].([]string)
	if !ok {
		return c.put(ctx, fields, as)
	}
	asText := maps.Clone(fields)
	asText[tagField] = strings.Join(tags, ",")
	if f.known.Load() == tagsAsText {
		return c.put(ctx, asText, as)
	}
	err := c.put(ctx, fields, as)
	if err == nil && len(tags) > 0 {
		f.known.CompareAndSwap(tagsUnknown, tagsAsArray)
	}
	if !refusesTags(err) || f.known.Load() == tagsAsArray {
		return err
	}
	second := c.put(ctx, asText, as)
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

// put sends the call with the fields as its user, as they are.
func (c *Client) put(ctx context.Context, fields map[string]any, as *call) error {
	as.body = userBody(fields)
	_, err := c.do(ctx, as)
	return err
}
