# The one door: `make help`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
RUNNER ?= $(if $(shell command -v apt-get),native,compose)

STACK := $(PYTHON) deploy/native/stack.py
INSTALL := $(PYTHON) deploy/native/install.py
BIN := $(CURDIR)/.venv/dev/bin
GO_MODULES := contract web gateway-go
PYTHON_ROOMS := worker-py tests deploy/native models/pocket-studio
LOCKS := worker-py/requirements.lock worker-py/requirements-engine.lock worker-py/requirements-dev.lock tests/requirements.lock deploy/native/requirements.lock

# Services of the unit tests: their own folder and ports, beside a stack that may be up.
TEST_STACK := DATA_DIR=$(CURDIR)/.darkroom/unit-tests PORT_OFFSET=500 $(STACK)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'
	@echo "  RUNNER=$(RUNNER) (native or compose); settings: the environment or .env"

##### Running

.PHONY: demo up down status logs
demo: ## from nothing to a picture: set up, start, generate one, say where it lies
	@$(PYTHON) deploy/native/demo.py $(RUNNER)

up: ## set up what is missing, start everything, wait until it is ready
	@echo "starting Darkroom (runner: $(RUNNER))"
ifeq ($(RUNNER),native)
	@$(STACK) up
else
	@docker compose up --detach --build --wait
endif

down: ## stop everything; data is kept
ifeq ($(RUNNER),native)
	@$(STACK) down
else
	@docker compose down
endif

status: ## what runs, whether it is ready, memory and ports
ifeq ($(RUNNER),native)
	@$(STACK) status
else
	@docker compose ps --all
endif

logs: ## follow all logs
ifeq ($(RUNNER),native)
	@$(STACK) logs
else
	@docker compose logs --follow --tail 40
endif

##### Testing

# Side by side, each lane from left to right: its niceness, then its suites. What mostly waits runs beside what computes, and clocks watch it most.
WAITS := 0 test-system test-browser test-native test-machines
COMPUTES := 5 lint test-contract test-deploy test-go test-studio test-worker
SEARCHES := 15 test-model
.PHONY: test tests-ready lint-go lint-python $(filter lint test-%,$(WAITS) $(COMPUTES) $(SEARCHES))
test: ## set everything up and run every suite
	@$(INSTALL) services tests
	@$(PYTHON) tests/lanes.py "$(WAITS)" "$(COMPUTES)" "$(SEARCHES)"

tests-ready:
	@$(if $(READY),:,$(INSTALL) services tests)

lint: lint-go lint-python ## formatting, vet, staticcheck, ruff, mypy --strict

lint-go: tests-ready
	@unformatted=$$(gofmt -l $(GO_MODULES) tests/deploy); [ -z "$$unformatted" ] || { echo "make fmt would change: $$unformatted"; exit 1; }
	@cd gateway-go && go vet -tags failpoints ./internal/failpoint
	@for module in $(GO_MODULES) tests/deploy; do echo "vet, staticcheck: $$module"; (cd $$module && go vet ./... && $(BIN)/staticcheck ./...); done

lint-python: tests-ready
	@for room in $(PYTHON_ROOMS); do echo "ruff, mypy: $$room"; \
		(cd $$room && $(BIN)/ruff check -q . && $(BIN)/ruff format -q --check . && $(BIN)/mypy --strict .); done

test-contract: tests-ready ## the treaty: vectors, scripts on a real Redis
	@cd contract && go test ./...
	@cd tests && $(BIN)/pytest contract

test-model: tests-ready ## the protocol's model, checked by spin
	@contract/model/check

test-go: tests-ready ## the gateway's own tests, with the race detector
	@cd web && go test ./...
	@cd gateway-go && go test -tags failpoints ./internal/failpoint
	@$(TEST_STACK) with -- bash -c 'cd gateway-go && go test -race ./...'

test-worker: tests-ready ## the worker's own tests
	@$(TEST_STACK) with -- bash -c 'cd worker-py && $(BIN)/pytest'

test-studio: tests-ready ## Pocket Studio: renderer, captions, judges, and the weights that are shipped
	@cd models/pocket-studio && $(BIN)/pytest

test-native: tests-ready ## the native runner's own tests
	@cd deploy/native && $(BIN)/pytest

test-deploy: tests-ready ## Compose file, Dockerfiles and Helm chart against the code and the manual
	@cd tests/deploy && PATH=$(BIN):$$PATH go test ./...

test-system: tests-ready ## the whole system: kills, losses, limits, a storm of faults
	@cd tests && $(BIN)/pytest system faults

test-machines: tests-ready ## gateways, workers and services on machines of their own (network namespaces), by TLS
	@cd tests && $(BIN)/pytest machines

.PHONY: machines
machines: tests-ready ## the same, and a worker that stays away until another has drawn its job
	@cd tests && LONG=1 $(BIN)/pytest machines

.PHONY: images
IMAGES := $(CURDIR)/.darkroom/images
images: tests-ready ## each step of the Dockerfiles, in bare Debian folders; gateway and worker start there and draw a picture. Needs root and 8 GB, about five minutes
	@$(INSTALL) images
	@cd tests/deploy && go run ./images build $(IMAGES)
	@unshare --net bash -c 'ip link set lo up && DATA_DIR=$(IMAGES)/services exec $(STACK) with -- bash -c "cd tests/deploy && go run ./images start $(IMAGES)"'
	@rm -rf $(IMAGES)/context $(IMAGES)/gateway $(IMAGES)/worker

