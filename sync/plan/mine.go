package plan

import (
	"iter"

	"cubesync/sync/user"
)

// Mine is what we want, or wanted last, of the fields that are merged with what others write. A field that isn't set is
// none of ours. It is small, because there is one for everybody.
type Mine struct {
	CustomData user.Value
	Tags       user.Value
}

// Merged returns what a user wants of the fields that are merged, for the state to remember as ours.
func Merged(want user.Values) Mine {
	return Mine{CustomData: want[user.CustomData], Tags: want[user.Tags]}
}

// All yields the texts that are set, by rising field.
func (m *Mine) All() iter.Seq2[user.Field, string] {
	return func(yield func(user.Field, string) bool) {
		if m.CustomData.Set && !yield(user.CustomData, m.CustomData.Text) {
			return
		}
		if m.Tags.Set {
			yield(user.Tags, m.Tags.Text)
		}
	}
}

// Set sets a field. One that is never merged is passed over.
func (m *Mine) Set(field user.Field, text string) {
	switch field {
	case user.CustomData:
		m.CustomData = user.Text(text)
	case user.Tags:
		m.Tags = user.Text(text)
	}
}
