# make train   installs what is missing, then trains and compares on the embedded cohort
# make test    the same with the development tools, then every check
# make docs    the documentation as a site, in site/; warnings are errors
# Both take a Python of your choice (PYTHON=python3.12) and train takes overrides (ARGS="seed=1 workers=1").

SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
ARGS ?=

.PHONY: train test docs test-commands test-parts install install-dev clean
.DELETE_ON_ERROR:

train: install
	$(BIN)/python -m fusion.train +experiment=breast_tcga $(ARGS)

test: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
ifeq ($(strip $(ARGS)),)
	$(MAKE) --no-print-directory --output-sync=target --jobs=3 test-parts test-commands test-types
else
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)
endif

# Side by side: what runs whole commands or clusters, everything else, and the types, which fit where the shorter half ends.
COMMANDS := tests/integration tests/test_notebooks.py tests/fusion/protocol/execution tests/fusion/config/test_sweeper.py
test-commands:
	$(BIN)/python -m pytest $(COMMANDS)

test-parts:
	$(BIN)/python -m pytest tests $(COMMANDS:%=--ignore=%)

# Search works where the site is served: .venv/bin/mkdocs serve
docs: install-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Documentation: site/index.html"

test-types:
	$(BIN)/mypy

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or 3.12 with venv found (Debian, Ubuntu: apt install python3-venv); name one: make PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# The stamps are older than what they were made from only when that changed: a second call installs nothing.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache
