package config

// kind is what a value is, as far as the configuration tells values apart.
type kind uint8

const (
	nullKind kind = iota
	boolKind
	numberKind
	textKind
	listKind
	objectKind
	refusedKind // anchors, aliases, tags
)

// String completes the sentence "is … where … belongs".
func (k kind) String() string {
	return [...]string{"empty", "true or false", "a number", "text", "a list", "a group of keys",
		"an anchor, alias or tag of YAML"}[k]
}

// value is one value of the file.
type value struct {
	kind    kind
	at      position
	text    string  // of a text; of a number, boolean or null as it is written
	entries []entry // of an object, in the order of the file
	items   []value // of a list
}

// entry is one key of an object with its value.
type entry struct {
	at    position
	key   string // "" where it isn't plain
	plain bool   // the key is text as it stands: no merge, anchor, alias or tag
	value value
}
