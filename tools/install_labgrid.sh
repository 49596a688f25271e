#!/bin/sh
# Makes .venv-labgrid: labgrid in an environment of its own, because it brings a fork of pyserial
# under the same name. Does nothing when it is there; two at once wait for each other.
#   tools/install_labgrid.sh [FOLDER]      default .venv-labgrid
set -eu
cd "$(dirname "$0")/.."
folder="${1:-.venv-labgrid}"
exec 9>"$folder.lock"
flock 9
python=python3
[ -x .venv/bin/python ] && python=.venv/bin/python
[ -x "$folder/bin/labgrid-client" ] ||
    tools/make_venv.sh "${PYTHON:-$python}" "$folder" labgrid==26.0.1
