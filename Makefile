# Everything a person or a machine does with this repository. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GOLANGCI_VERSION := 2.15.0
GOLANGCI := bin/golangci-lint

# What the tests need besides Go, as package:command. A package whose command is there isn't missed, wherever it came from;
# one without a command is missed on Debian only. The tests start servers of their own: RUNLEVEL=1 keeps the system's from starting.
TEST_PACKAGES := gcc:gcc libc6-dev: nodejs:node npm:npm curl:curl strace:strace slapd:/usr/sbin/slapd postgresql:postgres mariadb-server:mariadbd samba-ad-dc:/usr/sbin/samba samba-ad-provision:

# ConnectyCube's own SDK, as the lock file pins it. npm writes this file last.
SDK := sink/emulator/sdk/node_modules/.package-lock.json

# DuckDB, the yardstick of the plan's speed, in the same way.
DUCKDB := cmd/cubesync/internal/bench/duckdb/node_modules/.package-lock.json

# How long `make fuzz` tries each of its tests.
FUZZTIME := 30s

# How many users `make bench` plans.
PLAN := 1000000

# How often `make replay` lives a run through, and how many other ones `make soak` does: some hours of them.
TIMES := 100
RUNS := 50000

# Under the race detector. It needn't watch SQLite, which is C in Go's clothes and takes three times as long under it.
# Nor need it be vetted once more, as `make lint` does that, or fit for a debugger: linking takes half as long again then.
# Nothing runs any more when the tests of a package end, for which the detector would wait a second.
RACE := CGO_ENABLED=1 GORACE=atexit_sleep_ms=0 go test -race -gcflags='modernc.org/...=-race=false' -ldflags=-w -vet=off -count=1

# Without it. Everything that isn't under it is built like the program that is delivered, by the tests too: SQLite and the
# standard library are compiled once then, instead of once for each way to build. That is why `make test` builds first: tests
# that build at the same time don't wait for one another's results.
PLAIN := CGO_ENABLED=0 go test -trimpath -vet=off -count=1

# Tests of cmd/cubesync that end or halt a program, which is built as it is delivered, whatever the test is built like. All that the
# race detector could watch is the server that they hold against it, which others have it watch, and would take a third of their time.
PROCESSES := ^Test(Kills|KillsAmongAvatars|KilledSignInsMintNobody|TwoStatesAtOnce)$$

VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: help build test test-needs simulation fuzz replay test-packages mutants lint live soak bench sample clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/cubesync, a static binary
	CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/cubesync ./cmd/cubesync

# What is installed waits for the network and the disk, what is built for the processor: they do so at the same time.
test-needs:
	@$(MAKE) --no-print-directory -j 3 test-packages $(SDK) build

# The memory that the collector saves at its usual pace costs an eighth of the time.
test: test-needs ## run all tests with the race detector, real servers included
	REQUIRE_SERVERS=1 GOGC=400 $(RACE) -timeout 20m -skip '$(PROCESSES)' ./...
	GOGC=400 $(PLAIN) ./cmd/cubesync -run '$(PROCESSES)' -parallel 4 -timeout 15m
	$(PLAIN) ./sync/plan -run '^TestWorlds$$' -timeout 15m
	$(MAKE) --no-print-directory simulation

# The race detector watches the first tenth of these worlds, and of those of sync/plan.
simulation: ## live 2,000 runs through in which everything goes wrong, and print what did
	GOGC=400 $(PLAIN) ./cmd/cubesync/internal/simulation -run TestSimulation -simulation.worlds 2000 -parallel 4 -timeout 15m -v | grep -v '^ *\(=== \|--- PASS\)'

# All are tried, whatever the others find. What made one fail stays in a file under testdata/fuzz, and is tried by every run of the
# tests from then on; it is shown here, too, as the machine that found it may not be at hand. It is made smaller in a third of the
# time, not for a minute each. A deadline alone is no finding: before 1.27, Go may take the end of FUZZTIME for a failure (its issue 75804).
fuzz: ## try each fuzz test of the repository on random input for FUZZTIME (30s)
	@out=$$(mktemp); trap 'rm -f "$$out"' EXIT; failed=; \
	tests=$$(grep -r --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | sort); \
	while IFS=': ' read -r file _ name; do \
	  echo "== $${file%/*} $$name"; \
	  $(PLAIN) -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10s "$${file%/*}" </dev/null 2>&1 | tee "$$out" || \
	    grep -qx '    context deadline exceeded' "$$out" || failed+=" $$name"; \
	done <<<"$$tests"; \
	[[ -n "$$failed" ]] || exit 0; \
	git ls-files -z --others -- '*/testdata/fuzz/*' | xargs -0 grep '' /dev/null >&2; \
	echo "failed:$$failed" >&2; exit 1

