package simulation

import (
	"hash/fnv"
	"strconv"
	"time"
)

// chance decides by a seed and by what it is asked about, never by when it is asked.
type chance uint64

// of returns a number that looks random and is always the same for the same words.
func (c chance) of(words ...string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strconv.FormatUint(uint64(c), 16))) // a hash takes everything
	for _, word := range words {
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(word))
	}
	z := h.Sum64() // FNV alone changes little from one word to the next
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (c chance) below(n int, words ...string) int { return int(c.of(words...) % uint64(n)) }

// oneIn reports what is so once in n times.
func (c chance) oneIn(n int, words ...string) bool { return c.below(n, words...) == 0 }

// between returns a time, to the nanosecond: two of them are hardly ever the same.
func (c chance) between(from, to time.Duration, words ...string) time.Duration {
	return from + time.Duration(c.of(words...)%uint64(to-from))
}

// number returns a number from least to most.
func (c chance) number(least, most int, words ...string) int {
	return least + c.below(most-least+1, words...)
}
