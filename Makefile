# Every command of the project. `make` alone lists them; CI runs the same targets.
# Nothing has to be installed by hand but Python 3.11+, Rust and a C compiler: the virtual environment in .venv is made here.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?=
DEMO_FLAGS = $(if $(SECONDS),--seconds $(SECONDS),)
RUST_SOURCES := $(shell find rust -name '*.rs' -o -name 'Cargo.toml' 2>/dev/null | grep -v '/fuzz/') Cargo.toml Cargo.lock

.DEFAULT_GOAL := help
.PHONY: help demo test test-rust test-python test-long lint format bench bench-quick wheel docs fuzz clean

help: ## List the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.built ## Run the demo: a simulated bottling line, the router, SQL and a live page (SECONDS=15 ends by itself)
	@$(BIN)/pronubes demo $(DEMO_FLAGS)

test: $(VENV)/.dev $(VENV)/.built .ci/servers-present lint test-rust test-python ## Run all tests: lint, Rust, Python

test-rust: $(VENV)/.toolchain
	cargo test --locked --workspace --exclude pronubes-py

test-python: $(VENV)/.dev $(VENV)/.built
	$(BIN)/pytest

test-long: test ## Run the long tests too (more cases, longer faults)
	PRONUBES_LONG=1 PROPTEST_CASES=20000 cargo test --locked --release --workspace --exclude pronubes-py
	cargo test --locked --release -p pronubes-log --features mutants --test durability -- mutants --nocapture
	$(BIN)/pytest -m "long or not long" --timeout 1800

lint: $(VENV)/.dev $(VENV)/.built ## Check formatting, lints and types
	cargo fmt --check
	cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev ## Format all code
	cargo fmt
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench ## Measure pronubes and its peers in one run (minutes); the table ends up in bench/results
	$(BIN)/python bench/run.py $(BENCH_FLAGS)

bench-quick: $(VENV)/.bench ## The same in about a minute, with wider spread
	$(BIN)/python bench/run.py --quick $(BENCH_FLAGS)

wheel: $(VENV)/.toolchain $(VENV)/.runtime ## Build the abi3 wheel into dist/
	$(BIN)/maturin build --release --out dist

docs: $(VENV)/.built ## Regenerate the reference pages from the code
	$(BIN)/python docs/generate.py

fuzz: ## Run every fuzz target for 60 s each (needs cargo-fuzz and a nightly toolchain)
	cd rust/fuzz && for target in $$(cargo fuzz list); do cargo fuzz run $$target -- -max_total_time=60 || exit 1; done

clean: ## Remove what was built
	rm -rf $(VENV) target dist python/pronubes/*.so

# --- what the targets above stand on -------------------------------------------------------------------------------

$(VENV)/.toolchain: .ci/toolchain Cargo.toml
	@PYTHON=$(PYTHON) sh .ci/toolchain
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.toolchain pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "maturin>=1.16,<2"
	$(BIN)/python .ci/requirements.py demo arrow xlsx | $(BIN)/python -m pip install --quiet --disable-pip-version-check -r /dev/stdin
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(VENV)/.built: $(VENV)/.runtime $(RUST_SOURCES) pyproject.toml
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --quiet --locked --profile develop
	@touch $@

# Numbers are taken from what users install: the release profile.
$(VENV)/.bench: $(VENV)/.dev $(RUST_SOURCES)
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --quiet --locked --release
	cargo build --quiet --locked --release -p pronubes-loadgen
	cargo build --quiet --locked --release -p pronubes-core --example workload_cost --example state_cost
	@touch $@
	@rm -f $(VENV)/.built

.PHONY: .ci/servers-present
.ci/servers-present:
	@sh .ci/servers
