# Every verb of the project. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help serve demo test real spark check bench soak lock envs clean

# A virtual environment made elsewhere, or another interpreter, may be named: make VENV=... PYTHON=...
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
ARGS ?=

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/.runtime ## run the hub on http://127.0.0.1:8080 with SQLite under ./data
	$(BIN)/trackside serve $(ARGS)

demo: $(VENV)/.runtime ## run the hub with a small made-up world to look at
	$(BIN)/trackside demo $(ARGS)

test: $(VENV)/.dev ## run the tests, except those that need real orchestrators or hours
	$(BIN)/pytest -m "not real and not soak" -n 4 --durations=25 $(ARGS)

real: $(VENV)/.dev envs ## run the tests against real systems: Airflow, Dagster, Prefect, MLflow, Metaflow, dbt, s3fs, gcsfs, the OpenLineage client, ...
	$(BIN)/pytest -o testpaths=tests/real -m "real and not soak" --timeout=900 -n 3 --dist loadfile --no-loadscope-reorder --durations=25 $(ARGS)

spark: $(VENV)/.dev .venv-spark ## run the tests against a real Spark, which `make real` leaves out: half a gigabyte
	$(BIN)/pytest tests/real/test_spark.py --timeout=600 $(ARGS)

check: $(VENV)/.dev ## lint, format, types, import rules, documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest -q tests/docs

bench: $(VENV)/.dev ## measure against floors and peers
	$(BIN)/python -m benchmarks $(ARGS)

soak: $(VENV)/.dev ## long kills and millions of events
	$(BIN)/pytest -m soak --timeout=0 $(ARGS)

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock'

lock: $(VENV)/.uv ## compile the lock files anew (ARGS=--upgrade for newer versions)
	$(COMPILE) requirements/bootstrap.in -o requirements/bootstrap.lock $(ARGS)
	$(COMPILE) pyproject.toml -o requirements/runtime.lock $(ARGS)
	$(COMPILE) requirements/airflow.in -o requirements/airflow.lock $(ARGS)
	$(COMPILE) requirements/airflow2.in -o requirements/airflow2.lock $(ARGS)
	$(COMPILE) requirements/dagster.in -o requirements/dagster.lock $(ARGS)
	$(COMPILE) pyproject.toml --extra sensors-s3 --extra sensors-gcs -c requirements/runtime.lock -o requirements/files.lock $(ARGS)
	$(COMPILE) requirements/ml.in -o requirements/ml.lock $(ARGS)
	$(COMPILE) requirements/quality.in -o requirements/quality.lock $(ARGS)
	$(COMPILE) requirements/spark.in -o requirements/spark.lock $(ARGS)
	$(COMPILE) pyproject.toml --group dev -c requirements/runtime.lock -o requirements/dev.lock $(ARGS)

ENVS = .venv-airflow .venv-airflow2 .venv-dagster .venv-files .venv-ml .venv-quality
envs: $(ENVS) ## make the environments that `make real` needs

# Orchestrators and quality tools live in environments of their own; bytecode is compiled once, not
# by each process.
$(filter-out .venv-files,$(ENVS)) .venv-spark: .venv-%: requirements/%.lock $(VENV)/.uv
	$(PYTHON) -m venv $@
	$(UV) pip install --quiet --compile-bytecode --python $@/bin/python --require-hashes -r $<
	@touch $@

# A hub with the extras that read object stores, whose clients ask for another botocore than moto.
.venv-files: requirements/bootstrap.lock requirements/files.lock pyproject.toml $(VENV)/.uv
	$(PYTHON) -m venv $@
	$(UV) pip install --quiet --python $@/bin/python --require-hashes -r requirements/bootstrap.lock -r requirements/files.lock
	$(UV) pip install --quiet --python $@/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

clean: ## remove the environment and caches, never ./data
	rm -rf $(VENV) $(ENVS) .venv-spark .spark .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is newer than the files it was made from; a change of a lock file makes it again.
$(VENV)/.uv: requirements/bootstrap.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.runtime: requirements/runtime.lock pyproject.toml $(VENV)/.uv
	$(INSTALL) --require-hashes -r $<
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock $(VENV)/.runtime
	$(INSTALL) --require-hashes -r $<
	@touch $@
