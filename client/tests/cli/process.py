"""The command as a process, against a service in memory that has a port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_filemill import KEY, FakeFilemill
from serving import served

Live = tuple[dict[str, str], FakeFilemill]


@pytest.fixture
def live(home: Path, fake: FakeFilemill) -> Iterator[Live]:
    """The environment of a command, and the service behind its port."""
    with served(fake) as port:
        fake.url = f"http://127.0.0.1:{port}"
        fake.s3 = f"{fake.url}/s3"
        paths = os.pathsep.join(path for path in sys.path if path)
        yield {**os.environ, "FILEMILL_URL": fake.url, "FILEMILL_KEY": KEY, "PYTHONPATH": paths}, fake


def begun(env: dict[str, str], *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "filemill.cli", *args]
    # A process that a shell began in the background ignores SIGINT, and so would its children.
    return subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@contextmanager
def running(env: dict[str, str], *args: str) -> Iterator[subprocess.Popen[str]]:
    """As `begun`, for a command that does not end by itself: it is killed if the block does not end it."""
    process = begun(env, *args)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """(exit code, standard output, standard error), once it has ended."""
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err
