package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"cubesync/sink/emulator"
)

// scriptCommands are what scripts can do beside testscript's own commands. SERVER is the data file of an emulator, or
// the URL of a running one.
//
//	exits CODE cubesync ARG...      runs the program, which must exit with the code
//	under DURATION                  the last run took less
//	counters SERVER KIND=N...       the server's successful writes by kind; kinds that aren't named must be 0
//	requests URL KIND=N...          what a running server was asked, by kind
//	sent URL KIND HEADER            the last requests of the kind to a running server had the header; with ! none had it
//	lookup SERVER ID [FIELD=TEXT]   there is an account with the external ID and these values; with ! there is none
//	signup SERVER FIELD=TEXT...     makes an account that isn't ours
//	signin SERVER EMAIL PASSWORD    somebody signs in; with ! they can't
//	cell FILE VERB ARG...           changes a CSV file, as editTable says
//	swap FILE OLD NEW               replaces the only occurrence of a text
//	emulator ARG...                 starts `cubesync emulator` and sets $ENDPOINT
//	faults SOURCE FIELD=VALUE...    plans one fault of the emulator instead of those before; none without fields
//	network                         starts a service behind a proxy: $ENDPOINT, $PROXY, $PROXY_WORD and ca.pem lead to it
//	proxied                         the proxy was used since the last such question; with ! it wasn't
//	backend TOKEN UID               starts, or changes, a company's backend at $BACKEND, which knows this token alone
//	json PATH=TEXT...               what the last run wrote to standard output is JSON with these values
//	adds-up                         …whose tally adds up to what was read
//	database CSV FILE               makes an SQLite file with the table people of a CSV file
//	damage FILE                     spoils the middle of an SQLite file
//	secret TEXT                     a secret that stands in no configuration
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"exits": exitsWith, "under": under, "counters": counters, "requests": requests, "sent": sent, "lookup": lookup, "signup": signup, "signin": signin, "cell": cell, "faults": faults,
		"swap": swap, "emulator": startEmulator, "network": startNetwork, "proxied": proxied, "backend": backend,
		"database": toDatabase, "damage": damage,
		"json": jsonHas, "adds-up": addsUp, "secret": secret,
	}
}

func watchOf(ts *testscript.TestScript) *watch {
	w, ok := ts.Value(watchKey{}).(*watch)
	if !ok {
		ts.Fatalf("the script has no watch")
	}
	return w
}

func need(ts *testscript.TestScript, neg bool, args []string, least int) {
	if neg || len(args) < least {
		ts.Fatalf("this command takes at least %d arguments and no !", least)
	}
}

func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	w := watchOf(ts)
	ts.Check(w.look())
	began := time.Now()
	err = ts.Exec(args[1], args[2:]...)
	w.took = time.Since(began)
	w.shown.WriteString(ts.ReadFile("stdout") + "\n" + ts.ReadFile("stderr") + "\n")
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func under(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	most, err := time.ParseDuration(args[0])
	ts.Check(err)
	if took := watchOf(ts).took; took >= most {
		ts.Fatalf("it took %v", took)
	}
}

func secret(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	watchOf(ts).secret(args[0])
}

// withServer asks the server that the first argument names.
func withServer(ts *testscript.TestScript, source string, do func(*server)) {
	if !strings.HasPrefix(source, "http://") {
		source = ts.MkAbs(source)
	}
	s, err := ask(source)
	ts.Check(err)
	defer func() { ts.Check(s.close()) }()
	do(s)
}

// pairs takes arguments of the form name=text apart.
func pairs(args []string) map[string]string {
	all := map[string]string{}
	for _, arg := range args {
		name, text, _ := strings.Cut(arg, "=")
		all[name] = text
	}
	return all
}

func counters(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	want := pairs(args[1:])
	withServer(ts, args[0], func(s *server) {
		all, err := s.counters()
		ts.Check(err)
		for kind, n := range writesByKind(all.Written) {
			wanted := want[kind]
			if wanted == "" {
				wanted = "0"
			}
			if strconv.FormatInt(n, 10) != wanted {
				ts.Fatalf("the server counts %d of %s, want %s; all: %+v", n, kind, wanted, all.Written)
			}
			delete(want, kind)
		}
	})
	if len(want) > 0 {
		ts.Fatalf("unknown kinds %v", want)
	}
}

func requests(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	withServer(ts, args[0], func(s *server) {
		all, err := s.counters()
		ts.Check(err)
		for kind, want := range pairs(args[1:]) {
			if got := strconv.FormatInt(all.ByKind[emulator.Kind(kind)], 10); got != want {
				ts.Fatalf("the server was asked for %s of %s, want %s; all: %v", got, kind, want, all.ByKind)
			}
		}
	})
}

