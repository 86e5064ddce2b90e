"""One small stage on moto for all tests of faults."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.harness import REPORT
from tests.faults.looking import archive_the_bus
from tests.faults.operations import surroundings
from tests.stage import provisioned


@pytest.fixture(scope="package")
def broken_stage(cloud: None, cdn_key: bytes) -> Iterator[None]:
    """A provisioned stage with small recipes and a source to import from. Each world begins by emptying it.

    Its bus has an archive, in which a test sees what the bus took.
    """
    provisioned(cdn_key)
    archive_the_bus()
    with surroundings():
        yield


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With several processes (pytest-xdist), each hands its report to the first one."""
    if (REPORT.crashes or REPORT.resent) and (output := getattr(session.config, "workeroutput", None)) is not None:
        output["faults"] = pickle.dumps(REPORT)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if told := getattr(node, "workeroutput", {}).get("faults"):
        REPORT.add(pickle.loads(told))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if REPORT.crashes or REPORT.resent:
        terminalreporter.section("stopped at every AWS call")
        for line in REPORT.lines():
            terminalreporter.line(line)
