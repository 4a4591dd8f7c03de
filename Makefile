# Runs duly, its tests and its checks, in an environment of its own, which is made from requirements.lock where
# it is missing or stale. Needs Python >= 3.11 with its venv module, and make.

VENV ?= .venv
WORKERS ?= 2

BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-the-lock
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

.PHONY: help demo test faults simulation check bench bench-large docs lock

help:  ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /make \1|/p' Makefile | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

demo: $(STAMP)  ## 120 days of an example book, on the production engine and database
	@$(BIN)/duly demo

test: $(STAMP)  ## all tests, on the embedded PostgreSQL
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope

faults: $(STAMP)  ## kills and faults at length: 500 kills over 2,000 loans, and all that tests/faults holds
	@$(BIN)/python -m tests.faults
	@$(BIN)/python -m pytest tests/faults -m 'long or not long'
	@$(BIN)/python -m pytest tests/integration/daemon -m long

simulation: $(STAMP)  ## 200 seeds of the whole service with misbehaving neighbours; under ten minutes
	@$(BIN)/python -m tests.simulation --seeds 200 --jobs $(WORKERS)

check: $(STAMP)  ## ruff, mypy and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP)  ## every figure of speed beside its reference, in a quarter of an hour
	@$(BIN)/python -m bench

bench-large: $(STAMP)  ## the same at the largest sizes: a million loans; takes hours
	@$(BIN)/python -m bench --large

docs: $(STAMP)  ## the pages that are made from the code
	@$(BIN)/python -c 'from scheduler.settings import documentation; print(documentation(), end="")' \
		> docs/configuration.md
	@sed '/^<!-- The rest of this page is made/,$$d' docs/compliance.md > docs/compliance.md.new
	@$(BIN)/duly rules list --docs >> docs/compliance.md.new && mv docs/compliance.md.new docs/compliance.md

lock: $(STAMP)  ## requirements.lock anew from pyproject.toml, for every platform
	@$(BIN)/python -m venv build/lock
	@build/lock/bin/python -m pip --disable-pip-version-check --quiet install uv
	@build/lock/bin/uv pip compile pyproject.toml --extra dev --output-file requirements.lock --upgrade --quiet \
		--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

# The first Python that is new enough; a name may be there and not run.
$(STAMP): requirements.lock pyproject.toml
	@set -e; \
	fresh='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(BIN)/python -c "$$fresh" 2>/dev/null; then \
		for python in $(PYTHON) python3.12 python3.11 python3.13 python3.14 python3; do \
			if "$$python" -c "$$fresh" 2>/dev/null; then break; fi; \
			python=; \
		done; \
		if [ -z "$$python" ]; then \
			echo "duly needs Python 3.11 or newer, and none was found; install it, or name it: make PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
		if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
			echo "$$python has no venv module; install it (on Debian and Ubuntu: apt install python3-venv)" >&2; \
			exit 1; \
		fi; \
		echo "making the environment $(VENV) with $$("$$python" --version)"; \
		"$$python" -m venv --clear $(VENV); \
	else \
		echo "bringing the environment $(VENV) up to date"; \
	fi; \
	$(PIP) install --require-hashes --no-deps --requirement requirements.lock; \
	$(PIP) install --no-deps --no-build-isolation --editable .; \
	touch $@
