package connectycube_test

import (
	"net/http"
	"testing"

	"cubesync/sink/connectycube"
	"cubesync/sync/account"
)

// A write that is only accepted may be dropped, as documented, whatever its answer shows.
func TestAcceptedIsInDoubt(t *testing.T) {
	for status, doubt := range map[int]bool{http.StatusOK: false, http.StatusCreated: false, http.StatusAccepted: true} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			_, options := open(t)
			options.Base = answering(new([]string), status, `{"user":{"id":5,"external_id":"E1"}}`)
			c, err := connectycube.New(options)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Service(owner()).Create(t.Context(), person("E1"), "a-good-password")
			if (err != nil) != doubt || doubt && account.KindOf(err) != account.Ambiguous {
				t.Errorf("got error %v", err)
			}
		})
	}
}
