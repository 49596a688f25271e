#!/bin/sh
# Runs every benchmark one after the other; each prints its own figures as ratios or quantiles.
set -u
cd "$(dirname "$0")/.."
for script in tests/benchmarks/bench_*.py; do
    echo "== $script"
    .venv/bin/python "$script" || echo "   (not run: exit code $?)"
done
