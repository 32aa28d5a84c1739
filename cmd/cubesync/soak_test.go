package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cubesync/sync/state"
)

var soakTime = flag.Duration("soak.time", 15*time.Second, "how long TestSoak lets the worker run")

const (
	soakPeople = 1000
	soakGrowth = 1 << 20 // bytes
)

// soakFaults strike one call in twenty.
const soakFaults = `{"seed": 1, "faults": [
	{"do": "lose_before", "chance": 0.005}, {"do": "lose_after", "chance": 0.005}, {"do": "reset", "chance": 0.005},
	{"do": "truncate", "chance": 0.005}, {"do": "foreign", "chance": 0.005}, {"do": "throttle", "chance": 0.005},
	{"do": "error_before", "status": 503, "chance": 0.005}, {"do": "error_after", "chance": 0.005},
	{"do": "late", "delay": "1s", "chance": 0.005}, {"do": "end_session", "chance": 0.005}]}`

// TestSoak has `cubesync serve` walk a night a second in this process, while people come, change and go, files are cut off and
// calls fail, and looks between the nights at what it holds: goroutines and descriptors never become more, and neither memory
// nor state grows by more than 1 MiB an hour, or 1 MiB in less than one. It isn't parallel: nobody else is to be measured.
func TestSoak(t *testing.T) {
	defer func(rate int) { runtime.MemProfileRate = rate }(runtime.MemProfileRate)
	runtime.MemProfileRate = 0 // the program as it is delivered keeps no profile, which grows with each way to allocate
	s := newSite(t, buildBinary(t))
	s.configure("WORKERS", "8", "KEEP_RUNS", "10")
	s.write("users.csv", soakSource(0))
	s.sync(exitInSync) // the first run is nothing for serve
	s.plan(soakFaults)
	serve := s.serve()

	var first, now footprint
	var trends [3]trend // of heap, memory and state
	began, night := time.Now(), 0
	for ; time.Since(began) < *soakTime; night++ {
		serve.waits()
		now = s.footprint(first)
		if spent := time.Since(began); spent > *soakTime/10 { // until then it warms up
			for i, size := range [...]int64{now.heap, now.memory, now.state} {
				trends[i].add(spent.Hours(), float64(size))
			}
			if trends[0].n == 1 {
				first = now
			}
		}
		if night%200 == 0 {
			t.Logf("after %d nights %v", night, now)
		}
		if trends[0].n > 0 && (now.goroutines > first.goroutines || now.descriptors > first.descriptors) {
			t.Errorf("after %d nights there are %v; at first there were %v\n%q\n%s", night, now, first, s.descriptors(), stacks())
			break
		}
		source := soakSource(night + 1)
		if night%10 == 5 {
			source = source[:len(source)-3] // cut off in the middle of a row
		}
		s.write("users.csv", source)
		serve.goesOn()
	}
	serve.stop()

	t.Logf("%d nights in %v; runs %v; %d operations; faults %s", night, time.Since(began).Round(time.Second), serve.runs, serve.operations, s.struck())
	t.Logf("first %v", first)
	t.Logf("last  %v", now)
	for i, what := range [...]string{"live heap", "memory", "state"} {
		slope := trends[i].slope()
		t.Logf("%s: %+.0f KiB an hour, %d samples", what, slope/1024, int(trends[i].n))
		if what == "memory" && *soakTime < 10*time.Minute {
			continue // the runtime hasn't got yet what it needs, and the race detector never has
		}
		if hours := soakTime.Hours(); slope*hours > soakGrowth*max(1, hours) {
			t.Errorf("the %s grows by %.0f KiB an hour", what, slope/1024)
		}
	}
	if applied := serve.runs[string(state.Applied)]; 2*applied < night || serve.operations < 10*applied {
		t.Errorf("it did too little to prove anything: %d operations in %d applied runs of %d nights", serve.operations, applied, night)
	}
	s.plan(`{"faults": []}`)
	s.write("users.csv", soakSource(night))
	s.sync(exitInSync)
	if got, want := slices.Sorted(maps.Keys(s.owned())), soakStaff(night); !slices.Equal(got, want) {
		t.Errorf("in the end there are %v, want %v", got, want)
	}
	s.quiet()
}

// soakStaff are who is there in a night: each tenth night the one who was there longest has gone, and somebody has come.
func soakStaff(night int) []string {
	ids := make([]string, soakPeople)
	for i := range ids {
		ids[i] = fmt.Sprintf("P%05d", night/10+i)
	}
	return ids
}

// soakSource is the source of a night, in which ten have another name than in the night before.
func soakSource(night int) string {
	var text strings.Builder
	text.WriteString("id,email,name,phone,team,desk\n")
	for i, id := range soakStaff(night) {
		number := night/10 + i
		renamed := (night + 100 - number%100) / 100
		fmt.Fprintf(&text, "%s,%s@example.org,Pat the %d.,+1 514 555 %04d,team-%d,%d\n", id, id, renamed, number, number%7, number*3)
	}
	return text.String()
}

// plan puts what goes wrong into the server.
func (s *site) plan(faults string) {
	s.Helper()
	s.faults(http.MethodPost, json.RawMessage(faults), nil)
}

// struck is how often each fault did.
func (s *site) struck() string {
	s.Helper()
	var now struct {
		Faults []struct {
			Do     string
			Struck int
		}
	}
	s.faults(http.MethodGet, nil, &now)
	return fmt.Sprint(now.Faults)
}

