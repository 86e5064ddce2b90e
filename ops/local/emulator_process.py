"""The emulator as a process of its own: started, watched and ended, so that it saves its state."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from ops.errors import OpsError

ADAPTER = Path(__file__).with_name("emulator.py")
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}

START_SECONDS = 60
STOP_SECONDS = 30


def check_port(port: int, variable: str) -> None:
    """Refuse a port that another program listens on; `variable` is what chooses another."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                why = "is taken by another program" if error.errno == errno.EADDRINUSE else "is not yours to open"
                raise OpsError(
                    f"Port {port} {why}: stop that program or choose another port, for example "
                    f"`make run {variable}={port % 60000 + 1 if port > 1024 else 8000}`."
                ) from None  # anything else is a machine without IPv6


def check_state(folder: Path) -> None:
    """Refuse a state folder that the emulator would load in part, without a word, and then save over."""
    remedy = f"Bring it back from a backup, or delete {folder} to start with nothing."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in sorted((folder / "services").glob("*.json")):
            json.loads(file.read_bytes())
    except ValueError:
        raise OpsError(f"The local state is damaged ({file} is not JSON). {remedy}") from None
    except OSError as error:
        raise OpsError(f"The local state can't be read ({error}). {remedy}") from None
    if not os.access(folder, os.W_OK):
        raise OpsError(f"The local state can't be written ({folder} is not yours). {remedy}")


def move_addresses(state: Path, port: int) -> None:
    """Give stored queue addresses, which name the emulator's port, the port it has now."""
    marker = state / "port"
    before = marker.read_text().strip() if marker.exists() else str(port)
    if before != str(port):
        for file in (state / "services").glob("*.json"):
            text = file.read_text()
            moved = text.replace(f"//127.0.0.1:{before}/", f"//127.0.0.1:{port}/")
            if moved != text:
                file.write_text(moved)
    marker.write_text(f"{port}\n")


class EmulatorProcess:
    """MiniStack behind ops/local/emulator.py, on a loopback port.

    Parameters
    ----------
    home:
        Folder of everything it leaves: `state/`, `tmp/`, `emulator.log`, `emulator.pid`.
    python:
        Interpreter of the emulator's own virtual environment.
    origins:
        Origins of web pages that may use S3.
    """

    def __init__(self, home: Path, port: int, python: Path, origins: Sequence[str]) -> None:
        self.home = home.resolve()
        self.port = port
        self.python = python
        self.origins = origins
        self.state = self.home / "state"
        self.temporary = self.home / "tmp"
        self.log = self.home / "emulator.log"
        self.pidfile = self.home / "emulator.pid"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, progress: Callable[[str], None]) -> None:
        """Start it and wait until it answers. It ends when the thread that called this ends, however that ends.

        Raises
        ------
        OpsError
            It can't: its port is taken, its state is damaged, or it ended at once.
        """
        end_leftover(self.pidfile, progress)
        check_port(self.port, "EMULATOR_PORT")
        check_state(self.state)
        move_addresses(self.state, self.port)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        with self.log.open("wb") as log:
            self.process = self._spawn(log)
        self.pidfile.write_text(f"{self.process.pid}\n")
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise OpsError(f"The emulator did not start: {self.last_words()} (all of it is in {self.log}).")
            time.sleep(0.1)

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [str(self.python), str(ADAPTER), "--port", str(self.port), "--state", str(self.state)]
        command += ["--parent", str(os.getpid())]
        for origin in self.origins:
            command += ["--origin", origin]
        # Functions inherit the emulator's environment, so it gets none of ours: no credentials, profile or PYTHONPATH.
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.temporary),
            "TMPDIR": str(self.temporary),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **CREDENTIALS,
        }
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we end it in order.
        return subprocess.Popen(
            command,
            cwd=self.temporary,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/ready", timeout=2) as response:  # noqa: S310
                return bool(response.status == 200)
        except urllib.error.HTTPError as not_ready:
            not_ready.close()
            return False
        except OSError:
            return False

    def save(self) -> None:
        """Have it save its state, as it does when it is stopped: what `kill -9` then leaves."""
        request = urllib.request.Request(f"{self.url}/_edge/save", method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=STOP_SECONDS):  # noqa: S310
            pass

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"

    def stop(self) -> None:
        """End it and its functions; it saves its state first."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        kill_group(process.pid)
        self.pidfile.unlink(missing_ok=True)
        shutil.rmtree(self.temporary, ignore_errors=True)


def kill_group(pid: int) -> None:
    """End what is left of a process group: functions that did not heed SIGTERM."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end_leftover(pidfile: Path, progress: Callable[[str], None]) -> None:
    """End the emulator of a run that was killed, if it still runs; its state is saved."""
    try:
        pid = int(pidfile.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        pidfile.unlink(missing_ok=True)
        return
    if str(ADAPTER).encode() in command:
        progress(f"ending the emulator of a run that was killed (process {pid})")
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        kill_group(pid)
    pidfile.unlink(missing_ok=True)
