package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// idPrefix marks a user as a sample; cubesync refuses to send users so marked to a live service.
const idPrefix = "sample-"

// maxTags leaves room for the owner tag and one more below the service's five.
const maxTags = 3

// crowd invents people, one after the other. Not for concurrent use.
type crowd struct {
	random *rand.Rand
	words  words
	count  int
}

func newCrowd(seed uint64) *crowd {
	const stream = 0x637562657379 // any constant; another one is another crowd
	return &crowd{random: rand.New(rand.NewPCG(seed, stream)), words: newWords()}
}

// next invents the next person. The draws stand in the order of the columns: a new one in between changes every
// file made so far.
func (c *crowd) next() (row, error) {
	c.count++
	region := pick(c, c.words.regions)
	given, family := pick(c, region.given), pick(c, region.family)
	handle := fmt.Sprintf("%s.%s%d", given.ascii, family.ascii, c.count)
	person := row{
		EmployeeID: fmt.Sprintf("%s%06d", idPrefix, c.count),
		Email:      c.email(handle),
		GivenName:  c.givenName(given.text),
		FamilyName: c.familyName(family.text),
		Phone:      c.phone(),
		Website:    c.website(handle),
		Department: c.department(),
		Tags:       c.tags(),
	}
	var err error
	person.CustomData, err = c.customData()
	return person, err
}

// email is unique, whatever its case: no name holds a digit, so the number at the end of the handle is the person's.
func (c *crowd) email(handle string) string {
	address := handle + "@" + pick(c, c.words.domains)
	switch {
	case c.oneIn(12):
		local, domain, _ := strings.Cut(address, "@")
		given, family, _ := strings.Cut(local, ".")
		return capital(given) + "." + capital(family) + "@" + domain
	case c.oneIn(40):
		return strings.ToUpper(address)
	}
	return address
}

func (c *crowd) givenName(name string) string {
	switch {
	case c.oneIn(60):
		return fmt.Sprintf("%s %q", name, pick(c, c.words.nicknames))
	case c.oneIn(120):
		return name + " " + pick(c, c.words.emoji)
	}
	return name
}

// familyName is empty for the few who go by one name.
func (c *crowd) familyName(name string) string {
	switch {
	case c.oneIn(50):
		return name + pick(c, c.words.suffixes)
	case c.oneIn(80):
		return ""
	}
	return name
}

func (c *crowd) website(handle string) string {
	domain := pick(c, c.words.domains)
	switch c.random.IntN(8) {
	case 0:
		return "https://www." + domain + "/people/" + handle
	case 1:
		return "http://" + domain + "/~" + handle
	case 2:
		return domain + "/" + handle // the service puts a scheme in front
	case 3:
		return "www." + domain
	}
	return ""
}

func (c *crowd) department() string {
	switch {
	case c.oneIn(15):
		return ""
	case c.oneIn(8):
		return pick(c, c.words.oddDepartments)
	}
	return pick(c, c.words.departments)
}

// tags are different ones, none with a comma: the service reads that as two.
func (c *crowd) tags() string {
	var tags []string
	for range c.random.IntN(maxTags + 1) {
		if tag := pick(c, c.words.tags); !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return strings.Join(tags, ";")
}

type customData struct {
	Office string `json:"office"`
	Desk   int    `json:"desk,omitempty"`
	Remote bool   `json:"remote,omitempty"`
	Note   string `json:"note,omitempty"`
}

func (c *crowd) customData() (string, error) {
	if c.oneIn(3) {
		return "", nil
	}
	data := customData{Office: pick(c, c.words.offices)}
	if data.Remote = c.oneIn(4); !data.Remote {
		data.Desk = 1 + c.random.IntN(400)
	}
	if c.oneIn(10) {
		data.Note = pick(c, c.words.notes)
	}
	text, err := json.Marshal(data)
	return string(text), err
}

// oneIn is true once in n draws on average.
func (c *crowd) oneIn(n int) bool { return c.random.IntN(n) == 0 }

func pick[T any](c *crowd, from []T) T { return from[c.random.IntN(len(from))] }

// capital writes the first letter of an ASCII word large.
func capital(word string) string { return strings.ToUpper(word[:1]) + word[1:] }
