#!/usr/bin/env bash
# Makes the environment in which punchlist runs: .venv, the pinned dependencies, a browser.
# `make` calls it once and again only when pyproject.toml, constraints.txt or this file changed.
set -euo pipefail
cd "$(dirname "$0")/.."

VENV="${VENV:-.venv}"
PYTHON="${PYTHON:-}"
TORCH_INDEX="${TORCH_INDEX:-}"

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Prints the first Python that is new enough; $PYTHON, when set, is the only candidate.
choose_python() {
    local candidate found=""
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
        found="$found $candidate is $("$candidate" -c 'import platform; print(platform.python_version())' 2>/dev/null || echo broken);"
    done
    die "Python 3.11 or newer is needed, and none was found (${found:-${PYTHON:-python3} is not installed;}" \
        "looked on PATH). Install one (Debian 12, Ubuntu 24.04: apt-get install python3 python3-venv;" \
        "Ubuntu 22.04: apt-get install python3.11 python3.11-venv) or name one: make demo PYTHON=/path/to/python3.11"
}

# A venv whose making was interrupted has a Python, but no pip yet.
is_whole() { new_enough "$VENV/bin/python" && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; }

make_venv() {
    if [ -x "$VENV/bin/python" ] && is_whole; then
        return
    fi
    local python version
    python="$(choose_python)"
    version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || die \
        "Python $version is here, but its venv module is not. Install it" \
        "(Debian, Ubuntu: apt-get install python$version-venv), then call make again."
    say "making $VENV with Python $version"
    "$python" -m venv --clear "$VENV"
}

has_pinned_torch() {
    local pinned
    pinned="$(sed -n 's/^torch==//p' constraints.txt)"
    "$VENV/bin/python" -c 'import sys; from importlib.metadata import version
sys.exit(version("torch").split("+")[0] != sys.argv[1])' "$pinned" 2>/dev/null
}

install_packages() {
    local pip=("$VENV/bin/python" -m pip --disable-pip-version-check)
    if ! has_pinned_torch; then
        if [ -n "$TORCH_INDEX" ]; then
            say "installing torch from $TORCH_INDEX: a CPU-only build is a download of about 0.2 GB"
            "${pip[@]}" install --no-deps --constraint constraints.txt --index-url "$TORCH_INDEX" torch
        else
            say "installing torch. From PyPI, on x86-64 Linux, this brings CUDA: a download of about 2.7 GB."
            say "without a GPU, stop here and call: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu" \
                "(about 0.2 GB)"
            "${pip[@]}" install --constraint constraints.txt torch
        fi
    fi
    say "installing the other dependencies: a download of about 0.35 GB"
    "${pip[@]}" install --quiet --constraint constraints.txt --editable '.[dev]'
}

make_venv
install_packages
"$VENV/bin/python" scripts/browser.py
say "done"
