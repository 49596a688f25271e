# Two commands do all the set-up:
#   make demo    the main job on the built-in site: no root, no hardware, no server
#   make test    installs what the tests need (root or sudo for apt) and runs them all
# Others: make check, make bench, make trial, make requirements, make docs, make firmware, make clean

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= phonerig-out

.PHONY: demo test test-deps check bench robot requirements docs firmware clean trial

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

# Every seeded fault, clean runs and pairs: half an hour or more; ended by Ctrl-C it goes on where it was,
# if the program has not changed since.
trial: $(VENV)/.dev
	$(BIN)/phonerig faults trial --clean 300 --replay 1000 --pairs 24 --out $(OUT)/trial --page docs/reference/trial.md

docs: $(VENV)/.dev
	$(BIN)/python tools/make_reference.py

# The lamp board's firmware; needs Debian's gcc-avr and avr-libc, which `make test-deps` installs.
firmware:
	tools/build_firmware.sh

$(VENV)/.installed: pyproject.toml constraints.txt
	tools/make_venv.sh $(PYTHON) $(VENV) -e .
	touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