.PHONY: test-variants
test-variants: tests-ready ## the whole system on other servers: versitygw for MinIO, Valkey for Redis
	@cd tests && S3_SERVER=versitygw REDIS_SERVER=valkey $(BIN)/pytest system $(ARGS)

test-browser: tests-ready ## the page in a real Chromium
	@cd tests && $(BIN)/pytest browser

##### Measuring

.PHONY: bench bench-engine bench-page
bench: tests-ready ## what waiting costs: memory of idle parts, CPU of a poll
	@cd tests && $(BIN)/python -m bench.costs

bench-engine: tests-ready ## Darkroom against a plain serial loop, about twelve minutes; ARGS="--rounds 20", ARGS=--help
	@cd tests && PYTHONPATH=../worker-py $(BIN)/python -m bench.engine $(ARGS)

bench-page: tests-ready ## what the page weighs and how fast it shows, in a real Chromium; ARGS="--runs 3"
	@cd tests && $(BIN)/python -m bench.page $(ARGS)

.PHONY: faults
faults: tests-ready ## the long proof: every failpoint in every way, then a storm; SEED= JOBS=20000 STRIKES=1000 MINUTES=
	@cd tests && FAULTS=all $(BIN)/pytest faults/test_failpoints.py faults/test_long.py
	@cd tests && $(BIN)/python -m faults.storm --jobs $(or $(JOBS),20000) --faults $(or $(STRIKES),1000) --minutes $(or $(MINUTES),0) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: recovery
recovery: tests-ready ## how long it takes to be well again after each fault; ARGS="--times 5 --record"
	@cd tests && $(BIN)/python -m faults.recovery $(ARGS)

.PHONY: rolling
rolling: tests-ready ## rolling restarts of all gateways and workers under load; ARGS="--times 20 --record"
	@cd tests && $(BIN)/python -m faults.rolling $(ARGS)

.PHONY: soak
soak: tests-ready ## steady load with mild faults, and nothing grows; MINUTES=240 SEED= ARGS=--record
	@cd tests && $(BIN)/python -m faults.soak --minutes $(or $(MINUTES),240) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: fuzz fuzz-go fuzz-worker fuzz-api
FUZZ ?= 1000000
CASES ?= 500
FUZZERS ?= 1
fuzz: fuzz-go fuzz-worker fuzz-api ## every fuzz target FUZZ=1000000 times, every operation of the API with CASES=500 cases; hours on two cores

fuzz-go: tests-ready
	@cd gateway-go && grep -roE '^func Fuzz[A-Za-z]+' --include='*_test.go' internal | sed -E 's|^(.*)/[^/]*:func |./\1 |' | sort | while read -r package target; do \
		echo "=== $$package $$target"; go test "$$package" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ)x -parallel $(FUZZERS) | \
		awk '/^fuzz: elapsed/ {last = $$0; next} {print} END {print last}'; done

fuzz-worker: tests-ready
	@cd worker-py && FUZZ=$(FUZZ) $(BIN)/python -m tests.fuzz

fuzz-api: tests-ready
	@cd tests && $(BIN)/python -m fuzz.api --cases $(CASES)

.PHONY: audit
audit: ## known vulnerabilities in what we depend on: govulncheck, pip-audit; asks their databases on the internet
	@$(INSTALL) audit
	@failed=0; for module in $(GO_MODULES); do echo "govulncheck: $$module"; (cd $$module && $(BIN)/govulncheck ./...) || failed=1; done; \
	for lock in $(LOCKS); do echo "pip-audit: $$lock"; $(BIN)/pip-audit --strict --require-hashes --disable-pip -r $$lock || failed=1; done; exit $$failed

##### Watching

.PHONY: observe alerts metrics
observe: tests-ready ## Prometheus beside a stack under load: every rule and dashboard expression is evaluated, those without data are named
	@cd tests && $(BIN)/python -m observe.run

alerts: tests-ready ## each alert fires for its real cause, and none in five healthy minutes; about fifteen minutes, needs root
	@cd tests && $(BIN)/python -m observe.alerts $(ARGS)

metrics: tests-ready ## docs/metrics.md, made anew from what both halves expose
	@cd tests && $(BIN)/python -m observe.table

##### Showing

.PHONY: screenshots samples
screenshots: tests-ready ## every page and state, light and dark, phone to wide, into .darkroom/screenshots
	@cd tests && $(BIN)/python -m browser.screenshots $(SHOTS)

samples: tests-ready ## the page's sample pictures, drawn anew by a running Darkroom; URL=http://127.0.0.1:8080
	@cd tests && $(BIN)/python -m browser.samples $(URL)

##### Upkeep

.PHONY: golden
golden: tests-ready ## record the picture that a model must draw before a worker serves it; MODEL=id
	@cd worker-py && $(BIN)/python -m darkroom_worker.tasks.golden $(MODEL)

.PHONY: fmt docs lock
fmt: tests-ready ## format Go and Python
	@gofmt -w $(GO_MODULES) tests/deploy
	@for room in $(PYTHON_ROOMS); do (cd $$room && $(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .); done

# What the command says of itself; a test holds docs/cli.md against it.
docs: tests-ready ## renew docs/cli.md
	@cd worker-py && $(BIN)/python -m typer darkroom_cli.app utils docs --name darkroom --title "The darkroom command" --output ../docs/cli.md

lock: ## renew the hashed locks of all Python packages
	@$(PYTHON) deploy/native/lock.py
