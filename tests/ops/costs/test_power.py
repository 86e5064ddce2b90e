"""The memory of the functions is that of the curves."""

from __future__ import annotations

import json

import pytest

from ops.costs import data, power
from ops.costs.bills import Spent
from ops.costs.power import Job
from ops.prices import GB_SECOND, RUN
from tests.stage import ROOT

# Functions that differ from their curve, each with the reason.
DIFFERENT = {
    # 1,536 MB would save 3 % of the bill of warm requests, and each cold start would take 15 % longer.
    "api_handler": "a cold start is all work of the processor, and its curve has warm requests only",
}
# No job of theirs is measured: they answer a message of a socket, or note that one was opened or closed.
UNMEASURED = {"websocket_connect", "websocket_message", "websocket_disconnect"}


def test_each_function_has_the_memory_that_its_curve_chooses() -> None:
    for function, megabytes in power.chosen().items():
        assert data.megabytes(function) == megabytes or function in DIFFERENT, (
            f"{function}: `python -m bench power` chooses {megabytes} MB. Change .chalice/config.json and "
            "docs/settings.md, or give a reason here."
        )


def test_each_function_has_a_curve() -> None:
    functions = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    assert {job.function for job in power.JOBS} | UNMEASURED == set(functions)


def chosen(monkeypatch: pytest.MonkeyPatch, cpu: float, wait: float, **job: float) -> int:
    monkeypatch.setattr(power, "spent", lambda _: Spent(cpu, wait))
    return power.best(Job("api_handler", (), **job)).megabytes  # type: ignore[arg-type]


def test_waiting_chooses_little_memory_and_work_a_whole_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, cpu=0.001, wait=1.0) == 512
    assert chosen(monkeypatch, cpu=1.0, wait=0.001) == 1769
    assert chosen(monkeypatch, cpu=1.0, wait=0.001, parallel=1.0) == 3008


def test_a_bound_of_memory_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, cpu=0.001, wait=1.0, least=1769) == 1769


def test_work_of_the_cpu_costs_the_same_with_any_part_of_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "spent", lambda _: Spent(1.0, 0.0))
    points = {each.megabytes: each for each in power.curve(Job("api_handler", ()))}
    assert points[512].dollars == pytest.approx(points[1769].dollars)
    assert points[3008].dollars > points[1769].dollars
    assert points[1769].dollars == pytest.approx(1e6 * (RUN + 1769 / 1024 * GB_SECOND))
    assert points[3008].seconds == pytest.approx(1.0), "one thread gets no more than one processor"