func sent(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 3)
	withServer(ts, args[0], func(s *server) {
		var seen struct {
			Requests []emulator.Request `json:"requests"`
		}
		ts.Check(s.call(http.MethodGet, "/__emulator/requests", "", nil, &seen))
		found := 0
		for _, r := range seen.Requests {
			if r.Kind != emulator.Kind(args[1]) {
				continue
			}
			found++
			if (r.Header.Get(args[2]) == "") != neg {
				ts.Fatalf("%s %s was sent with %v", r.Method, r.Path, r.Header)
			}
		}
		if found == 0 {
			ts.Fatalf("the server saw no %s", args[1])
		}
	})
}

func writesByKind(w emulator.Writes) map[string]int64 {
	return map[string]int64{
		"sign_up": w.SignUp, "update": w.Update, "delete": w.Delete, "admin_delete": w.AdminDelete, "on_the_fly": w.OnTheFly,
	}
}

func lookup(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 2)
	withServer(ts, args[0], func(s *server) {
		account, err := s.account(args[1])
		ts.Check(err)
		switch {
		case neg && account != nil:
			ts.Fatalf("%s is there as account %v", args[1], account["id"])
		case neg:
			return
		case account == nil:
			ts.Fatalf("%s isn't there", args[1])
		}
		for field, want := range pairs(args[2:]) {
			if got := shown(account[field]); got != want {
				ts.Fatalf("%s of %s is %q, want %q", field, args[1], got, want)
			}
		}
	})
}

// shown writes a value of JSON as scripts do.
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // it was JSON a moment ago
		}
		return string(text)
	}
}

func signup(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	fields := pairs(append([]string{"password=not-derived-by-anybody"}, args[1:]...))
	withServer(ts, args[0], func(s *server) { ts.Check(s.signUp(fields)) })
}

func signin(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, false, args, 3)
	withServer(ts, args[0], func(s *server) {
		if err := s.signIn(args[1], args[2]); (err != nil) != neg {
			ts.Fatalf("%s signs in: %v", args[1], err)
		}
	})
}

func faults(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	fault := map[string]any{}
	for field, text := range pairs(args[1:]) {
		fault[field] = text
		if n, err := strconv.Atoi(text); err == nil {
			fault[field] = n
		}
	}
	plans := []any{}
	if len(fault) > 0 {
		plans = append(plans, fault)
	}
	withServer(ts, args[0], func(s *server) {
		ts.Check(s.call(http.MethodPost, "/__emulator/faults", "", map[string]any{"faults": plans}, nil))
	})
}

func cell(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 3)
	ts.Check(editTable(ts.MkAbs(args[0]), args[1], args[2:]...))
}

func swap(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 3)
	text := ts.ReadFile(args[0])
	if n := strings.Count(text, args[1]); n != 1 {
		ts.Fatalf("%q occurs %d times in %s", args[1], n, args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

func startEmulator(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 0)
	p, err := start("cubesync", ts.MkAbs("."), append([]string{"emulator", "--listen", "127.0.0.1:0"}, args...)...)
	ts.Check(err)
	w := watchOf(ts)
	ts.Defer(func() {
		if code := p.stop(); code != exitInSync { // a race shows here too
			w.broken = append(w.broken, fmt.Sprintf("the emulator exited with %d: %s", code, p.stderr()))
		}
	})
	endpoint, err := p.endpoint()
	ts.Check(err)
	ts.Setenv("ENDPOINT", endpoint)
}

func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	var document any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &document))
	for _, arg := range args {
		path, want, _ := strings.Cut(arg, "=")
		if got := shown(at(document, path)); got != want {
			ts.Fatalf("%s is %q, want %q", path, got, want)
		}
	}
}

// at follows a path such as plan.operations.0.kind into JSON; # is the length of a list.
func at(value any, path string) any {
	for step := range strings.SplitSeq(path, ".") {
		switch inner := value.(type) {
		case map[string]any:
			value = inner[step]
		case []any:
			n, err := strconv.Atoi(step)
			switch {
			case step == "#":
				value = len(inner)
			case err == nil && n < len(inner):
				value = inner[n]
			default:
				return nil
			}
		default:
			return nil
		}
	}
	return value
}

func addsUp(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 0)
	var report struct {
		Run struct {
			Tally map[string]any `json:"tally"`
		} `json:"run"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &report))
	sum, _ := report.Run.Tally["filtered"].(float64) // which isn't there where there is none
	for _, ending := range []string{"unchanged", "applied", "failed", "skipped", "not_attempted", "unknown", "rejected", "collapsed"} {
		n, ok := report.Run.Tally[ending].(float64)
		if !ok {
			ts.Fatalf("the tally has no %s", ending)
		}
		sum += n
	}
	if read := report.Run.Tally["read"]; read != sum {
		ts.Fatalf("%s records were read and %v ended", fmt.Sprint(read), sum)
	}
}
