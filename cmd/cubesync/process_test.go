package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running cubesync.
type process struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
	errors transcript
	exited chan int
	once   sync.Once
}

// transcript collects what a process writes while others read.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// start runs the binary in a folder. End it with stop or kill, or wait for it.
func start(binary, dir string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(binary, args...), exited: make(chan int, 1)}
	p.cmd.Dir = dir
	p.cmd.Stderr = &p.errors
	reader, writer := io.Pipe()
	p.stdout = bufio.NewReader(reader)
	p.cmd.Stdout = writer
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		err := p.cmd.Wait()
		_ = writer.Close()
		code := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			code = -2
		}
		p.exited <- code
	}()
	return p, nil
}

func (p *process) stderr() string { return p.errors.String() }

// endpoint reads the address that `cubesync emulator` serves on, and lets the rest of its output go.
func (p *process) endpoint() (string, error) {
	line, err := p.stdout.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("the emulator doesn't say where it listens: %w: %s", err, p.stderr())
	}
	p.drain()
	_, address, _ := strings.Cut(line, "http://")
	return "http://" + strings.TrimSpace(address), nil
}

// drain lets the output go, so that the process isn't held up by it.
func (p *process) drain() { p.once.Do(func() { go func() { _, _ = io.Copy(io.Discard, p.stdout) }() }) }

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) } // it may be gone already

// wait returns the exit code; -1 for a process that a signal ended.
func (p *process) wait() int {
	p.drain()
	select {
	case code := <-p.exited:
		p.exited <- code
		return code
	case <-time.After(2 * time.Minute):
		p.signal(syscall.SIGKILL)
		return -3
	}
}

func (p *process) stop() int {
	p.signal(syscall.SIGTERM)
	return p.wait()
}

func (p *process) kill() int {
	p.signal(syscall.SIGKILL)
	return p.wait()
}
