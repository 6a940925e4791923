# What a fresh clone needs: `make demo` or `make test`. Both set up first; a second call does not.
# Settings: PYTHON=python3.12  VENV=.venv  TORCH_INDEX=https://download.pytorch.org/whl/cpu
#           JSON_SCHEMA_SUITE=DIR (for check-all: tests/draft2020-12 of json-schema-org/JSON-Schema-Test-Suite)
VENV ?= .venv
PYTHON ?=
TORCH_INDEX ?=
JSON_SCHEMA_SUITE ?=
STAMP = $(VENV)/.setup-done
BIN = $(VENV)/bin
UNVERIFIED = Everything is set up and the demo ran to its end: the order was not verified (exit code 3), as said above.
DRIVER = import os, playwright; print(os.path.dirname(playwright.__file__) + "/driver")

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types check-all

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1	/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

setup: $(STAMP) ## make .venv, install, find or install a browser

$(STAMP): pyproject.toml constraints.txt scripts/setup.sh scripts/browser.py
	@VENV='$(VENV)' PYTHON='$(PYTHON)' TORCH_INDEX='$(TORCH_INDEX)' bash scripts/setup.sh
	@touch $@

demo: $(STAMP) ## set up if needed, then run the main job
	@$(BIN)/punchlist run --demo || { code=$$?; [ $$code -ne 3 ] || echo '$(UNVERIFIED)'; exit $$code; }

test: $(STAMP) lint types ## set up if needed, then lint, types and the tests
	REQUIRE_BROWSER=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile

lint: $(STAMP) ## ruff
	$(BIN)/ruff check .

# pyright runs on the node that Playwright brings, so that it fetches none.
types: $(STAMP) ## pyright, strict on the five packages
	PATH="$$($(BIN)/python -c '$(DRIVER)'):$$PATH" PYRIGHT_PYTHON_IGNORE_WARNINGS=1 \
		$(BIN)/pyright --pythonpath $(BIN)/python

check-all: test ## lint, types, tests, then what takes an hour or wants Ray (JSON_SCHEMA_SUITE=DIR: that suite too)
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[ray]'
	$(BIN)/python -m pip install -q -c constraints.txt --no-deps miniwob
	JSON_SCHEMA_SUITE='$(JSON_SCHEMA_SUITE)' REQUIRE_BROWSER=1 \
		$(BIN)/python -m pytest -q -m 'long or ray' -o faulthandler_timeout=3600
	$(BIN)/punchlist eval miniwob --limit 100 --parallel 2
