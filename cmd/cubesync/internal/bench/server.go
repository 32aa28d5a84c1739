package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"cubesync/sink/emulator"
)

// server is an emulator in a process of its own.
type server struct {
	command  *exec.Cmd
	endpoint string
}

var endpointLine = regexp.MustCompile(`endpoint\s+(http://\S+)`)

// serve starts an emulator and waits until it says where it is, which it does once its users are there.
func (b *bench) serve(ctx context.Context, args ...string) (*server, error) {
	command := exec.CommandContext(ctx, b.program, append([]string{"emulator", "--listen", "127.0.0.1:0"}, args...)...)
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
	_ = s.command.Process.Kill() // nobody needs its data again
	_ = s.command.Wait()
}

// delay makes the server answer so late.
func (s *server) delay(ctx context.Context, latency time.Duration) error {
	body := fmt.Sprintf(`{"seed":1,"faults":[{"do":"slow","chance":1,"delay":%q}]}`, latency)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint+"/__emulator/faults", strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // the status says it
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the emulator refuses to answer late: %s", response.Status)
	}
	return nil
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
