#!/bin/sh
# Installs apreconcile from the action's own checkout into a virtual environment of its own, every package as
# constraints.txt pins it. It never stands in the workspace, where a file of the change could pass for a module.
set -eu

home=${GITHUB_ACTION_PATH:?}
venv=${RUNNER_TEMP:?}/apreconcile
python=${INPUT_PYTHON:-python3}
cd "$RUNNER_TEMP"

if [ -f "$venv/made" ] && [ "$(cat "$venv/made")" = "$home" ]; then
    exit 0
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "::error::apreconcile wants Python 3.11 or later: run actions/setup-python before it, or name one with 'python'"
    exit 1
fi

install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --constraint "$home/constraints.txt" "$@"
}

"$python" -m venv --clear "$venv"
install hatchling
install --no-build-isolation "$home"
printf '%s' "$home" >"$venv/made"
