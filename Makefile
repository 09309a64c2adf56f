# make run | make test | make up start from a bare machine with Python 3.11+. uv is used if present, pip if not.
.PHONY: run test up test-spark bench scoreboard world check lock docs clean help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(shell command -v uv 2>/dev/null)
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile
# pip compiles on one core: left to every core afterwards, `make run` is a minute and a half shorter.
# Some packages carry templates that are not Python, so its verdict is not asked.
COMPILE := $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || { echo "Python 3.11 to 3.14 is needed; set PYTHON=/path/to/one"; exit 1; }
ifdef UV
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
else
	$(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps --require-hashes -r requirements.lock
	$(PIP) --no-deps -e .
	$(COMPILE)
endif
	@touch $@

run: $(READY) ## set up, make and ingest the sample, run the whole pipeline once, print a summary
	$(BIN)/noc setup
	$(BIN)/noc sample
	$(BIN)/noc run
	$(BIN)/noc status

test: $(READY) ## set up, then every test
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not spark"

up: $(READY) ## set up, then serve Dagster (3000), MLflow (5000) and the API (8000) until Ctrl-C
	$(BIN)/noc up

test-spark: $(READY) ## the signals on Spark as well; needs Java 17
ifdef UV
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-spark.lock
else
	$(PIP) --no-deps --require-hashes -r requirements-spark.lock
	$(COMPILE)
endif
	$(BIN)/python -m pytest -m spark

bench: $(READY) ## every claim in docs/performance.md, each against its peer; make bench only=signals for one
	$(BIN)/python -m benchmarks $(only)

scoreboard: $(READY) ## what the platform says against what was really so, in worlds whose truth is known
	$(BIN)/python -m noc_platform_tests.scoreboard

world: $(READY) ## a simulated world in pictures and numbers: docs/world.md
	$(BIN)/python -m noc_platform_tests.world_page

check: $(READY) ## format, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: ## resolve the lock files anew (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -q -o requirements.lock
	uv pip compile pyproject.toml --extra dev --extra spark -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -q -o requirements-spark.lock

clean: ## forget everything: environment, state, artefacts
	rm -rf $(VENV) .noc .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find mlruns -mindepth 1 ! -name README.md -delete

docs: $(READY) ## the generated pages
	$(BIN)/python -c "from noc_platform.streams.dictionary import dictionary; print(dictionary(), end='')" > docs/data-dictionary.md
