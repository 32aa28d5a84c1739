// Package user holds what cubesync knows of a user, independent of where it was read from: fields, values, tags, and
// when two values of a field mean the same. It is pure.
package user

import "fmt"

// Field is one of the values that cubesync keeps equal. The external ID is not among them: it is the user's key.
type Field uint8

// The fields, in the order in which plans and reports show them.
const (
	Login Field = iota
	Email
	FullName
	Phone
	Website
	CustomData
	Tags
	fieldCount
)

var fieldNames = [fieldCount]string{"login", "email", "full_name", "phone", "website", "custom_data", "tags"}

// String returns the field's name in configuration, plans and reports.
func (f Field) String() string { return fieldNames[f] }

// MarshalText writes the field's name.
func (f Field) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads a field's name.
func (f *Field) UnmarshalText(text []byte) error {
	for i, name := range fieldNames {
		if name == string(text) {
			*f = Field(i)
			return nil
		}
	}
	return fmt.Errorf("unknown field %q", text)
}

// Fields returns every field, in order.
func Fields() []Field {
	all := make([]Field, fieldCount)
	for i := range all {
		all[i] = Field(i)
	}
	return all
}

// Value is what a field should be, or is. An unset Value says nothing about the field: it is neither compared nor
// written. A set Value with empty Text is an empty field; ConnectyCube's null and "" are one thing.
//
// Tags are held as JoinTags writes them, custom_data as its JSON text.
type Value struct {
	Text string
	Set  bool
}

// Text is a set value.
func Text(s string) Value { return Value{Text: s, Set: true} }

// Values are the values of all fields, by Field.
type Values [fieldCount]Value

// User is a person as the system of record wants them.
type User struct {
	ExternalID string
	Values     Values
}
