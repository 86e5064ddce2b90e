"""The function's side of the fork server, which makes children that have imported all that they need.

A new Python takes a tenth of a second until it has imported FFmpeg; a forked one takes milliseconds. There is one
server for each instance of a function, from its first job on. A server that has ended is started anew by the next job.

All children of a server have their libraries at the same addresses. So a server takes no more jobs after a child has
crashed: whoever guesses at addresses has one guess.

The standard library's forkserver (multiprocessing) is not used: its server keeps our environment with the credentials,
a second process comes with it, and its socket has a name in /tmp that every child could connect to.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import IO

from chalicelib.processing.fork_server_main import STATUS

# Seconds in which the server takes a job, and tells that a child has ended. One that does not is stuck.
PATIENCE = 2

# Signals that end a child which took too much. All others are crashes.
_ENDED_BY_US = (signal.SIGKILL, signal.SIGXCPU)


class ServerLostError(Exception):
    """There was no child, or the server ended before it. That says nothing about the file."""


class Child:
    """A child of the server. It has what is used of `subprocess.Popen`: `stdin`, `stdout`, kill, wait, communicate."""

    def __init__(self, server: Server, job: socket.socket, status: socket.socket) -> None:
        self._server, self._job, self._status = server, job, status
        self.stdin: IO[bytes] = job.makefile("wb")
        self.stdout: IO[bytes] = job.makefile("rb")
        self._code: int | None = None

    def kill(self) -> None:
        """Ends the child, and whatever waits for its words."""
        for each in (self._status, self._job):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_WR if each is self._status else socket.SHUT_RDWR)

    def wait(self) -> int:
        """The exit code, as subprocess has it. Raises ServerLostError."""
        if self._code is None:
            self._status.settimeout(PATIENCE)
            try:
                said = self._status.recv(STATUS.size)
            except TimeoutError:
                self._server.end(at_once=True)
                raise ServerLostError from None
            except OSError:
                said = b""
            if len(said) < STATUS.size:
                raise ServerLostError
            self._code, seconds = STATUS.unpack(said)
            self._server.cpu += seconds
            if self._code < 0 and -self._code not in _ENDED_BY_US:
                self._server.end()
        return self._code

    def communicate(self) -> None:
        """Waits until a killed child is gone, and closes all."""
        with contextlib.suppress(ServerLostError):
            self.wait()
        for each in (self.stdin, self.stdout, self._job, self._status):
            with contextlib.suppress(OSError):
                each.close()


class Server:
    """A running server. `cpu` has the seconds of CPU of its children that have ended."""

    def __init__(self, environment: dict[str, str]) -> None:
        """Raises OSError."""
        self.environment, self.cpu, self.is_open = environment, 0.0, True
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(PATIENCE)
        with theirs:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-P", "-S", "-m", "chalicelib.processing.fork_server_main", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )

    def prepare(self, module: str) -> None:
        """Has the server import a module, and does not wait for it. Raises OSError if the server is gone."""
        with self._lock:
            self._control.send(module.encode())

    def fork(self, module: str) -> Child:
        """Raises OSError if the server is gone."""
        job, its_job = socket.socketpair()
        status, its_status = socket.socketpair()
        with its_job, its_status:
            try:
                with self._lock:
                    socket.send_fds(self._control, [module.encode()], [its_job.fileno(), its_status.fileno()])
            except OSError:
                job.close()
                status.close()
                raise
        return Child(self, job, status)

    def end(self, *, at_once: bool = False) -> None:
        """The server takes no more jobs, and ends after its last child: or at once, with all of them."""
        self.is_open = False
        with self._lock:
            self._control.close()
        if at_once:
            self.process.kill()


_lock = threading.Lock()
_servers: list[Server] = []  # the last one takes the jobs; the others have been told to end


def environment() -> dict[str, str]:
    """The environment of all children. `sys.path` is in it, so that they need not look for site-packages."""
    return {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def prepare(module: str) -> None:
    """Starts the server, and has it import a module, so that the first job need not wait for both."""
    with contextlib.suppress(OSError):
        _running().prepare(module)


def begin(module: str, arguments: str, memory: int, seconds: int, size: int) -> Child:
    """A new child that does this job (`child_main.by_ranges`). Raises ServerLostError."""
    for _ in range(2):  # the server may have died since the last job: then there is a new one
        try:
            server = _running()
            child = server.fork(module)
        except OSError:
            continue
        try:
            child.stdin.write(json.dumps([module, arguments, memory, seconds, size]).encode() + b"\n")
            child.stdin.flush()
        except OSError:  # it has been lost on the way
            child.kill()
            child.communicate()
            continue
        return child
    raise ServerLostError


def running() -> Server | None:
    """The server that takes the jobs, if there is one."""
    return _servers[-1] if _servers and _servers[-1].is_open else None


def _running() -> Server:
    """Raises OSError if no server can be started."""
    wanted = environment()
    with _lock:
        server = running()
        if server and (server.environment != wanted or server.process.poll() is not None):
            server.end()
            server = None
        if not server:
            _servers[:] = [each for each in _servers if each.process.poll() is None]
            server = Server(wanted)
            _servers.append(server)
        return server


@atexit.register
def _end_all() -> None:
    """Leaves nothing behind. If this process is killed instead, its servers end by themselves."""
    for each in _servers:
        each.end(at_once=True)
        each.process.wait()
