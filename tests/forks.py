"""A stand-in for `child.run` that forks a process with its imports done, so that fuzzing can try many files a second.

The child runs the same code under the same bounds of memory and CPU. Memory that it frees before it begins is full of
`STALE`: a library that gives on memory which it did not write shows that. An audit hook forbids what no child needs.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from chalicelib.processing import child_main
from chalicelib.processing.child import ChildDiedError, Limits

STALE = b"stale-memory-of-another-file"
FORBIDDEN = 3  # the status of a child that did what no child may
ROOT = Path(__file__).parents[1]
_READABLE = tuple(os.path.realpath(each) for each in (sys.prefix, sys.base_prefix, str(ROOT)))
_FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.remove", "shutil.")


class Forks:
    """A process that forks one child for each call of `run`, which has the arguments and results of `child.run`."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._ours, theirs = socket.socketpair()
        environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-P", "-m", "tests.forks", str(theirs.fileno()), *modules]
        self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment, cwd=ROOT)
        theirs.close()
        self.cpu = 0.0
        """Seconds of CPU of all children."""

    def __enter__(self) -> Forks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ours.close()
        self._process.wait()

    def run(
        self, module: str, data: bytes, arguments: dict[str, Any], limits: Limits, *, by_ranges: bool = False
    ) -> tuple[dict[str, Any], bytes]:
        """With `by_ranges` the module gets a file object, as `child.run_on` gives it one."""
        _send(self._ours, (module, data, arguments, limits.memory, limits.seconds, by_ranges))
        status, output, self.cpu = _receive(self._ours)
        if status == -signal.SIGKILL:
            raise ChildDiedError("it took too long")
        if status:
            raise ChildDiedError(f"it ended with {status}")
        head, _, rest = output.partition(b"\n")
        header: dict[str, Any] = json.loads(head)
        if "raised" in header:
            raise ChildDiedError(header["raised"])
        return header, rest


def _send(to: socket.socket, value: object) -> None:
    body = pickle.dumps(value)
    to.sendall(struct.pack("<Q", len(body)) + body)


def _receive(source: socket.socket) -> Any:
    (length,) = struct.unpack("<Q", _exactly(source, 8))
    return pickle.loads(_exactly(source, length))


def _exactly(source: socket.socket, length: int) -> bytes:
    body = bytearray()
    while len(body) < length:
        if not (piece := source.recv(min(1024**2, length - len(body)))):
            raise EOFError
        body += piece
    return bytes(body)


def _serve(to: socket.socket) -> None:
    while True:
        try:
            module, data, arguments, memory, seconds, by_ranges = _receive(to)
        except EOFError:
            return
        if by_ranges:
            module, arguments = "tests.forks", {"by_ranges": module, "arguments": arguments}
        _send(to, (*_forked(module, data, arguments, memory, seconds), _children_seconds()))


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _forked(module: str, data: bytes, arguments: dict[str, Any], memory: int, seconds: int) -> tuple[int, bytes]:
    """The child's status as subprocess has it, and its output."""
    source = os.memfd_create("data")
    with os.fdopen(os.dup(source), "wb") as file:
        file.write(data)
    os.lseek(source, 0, os.SEEK_SET)
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            _child(source, writing, module, json.dumps(arguments), memory, seconds)
            status = 0
        except ForbiddenError:
            status = FORBIDDEN
        finally:
            os._exit(status)
    os.close(source)
    os.close(writing)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(seconds * 2 + 2)
    with os.fdopen(reading, "rb") as output:
        body = output.read()
    _, status = os.waitpid(pid, 0)
    signal.alarm(0)
    return os.waitstatus_to_exitcode(status), body


def _child(source: int, output: int, module: str, arguments: str, memory: int, seconds: int) -> None:
    os.dup2(source, 0)
    os.dup2(output, 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.stdin, sys.stdout = os.fdopen(0), os.fdopen(1, "w")
    _leave_stale_memory()
    sys.addaudithook(_refuse)
    child_main.main(module, arguments, memory, seconds)
    sys.stdout.flush()


def _leave_stale_memory() -> None:
    for size in (*range(1, 20), 64, 256, 1024, 4096):
        _ = [STALE * size for _ in range(40)]


class ForbiddenError(BaseException):
    """The child did what no child may. It is no Exception, so that nothing on the way takes it for a damaged file."""


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(_FORBIDDEN):
        raise ForbiddenError(event)
    if event == "open" and isinstance(arguments[0], str | bytes):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if not path.startswith(_READABLE):
            raise ForbiddenError(f"{event} {path}")


def main(data: bytes, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The child of the tests of this module: does what it is told. Or another child, which reads by ranges."""
    if "by_ranges" in arguments:
        found: tuple[dict[str, Any], bytes] = importlib.import_module(arguments["by_ranges"]).main(
            io.BytesIO(data), arguments["arguments"]
        )
        return found
    exec(arguments["code"])
    return {}, data


if __name__ == "__main__":
    for name in sys.argv[2:]:
        importlib.import_module(name)
    with contextlib.suppress(KeyboardInterrupt):
        _serve(socket.socket(fileno=int(sys.argv[1])))
