package user

import (
	"crypto/sha256"
	"encoding/binary"
)

// Digest recognises a sequence of texts: 64 bits of its SHA-256, so that even somebody who may choose one text can't
// find another with the same digest. It is never 0, which stands for no digest.
type Digest uint64

// Digester makes digests. The zero Digester is ready; it may be used again, by one goroutine at a time.
type Digester struct{ texts []byte }

// Add appends a text to the sequence. Where one text ends and the next begins counts.
func (d *Digester) Add(text string) {
	d.texts = binary.AppendUvarint(d.texts, uint64(len(text)))
	d.texts = append(d.texts, text...)
}

// AddBytes is Add for bytes.
func (d *Digester) AddBytes(text []byte) {
	d.texts = binary.AppendUvarint(d.texts, uint64(len(text)))
	d.texts = append(d.texts, text...)
}

// AddMissing appends that a text is missing, for one of several reasons. That is no text, not even the empty one.
func (d *Digester) AddMissing(reason uint8) {
	d.texts = append(d.texts, 0x80|reason, 0) // a length is never written with a zero at its end
}

// AddNumber appends a number.
func (d *Digester) AddNumber(n int64) { d.texts = binary.AppendVarint(d.texts, n) }

// Digest returns the digest of what was added since the last one.
func (d *Digester) Digest() Digest {
	sum := sha256.Sum256(d.texts)
	d.texts = d.texts[:0]
	if digest := Digest(binary.BigEndian.Uint64(sum[:])); digest != 0 {
		return digest
	}
	return 1
}

// DigestOf returns the digest of a few texts.
func DigestOf(texts ...string) Digest {
	var room [128]byte // for the usual texts
	d := Digester{texts: room[:0]}
	for _, text := range texts {
		d.Add(text)
	}
	return d.Digest()
}
