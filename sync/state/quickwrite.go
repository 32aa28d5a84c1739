package state

import (
	"time"

	"cubesync/sync/user"
)

// What nearly every row holds is written here as the general encoder writes it, which takes several times as long.

func (a *accountCopy) encode() (string, error) {
	for _, at := range []time.Time{a.CreatedAt, a.UpdatedAt} {
		if year := at.Year(); year < 0 || year > 9999 || at.Location() != time.UTC {
			return encode(a)
		}
	}
	text := append(make([]byte, 0, 512), '{')
	if a.ExternalID != nil {
		text = append(user.AppendJSON(append(text, `"external_id":`...), *a.ExternalID), ',')
	}
	text = a.Values.append(append(text, `"values":`...))
	if !a.CreatedAt.IsZero() {
		text = append(a.CreatedAt.AppendFormat(append(text, `,"created_at":"`...), time.RFC3339Nano), '"')
	}
	if !a.UpdatedAt.IsZero() {
		text = append(a.UpdatedAt.AppendFormat(append(text, `,"updated_at":"`...), time.RFC3339Nano), '"')
	}
	return string(append(text, '}')), nil
}

func (n *notes) encode() (string, error) {
	others := *n
	if others.Mine = (valuesCopy{}); !others.empty() {
		return encode(n)
	}
	text := append(make([]byte, 0, 256), `{"mine":`...)
	return string(append(n.Mine.append(text), '}')), nil
}

// append appends the values that aren't empty.
func (v *valuesCopy) append(to []byte) []byte {
	begin := len(to)
	for _, one := range [...]struct{ key, text string }{
		{`,"custom_data":`, v.CustomData}, {`,"email":`, v.Email}, {`,"full_name":`, v.FullName}, {`,"login":`, v.Login},
		{`,"phone":`, v.Phone}, {`,"tags":`, v.Tags}, {`,"website":`, v.Website},
	} {
		if one.text != "" {
			to = user.AppendJSON(append(to, one.key...), one.text)
		}
	}
	if len(to) == begin {
		return append(to, "{}"...)
	}
	to[begin] = '{' // instead of the comma
	return append(to, '}')
}
