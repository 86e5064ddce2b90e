"""One small stage for all that breaks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import provisioned
from tests.faults.harness import Report
from tests.faults.operations import surroundings

REPORT = Report()
"""Of all crashes of this run."""


@pytest.fixture(scope="package")
def broken_stage(cloud: None, cdn_key: bytes) -> Iterator[None]:
    """A provisioned stage with small recipes and a source to import from; each world empties it."""
    provisioned(cdn_key)
    with surroundings():
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if REPORT.crashes:
        terminalreporter.section("stopped at every AWS call")
        for line in REPORT.lines():
            terminalreporter.line(line)
