# Everything happens in .venv, which the first target that needs it makes; Python, make and git are enough, and for
# `make check` the programs below.

PYTHON ?= python3
# One more than a small machine has cores, since tests wait a part of their time.
WORKERS ?= 3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
INSTALL := $(PIP) --no-build-isolation --editable
CODE := apreconcile action tests bench
SPREAD := -n $(WORKERS) --dist worksteal

# Branch coverage in percent: of all, and of what is pure, where the aim is 100.
COVERED := 97
COVERED_PURE := 98
PURE := apreconcile/core/*,apreconcile/kinds/*,apreconcile/show/*

# What tests marked `tools` start, each with the Debian package that has it: installed where apt-get may.
PROGRAMS := chromium:chromium openssl:openssl ssh-keygen:openssh-client
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3

.DELETE_ON_ERROR:
.PHONY: help demo test check format lint types contracts programs tests crash mutants bench clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: .venv/runtime ## install, then plan and apply an account on this machine, aloud
	@sh examples/demo.sh

test: .venv/dev ## install, then run the tests
	$(BIN)/python -m pytest -q $(SPREAD) -m "not tools"

check: format lint types contracts tests ## what a change must pass: format, lint, types, import contracts, all tests

format: .venv/dev
	$(BIN)/python -m ruff format --check $(CODE)

lint: .venv/dev
	$(BIN)/python -m ruff check $(CODE)

types: .venv/dev
	$(BIN)/python -m mypy

contracts: .venv/dev
	$(BIN)/lint-imports

programs:
	@missing=; for pair in $(PROGRAMS); do command -v $${pair%:*} >/dev/null || missing="$$missing $${pair#*:}"; done; \
	test -z "$$missing" || { echo "installing$$missing" && $(APT) update && $(APT) install -y --no-install-recommends $$missing >/dev/null; } || \
		{ echo "the tests want$$missing: install it, or let make test do without"; exit 2; }

tests: .venv/dev programs
	$(BIN)/python -m pytest -q $(SPREAD) --cov --cov-report=term:skip-covered --cov-fail-under=$(COVERED)
	@rm -f .coverage.*  # of children that were killed while they wrote
	@$(BIN)/python -m coverage report --include='$(PURE)' --fail-under=$(COVERED_PURE) --format=total >/dev/null || \
		{ echo "core, kinds and show are covered by less than $(COVERED_PURE) %"; exit 2; }

crash: .venv/dev ## prove that nothing is bought twice: every kill, fault and store, for an hour or more; ARGS="--help"
	PYTHONPATH=tests $(BIN)/python -m crash --workers $(WORKERS) $(ARGS)

mutants: .venv/dev ## change what decides over money, one thing at a time: a test must notice each, for some minutes
	$(BIN)/python tests/mutation.py $(WORKERS)

bench: .venv/dev ## measure: requests, state writes, start-up, the sandbox
	$(BIN)/python bench/run.py

clean: ## remove .venv, caches and what the demo made
	rm -rf .venv .demo .coverage .hypothesis .mypy_cache .ruff_cache .import_linter_cache build dist mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is wanted; name it: make PYTHON=…")'
	@echo "making .venv ($$($(PYTHON) --version))"
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) hatchling editables
	@touch $@

.venv/runtime: .venv/made pyproject.toml constraints.txt
	@echo "installing apreconcile into .venv"
	@$(INSTALL) .
	@touch $@

.venv/dev: .venv/made pyproject.toml constraints.txt
	@echo "installing apreconcile and what its tests need into .venv"
	@$(INSTALL) '.[dev]'
	@touch $@ .venv/runtime
