"""The command as a process, against a service in memory that has a port."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.server import served
from cli.service import KEY, Service

Live = tuple[dict[str, str], Service]


@pytest.fixture
def live(home: Path) -> Iterator[Live]:
    """The environment of a command, and the service behind its port."""
    with served() as (address, service):
        paths = os.pathsep.join(path for path in sys.path if path)
        yield {**os.environ, "FILEMILL_URL": address, "FILEMILL_KEY": KEY, "PYTHONPATH": paths}, service


def begun(env: dict[str, str], *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "filemill.cli", *args]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


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
