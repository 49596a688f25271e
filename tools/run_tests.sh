#!/bin/sh
# Runs every test: pytest over tests/, which also runs the Robot suites and the examples.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH
[ -n "${CI:-}" ] || unset CI
exec .venv/bin/python -m pytest "$@"
