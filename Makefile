# Everything a person or CI does here. `make` without a target lists it.
#   PYTHON=python3.12 make setup    another interpreter
#   WORKERS=4 make test             more test processes
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
STAMP := .venv/.made
WORKERS ?= 2
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadgroup
# nix may be installed off PATH; recipes that need it put its folder in front.
WITH_NIX := nix_bin="$$(scripts/ensure-nix.sh)"; export PATH="$$nix_bin:$$PATH";
SCRIPTS := scripts/*.sh scripts/action/*.sh .ci/run

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

# ---- getting ready

.PHONY: setup
setup: $(STAMP) ## .venv from the hashed lock, with this project in it

$(STAMP): requirements/dev.txt pyproject.toml scripts/setup.sh
	@PYTHON='$(PYTHON)' scripts/setup.sh
	@touch $@

.PHONY: nix
nix: ## find nix, or install Debian's when root
	@printf 'nix: %s\n' "$$(scripts/ensure-nix.sh)"

# ---- seeing it work

.PHONY: demo
demo: setup ## a healthy run (exit 0) and the incident (exit 4) on this machine
	@scripts/demo.sh

.PHONY: soak
soak: setup ## every drill three times, each healthy profile ten times, in a row
	@$(WITH_NIX) scripts/soak.sh

.PHONY: crash
crash: setup ## a run killed at 200 points, and every state that it goes through (about an hour)
	@$(WITH_NIX) CRASH_STATES=0 CRASH_KILLS=200 $(BIN)/pytest tests/faults/test_crash_points.py -q

.PHONY: liars
liars: setup ## every lie of every party, in a healthy run (LIARS="s3 attic-body-empty" selects some)
	@$(WITH_NIX) $(BIN)/python -m tests.liars $(LIARS)

.PHONY: bench
bench: setup ## side-by-side measurements
	@$(WITH_NIX) $(BIN)/python -m bench

.PHONY: bench-audit
bench-audit: setup ## the acceptance table of the audit, 100,000 chunks (about two minutes)
	@$(BIN)/python -m bench.audit

# ---- checking it

# What covers parse, judge and evidence; the rest runs without the tracer, which doubles its time.
COVERING := tests/unit/parse tests/unit/judge tests/unit/evidence tests/unit/test_require.py

.PHONY: test
test: test-covered test-rest ## the whole suite, and full coverage of parse, judge and evidence

.PHONY: test-covered
test-covered: setup ## parse, judge and evidence, which must be covered whole, branches too
	@scripts/ensure-test-tools.sh
	@mkdir -p build/coverage
	@$(WITH_NIX) $(PYTEST) $(COVERING) --cov --cov-report=
	@$(BIN)/coverage report --fail-under=100

.PHONY: test-rest
test-rest: setup ## all other tests: units, recorded cases, real servers, faults, the action
	@scripts/ensure-test-tools.sh
	@$(WITH_NIX) $(PYTEST) tests $(COVERING:%=--ignore=%)

.PHONY: fuzz
fuzz: setup ## fuzz each parser (FUZZ_SECONDS=60 each; TARGETS="push_log nar" selects some)
	@FUZZ_SECONDS='$(FUZZ_SECONDS)' $(BIN)/python -m fuzz $(TARGETS)

.PHONY: fuzz-short
fuzz-short: setup ## the same few hundred inputs for each parser each time, in seconds: what CI does
	@$(BIN)/python -m fuzz --runs 300

.PHONY: lint
lint: setup ## ruff, mypy, the layers, shellcheck, the locks
	@mkdir -p build
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check --diff
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo --cache-dir build/import-linter >build/lint-imports.log 2>&1 || { cat build/lint-imports.log; exit 1; }
	@PATH="$(BIN):$$PATH" shellcheck $(SCRIPTS)
	@PATH="$(BIN):$$PATH" shellcheck -s sh gate/observe/markers.sh gate/observe/disk.sh
	@scripts/lock.sh --check
	@echo 'lint: ok'

.PHONY: format
format: setup ## ruff's fixes and format
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format --quiet

.PHONY: house
house: setup ## modules, lines, importers, cycles and banned names of gate/, before and today
	@$(BIN)/python scripts/house.py

# ---- upkeep

.PHONY: docs
docs: setup ## write the generated documents again
	@$(BIN)/python scripts/docs.py
	@$(WITH_NIX) $(BIN)/python scripts/readme.py

.PHONY: lock
lock: ## write requirements/*.txt again (UPGRADE=1: newest versions)
	@scripts/lock.sh $(if $(UPGRADE),--upgrade)

.PHONY: dist
dist: setup ## the sdist and the wheel of a release, into dist/
	@scripts/dist.sh

.PHONY: clean
clean: ## remove .venv, build and caches
	@rm -rf .venv build dist .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
