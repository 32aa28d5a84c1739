package connectycube

import (
	"flag"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cubesync/sink/emulator"

	"github.com/google/go-cmp/cmp"
)

var updateGolden = flag.Bool("update", false, "rewrite testdata/sdk-requests.golden; the reasons in sdk_reasons_test.go are never rewritten")

// TestRequestsOfTheSDK makes the same calls with ConnectyCube's own SDK, unmodified, and with the client, each against
// an emulator of its own, and compares what they sent, difference by difference. A difference without a reason fails; so
// does a reason without a difference.
func TestRequestsOfTheSDK(t *testing.T) {
	node := needSDK(t)
	sdk, ours := openRecorder(t), openRecorder(t)
	makeSDKCalls(t, node, sdk.url)
	makeOurCalls(t, ours)
	if diff := cmp.Diff(sdk.calls, ours.calls); diff != "" {
		t.Fatalf("the two sides don't make the same calls (- SDK, + ours):\n%s", diff)
	}
	if len(sdk.calls) < 80 {
		t.Errorf("only %d calls were compared", len(sdk.calls))
	}

	report := newReport(reasons())
	for _, call := range sdk.calls {
		report.compare(call, sdk.requests[call], ours.requests[call])
	}
	for _, problem := range report.problems() {
		t.Error(problem)
	}
	golden := filepath.Join("testdata", "sdk-requests.golden")
	if *updateGolden {
		if err := os.WriteFile(golden, []byte(report.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), report.String()); diff != "" {
		t.Errorf("the requests changed (- before, + now); if that is meant, run go test -run SDK -update:\n%s", diff)
	}
}

const sdkFolder = "../emulator/sdk"

// needSDK returns Node.js, or skips the test where that or the SDK isn't installed.
func needSDK(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(sdkFolder, "node_modules", "connectycube"))
	}
	switch {
	case err == nil:
	case os.Getenv("REQUIRE_SERVERS") != "":
		t.Fatalf("install Node.js, and run npm ci --ignore-scripts in %s: %v", sdkFolder, err)
	default:
		t.Skipf("needs Node.js, and npm ci --ignore-scripts in %s: %v", sdkFolder, err)
	}
	return node
}

func makeSDKCalls(t *testing.T, node, endpoint string) {
	t.Helper()
	calls := exec.CommandContext(t.Context(), node, "requests.mjs", endpoint)
	calls.Dir = sdkFolder
	if out, err := calls.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// openRecorder opens an emulator behind a recorder. Both sides find the same users in theirs, with the same ids, from 1 on.
func openRecorder(t *testing.T) *recorder {
	t.Helper()
	var users []emulator.SeedUser
	for _, login := range []string{"ann", "bob", "leo", "eve", "kim"} {
		users = append(users, emulator.SeedUser{
			Login: login, Password: sdkPassword(login), Email: login + "@example.com", FullName: login, Tags: []string{"hr-sync"},
		})
	}
	server, err := emulator.Open(emulator.Options{Users: users})
	if err != nil {
		t.Fatal(err)
	}
	r := newRecorder(server)
	web := httptest.NewServer(r)
	r.url = web.URL
	t.Cleanup(func() {
		web.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func sdkPassword(login string) string { return "password-of-" + login }
