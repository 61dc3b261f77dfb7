# Everything sets itself up: a virtual environment in .venv, then the package at the versions in constraints.txt.
#
#   make PYTHON=python3.12 test       another interpreter (3.11 or newer)
#   make TORCH_INDEX=URL demo         an extra package index, such as PyTorch's own for its smaller CPU builds

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
  $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))) python3)
VENV ?= .venv
BUDGET ?= 3m
OUT ?= runs/demo
# Test processes side by side, each on one thread.
WORKERS ?= 2
export TORCH_INDEX

BIN := $(VENV)/bin
CODE := telos tests benchmarks .ci/set_up.py .ci/pins.py
PINS := pyproject.toml constraints.txt .ci/set_up.py

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check format bench pins clean distclean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/set-up  ## Train a language model on this Python installation's own text, in three minutes
	@$(BIN)/telos run --budget $(BUDGET) --out $(OUT)
	@printf '\n%s\n' 'Go on with:'
	@printf '  %s\n' \
	  'open $(OUT)/report.html in a browser' \
	  '$(BIN)/telos generate $(OUT)/model --prompt "def main("' \
	  '$(BIN)/telos score $(OUT)/model README.md' \
	  '$(BIN)/telos run FOLDER_OF_YOUR_TEXTS --budget 10m --out runs/mine'

test: $(VENV)/set-up-dev  ## Run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not long"

test-long: $(VENV)/set-up-dev  ## Run the tests that take minutes, too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(VENV)/set-up-dev  ## Format, lint, types, import contracts, docs: what CI runs before the tests
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/end_to_end/test_repository.py

format: $(VENV)/set-up-dev  ## Format the code and mend what ruff can mend
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

bench: $(VENV)/set-up-dev  ## Run the benchmarks; one JSON line each, kept in benchmarks/results
	$(BIN)/python -m benchmarks

pins: $(VENV)/set-up-dev  ## Write the installed versions to constraints.txt
	@$(BIN)/python .ci/pins.py >$(VENV)/pins.txt && cp $(VENV)/pins.txt constraints.txt

clean:  ## Remove caches and build products (not .venv, not runs)
	rm -rf build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find telos tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean  ## Remove the virtual environment, too
	rm -rf $(VENV)

# A stamp is older than its pins when something must be installed anew; the second waits for the first, so that two
# installs never run at once.
$(VENV)/set-up: $(PINS)
	@command -v $(PYTHON) >/dev/null || { echo 'error: Telos needs Python 3.11 or newer; $(PYTHON) was not found' >&2; exit 2; }
	@$(PYTHON) .ci/set_up.py $(VENV) .
	@touch $@

$(VENV)/set-up-dev: $(PINS) | $(VENV)/set-up
	@$(PYTHON) .ci/set_up.py $(VENV) '.[dev]'
	@touch $@
