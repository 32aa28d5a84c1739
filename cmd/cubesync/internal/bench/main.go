// Command bench measures the program against an emulator in another process, over loopback: how fast a first import
// is without a limit, and how well limits are used and kept. Every count is the server's. It fails when a limit is
// exceeded or wasted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"cubesync/sink/emulator"
)

const (
	users     = 100_000
	noLimit   = 1_000_000 // requests a second that no machine reaches
	span      = 20 * time.Second
	supply    = 24 // seconds for which there are users to sign up, under a limit
	leastUsed = 0.97
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	folder, err := os.MkdirTemp("", "cubesync-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // a temporary folder
	b := &bench{folder: folder, program: filepath.Join(folder, "cubesync")}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	rate, err := b.firstImport(ctx)
	if err != nil {
		return fmt.Errorf("first import: %w", err)
	}
	fmt.Fprintf(out, "first import of %d users, no limit: %.0f users/s\n\n", users, rate)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "limit/s\tused\tworst second\t429\t")
	var failures []error
	for _, limit := range []int{50, 500, 5000} {
		m, err := b.limited(ctx, limit)
		if err != nil {
			return fmt.Errorf("limit %d: %w", limit, err)
		}
		fmt.Fprintf(table, "%d\t%.2f %%\t%d\t%d\t\n", limit, 100*m.used, m.worst, m.throttled)
		if m.used < leastUsed || m.worst > limit {
			failures = append(failures, fmt.Errorf("limit %d: used %.2f %%, worst second %d", limit, 100*m.used, m.worst))
		}
	}
	return errors.Join(append(failures, table.Flush())...)
}

// bench holds what the measurements share.
type bench struct {
	folder, program string
}

func (b *bench) prepare(ctx context.Context) error {
	return execute(exec.CommandContext(ctx, "go", "build", "-o", b.program, "./cmd/cubesync"))
}

func execute(command *exec.Cmd) error {
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(command.Args, " "), err)
	}
	return nil
}

// firstImport signs everybody up into an empty server and returns users a second, look-ups included.
func (b *bench) firstImport(ctx context.Context) (float64, error) {
	server, err := b.serve(ctx)
	if err != nil {
		return 0, err
	}
	defer server.stop()
	worker, err := b.sync(ctx, server, users, noLimit)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if err := execute(worker); err != nil {
		return 0, err
	}
	took := time.Since(began)
	counters, err := server.counters(ctx)
	if err != nil {
		return 0, err
	}
	if counters.Written.SignUp != users {
		return 0, fmt.Errorf("the server counts %d sign-ups, want %d", counters.Written.SignUp, users)
	}
	return users / took.Seconds(), nil
}

type measured struct {
	used      float64 // share of the limit, over the span
	worst     int     // requests in the busiest sliding second
	throttled int64
}

// limited imports under a limit and measures over the span while there is work.
func (b *bench) limited(ctx context.Context, limit int) (measured, error) {
	server, err := b.serve(ctx)
	if err != nil {
		return measured{}, err
	}
	defer server.stop()
	worker, err := b.sync(ctx, server, supply*limit, limit)
	if err != nil {
		return measured{}, err
	}
	if err := worker.Start(); err != nil {
		return measured{}, err
	}
	defer func() { _ = worker.Wait() }() // it was interrupted on purpose
	defer func() { _ = worker.Process.Signal(syscall.SIGTERM) }()

	var first emulator.Counters
	for first.ByKind[emulator.SignUp] == 0 { // what comes before is read and planned, not sent
		if first, err = server.counters(ctx); err != nil {
			return measured{}, err
		}
		time.Sleep(10 * time.Millisecond)
	}
	began := time.Now()
	time.Sleep(span)
	last, err := server.counters(ctx)
	if err != nil {
		return measured{}, err
	}
	m := measured{
		used:  float64(last.Requests-first.Requests) / time.Since(began).Seconds() / float64(limit),
		worst: last.WorstSecond.Requests,
	}
	for _, refused := range last.Refused {
		m.throttled += refused
	}
	return m, nil
}

// sync is a run of the program over so many users, in a folder of its own.
func (b *bench) sync(ctx context.Context, server *server, users, limit int) (*exec.Cmd, error) {
	folder, err := os.MkdirTemp(b.folder, "run-")
	if err != nil {
		return nil, err
	}
	generate := exec.CommandContext(ctx, "go", "run", "./cmd/sampleusers", "-n", strconv.Itoa(users), "-o", filepath.Join(folder, "users.csv"))
	if err := execute(generate); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "config.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, configuration, server.endpoint, limit), 0o600); err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, b.program, "sync", "--yes", "-c", path), nil
}

const configuration = `
connectycube:
  endpoint: %s
  application_id: "1"
  auth_key: emulator-auth-key
  admin_key: emulator-admin-key
  rate_limit: %d
pipelines:
  - name: bench
    owner_tag: bench
    source: {csv: {path: users.csv}}
    mapping:
      external_id: {column: employee_id}
      email: {column: email}
      full_name: {template: "{given_name} {family_name}"}
      phone: {column: phone}
      website: {column: website}
      tags: [{column: tags, split: ";"}]
      custom_data: {column: custom_data, mode: merge}
    passwords: {derive: {secret: emulator-sample-secret}}
    updates: owner
    leavers: keep
    workers: 32
`

// server is an emulator in a process of its own, with its users in memory.
type server struct {
	command  *exec.Cmd
	endpoint string
}

var endpointLine = regexp.MustCompile(`endpoint\s+(http://\S+)`)

func (b *bench) serve(ctx context.Context) (*server, error) {
	command := exec.CommandContext(ctx, b.program, "emulator", "--listen", "127.0.0.1:0")
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	text := make([]byte, 4096)
	n, err := out.Read(text)
	found := endpointLine.FindSubmatch(text[:n])
	if found == nil {
		return nil, errors.Join(fmt.Errorf("the emulator doesn't say where it is: %q", text[:n]), err, command.Process.Kill())
	}
	return &server{command, string(found[1])}, nil
}

func (s *server) stop() {
	_ = s.command.Process.Kill() // its data is in memory
	_ = s.command.Wait()
}

func (s *server) counters(ctx context.Context) (counters emulator.Counters, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.endpoint+"/__emulator/counters", http.NoBody)
	if err != nil {
		return counters, err
	}
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return counters, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	err = json.NewDecoder(response.Body).Decode(&counters)
	return counters, err
}
