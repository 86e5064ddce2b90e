"""The Python client against the deployed stack: its own live tests, in a process that knows nothing of this project."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.local import Api
from tests.stage import ROOT

CLIENT = ROOT / "client"


def test_the_clients_live_tests_pass(api: Api) -> None:
    passes(api, "tests/test_live.py")


def test_the_commands_live_tests_pass(api: Api) -> None:
    passes(api, "tests/cli/test_live.py")


def passes(api: Api, tests: str) -> None:
    """These tests of the client pass against the stack, and none is skipped."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests]
    environment = {**os.environ, "FILEMILL_LIVE_URL": api.base, "FILEMILL_LIVE_KEY": api.key}
    done = subprocess.run(command, cwd=CLIENT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout and "skipped" not in done.stdout, done.stdout
