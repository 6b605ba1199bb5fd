# `make help` lists the targets. Settings come from the environment; see README.md.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

LEEWAY_HOME ?= $(CURDIR)/var
LEEWAY_START ?= 2024-01-01
demo dev: export LEEWAY_HOME := $(LEEWAY_HOME)
demo dev: export LEEWAY_START := $(LEEWAY_START)

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo dev test test-quick check chaos bench bench-quick bench-large bench-drift bench-models clean java

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | column -t -s $$'\t'

setup: java $(STAMP) ## make .venv with everything installed

# Again only where a requirement has changed.
$(STAMP): pyproject.toml constraints.txt
	@python=$$(scripts/find-python) && "$$python" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

java:
	@scripts/check-java

demo: setup ## simulate a shop with a drift and run the whole loop; again goes on where it stopped
	$(BIN)/leeway demo

dev: setup ## Dagster on 127.0.0.1:3000, MLflow on :5000, Evidently on :8000, Spark on :15002, until Ctrl-C
	@scripts/dev $(BIN)

test: setup ## every test, in two processes
	$(BIN)/python -m pytest -q -n 2 --dist loadscope --no-loadscope-reorder

test-quick: setup ## the tests that take less than 20 seconds each
	$(BIN)/python -m pytest -q -m 'not slow'

chaos: setup ## kill a history 200 times and compare what is left with an undisturbed one; hours
	$(BIN)/python bench/chaos.py --kills 200 --days 60 --seed 1

bench: setup ## speed and memory, with nothing else running, writes docs/benchmarks.md
	$(BIN)/python -m bench.speed.main

bench-quick: setup ## the same with small sizes, without the slow parts, writes nothing
	$(BIN)/python -m bench.speed.main --quick

bench-large: setup ## two years of the real shop, and thirty million lines: hours, writes the same page
	$(BIN)/python -m bench.speed.main --part real --part large

bench-drift: setup ## alarms, policies, gate, trial, real shop; hours, writes docs/benchmarks-drift.md
	$(BIN)/python -m bench.drift.main

bench-models: setup ## the network beside a tuned LightGBM; an hour, writes docs/benchmarks-models.md
	$(BIN)/python -m bench.models.main

check: setup ## lint, format, types, SQL, structure of the dbt project
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint dbt_project
	$(BIN)/leeway structure

clean: ## remove var/ and caches; .venv stays
	rm -rf var .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf dbt_project/target dbt_project/logs logs spark-warehouse metastore_db derby.log
	find bench ml platform tests -name __pycache__ -type d -prune -exec rm -rf {} +
