"""The fixtures of tests that need an emulator by itself, without a stage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.local.emulator_process import EmulatorProcess
from tests.e2e.stack import PYTHON
from tests.local import free_ports


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    process = EmulatorProcess(tmp_path_factory.mktemp("emulator"), free_ports(1)[0], PYTHON, ["http://localhost:8000"])
    process.start(print)
    yield process
    process.stop()
