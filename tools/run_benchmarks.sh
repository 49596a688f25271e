#!/bin/sh
# Runs every benchmark, one after the other, each in a process of its own; words given here,
# such as --quick, are passed on. A line is a figure: name, value, unit and, where there is one,
# the target. Ends with 1 when a benchmark could not run; a missed target is no failure.
set -u
cd "$(dirname "$0")/.." || exit 2
python=.venv/bin/python
[ -x "$python" ] || { echo "$0: no $python; run tools/make_venv.sh first" >&2; exit 2; }
echo "# $(date -u +%F), $(nproc) cores, $("$python" --version), Linux $(uname -r)"
failed=0
for script in tests/benchmarks/bench_*.py; do
    echo "# $script"
    "$python" "$script" "$@" || { echo "# $script: did not run, exit code $?" >&2; failed=1; }
done
exit "$failed"
