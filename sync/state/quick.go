package state

import (
	"strconv"
	"strings"
	"time"

	"cubesync/sync/user"
)

// quick reads the JSON that encode writes of what nearly every row holds, without looking anything up by name and with
// one allocation for all texts together: a night may read a million rows. Whatever looks different isn't wrong, but left
// to the general decoder; that a row is as we wrote it, its checksum has shown.
type quick struct {
	rest  string
	texts [1024]byte // all that were read, one after another; more of them than fit are left to the general decoder
	used  int        // of texts
	spans [places]span
	bad   bool
}

type span struct{ from, to int }

// The places of texts in spans: values are found by their fields.
const (
	placeValues     = 0
	placeMine       = placeValues + len(user.Values{})
	placeExternalID = placeMine + len(user.Values{})
	places          = placeExternalID + 1
)

// readQuickly reads an account copy, and notes that hold nothing but what is ours; it reports false, and has changed
// nothing, where they look different. Either text may be empty.
func readQuickly(account, learned string, stored *accountCopy, mine *valuesCopy) bool {
	var q quick
	var read accountCopy
	if account != "" {
		q.rest = account
		q.account(&read)
	}
	if learned != "" && !q.bad {
		q.rest = learned
		q.take(`{"mine":`)
		q.values(placeMine)
		q.take("}")
		q.bad = q.bad || q.rest != ""
	}
	if q.bad {
		return false
	}
	all := string(q.texts[:q.used])
	if read.ExternalID != nil {
		*read.ExternalID = q.spans[placeExternalID].of(all)
	}
	*stored = read
	for field, text := range stored.Values.fields() {
		*text = q.spans[placeValues+field].of(all)
	}
	for field, text := range mine.fields() {
		*text = q.spans[placeMine+field].of(all)
	}
	return true
}

func (s span) of(all string) string { return all[s.from:s.to] }

func (q *quick) account(a *accountCopy) {
	q.take("{")
	if q.has(`"external_id":`) {
		a.ExternalID = new(string)
		q.text(placeExternalID)
		q.take(",")
	}
	q.take(`"values":`)
	q.values(placeValues)
	if q.has(`,"created_at":`) {
		a.CreatedAt = q.time()
	}
	if q.has(`,"updated_at":`) {
		a.UpdatedAt = q.time()
	}
	q.take("}")
	q.bad = q.bad || q.rest != ""
}

// values reads values in the order in which encode writes them.
func (q *quick) values(place int) {
	q.take("{")
	more := false // a comma was read
	for _, next := range [...]struct {
		key   string
		field user.Field
	}{
		{`"custom_data":`, user.CustomData}, {`"email":`, user.Email}, {`"full_name":`, user.FullName}, {`"login":`, user.Login},
		{`"phone":`, user.Phone}, {`"tags":`, user.Tags}, {`"website":`, user.Website},
	} {
		if q.has(next.key) {
			q.text(place + int(next.field))
			more = q.has(",")
		}
	}
	q.bad = q.bad || more
	q.take("}")
}

// has reads what is given if it comes next.
func (q *quick) has(next string) (there bool) {
	q.rest, there = strings.CutPrefix(q.rest, next)
	return there
}

func (q *quick) take(next string) {
	if !q.has(next) {
		q.bad = true
	}
}

// text reads the text of a place.
func (q *quick) text(place int) {
	from := q.used
	q.unquote()
	q.spans[place] = span{from, q.used}
}

func (q *quick) time() time.Time {
	from := q.used
	q.unquote()
	at, err := time.Parse(time.RFC3339Nano, string(q.texts[from:q.used]))
	q.bad = q.bad || err != nil
	q.used = from
	return at
}

// unquote appends a quoted text to the texts.
func (q *quick) unquote() {
	q.take(`"`)
	for !q.bad {
		end := strings.IndexAny(q.rest, `"\`)
		if end < 0 || end+1 == len(q.rest) && q.rest[end] == '\\' {
			q.bad = true
			return
		}
		q.add(q.rest[:end])
		ends := q.rest[end] == '"'
		q.rest = q.rest[end+1:]
		if ends {
			return
		}
		q.unescape()
	}
}

// unescape appends what stands after a backslash.
func (q *quick) unescape() {
	letter := q.rest[0]
	q.rest = q.rest[1:]
	if i := strings.IndexByte(`"\/bfnrt`, letter); i >= 0 {
		q.add("\"\\/\b\f\n\r\t"[i : i+1])
		return
	}
	if letter != 'u' || len(q.rest) < 4 {
		q.bad = true
		return
	}
	number, err := strconv.ParseUint(q.rest[:4], 16, 16)
	if err != nil || number >= 0xd800 && number < 0xe000 { // half a letter: encode writes these whole
		q.bad = true
		return
	}
	q.rest = q.rest[4:]
	q.add(string(rune(number)))
}

func (q *quick) add(text string) {
	n := copy(q.texts[q.used:], text)
	q.used += n
	q.bad = q.bad || n < len(text)
}
