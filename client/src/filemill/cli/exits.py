"""The exit codes of the command. They are a promise: scripts depend on them."""

from __future__ import annotations

DONE = 0
FAILED = 1
USAGE = 2
NOT_ALLOWED = 3
NOT_FOUND = 4
UNAVAILABLE = 5
REFUSED = 6
BUSY = 7
LOCAL = 8
INTERRUPTED = 130

MEANINGS = {
    DONE: "everything was done",
    FAILED: "something failed; of several files at least one, and the end of the output names each",
    USAGE: "the command line is wrong, or an answer is needed and there is no terminal to ask at",
    NOT_ALLOWED: "there is no login, or the key is not accepted or may not do this (401, 403)",
    NOT_FOUND: "there is no such file, key or webhook (404)",
    UNAVAILABLE: "the service can't be reached, has no time or is in trouble (network, 429, 5xx)",
    REFUSED: "the service refuses the request as it is: quota, size, state, a wrong value (400, 409, 413, 422)",
    BUSY: "another sync of the same folder is running",
    LOCAL: "a file of this computer can't be read or written, for example because the disk is full",
    INTERRUPTED: "Ctrl-C; what was finished stays, and the same command goes on",
}
