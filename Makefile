# `make tour` shows the product, `make test` proves it; each sets up what it needs first.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
TORCH := $(shell grep '^torch==' constraints.txt)
VISION := $(shell grep -E '^(torchvision|timm)==' constraints.txt)
# Processes of one thread; in the tests' two, every call is checked against its shape annotations.
# They are forked from one that has collected the tests, where the system lets a program be forked
# that has loaded what it computes with: macOS does not, nor does a GPU's driver.
ALONE := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
APART := $(ALONE) -n 2 --dist worksteal
PYTEST := $(if $(filter Darwin,$(shell uname)),$(APART),$(ALONE) --processes 2)
TYPED := "--jaxtyping-packages=cartograd,beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
# The files with a test that does without that check; the others need not be imported again.
UNTYPED = $(sort $(shell grep -rlE 'mark\.(compile|untyped)' tests --include='test_*.py'))

# `tests` and `docs` are folders as well.
.PHONY: help tour test beside tests typed untyped gpu room hard check lint types style imports spelling \
  doctests house acceptance claims bench golden docs clean
.DEFAULT_GOAL := help

# What follows ## is shown: what a target does, and how long it takes on two cores once set up.
help:  ## show this list (at once)
	@echo "The first of them sets up .venv as well, which takes minutes."
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

tour: .venv/installed  ## the whole life of a model on real data (seconds)
	@$(BIN)/cartograd tour

# The typed tests take longest, and wait for programs now and then: all else runs beside them, one
# after the other, so that no processor stands idle; what each says is kept together.
test: .venv/tested  ## every check and every test; what CI runs (minutes)
	@$(MAKE) --no-print-directory -j 2 -O style imports spelling
	@$(MAKE) --no-print-directory -j 2 typed beside

beside:
	@$(MAKE) --no-print-directory -O types doctests untyped

tests: typed untyped

typed: .venv/tested
	CARTOGRAD_ALL_ORACLES=1 $(PYTEST) tests -m "not (compile or untyped)" $(TYPED)

untyped: .venv/tested
	CARTOGRAD_ALL_ORACLES=1 $(PYTEST) $(UNTYPED) -m "compile or untyped"

# On a machine with one; each command there starts a process, so that they overlap.
gpu: .venv/tested  ## what only a GPU can show (minutes, on a machine with one)
	CARTOGRAD_GPU=1 $(APART) tests/gpu

# One process: a small room is done before a second one would have imported torch.
room: .venv/tested  ## the tests of one room: make room ROOM=core (that one: 15 seconds)
	@test -n "$(ROOM)" -a -d "tests/$(ROOM)" || { \
	  echo "no room '$(ROOM)'; expected ROOM= one of:" $$(ls -d tests/*/ | cut -d/ -f2) >&2; exit 2; }
	$(ALONE) -q tests/$(ROOM)

check: lint doctests house  ## format, lint, types, imports, spelling, doctests, house rules (minutes)

# Two at a time; what each says is kept together.
lint: .venv/tested  ## format, lint, types, imports, spelling (minutes)
	@$(MAKE) --no-print-directory -j 2 -O types style imports spelling

types: .venv/tested
	$(BIN)/basedpyright

style: .venv/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

imports: .venv/tested
	$(BIN)/lint-imports

spelling: .venv/tested
	$(BIN)/codespell

# One process: each further one imports the whole package again, most of the time.
doctests: .venv/tested  ## the examples in docstrings (seconds)
	$(ALONE) -q -p tests.conftest --doctest-modules src

house: .venv/tested  ## the rules of the house, and what the README shows (minutes)
	$(PYTEST) -q tests/house

acceptance: .venv/tested  ## train on real data against the stated thresholds (hours)
	$(BIN)/python -m tools.trial --publish
	$(BIN)/python -m acceptance
	CARTOGRAD_ALL_EXPORTS=1 $(ALONE) -q -m compile tests/conformance/test_models.py

hard: .venv/tested  ## many chains of stops and resumes, many damaged files (an hour)
	OMP_NUM_THREADS=1 CARTOGRAD_CHAINS=400 $(PYTEST) -q tests/engine/checkpoint/test_chains.py
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.journeys.hostile 2000

claims: .venv/tested  ## put the map's statements to the test, and write docs/results/claims.md (hours)
	$(BIN)/python -m tools.claims

bench: .venv/benched  ## time against the peers, in the same run (hours)
	$(BIN)/python -m benchmarks.resume
	$(BIN)/python -m benchmarks

golden: .venv/tested  ## print how the golden loss curves differ, and renew them (minutes)
	$(BIN)/python -m tests.golden.curves --write

docs: .venv/documented  ## the site in build/site: guides, map, methods, commands, Python (2 minutes)
	@OMP_NUM_THREADS=1 $(BIN)/python -m tools.site

clean:  ## remove the environment and what the tools left (at once)
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up, repeated only when what it depends on has changed. Torch comes first and alone, so
# that no other package's wish for it can fetch another build.
.venv/made:
	@sh tools/system.sh $(PYTHON)
	@echo "setting up .venv (once; a few minutes)"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: .venv/made pyproject.toml constraints.txt
	$(PIP) $(TORCH)
	$(PIP) -c constraints.txt -e '.[all]'
	@touch $@

.venv/tested: .venv/installed
	$(PIP) -c constraints.txt -e '.[test]'
	$(PIP) --no-deps $(VISION)
	@touch $@

.venv/benched: .venv/tested
	$(PIP) -c constraints.txt -e '.[bench]'
	@touch $@

.venv/documented: .venv/installed
	$(PIP) -c constraints.txt -e '.[docs]'
	@touch $@
