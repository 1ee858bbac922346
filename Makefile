# Every target works on a fresh clone with no other step.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The default listens on this machine alone and keeps all data in one folder.
SERVE ?= --listen 127.0.0.1:5000 --store ./wherry-data

.DEFAULT_GOAL := help
.PHONY: help install run test check bench soak lock clean

help: ## show this text
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## make .venv with .venv/bin/wherry in it, from the lock file

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("wherry needs Python 3.11 or later; this is " + sys.version.split()[0] + ": set PYTHON=...") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --config-settings editable_mode=compat --editable .
	touch $@

run: install ## serve the registry on 127.0.0.1:5000, data in ./wherry-data
	$(BIN)/wherry serve $(SERVE)

test: install ## the whole suite (PYTEST="-k NAME" narrows it)
	$(BIN)/python -m pytest -m "not soak" $(PYTEST)

check: install ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: install ## side by side with distribution v3; prints a table of ratios, draws benchmarks/results.svg
	$(BIN)/python -m benchmarks

soak: install ## the long forms: every fault point, every search, 10,000 power cuts
	$(BIN)/python -m pytest -m soak --timeout 7200 $(PYTEST)

lock: install ## refresh requirements.lock from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --extra dev --no-emit-index-url --python-version 3.11 \
	  --custom-compile-command "make lock" -o requirements.lock pyproject.toml requirements-build.in

clean: ## remove .venv and what tests and benchmarks left
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist *.egg-info
