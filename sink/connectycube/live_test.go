//go:build live

package connectycube_test

import (
	"os"
	"testing"
	"time"
)

// liveLag is how long the service may need to show a write. Nobody knows: it is a guess on the safe side.
const liveLag = 2 * time.Second

// TestLive proves the client on a live application, on throw-away accounts that it removes: make live.
func TestLive(t *testing.T) { live(t, os.LookupEnv, liveLag) }
