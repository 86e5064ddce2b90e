"""The emulator's process: starts it, watches it, and ends it so that it saves its state."""

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
from ops.local import loopback, project, snapshot

ADAPTER = Path(__file__).with_name("emulator.py")
REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}

START_SECONDS = 60
STOP_SECONDS = 30


def check_port(port: int, variable: str) -> None:
    """Refuses a port that another program listens on. `variable` names the variable that chooses another port."""
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
    """Refuses a damaged state folder. The emulator would load a part of it without a warning, and then overwrite it.

    A save that was interrupted is finished or undone before. The folder is closed to other users, since it holds
    secrets.
    """
    remedy = f"Restore it from a backup, or delete {folder} to start with nothing."
    try:
        project.private_folder(folder)
        snapshot.recover(folder / "services")
        for file in sorted((folder / "services").glob("*.json")):
            file.chmod(0o600)  # an earlier version may have written it
            json.loads(file.read_bytes())
    except ValueError:
        raise OpsError(f"The local state is damaged ({file} is not JSON). {remedy}") from None
    except OSError as error:
        raise OpsError(f"The local state can't be read ({error}). {remedy}") from None
    if not os.access(folder, os.W_OK):
        raise OpsError(f"The local state can't be written ({folder} belongs to another user). {remedy}")


def move_addresses(state: Path, port: int) -> None:
    """Changes the port in stored queue addresses to the emulator's present port."""
    marker = state / "port"
    before = marker.read_text().strip() if marker.exists() else str(port)
    if before != str(port):
        old, new = f"//127.0.0.1:{before}/".encode(), f"//127.0.0.1:{port}/".encode()
        services = state / "services"
        snapshot.write(services, {f.name: f.read_bytes().replace(old, new) for f in services.glob("*.json")})
    marker.write_text(f"{port}\n")


class EmulatorProcess:
    """MiniStack with the additions of ops/local/emulator.py, on a loopback port.

    Parameters
    ----------
    home:
        Folder for everything that it writes: `state/`, `tmp/`, `emulator.log`, `emulator.pid`.
    python:
        The Python of the emulator's own virtual environment.
    origins:
        Origins of web pages that may use S3.
    concurrency:
        The account's limit of concurrent executions. None is AWS's default of 1,000; new accounts may have 10.
    socket_seconds:
        Seconds after which an idle WebSocket connection ends, and any. None is as on AWS: 600 and 7,200.
    """

    concurrency: int | None = None
    socket_seconds: tuple[int, int] | None = None

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
        """Starts the emulator and waits until it answers. It ends together with the thread that called this.

        Raises
        ------
        OpsError
            Its port is taken, its state is damaged, or it ended at once.
        """
        end_leftover(self.pidfile, progress)
        check_port(self.port, "EMULATOR_PORT")
        check_state(self.state)
        move_addresses(self.state, self.port)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(mode=0o700)
        self.log.unlink(missing_ok=True)
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as log:
            self.process = self._spawn(log)
        self.pidfile.write_text(f"{self.process.pid}\n")
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise OpsError(f"The emulator did not start: {self.last_words()} (its whole log is {self.log}).")
            time.sleep(0.1)

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [str(self.python), str(ADAPTER), "--port", str(self.port), "--state", str(self.state)]
        command += ["--parent", str(os.getpid())]
        if self.concurrency:
            command += ["--concurrency", str(self.concurrency)]
        if self.socket_seconds:
            command += ["--socket-seconds", *map(str, self.socket_seconds)]
        for origin in self.origins:
            command += ["--origin", origin]
        # Functions inherit the emulator's environment, so it gets nothing of ours: no credentials, profile, PYTHONPATH.
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
        # It gets its own session, so that Ctrl-C in the terminal reaches only us, and we end it in the right order.
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
            with loopback.urlopen(f"{self.url}/_ministack/ready", timeout=2) as response:
                return bool(response.status == 200)
        except urllib.error.HTTPError as not_ready:
            not_ready.close()
            return False
        except OSError:
            return False

    def save(self) -> None:
        """Makes the emulator save its state now, and not only within some seconds."""
        request = urllib.request.Request(f"{self.url}/_edge/save", method="POST")  # noqa: S310
        with loopback.urlopen(request, timeout=STOP_SECONDS):
            pass

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it printed nothing."

    def stop(self) -> None:
        """Ends the emulator and its functions. It saves its state first."""
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
    """Ends the rest of a process group: functions that ignored SIGTERM."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end_leftover(pidfile: Path, progress: Callable[[str], None]) -> None:
    """Ends the emulator of a run that was killed, if it is still running. It saves its state."""
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
