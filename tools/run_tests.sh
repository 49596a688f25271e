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
# The order is that of tests/conftest.py: what takes longest begins first.
run() { # run WORKERS DISTRIBUTION FOLDER...
    workers="$1" distribution="$2"
    shift 2
    rm -f .pytest_cache/v/cache/lastfailed
    .venv/bin/python -m pytest -q -n "$workers" --dist "$distribution" --no-loadscope-reorder "$@" && return
    # Says what failed in the log's last line; what measures real time gets a second look, alone.
    .venv/bin/python tools/name_failures.py $?
}
# What computes, as many at once as a small machine has cores: a broken rule shows in a minute.
# Files stay together, because their tests may share a bench.
run 2 loadfile tests/unit tests/golden tests/conformance
run 2 loadfile tests/fuzz
# What waits for real time to pass, in the test's own process and with no bench to share.
run 10 worksteal tests/e2e -m waits
# What starts programs, foreign ones too: with six at once some of those fail, and the rig's own
# event loop is late, which its verdicts do not bear.
run 4 loadfile tests/interop tests/e2e -m "not waits"
