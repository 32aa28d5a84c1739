package user_test

import (
	"testing"

	"cubesync/sync/user"
)

func TestDigest(t *testing.T) {
	digests := map[user.Digest]string{}
	for name, texts := range map[string][]string{
		"nothing": {}, "empty": {""}, "two-empty": {"", ""}, "one": {"ab"}, "two": {"a", "b"}, "shifted": {"", "ab"}, "order": {"b", "a"},
	} {
		digest := user.DigestOf(texts...)
		if other, twice := digests[digest]; twice {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		digests[digest] = name
	}
	var again user.Digester
	for range 2 {
		again.Add("a")
		again.Add("b")
		if got := again.Digest(); got != user.DigestOf("a", "b") {
			t.Errorf("a digester that was used before gives %x", got)
		}
	}
	again.AddNumber(1)
	if again.Digest() == user.DigestOf("\x01") {
		t.Error("a number has the digest of a text")
	}
}

func TestMissingTexts(t *testing.T) {
	digests := map[user.Digest]string{}
	for name, add := range map[string]func(*user.Digester){
		"missing":       func(d *user.Digester) { d.AddMissing(0) },
		"otherwise":     func(d *user.Digester) { d.AddMissing(1) },
		"empty":         func(d *user.Digester) { d.Add("") },
		"two-empty":     func(d *user.Digester) { d.Add(""); d.Add("") },
		"bytes-alike":   func(d *user.Digester) { d.Add("\x80\x00") },
		"missing-empty": func(d *user.Digester) { d.AddMissing(0); d.Add("") },
		"empty-missing": func(d *user.Digester) { d.Add(""); d.AddMissing(0) },
		"long":          func(d *user.Digester) { d.Add(string(make([]byte, 128))) },
	} {
		var d user.Digester
		add(&d)
		digest := d.Digest()
		if other, twice := digests[digest]; twice {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		digests[digest] = name
	}
}

func BenchmarkDigest(b *testing.B) {
	var d user.Digester
	for b.Loop() {
		for range 9 {
			d.Add("about twenty letters")
		}
		_ = d.Digest()
	}
}