func (s *site) faults(method string, body, answer any) {
	s.Helper()
	server, err := ask(s.endpoint)
	if err == nil {
		err = server.call(method, "/__emulator/faults", "", body, answer)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// serving is `cubesync serve` in this process. It is held up in the log whenever it waits for its next run.
type serving struct {
	*testing.T
	signals    chan os.Signal
	pause      chan struct{} // each time received from twice: it waits, and goes on
	exit       chan int
	runs       map[string]int // by status
	operations int
}

func (s *site) serve() *serving {
	serve := &serving{T: s.T, signals: make(chan os.Signal, 1), pause: make(chan struct{}), exit: make(chan int, 1), runs: map[string]int{}}
	go func() {
		serve.exit <- run(s.Context(), serve.signals, []string{"serve", "--log-format", "json", "-c", filepath.Join(s.dir, "config.yaml")}, environment{
			lookup: func(string) (string, bool) { return "", false }, stdin: strings.NewReader(""), stdout: io.Discard, stderr: serve,
		})
	}()
	return serve
}

// Write reads a line of the log.
func (s *serving) Write(line []byte) (int, error) {
	var entry struct {
		Msg, Status               string
		Created, Updated, Deleted int
	}
	if err := json.Unmarshal(line, &entry); err != nil {
		return 0, err
	}
	switch entry.Msg {
	case "run ended":
		s.runs[entry.Status]++
		s.operations += entry.Created + entry.Updated + entry.Deleted
	case "next run":
		for range 2 {
			select {
			case s.pause <- struct{}{}:
			case <-s.Context().Done():
			}
		}
	}
	return len(line), nil
}

func (s *serving) waits() {
	s.Helper()
	select {
	case <-s.pause:
	case code := <-s.exit:
		s.Fatalf("serve ended by itself, with %d", code)
	case <-time.After(5 * time.Minute):
		s.Fatalf("a night takes more than 5 minutes\n%s", stacks())
	}
}

func (s *serving) goesOn() { <-s.pause }

// stop ends it where it waits, or after one more night.
func (s *serving) stop() {
	s.Helper()
	s.signals <- syscall.SIGTERM
	for {
		select {
		case <-s.pause:
		case code := <-s.exit:
			if code != exitInSync {
				s.Errorf("serve ended with %d", code)
			}
			return
		}
	}
}

func stacks() []byte {
	text := make([]byte, 1<<20)
	return text[:runtime.Stack(text, true)]
}

// footprint is what a worker holds while it waits.
type footprint struct {
	heap, memory, state     int64 // bytes: what is live in the heap, all resident memory that is no file's, the state on the disk
	goroutines, descriptors int
}

func (f footprint) String() string {
	return fmt.Sprintf("live heap %d KiB, memory %d KiB, state %d KiB, %d goroutines, %d descriptors",
		f.heap>>10, f.memory>>10, f.state>>10, f.goroutines, f.descriptors)
}

// footprint looks at what there is. What ends in the background, such as connections, has a second to become as few as before.
func (s *site) footprint(before footprint) footprint {
	s.Helper()
	var now footprint
	for deadline := time.Now().Add(time.Second); ; time.Sleep(10 * time.Millisecond) {
		now.goroutines, now.descriptors = runtime.NumGoroutine(), len(s.descriptors())
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors || time.Now().After(deadline) {
			break
		}
	}
	runtime.GC() // twice, as pools give way at the second
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	now.heap, now.memory, now.state = int64(memory.HeapAlloc), s.anonymous(), s.stateSize()
	return now
}

// descriptors are what is open, as far as the system tells; the look itself is one of them.
func (s *site) descriptors() []string {
	s.Helper()
	const folder = "/dev/fd"
	open, err := os.ReadDir(folder)
	if err != nil {
		s.Fatal(err)
	}
	names := make([]string, len(open))
	for i, entry := range open {
		names[i], _ = os.Readlink(filepath.Join(folder, entry.Name())) // closed again, or of a system without links there
	}
	return names
}

// anonymous is the resident memory of this process that isn't a file's; 0 where the system doesn't tell.
func (s *site) anonymous() int64 {
	s.Helper()
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(text), "\nAnonymous:")
	var kilobytes int64
	if _, err := fmt.Sscan(line, &kilobytes); err != nil {
		s.Fatal(err)
	}
	return kilobytes << 10
}

// stateSize is how much the state takes on the disk.
func (s *site) stateSize() (bytes int64) {
	s.Helper()
	err := filepath.WalkDir(s.stateFolder(), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return bytes
}

// trend is the line through points, by least squares. It keeps sums only: what grows mustn't be what measures.
type trend struct{ n, x, y, xx, xy float64 }

func (t *trend) add(x, y float64) {
	t.n++
	dx := x - t.x
	t.x += dx / t.n
	t.y += (y - t.y) / t.n
	t.xx += dx * (x - t.x)
	t.xy += dx * (y - t.y)
}

func (t *trend) slope() float64 { return t.xy / t.xx }

func TestTrend(t *testing.T) {
	for name, c := range map[string]struct {
		noise, want float64
	}{"straight": {0, 3}, "with-noise": {50, 3}} {
		t.Run(name, func(t *testing.T) {
			var line trend
			for x := range 1000 {
				line.add(float64(x), 7e6+3*float64(x)+c.noise*float64(x%2*2-1))
			}
			if got := line.slope(); math.Abs(got-c.want) > 0.01 {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
