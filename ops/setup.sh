#!/bin/sh
# Makes the two virtual environments, and does again only what a changed requirement file asks for:
#   .venv             this project with its tools (requirements-dev.txt)
#   .local/emulator   the AWS emulator, apart: functions run inside it (ops/local/requirements.txt)
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

# On Python 3.11 and older, Chalice builds a Pillow that Lambda can't load (docs/deploy.md#what-is-in-the-package).
new_enough() { "$1" -c 'import sys; sys.exit(not sys.version_info >= (3, 12))' 2>/dev/null; }

# A Python 3.12 or newer: pyenv's choice for this folder, or the newest on the PATH.
find_python() {
    if command -v pyenv >/dev/null 2>&1; then
        set -- "$(pyenv which python 2>/dev/null || true)"
    else
        set --
    fi
    for python in "$@" python3.13 python3.12 python3.14 python3 python; do
        path=$(command -v "$python" 2>/dev/null) || continue
        if [ -n "$path" ] && new_enough "$path"; then
            printf '%s\n' "$path"
            return
        fi
    done
    return 1
}

make_venv() { # folder
    rm -rf "$1"
    mkdir -p "$(dirname "$1")"
    if command -v uv >/dev/null 2>&1 && uv venv --quiet --seed --python "$(cat .python-version)" "$1"; then
        return
    fi
    python=$(find_python) || fail "no Python 3.12 or newer found: install one, for example with" \
        "\`curl -LsSf https://astral.sh/uv/install.sh | sh\` (uv then brings it), \`pyenv install $(cat .python-version)\`" \
        "or your system's packages, and run this again."
    say "Python $("$python" -c 'import platform; print(platform.python_version())') ($python)"
    "$python" -m venv "$1" >/dev/null || {
        rm -rf "$1"
        fail "$python can't make a virtual environment: install its venv package (Debian, Ubuntu: python3-venv)."
    }
}

# The same files in the same Python give the same stamp.
stamp() { # folder, requirement files
    folder=$1
    shift
    "$folder/bin/python" - "$@" <<'PY'
import hashlib, pathlib, sys
digest = hashlib.sha256(sys.version.encode())
for name in sys.argv[1:]:
    digest.update(pathlib.Path(name).read_bytes())
print(digest.hexdigest())
PY
}

ensure() { # folder, what to say, the file to install, files it includes
    folder=$1 what=$2
    shift 2
    if [ ! -x "$folder/bin/python" ] || ! new_enough "$folder/bin/python"; then
        make_venv "$folder"
    fi
    wanted=$(stamp "$folder" "$@")
    if [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    say "installing $what into $folder (a minute, the first time)"
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check --no-input -r "$1" ||
        fail "pip could not install $1: look at what it says above, check the network, and run this again."
    printf '%s\n' "$wanted" >"$folder/.stamp"
}

ensure .venv "the project's packages" requirements-dev.txt requirements.txt
ensure .local/emulator "the AWS emulator" ops/local/requirements.txt
say "ready"
