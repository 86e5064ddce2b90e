"""The process of the fork server: has imported what children need, and forks one child for each job.

It is for trusted words only: it reads no file of a client, opens no thread, and has no credentials, as its children. A
child reads the hostile bytes, under the bounds of `child_main`.

The function sends the name of a module on the control socket. With it go two sockets: that of the job, which the child
gets, and that of its status. The function closes the latter to end the child, and gets a STATUS when the child has
ended. If it gets none, there was no child. The server ends when the control socket is closed and no child is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import selectors
import signal
import socket
import struct
import sys
from importlib import import_module
from typing import NoReturn

from chalicelib.processing import child_main

# A child's exit code, as subprocess has it, and the seconds of CPU that it took.
STATUS = struct.Struct(">qd")

# The longest name of a module, in bytes.
NAME = 256

_JOB = 3  # the number of the job's socket in a child, beside the three that every process has
_PR_SET_PDEATHSIG = 1  # prctl(2)


class Server:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, socket.socket] = {}  # the socket of the status, by process id
        self._c = ctypes.CDLL(None)
        self._selector = selectors.DefaultSelector()
        self._ended, ended = os.pipe()
        for end in (self._ended, ended):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ended, warn_on_full_buffer=False)
        self._selector.register(self._ended, selectors.EVENT_READ)
        self._selector.register(control, selectors.EVENT_READ)

    def run(self) -> None:
        is_open = True
        while is_open or self._children:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    is_open = self._take()
                elif key.data is None:
                    self._reap()
                elif key.data in self._children:  # the function has closed its end, and sends nothing here
                    self._selector.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)

    def _take(self) -> bool:
        """Takes a job. False if there will be no more."""
        name, sockets, _, _ = socket.recv_fds(self._control, NAME, 2)
        if not name:
            self._selector.unregister(self._control)
            return False
        _import(name.decode())
        if len(sockets) == 2:
            self._fork(*sockets)
            sockets.pop()  # it stays open until the child has ended
        for each in sockets:
            os.close(each)
        return True

    def _fork(self, job: int, status: int) -> None:
        parent = os.getpid()
        said = socket.socket(fileno=status)
        try:
            child = os.fork()
        except OSError:  # too many processes, or too little memory: the function has another way
            said.close()
            return
        if not child:
            self._become_child(parent, job)
        self._children[child] = said
        self._selector.register(said, selectors.EVENT_READ, child)

    def _become_child(self, parent: int, job: int) -> NoReturn:
        code = 1
        try:
            self._c.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(job, _JOB)
            os.closerange(_JOB + 1, os.sysconf("SC_OPEN_MAX"))
            if os.getppid() == parent:
                _work()
                code = 0
        finally:
            os._exit(code)

    def _reap(self) -> None:
        """Tells the status of all children that have ended."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._ended, 4096):
                pass
        while self._children:
            child, status, used = os.wait4(-1, os.WNOHANG)
            if not child:
                return
            said = self._children.pop(child)
            with contextlib.suppress(KeyError):
                self._selector.unregister(said)
            with contextlib.suppress(OSError):
                said.send(STATUS.pack(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime))
            said.close()


def _import(module: str) -> None:
    """Imports a module for all later children. If it can't be, the child says so."""
    if module not in sys.modules:
        with contextlib.suppress(Exception):
            import_module(module)
        gc.freeze()  # so that a child's collector leaves the pages alone that it shares


def _work() -> None:
    """In the child: does the job."""
    with os.fdopen(_JOB, "rb", closefd=False) as answers, os.fdopen(_JOB, "wb", closefd=False) as questions:
        module, arguments, memory, seconds, size = json.loads(answers.readline())
        child_main.bound(memory, seconds)
        child_main.by_ranges(module, arguments, size, questions, answers)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Server(socket.socket(fileno=int(sys.argv[1]))).run()
