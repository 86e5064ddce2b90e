#!/bin/sh
# Makes the virtual environments, and does again only what a changed lock file asks for:
#   .venv             this project with its tools (requirements-dev.txt), and the command filemill (client/)
#   .local/emulator   the AWS emulator, apart: functions run inside it (ops/local/requirements.txt)
# `ops/setup.sh NAME` makes only one that few commands need:
#   tools             .local/tools, for `make lock` and `make audit`: uv and pip-audit (ops/tools/requirements.txt)
#   demo              .local/demo, for `make demo`: what its samples are made of (ops/demo/requirements.txt)
# A file whose hash is not in the lock is refused. So is a package without a wheel: what builds it has no hash here.
# V=1 shows all that pip says. It is in .local/setup.log in any case.
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
    "$python" -m venv "$1" >/dev/null || {
        rm -rf "$1"
        fail "$python can't make a virtual environment: install its venv package (Debian, Ubuntu: python3-venv)."
    }
}

# The version of an environment's Python, who brought it, and where it is.
origin() { # folder
    by="the system"
    where=$("$1/bin/python" -c 'import sys; print(sys.base_prefix)')
    case $where in
    */.pyenv/* | */pyenv/*) by=pyenv ;;
    */uv/python/*) by=uv ;;
    *conda* | *miniforge*) by=conda ;;
    esac
    printf '%s\n' "Python $("$1/bin/python" -c 'import platform; print(platform.python_version())') of $by ($where)"
}

# The same files in the same Python give the same stamp.
stamp() { # folder, files
    python="$1/bin/python"
    shift
    "$python" - "$@" <<'PY'
import hashlib, pathlib, sys
digest = hashlib.sha256(sys.version.encode())
for name in sys.argv[1:]:
    digest.update(pathlib.Path(name).read_bytes())
print(digest.hexdigest())
PY
}

ensure() { # folder, what to say, the lock file to install, options of pip
    folder=$1 what=$2 lock=$3
    shift 3
    if [ ! -x "$folder/bin/python" ] || ! new_enough "$folder/bin/python"; then
        say "making $folder"
        make_venv "$folder"
        say "$(origin "$folder"), in $folder"
    fi
    wanted=$(stamp "$folder" "$lock")
    if [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    "$folder/bin/python" ops/install.py "$what" "$lock" "$@" ||
        fail "pip could not install $lock: look at what it says above. If a hash differs, somebody may have changed that" \
            "package, so don't install it by hand. If the lock is out of date, run \`make lock\`. Else check the network."
    printf '%s\n' "$wanted" >"$folder/.stamp"
}

# The client and its command, in place: what is changed in client/src counts at once. All that this needs is locked and
# installed already, so it asks no network.
ensure_client() { # folder
    wanted="$(stamp "$1" client/pyproject.toml) $PWD"
    if [ -x "$1/bin/filemill" ] && [ "$(cat "$1/.client-stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    say "installing the command filemill into $1, in place"
    "$1/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
        --no-index --no-deps --no-build-isolation -e client ||
        fail "pip could not install client/: look at what it says above. Delete $1 and run this again."
    printf '%s\n' "$wanted" >"$1/.client-stamp"
}

case "${1:-}" in
    tools)
        ensure .local/tools "uv and pip-audit" ops/tools/requirements.txt
        ;;
    demo)
        # Only files of some packages are read, so what those need is not installed.
        ensure .local/demo "what the samples are made of" ops/demo/requirements.txt --no-deps
        ;;
    *)
        ensure .venv "the project's packages" requirements-dev.txt
        ensure_client .venv
        ensure .local/emulator "the AWS emulator" ops/local/requirements.txt
        say "ready, $(origin .venv)"
        ;;
esac
