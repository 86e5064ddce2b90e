#!/bin/sh
# Writes the lock files: of each *.in, a *.txt with all packages that it leads to, on any processor and system, each at
# one version and with the hashes of its files. Versions stay as they are locked, as far as the *.in files allow it.
# Arguments go to `uv pip compile`: `--upgrade` takes the newest versions, `--upgrade-package NAME` those of one package.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'lock: %s\n' "$*"; }
fail() { say "$*" >&2; exit 1; }

compile() { # a file without .in, options
    file=$1
    shift
    .local/tools/bin/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes \
        --custom-compile-command "make lock" "$file.in" --output-file "$file.txt" "$@" ||
        fail "$file.txt is as it was: look at what uv says above, correct $file.in or the network, and run this again."
    say "$file.txt ($(grep -c '^[A-Za-z0-9]' "$file.txt") packages, $(grep -c -e '--hash=' "$file.txt") hashes)"
}

compile requirements --only-binary :all: "$@"
compile requirements-media --only-binary :all: "$@"
compile requirements-dev --only-binary :all: --constraints requirements.txt "$@"
compile ops/local/requirements --only-binary :all: "$@"
compile ops/tools/requirements --only-binary :all: "$@"
compile ops/demo/requirements --only-binary :all: --no-deps "$@"
compile bench/requirements-build --only-binary :all: "$@"
compile bench/requirements "$@"

# npm keeps hashes in its lock files by itself.
command -v npm >/dev/null || fail "npm is missing, so bench and tests/browser keep their package-lock.json:" \
    "install Node.js 20 or newer, with npm, and run this again."
for folder in bench tests/browser; do
    (cd "$folder" && npm install --package-lock-only --ignore-scripts --no-audit --no-fund --loglevel error >/dev/null) ||
        fail "npm could not lock $folder: look at what it says above, and run this again."
    say "$folder/package-lock.json ($(grep -c '"integrity"' "$folder/package-lock.json") packages)"
done
