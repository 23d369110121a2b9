# `make demo` runs the main job, `make test` proves it; both set up everything they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Files of tests side by side; `auto` is three processes for two cores: they wait for servers a lot.
ASIDE := --numprocesses auto --maxprocesses 6 --dist loadgroup

.PHONY: help demo test lint services benchmark up sample clean

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "gonogo needs Python 3.11 or newer; this is $$($(PYTHON) -V). Try: make PYTHON=python3.12 …"; exit 1; }
	@echo "Setting up $(VENV) (once; a minute or two) …"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY) ## Run the sample pipeline; at a terminal you are the pilot
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/gonogo run deployments/pipelines/orders.yaml; \
	else echo "No terminal: every gate is answered with what is recommended."; \
	$(BIN)/gonogo run deployments/pipelines/orders.yaml --accept-recommended; fi

test: $(READY) ## Run the tests; those that need a server which is not installed are skipped, with the reason
	$(BIN)/pytest $(ASIDE)

lint: $(READY) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

services: $(READY) ## Run the tests against real servers; fail where one is missing
	GONOGO_REQUIRE_SERVICES=1 $(BIN)/pytest -m service $(ASIDE)

benchmark: $(READY) ## Measure speed beside peers, and cleaning on dirt of our own (PAIRS="DIR …": on these, too)
	$(BIN)/python tests/benchmarks/speed.py
	$(BIN)/python tests/benchmarks/cleaning.py $(PAIRS) --generated

up: $(READY) ## Start the Prefect UI, a worker and the report pages; Ctrl-C stops them
	$(BIN)/gonogo up

sample: $(READY) ## Write the sample data again
	$(BIN)/python deployments/pipelines/make_orders.py

clean: ## Remove what was set up here
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
