"""Runs code on hostile bytes in a process of its own, with bounds: memory, time, and nothing of our environment.

A native library may crash, hang or take all memory for a damaged file. Here that ends the child, and the parent goes
on. The child gets no AWS credentials, opens no new files for writing, and is killed when its time is over.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, Protocol

from chalicelib.processing import fork_server
from chalicelib.processing.child_main import FRAME
from chalicelib.processing.fork_server import ServerLostError
from chalicelib.storage.ranged import TooMuchReadError

# Bytes that a child may print: a header, and pixels or text.
MAX_OUTPUT = 256 * 1024**2


@dataclass(frozen=True)
class Limits:
    """`memory` in bytes of address space, `seconds` of CPU; twice as many by the clock, or `wall` with all reading."""

    memory: int = 1024**3
    seconds: int = 10
    wall: int | None = None


class ChildDiedError(Exception):
    """The child crashed, or took more than it may have. The file is to blame, as far as anybody can tell."""

    @property
    def had_too_much(self) -> bool:
        """True if time, memory or bytes were not enough, or if it ended without a word, which mostly means the same."""
        why = str(self)
        return why in (TOO_LONG, "MemoryError", "TooMuchReadError") or why.startswith(ENDED)


TOO_LONG = "it took too long"
"""The message of a ChildDiedError where the clock ended the child. On another day it may be quicker."""

ENDED = "it ended with"
"""The beginning of the message where a child crashed, or was ended for the memory or the CPU that it took."""

# Bytes that a child may ask for at once.
MAX_READ = 4 * 1024**2

# Seconds that reading the source may take beside the child's own time. All of it is less than a claim's lease.
READING = 15


def run(module: str, data: bytes, arguments: dict[str, Any], limits: Limits) -> tuple[dict[str, Any], bytes]:
    """Calls `module.main(data, arguments)` in a child. Returns what it returns: (a header that JSON can hold, bytes).

    Raises ChildDiedError. An exception in the child is one, too: its type's name is the message.
    """
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            _command(module, arguments, limits),
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=fork_server.environment(),
            timeout=limits.wall or limits.seconds * 2 + 2,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ChildDiedError(TOO_LONG) from None
    if done.returncode:
        raise ChildDiedError(f"{ENDED} {done.returncode}")
    head, _, rest = done.stdout.partition(b"\n")
    header: dict[str, Any] = json.loads(head)
    if "raised" in header:
        raise ChildDiedError(header["raised"])
    return header, rest


def _command(module: str, arguments: dict[str, Any], limits: Limits) -> list[str]:
    command = [sys.executable, "-P", "-S", "-m", "chalicelib.processing.child_main", module, json.dumps(arguments)]
    return [*command, str(limits.memory), str(limits.seconds)]


def run_on(
    module: str, source: BinaryIO, size: int, arguments: dict[str, Any], limits: Limits
) -> tuple[dict[str, Any], bytes]:
    """The same for a source that the child reads by ranges. `module.main` gets a seekable file object for `data`.

    The child asks us for each range: it has no way of its own to the file. Raises ChildDiedError, also if the source
    refuses to give more bytes; and any other error of the source, which says nothing about the file.

    The child comes from the fork server. If that can't make one, or is lost, a new interpreter does the job.
    """
    try:
        forked = fork_server.begin(module, json.dumps(arguments), limits.memory, limits.seconds, size)
        return _bounded(forked, source, limits)
    except ServerLostError:
        return _bounded(_spawned(module, size, arguments, limits), source, limits)


class _Process(Protocol):
    """A child, whoever made it."""

    @property
    def stdin(self) -> IO[bytes] | None: ...
    @property
    def stdout(self) -> IO[bytes] | None: ...
    def kill(self) -> None: ...
    def wait(self) -> int: ...
    def communicate(self) -> Any: ...


def _spawned(module: str, size: int, arguments: dict[str, Any], limits: Limits) -> subprocess.Popen[bytes]:
    command = [*_command(module, arguments, limits), str(size)]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=fork_server.environment()
    )


def _bounded(process: _Process, source: BinaryIO, limits: Limits) -> tuple[dict[str, Any], bytes]:
    """The child's result, and its end. Raises ChildDiedError and ServerLostError, and errors of the source."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(limits.wall or limits.seconds * 2 + READING, stop)
    timer.start()
    try:
        header, body = _serve(process, source)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        process.kill()
        raise ChildDiedError(TOO_LONG if late.is_set() else f"{ENDED} {process.wait()}") from None
    finally:
        timer.cancel()
        process.kill()
        process.communicate()
    if "raised" in header:
        raise ChildDiedError(header["raised"])
    return header, body


def _serve(process: _Process, source: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Answers the child's questions (child_main.Asked) until it says its result. Raises EOFError if it dies."""
    assert process.stdin and process.stdout
    while True:
        first, second = FRAME.unpack(_exactly(process.stdout, FRAME.size))
        if first < 0:  # the result: so many bytes of header, and of body
            if max(-first, second) > MAX_OUTPUT:
                raise EOFError
            header: dict[str, Any] = json.loads(_exactly(process.stdout, -first))
            return header, _exactly(process.stdout, second)
        if second > MAX_READ:
            raise EOFError
        try:
            source.seek(first)
            data = source.read(second)
        except TooMuchReadError:
            raise ChildDiedError("TooMuchReadError") from None
        process.stdin.write(FRAME.pack(0, len(data)) + data)
        process.stdin.flush()


def _exactly(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data
