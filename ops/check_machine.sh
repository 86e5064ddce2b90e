#!/bin/sh
# Refuses a computer that can't run Lambda's packages before anything is installed (`make run`, `make demo`, `make test`).
# ops/local/machine.py has the same rules, and is the last word.
set -u

fail() { printf '%s\n' "$*" >&2; exit 2; }

system=$(uname -s) processor=$(uname -m)
why="Filemill's functions are built for Lambda's Linux, so $1 can't run them on"
client="The client and the command \`filemill\` run there, too (client/README.md)."
case $system in
Linux) ;;
Darwin)
    fail "$why macOS. Run it in a Linux machine that shares localhost, such as Lima: brew install lima &&" \
        "limactl start && limactl shell default (docs/local.md#macos-and-windows). $client"
    ;;
MINGW* | MSYS* | CYGWIN* | Windows*)
    fail "$why Windows itself. Run it inside WSL 2: wsl --install, then this command in its terminal" \
        "(docs/local.md#macos-and-windows). $client"
    ;;
*) fail "$why $system. Run it in a Debian or Ubuntu machine (docs/local.md#macos-and-windows). $client" ;;
esac
case $processor in
x86_64 | amd64 | aarch64 | arm64) ;;
*) fail "Lambda has x86_64 and arm64, but this computer is $processor. Use one of those two." ;;
esac
getconf GNU_LIBC_VERSION >/dev/null 2>&1 ||
    fail "$why Linux with another C library than glibc. Run it in a Debian or Ubuntu container."
