package state

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cubesync/sync/plan"
	"cubesync/sync/user"
)

// What is read quickly is what the general decoder reads, of all that encode writes.
func TestReadQuickly(t *testing.T) {
	awkward := []string{"", "plain", "Zoë <zoe> & Ann's \"quotes\" \\ back\\slash", "line\nbreak\r\t\b\f\x00\x1f", "\u2028\u2029 \U0001f600", `{"a":"b\\"}`, `\`, `"`}
	for i, text := range awkward {
		for field := range user.Fields() {
			var stored accountCopy
			var n notes
			*stored.Values.fields()[field], *stored.Values.fields()[(field+3)%7] = text, "x"
			*n.Mine.fields()[(field+i)%7] = text
			if i%2 == 0 {
				stored.ExternalID, stored.CreatedAt = &text, monday
			} else {
				stored.UpdatedAt = monday.Add(123456789 * time.Nanosecond)
			}
			checkQuick(t, stored, n, true)
			n.Refusal = &plan.Refusal{Digest: "d"}
			checkQuick(t, stored, n, false)
		}
	}
}

func TestReadQuicklyLeavesLongTexts(t *testing.T) {
	var stored accountCopy
	stored.Values.Email = strings.Repeat("a", 1000)
	checkQuick(t, stored, notes{}, true)
	stored.Values.CustomData = strings.Repeat("b", 100)
	checkQuick(t, stored, notes{}, false)
}

func TestReadQuicklyLeavesWhatLooksDifferent(t *testing.T) {
	for _, account := range []string{
		`{"values":{"email":"a",}}`, `{"values":{"login":"a","email":"b"}}`, `{"values":{"email":"a"}} `, `{"values":{"other":"a"}}`, `{"values":{"email":"a}}`,
		`{"values":{"email":"a\`, `{"values":{"email":"\x41"}}`, `{"values":{"email":"\ud83d\ude00"}}`, `{"values":{},"created_at":"monday"}`, `{}`,
	} {
		stored := accountCopy{CreatedAt: monday}
		if readQuickly(account, "", &stored, new(valuesCopy)) || stored != (accountCopy{CreatedAt: monday}) {
			t.Errorf("%s: read as %+v", account, stored)
		}
	}
}

func checkQuick(t *testing.T, stored accountCopy, n notes, quickly bool) {
	t.Helper()
	account, err := encode(stored)
	if err != nil {
		t.Fatal(err)
	}
	learned := ""
	if !n.empty() {
		if learned, err = encode(n); err != nil {
			t.Fatal(err)
		}
	}
	if quick, err := stored.encode(); quick != account || err != nil {
		t.Errorf("written quickly as %s, %v; want %s", quick, err, account)
	}
	if quick, err := n.encode(); !n.empty() && (quick != learned || err != nil) {
		t.Errorf("written quickly as %s, %v; want %s", quick, err, learned)
	}
	var got accountCopy
	var gotNotes notes
	if did := readQuickly(account, learned, &got, &gotNotes.Mine); did != quickly {
		t.Errorf("%s %s: read quickly: %v", account, learned, did)
	}
	if !quickly {
		stored, n = accountCopy{}, notes{} // nothing is changed
	}
	if diff := cmp.Diff(stored, got) + cmp.Diff(n, gotNotes); diff != "" {
		t.Errorf("%s %s (-want +got):\n%s", account, learned, diff)
	}
}

// Whatever is read quickly reads the same in the general way.
func FuzzReadQuickly(f *testing.F) {
	f.Add(`{"values":{"email":"a@example.com","tags":"a,b"},"created_at":"2026-01-02T03:04:05.6Z"}`, `{"mine":{"tags":"a\u003c"}}`)
	f.Add(`{"external_id":"E","values":{},"updated_at":"2026-01-02T03:04:05Z"}`, "")
	f.Add(`{"values":{"custom_data":"{\"a\":1}",}}`, `{"mine":{}}`)
	f.Fuzz(func(t *testing.T, account, learned string) {
		var got, want accountCopy
		var gotNotes, wantNotes notes
		whole, err := json.Marshal([2]string{account, learned})
		if err != nil {
			t.Fatal(err)
		}
		var texts [2]string
		if err := json.Unmarshal(whole, &texts); err != nil || texts != [2]string{account, learned} {
			return // not text
		}
		if !readQuickly(account, learned, &got, &gotNotes.Mine) || decode(account, &want) != nil || decode(learned, &wantNotes) != nil {
			return
		}
		if diff := cmp.Diff(want, got) + cmp.Diff(wantNotes, gotNotes); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
