# Kith. `make help` explains every target; `make demo` and `make test` need nothing set up before.

SERVICE ?=
CARGO ?= cargo
LOCAL := .local
TEST_LOCAL := $(LOCAL)/test
KITH := target/debug/kith
MONTH := services/kith/data/first_month
CRATES_WITH_SQL := platform identity teams matching appointments finance governance evaluation
BUF := npx --yes @bufbuild/buf@1.75.0

.DEFAULT_GOAL := help

.PHONY: help
help: ## Shows this help
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Builds everything and installs what is missing: PostgreSQL and RabbitMQ, from the distribution's packages
	$(CARGO) build --workspace --locked
	$(KITH) servers up

.PHONY: run
run: build ## Starts the local stack: both servers and the seven services; harmless to repeat
	$(KITH) up

.PHONY: stop
stop: ## Stops the local stack and the test servers, and leaves nothing running; data stays
	@if [ -x $(KITH) ]; then $(KITH) stop; KITH_LOCAL_DIR=$(TEST_LOCAL) $(KITH) stop; fi

.PHONY: demo
demo: build ## Starts the stack, takes one circle's month in through the public API and compares every figure
	$(KITH) up
	$(KITH) month $(MONTH)/scenario.json --expect $(MONTH)/expected.json
	@echo "The stack keeps running: $(KITH) status shows it, make stop stops it."

.PHONY: test
test: build ## Runs every test over real PostgreSQL and RabbitMQ (servers of its own under .local/test); FIGURES=1 shows what proofs count
	KITH_LOCAL_DIR=$(TEST_LOCAL) $(KITH) servers up
	@eval "$$(KITH_LOCAL_DIR=$(TEST_LOCAL) $(KITH) servers env)"; \
	if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run --workspace --locked $(if $(FIGURES),--success-output immediate) $(ARGS); \
	else \
		$(CARGO) test --workspace --locked $(ARGS) $(if $(FIGURES),-- --nocapture); \
	fi

.PHONY: chaos
chaos: build ## Kills, cuts, repeats and delays everything under load and counts what is lost; QUICK=1 ends in minutes
	target/debug/chaos $(if $(QUICK),--quick) --report target/chaos.txt $(ARGS)

.PHONY: mutations
mutations: ## Breaks the last commit on purpose, fault by fault, and looks that a test notices each; about an hour; ARGS="--only T2,N4"
	$(CARGO) run --quiet --locked -p kith-tests --bin mutations -- $(ARGS)

.PHONY: rotation
rotation: build ## Takes months in while keys rotate every 30 s, about eleven minutes: no living token is refused
	KITH_LOCAL_DIR=$(TEST_LOCAL) $(KITH) servers up
	@eval "$$(KITH_LOCAL_DIR=$(TEST_LOCAL) $(KITH) servers env)"; \
	if $(CARGO) nextest --version >/dev/null 2>&1; then \
		KITH_ROTATION_SECONDS=30 $(CARGO) nextest run -p kith-tests --locked --profile rotation --no-capture -E 'test(/^rotation::/)' $(ARGS); \
	else \
		KITH_ROTATION_SECONDS=30 $(CARGO) test -p kith-tests --locked --test tests -- --nocapture rotation:: $(ARGS); \
	fi

.PHONY: timing
timing: build ## Asks for what exists elsewhere and what exists nowhere, 10,000 times each: p for each row, exit 1 where time tells
	target/debug/timing $(ARGS)

# Every program in release, the bench beside the services that it measures.
BENCH_BINS := --bin bench --bin kith $(foreach service,identity teams matching appointments finance governance evaluation,--bin kith-$(service))

.PHONY: bench
bench: ## Measures the services beside what the machine allows, row by row, each with its floor; QUICK=1 ends in ten minutes
	$(CARGO) build --release --locked --workspace $(BENCH_BINS)
	target/release/bench $(if $(QUICK),--quick) --report target/bench.txt $(ARGS)

.PHONY: check
check: lint proto sqlx-check ## Formatting, lints, contracts, every query against the live schema, licences and bans
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny --locked check bans licenses sources && { $(CARGO) deny --locked check advisories || \
			echo "advisories: could not be checked here (the database could not be fetched, or one stands: see above)"; }; \
	else \
		echo "licences and bans: cargo-deny is not installed here, so deny.toml was checked by tests/tests/licences.rs only"; \
	fi

.PHONY: lint
lint: ## Formatting and clippy, warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

.PHONY: proto
proto: ## Lints the contracts, checks them for breaking changes and prints the catalogue of events
	cd proto && $(BUF) lint
	@tag=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); \
	if [ -n "$$tag" ]; then cd proto && $(BUF) breaking --against "../.git#tag=$$tag,subdir=proto"; \
	else echo "breaking check: no v* tag yet, so the contracts are not frozen"; fi
	$(CARGO) run -q --locked -p kith-tests --bin catalogue

.PHONY: sqlx
sqlx: build-kith ## Refreshes the query data of one crate: make sqlx SERVICE=teams
	@test -n "$(SERVICE)" || { echo "say which: make sqlx SERVICE=teams"; exit 2; }
	KITH_LOCAL_DIR=$(TEST_LOCAL) $(KITH) servers up
	@eval "$$(KITH_LOCAL_DIR=$(TEST_LOCAL) $(KITH) servers env)"; deploy/sqlx.sh $(SERVICE)

.PHONY: sqlx-check
sqlx-check: build-kith ## Compiles every checked query against the live schema and compares the query data
	KITH_LOCAL_DIR=$(TEST_LOCAL) $(KITH) servers up
	@eval "$$(KITH_LOCAL_DIR=$(TEST_LOCAL) $(KITH) servers env)"; \
	for crate in $(CRATES_WITH_SQL); do deploy/sqlx.sh $$crate --check || exit 1; done

.PHONY: items
items: ## Prints, per service, which numbered items a test proves and which its README lists as not there yet
	@deploy/items.sh

.PHONY: footprint
footprint: ## Memory of each service, start to serving of each, and memory of all in one process (release build)
	$(CARGO) build --release --locked --workspace
	target/release/kith up
	target/release/kith footprint

.PHONY: build
build:
	$(CARGO) build --workspace --locked

.PHONY: build-kith
build-kith:
	$(CARGO) build --locked -p kith
