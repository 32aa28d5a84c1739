package user

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestAppendJSONWritesWhatTheLibraryWrites(t *testing.T) {
	check := func(t rapid.TB, text string) {
		want, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := AppendJSON([]byte("before "), text); string(got) != "before "+string(want) {
			t.Errorf("%q is written as %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{
		"", "plain", `{"a":"b\\c"}`, `"`, `\`, "Łukasz Müller 山田 🙂", "a<b>&c", "tab\there", "line\nline", "\x00", "\x7f", "\u2028", "\u2029", "\ufffd", "\xff", "ab\xc3", "é\"\\\xe2\x80", "e\"<",
	} {
		check(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.OneOf(rapid.String(), rapid.StringMatching(`["\\<a-zé\n]*`), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text"))
	})
}
