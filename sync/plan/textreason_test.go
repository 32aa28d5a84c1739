package plan

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

func TestEveryReasonHasAMeaning(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	constant := regexp.MustCompile(`(?m)^(?:\t|const )\w+ +Reason += +"([^"]+)"`)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range constant.FindAllStringSubmatch(string(text), -1) {
			found++
			if Reason(match[1]).Meaning() == "" {
				t.Errorf("%s: the reason %q has no sentence: write one in textreason.go", file, match[1])
			}
		}
	}
	if found < 30 {
		t.Errorf("found %d reasons only", found)
	}
	if meaning := Reason("<b>").Meaning(); meaning != "" {
		t.Errorf("an unknown reason means %q", meaning)
	}
}
