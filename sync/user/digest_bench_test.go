package user_test

import (
	"testing"

	"cubesync/sync/user"
)

func BenchmarkDigestOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if user.DigestOf("sample-0000001") == 0 {
			b.Fatal("no digest")
		}
	}
}
