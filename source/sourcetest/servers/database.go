package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Database is a server of databases of the tests' own: a package's tests share one, except where they kill it.
type Database struct {
	Socket string // of a Unix domain
	Port   int    // on 127.0.0.1
	folder string
	server *exec.Cmd
	exited chan struct{}
	end    os.Signal // with which it ends at once
	ready  func() bool
}

// Superuser may do anything on a Database.
const (
	Superuser         = "root"
	SuperuserPassword = "battery-horse-staple"
)

// Why a server can't be started here.
var (
	ErrMissing = errors.New("isn't installed")
	ErrRoot    = errors.New("needs root")
)

// Need skips a test whose server is missing; it fails where servers are required, and where one doesn't start.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case (errors.Is(err, ErrMissing) || errors.Is(err, ErrRoot)) && os.Getenv("REQUIRE_SERVERS") != "1":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// Stop ends the server at once, and takes its folder away.
func (d *Database) Stop() {
	d.Crash()
	_ = os.RemoveAll(d.folder) // it lies among temporary files
}

// Crash ends the server at once, as a power failure would.
func (d *Database) Crash() {
	_ = d.server.Process.Signal(d.end) // it may have ended by itself
	<-d.exited
}

// Restart starts it again after a Crash, with the data that it had.
func (d *Database) Restart() error { return d.start(d.server.Path, d.server.Args[1:]...) }

// Address is where it listens on loopback.
func (d *Database) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(d.Port)) }

// StartPostgreSQL starts a server of PostgreSQL. Whoever starts it stops it; it ends with the process all the same.
func StartPostgreSQL(settings ...string) (*Database, error) {
	postgres, err := find("postgres", "/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return nil, err
	}
	d, run, err := prepare(syscall.SIGQUIT, "postgres", "nobody")
	if err != nil {
		return nil, err
	}
	data, password := filepath.Join(d.folder, "data"), filepath.Join(d.folder, "password")
	if err := os.WriteFile(password, []byte(SuperuserPassword), 0o644); err != nil { //nolint:gosec // the server's user reads it
		return nil, err
	}
	if path, err := filepath.EvalSymlinks(postgres); err == nil {
		postgres = path // initdb stands beside it
	}
	err = run(filepath.Join(filepath.Dir(postgres), "initdb"), "-D", data, "-U", Superuser, "--pwfile", password, "--auth-host", "scram-sha-256", "--auth-local", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	if err != nil {
		return nil, err
	}
	d.Socket = filepath.Join(d.folder, ".s.PGSQL."+strconv.Itoa(d.Port))
	args := []string{"-D", data, "-k", d.folder, "-p", strconv.Itoa(d.Port), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	d.ready = func() bool { // it listens before it answers
		state, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
		return err == nil && bytes.Contains(state, []byte("\nready"))
	}
	err = d.start(postgres, args...)
	return d, err
}

// StartMariaDB starts a server of MariaDB, as StartPostgreSQL does.
func StartMariaDB(args ...string) (*Database, error) {
	mariadbd, err := find("mariadbd", "/usr/sbin/mariadbd")
	if err != nil {
		return nil, err
	}
	d, run, err := prepare(syscall.SIGKILL, "mysql", "nobody")
	if err != nil {
		return nil, err
	}
	data, temporary := filepath.Join(d.folder, "data"), "--tmpdir="+d.folder // a server clears its temporary folder, another's tables included
	if err := run("mariadb-install-db", "--no-defaults", "--datadir="+data, temporary, "--auth-root-authentication-method=normal", "--skip-test-db"); err != nil {
		return nil, err
	}
	// The first statements of all make the password, before anybody can connect.
	first := filepath.Join(d.folder, "first.sql")
	if err := os.WriteFile(first, fmt.Appendf(nil, "ALTER USER root@localhost IDENTIFIED BY '%s';\n"+
		"CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '%[1]s';\nGRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n", SuperuserPassword), 0o644); err != nil { //nolint:gosec // the server's user reads it
		return nil, err
	}
	d.Socket = filepath.Join(d.folder, "socket")
	d.ready = func() bool {
		conn, err := net.Dial("unix", d.Socket) //nolint:noctx // this machine
		if err == nil {
			err = conn.Close()
		}
		return err == nil
	}
	err = d.start(mariadbd, append([]string{"--no-defaults", "--datadir=" + data, temporary, "--socket=" + d.Socket, "--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(d.Port), "--pid-file=" + filepath.Join(d.folder, "pid"), "--init-file=" + first,
		"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=64M", "--skip-name-resolve"}, args...)...)
	return d, err
}

// find returns the path of a program.
func find(name string, elsewhere string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, err := filepath.Glob(elsewhere)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s %w", name, ErrMissing)
	}
	return found[len(found)-1], nil
}

// prepare makes a folder for a server that no root may run, and what runs programs as its user.
func prepare(end os.Signal, users ...string) (*Database, func(name string, args ...string) error, error) {
	folder, err := os.MkdirTemp("", "cubesync") // short: the path of a socket has a hundred letters at most
	if err != nil {
		return nil, nil, err
	}
	d := &Database{folder: folder, end: end, server: &exec.Cmd{SysProcAttr: &syscall.SysProcAttr{}}}
	if os.Geteuid() == 0 {
		who, err := known(users)
		if err != nil {
			return nil, nil, err
		}
		if err := os.Chown(folder, int(who.Uid), int(who.Gid)); err != nil {
			return nil, nil, err
		}
		d.server.SysProcAttr.Credential = who
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
	if err != nil {
		return nil, nil, err
	}
	d.Port = listener.Addr().(*net.TCPAddr).Port //nolint:errcheck // of TCP
	run := func(name string, args ...string) error {
		const patience = time.Minute
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = folder
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: d.server.SysProcAttr.Credential}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, out)
		}
		return nil
	}
	return d, run, listener.Close()
}

// known is the first of the users that there is.
func known(users []string) (*syscall.Credential, error) {
	var last error
	for _, name := range users {
		who, err := user.Lookup(name)
		if err != nil {
			last = err
			continue
		}
		uid, err := strconv.ParseUint(who.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(who.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
	}
	return nil, last
}

// start starts the server and waits until it listens.
func (d *Database) start(name string, args ...string) error {
	credential := d.server.SysProcAttr.Credential
	var log bytes.Buffer
	d.server = exec.Command(name, args...) //nolint:noctx // Stop ends it
	d.server.Dir, d.server.Stdout, d.server.Stderr = d.folder, &log, &log
	dieWithTest(d.server)
	if d.server.SysProcAttr == nil {
		d.server.SysProcAttr = &syscall.SysProcAttr{}
	}
	d.server.SysProcAttr.Credential = credential
	if err := d.server.Start(); err != nil {
		return err
	}
	server, exited := d.server, make(chan struct{})
	d.exited = exited
	go func() {
		_ = server.Wait() // it is told to end by a signal
		close(exited)
	}()
	const patience = 30 * time.Second
	for began := time.Now(); time.Since(began) < patience; time.Sleep(20 * time.Millisecond) {
		select {
		case <-d.exited:
			return fmt.Errorf("%s ended at its start: %s", name, strings.TrimSpace(log.String()))
		default:
		}
		if d.ready() {
			return nil
		}
	}
	d.Stop()
	return fmt.Errorf("%s doesn't listen after %s", name, patience)
}
