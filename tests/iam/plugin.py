"""Fails each test in which a function, or the operator, makes an AWS call that its policy does not allow.

A plugin (tests/conftest.py names it): a new call without its permission fails in the very test that makes it.
"""

from __future__ import annotations

import pickle
from collections.abc import Generator
from typing import Any

import pytest

from tests.iam import recorder
from tests.iam.recorder import RECORD


def pytest_configure() -> None:
    recorder.install()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """The code under test may catch what a hook raises, so the test fails when it is over."""
    before = len(RECORD.denied)
    yield
    if new := sorted(set(RECORD.denied[before:])):
        raise AssertionError("\n".join(new))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With several processes (pytest-xdist), each hands its record to the first one."""
    if RECORD.calls and (output := getattr(session.config, "workeroutput", None)) is not None:
        output["permissions"] = pickle.dumps(RECORD)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    if told := getattr(node, "workeroutput", {}).get("permissions"):
        RECORD.add(pickle.loads(told))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if RECORD.calls:
        terminalreporter.section("calls held to IAM policies")
        for who, calls in sorted(RECORD.calls.items()):
            denied = sum(line.startswith(f"{who} ") for line in RECORD.denied)
            terminalreporter.line(f"{who:<12}{calls:>8} calls, {denied} denied")
