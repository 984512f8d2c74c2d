# Lintas: every daily task.  "make" alone prints them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PORT ?= 8000
SANDBOX_PORT ?= 8090
# Where the mailbox of the sandbox takes letters: one more than the sandbox, unless it is set.
MAIL_PORT ?=
# Processes that run tests side by side.
JOBS ?= 2
# Anything for pytest, for instance: make test ARGS='-k stock -x'
ARGS ?=

BIN := .venv/bin
RUNTIME_LOCK := requirements.lock
DEV_LOCK := requirements-dev.lock
LOCK_COMMAND := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

export PORT SANDBOX_PORT MAIL_PORT
export PYTHONUNBUFFERED := 1

.PHONY: help
help: ## this list
	@echo "Lintas. Needs Python 3.11+ and make; everything else comes by itself."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make run PORT=9000 SANDBOX_PORT=9090   other ports"
	@echo "  make run VERBOSE=1                     also what goes well"
	@echo "  make test ARGS='-k stock -x'           anything for pytest"
	@echo "  make ... PYTHON=python3.12             another Python"

.PHONY: run
run: runtime translated ## start everything on http://127.0.0.1:8000; Ctrl-C stops it
	@exec $(BIN)/python -m portal.supervisor

.PHONY: install
install: runtime translated ## what an installation of your own runs from (docs/operations.md); starts nothing

.PHONY: test
test: dev translated browser ## the whole suite, with its own PostgreSQL, Valkey and Chromium
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadscope $(ARGS)

.PHONY: check
check: dev ## format, lint, types, floors, templates, translations, licences, vulnerabilities
	@tools/check

.PHONY: proof
proof: dev translated browser ## short proofs: crashes, duplicates, isolation
	@$(BIN)/python -m pytest -m proof $(ARGS)

.PHONY: proof-long
proof-long: dev translated ## long proofs
	@$(BIN)/python -m pytest -m proof_long --timeout 3600 $(ARGS)

.PHONY: bench
bench: dev translated ## benchmarks: one line per figure, and var/bench.json
	@$(BIN)/python -m tests.bench

.PHONY: screenshots
screenshots: dev translated browser ## the main screens into docs/screens/
	@$(BIN)/python -m tests.screenshots

.PHONY: translations
translations: dev ## collect the texts of the portal and compile what was translated
	@$(BIN)/python tools/translations.py

.PHONY: lock
lock: ## make both lock files anew from pyproject.toml (needs uv)
	$(LOCK_COMMAND) pyproject.toml -o $(RUNTIME_LOCK)
	$(LOCK_COMMAND) --extra dev -c $(RUNTIME_LOCK) pyproject.toml -o $(DEV_LOCK)
	@if grep -n '://' $(RUNTIME_LOCK) $(DEV_LOCK); then echo "A lock file must name no registry."; exit 1; fi

.PHONY: clean
clean: ## remove what can be made again; data under var/ stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +

# The virtual environment.  A development one has everything that a runtime one has.
.PHONY: runtime dev browser
runtime:
	@cmp -s $(DEV_LOCK) .venv/installed-$(DEV_LOCK) && tools/prepare $(DEV_LOCK) || tools/prepare $(RUNTIME_LOCK)

dev:
	@tools/prepare $(DEV_LOCK)

browser:
	@tools/browser

# The compiled translations, made when a language's file is newer than what was made of it.
PO := $(wildcard translations/*/LC_MESSAGES/messages.po)
.PHONY: translated
translated: $(PO:.po=.mo)

%.mo: %.po
	@$(BIN)/python tools/translations.py --compile