replay: ## live the run SEED=n of the simulation through again, TIMES times (100), with the race detector
	$(RACE) ./cmd/cubesync/internal/simulation -run TestSimulation -simulation.worlds 1 -simulation.seed $(SEED) -simulation.times $(TIMES) -timeout 0

test-packages: ## on Debian, as root, install what the tests lack; elsewhere say what it is
	@missing=; \
	PATH="$$PATH:/usr/sbin:$$(printf '%s:' /usr/lib/postgresql/*/bin)"; \
	for need in $(TEST_PACKAGES); do \
	  package="$${need%%:*}" command="$${need#*:}"; \
	  if [[ -n "$$command" ]]; then \
	    command -v "$$command" >/dev/null || missing+=" $$package"; \
	  elif command -v dpkg-query >/dev/null; then \
	    [[ "$$(dpkg-query -W -f='$${db:Status-Status}' "$$package" 2>/dev/null)" == installed ]] || missing+=" $$package"; \
	  fi; \
	done; \
	[[ -n "$$missing" ]] || exit 0; \
	if [[ "$$(id -u)" != 0 ]] || ! command -v apt-get >/dev/null; then \
	  echo "make test needs, and cannot install here:$$missing" >&2; exit 1; \
	fi; \
	echo "installing for the tests:$$missing"; \
	export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1; \
	apt-get update -qq >/dev/null; \
	apt-get install -y -qq --no-install-recommends $$missing </dev/null >/dev/null

%/node_modules/.package-lock.json: %/package-lock.json | test-packages
	cd $* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

lint: $(GOLANGCI)-$(GOLANGCI_VERSION) ## gofmt, go mod tidy, go vet, golangci-lint: all must be silent
	@unformatted=$$(gofmt -l .); \
	if [[ -n "$$unformatted" ]]; then printf 'not formatted, run gofmt -w:\n%s\n' "$$unformatted" >&2; exit 1; fi
	go mod tidy -diff
	go vet ./...
	go vet -tags live ./sink/connectycube
	$< run ./...

# The version is part of the file's name, so another pin is another file.
$(GOLANGCI)-$(GOLANGCI_VERSION):
	GOBIN="$(CURDIR)/bin" CGO_ENABLED=0 go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION)
	mv $(GOLANGCI) $@

# The environment names the application; without it, the run says what it needs. The pace is a live service's.
live: ## prove the client on your own application, on throw-away accounts: see the README
	go test -tags live -count=1 -timeout 1h -v -run '^TestLive$$' ./sink/connectycube

mutants: ## break each listed rule and see its test fail; AREA=client takes one list, or one mutant by its name
	go run ./cmd/cubesync/internal/mutants $(AREA)

soak: ## try a million random worlds, live RUNS runs through, kill the program ten thousand times, break the power off again and again, serve for an hour
	go test ./sync/plan -run TestWorlds -worlds 1000000 -worlds.seed 0 -timeout 0 -v
	$(RACE) ./cmd/cubesync/internal/simulation -run TestSimulation -simulation.worlds $(RUNS) -simulation.seed 0 -timeout 0 -v | grep -v '^ *\(=== \|--- PASS\)'
	go test ./cmd/cubesync -run '^TestKills$$' -kills.rounds 8 -kills.seed 0 -timeout 0 -v
	go test ./sync/state -run TestPowerLoss -powerloss.thorough -timeout 0 -v
	REQUIRE_SERVERS=1 go test ./cmd/cubesync -run TestDisk -disk.losses 1000 -timeout 0 -v
	go test ./cmd/cubesync -run '^TestSoak$$' -soak.time 1h -timeout 0 -v

bench: $(DUCKDB) ## measure imports, the use of the limit, sources, and plans of PLAN users beside DuckDB's full outer join
	go run ./cmd/cubesync/internal/bench -n $(PLAN)

sample: ## write docs/sample/users.csv anew
	go run ./cmd/sampleusers -n 1000 -o docs/sample/users.csv

clean: ## remove what was built
	rm -rf bin cubesync
