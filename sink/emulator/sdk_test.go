package emulator

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSDK runs sdk/suite.mjs: what an app does with ConnectyCube's own SDK, unmodified.
func TestSDK(t *testing.T) {
	client := open(t, Options{KeepRequests: 5000})
	runSDK(t, "suite.mjs", client.server)

	var seen []Kind
	for _, r := range client.server.Requests() {
		seen = append(seen, r.Kind)
		for name := range r.Header {
			if r.Kind == Storage && r.Method == http.MethodPost && strings.HasPrefix(name, "Cb-") {
				t.Errorf("an upload carries %s", name)
			}
		}
	}
	for _, kind := range kinds() {
		if !slices.Contains(seen, kind) && kind != AdminDelete && kind != Other { // the SDK has no such calls
			t.Errorf("the suite never asked for %s", kind)
		}
	}
}

// TestSDKIdentity runs sdk/identity.mjs: the SDK's sign-in through a Custom Identity Provider.
func TestSDKIdentity(t *testing.T) {
	runSDK(t, "identity.mjs", open(t, Options{Identity: &Identity{VerifyURL: backend(t)}}).server)
}

func runSDK(t *testing.T, suite string, server http.Handler) {
	t.Helper()
	needSDK(t)
	web := httptest.NewServer(server)
	defer web.Close()
	run := exec.CommandContext(t.Context(), "node", suite, web.URL)
	run.Dir = "sdk"
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// needSDK returns the folder of the SDK's package, where Node.js finds it.
func needSDK(t *testing.T) string {
	t.Helper()
	need(t, "node")
	modules, err := filepath.Abs("sdk/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "connectycube")); err != nil {
		missing(t, "run npm ci --ignore-scripts in sdk")
	}
	return modules
}

// need skips a test on a machine that lacks a command.
func need(t *testing.T, command string) {
	t.Helper()
	if _, err := exec.LookPath(command); err != nil {
		missing(t, "install "+command)
	}
}

func missing(t *testing.T, remedy string) {
	t.Helper()
	if os.Getenv("REQUIRE_SERVERS") != "" {
		t.Fatal(remedy)
	}
	t.Skip(remedy)
}
