#!/bin/sh
# Runs every test that names a requirement of the mailbox guide, and every Robot case, and writes
# the result of each requirement: requirements.html and requirements.json in the folder given.
# Succeeds if every requirement is proven by a test over real sockets and by a Robot case.
set -eu
out=${1:-phonerig-out/requirements}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
export PATH
rm -f "$out/junit.xml" "$out/robot/output.xml"
# Failures do not end this script: the report names them.
python -m pytest -q -n 2 --dist loadfile -m requirement --junitxml "$out/junit.xml" \
    tests/e2e tests/interop || true
root=$PWD
(
    cd "$out" # where pabot leaves notes of its own
    pabot --processes 4 --no-pabotlib --artifacts pcapng --artifactsinsubfolders \
        --outputdir "$out/robot" --variablefile "$root/robot_tests/variables/emulated.yaml" \
        "$root/robot_tests" || true
)
exec python tools/requirement_map.py report "$out" --junit "$out/junit.xml" \
    --robot "$out/robot/output.xml"
