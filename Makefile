# Two commands do all the set-up:
#   make demo    the main job on the built-in site: no root, no hardware, no server
#   make test    installs what the tests need (root or sudo for apt) and runs them all
# Others: make check, make bench, make requirements, make docs, make clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= phonerig-out

.PHONY: demo test test-deps check bench robot requirements docs clean

demo: $(VENV)/.installed
	$(BIN)/phonerig demo --out $(OUT)

test: $(VENV)/.dev test-deps
	CI=$(CI) tools/run_tests.sh

test-deps:
	tools/install_test_peers.sh

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/phonerig profile lint
	$(BIN)/phonerig inventory check demo

bench: $(VENV)/.dev
	tools/run_benchmarks.sh

robot: $(VENV)/.dev
	$(BIN)/robot --outputdir $(OUT)/robot --variablefile robot_tests/variables/emulated.yaml robot_tests

requirements: $(VENV)/.dev
	tools/run_requirements.sh $(OUT)/requirements

docs: $(VENV)/.dev
	$(BIN)/python tools/make_reference.py

$(VENV)/.installed: pyproject.toml constraints.txt
	tools/make_venv.sh $(PYTHON) $(VENV) -e .
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
