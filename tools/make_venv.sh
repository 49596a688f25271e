#!/bin/sh
# Makes a virtual environment and installs into it:  make_venv.sh PYTHON VENV PIP-ARGUMENTS...
# Debian and Ubuntu ship Python without ensurepip; then pip comes from the distribution's own
# wheel package, unpacked without root.
set -eu
python=$1 venv=$2
shift 2

"$python" - <<'EOF' || exit 2
import sys
if sys.version_info < (3, 11):
    sys.exit(f"phonerig needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. "
             "Give another one: make demo PYTHON=/path/to/python3")
EOF

if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        rm -rf "$venv"
        "$python" -m venv --without-pip "$venv"
        if command -v virtualenv >/dev/null 2>&1; then
            virtualenv --quiet --python "$python" "$venv"
        elif command -v apt-get >/dev/null 2>&1; then
            work=$(mktemp -d)
            (cd "$work" && apt-get download --quiet python3-pip-whl >/dev/null 2>&1) || true
            deb=$(find "$work" -name '*.deb' | head -n 1)
            if [ -n "$deb" ]; then
                dpkg-deb -x "$deb" "$work"
                wheel=$(find "$work" -name 'pip-*.whl' | head -n 1)
                PYTHONPATH=$wheel "$venv/bin/python" -m pip install --quiet --no-index "$wheel"
            fi
            rm -rf "$work"
        fi
    fi
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        echo "cannot make a virtual environment: this Python has no pip." >&2
        echo "Install it once (Debian, Ubuntu: apt-get install python3-venv) and try again." >&2
        exit 2
    fi
fi
echo "installing into $venv ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt "$@"
