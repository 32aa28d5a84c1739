package user

import "testing"

func TestFieldNames(t *testing.T) {
	seen := map[string]bool{}
	for _, field := range Fields() {
		text, err := field.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Field
		if err := back.UnmarshalText(text); err != nil || back != field {
			t.Errorf("%q was read as %s: %v", text, back, err)
		}
		if len(text) == 0 || seen[string(text)] {
			t.Errorf("field %d has the name %q", field, text)
		}
		seen[string(text)] = true
	}
	var f Field
	if err := f.UnmarshalText([]byte("shoe_size")); err == nil {
		t.Error("an unknown field was read")
	}
}

func TestUnsetIsNotEmpty(t *testing.T) {
	if (Value{}) == Text("") {
		t.Error("an unset value and an empty one are the same")
	}
}
