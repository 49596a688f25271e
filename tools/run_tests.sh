#!/bin/sh
# Runs every test: pytest over tests/, which also runs the Robot suites, the examples and the
# benchmarks in small. With arguments: only what they name.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH
[ -n "${CI:-}" ] || unset CI
if [ $# -gt 0 ]; then
    exec .venv/bin/python -m pytest "$@"
fi
# Most of the time is spent waiting for real time to pass, so two at once is no crowd. Files whose
# tests share a bench stay together.
.venv/bin/python -m pytest -q -n 2 --dist loadfile \
    tests/unit tests/golden tests/conformance tests/fuzz
exec .venv/bin/python -m pytest -q -n 2 --dist loadfile tests/interop tests/e2e
