package plan

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"cubesync/sync/user"
)

// bigFile is what a night with many changes leaves: every operation an update of a usual account.
func bigFile(n int) *File {
	f := &File{Plan: &Plan{Operations: make([]Operation, n)}}
	for i := range f.Plan.Operations {
		a := member(int64(i+1), fmt.Sprintf("E%07d", i), fmt.Sprintf("login-%07d", i), fmt.Sprintf("e%07d@example.com", i), "a,b,staff")
		a.Values[user.FullName], a.Values[user.CustomData] = user.Text("Ann Example"), user.Text(`{"desk":137,"office":"Oslo"}`)
		f.Plan.Operations[i] = Operation{
			Kind: Update, ExternalID: a.ExternalID, AccountID: a.ID, Position: "users.csv:1234", Reason: FieldsDiffer, Account: &a, Digest: "0123456789abcdef0123456789abcdef",
			Changes: []Change{{Field: user.Email, Before: a.Values[user.Email].Text, After: "new@example.com"}}, Mine: Merged(a.Values),
		}
	}
	return f
}

func BenchmarkWriteFile(b *testing.B) {
	f := bigFile(30_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadFile(b *testing.B) {
	var text bytes.Buffer
	if err := bigFile(30_000).Write(&text); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := ReadFile(bytes.NewReader(text.Bytes()), nil); err != nil {
			b.Fatal(err)
		}
	}
}
