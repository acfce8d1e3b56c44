# Every habit, one word each. The environment lives in .venv; nothing is written outside this folder.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TESTED := $(VENV)/.tested
# What has changed since the tests passed: `make check` after `make test` does not run them a second time on the same files.
CHANGED := find . -name $(VENV) -prune -o -path ./bench/out -prune -o -path ./demo -prune -o -path ./.git -prune -o -name __pycache__ -prune -o -name .pytest_cache -prune -o -newer $(TESTED) -print
export PIP_CACHE_DIR := $(CURDIR)/$(VENV)/.cache/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export RUFF_CACHE_DIR := $(CURDIR)/$(VENV)/.cache/ruff
export MYPY_CACHE_DIR := $(CURDIR)/$(VENV)/.cache/mypy
export TMPDIR := $(CURDIR)/$(VENV)/.tmp

.PHONY: help setup demo test check fix bench docs lock clean

help:
	@echo "make demo    build a small estate, triage it, print each verdict beside its truth"
	@echo "make test    run the tests"
	@echo "make check   format, lint, types, import law, content, docs, tests"
	@echo "make fix     format and mend what can be mended"
	@echo "make bench   measure against the peers, in one run"
	@echo "make docs    write the reference from the code"

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@mkdir -p $(VENV)/.tmp
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/postvakt demo --output demo

test: setup
	@rm -f $(TESTED)
	$(BIN)/python -m pytest -n auto
	@echo "$(POSTVAKT_EVIDENCE)" > $(TESTED)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir $(VENV)/.cache/imports
	$(BIN)/postvakt content check
	$(BIN)/python -m docs.reference --check
	@if test "$$(cat $(TESTED) 2>/dev/null)" = "$(POSTVAKT_EVIDENCE)" && test -f $(TESTED) && test -z "$$($(CHANGED))"; \
	then echo "the tests passed on $$(date -r $(TESTED)), and no file has changed since"; \
	else $(MAKE) --no-print-directory test; fi

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/python -m bench

docs: setup
	$(BIN)/python -m docs.reference

lock: setup
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --extra dev \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --no-annotate --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) demo
