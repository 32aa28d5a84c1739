package emulator

import "encoding/binary"

// record is a user as the directory keeps it, in a third of a person's memory: one string holds everything but the
// moments that are asked for among all users, so that a million users cost the garbage collector a million objects, not
// ten. The texts of an unpacked person are parts of that string and cost nothing.
type record struct {
	packed  string // "" once deleted
	updated int64  // in Unix seconds, as the next
	seen    int64  // the last request
}

// texts are all fields of text, in the order in which they are packed.
func (p *person) texts() [14]*string {
	return [...]*string{
		&p.Login, &p.Email, &p.FullName, &p.Phone, &p.Website, &p.ExternalID, &p.FacebookID, &p.TwitterID, &p.CustomData,
		&p.Avatar, &p.ExternalUserID, &p.BlobID, &p.Timezone, &p.CustomID,
	}
}

func (p *person) pack() record {
	b := make([]byte, 0, 512) // usually enough, and then not on the heap
	for _, n := range [...]uint64{uint64(p.ID), uint64(p.Created), p.sequence} {
		b = binary.AppendUvarint(b, n)
	}
	b = append(b, p.Password[:]...)
	for _, text := range p.texts() {
		b = appendText(b, *text)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Tags)))
	for _, tag := range p.Tags {
		b = appendText(b, tag)
	}
	if p.Guest { // one byte more, for the few that are
		b = append(b, 1)
	}
	return record{packed: string(b), updated: p.Updated, seen: p.LastRequest}
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// unpack fills p. It uses the room of p.Tags again, so a person that others may hold must begin empty.
func (r record) unpack(p *person) {
	u := unpacker(r.packed)
	p.packed, p.Updated, p.LastRequest = r.packed, r.updated, r.seen
	p.ID, p.Created, p.sequence = int64(u.number()), int64(u.number()), u.number()
	copy(p.Password[:], u.take(len(p.Password)))
	for _, text := range p.texts() {
		*text = u.text()
	}
	p.Tags = p.Tags[:0]
	for range u.number() {
		p.Tags = append(p.Tags, u.text())
	}
	p.Guest = u != ""
}

// unpacker is what is left to unpack.
type unpacker string

func (u *unpacker) take(n int) string {
	taken := string((*u)[:n])
	*u = (*u)[n:]
	return taken
}

func (u *unpacker) text() string { return u.take(int(u.number())) }

func (u *unpacker) number() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := u.take(1)[0]
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}
