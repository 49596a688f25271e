#!/bin/sh
# Runs every test: pytest over tests/, which also runs the Robot suites, the examples and the
# benchmarks in small. With arguments: only what they name.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH
[ -n "${CI:-}" ] || unset CI
# The tests start the program hundreds of times: without kept bytecode each start compiles all of it.
unset PYTHONDONTWRITEBYTECODE
if [ $# -gt 0 ]; then
    exec .venv/bin/python -m pytest "$@"
fi
# Files whose tests share a bench stay together. The order is that of tests/conftest.py: what takes
# longest begins first.
run() { # run WORKERS FOLDER...
    workers="$1"
    shift
    rm -f .pytest_cache/v/cache/lastfailed
    .venv/bin/python -m pytest -q -n "$workers" --dist loadfile --no-loadscope-reorder "$@" && return
    # Says what failed in the log's last line; what measures real time gets a second look, alone.
    .venv/bin/python tools/name_failures.py $?
}
# What computes, as many at once as a small machine has cores: a broken rule shows in a minute.
run 2 tests/unit tests/golden tests/conformance
run 2 tests/fuzz
# What mostly waits for real time to pass: four at once is no crowd, and leaves the rig's own
# event loop on time, which its verdicts need. Six save three minutes, and foreign programs fail.
run 4 tests/interop tests/e2e
