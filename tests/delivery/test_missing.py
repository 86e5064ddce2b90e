"""On-demand renditions: which addresses there are, who makes a rendition, and what the others are told."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import render_leases
from chalicelib.catalog.render_leases import RenderState
from chalicelib.delivery import missing
from chalicelib.delivery.missing import Address, Outcome
from chalicelib.model import Visibility
from chalicelib.renditions.recipes import MAX_SIDE
from tests.stage import Calls

FILE_ID = "file_01K8Z0000000000000000000AA"
VERSION = "0123456789abcdef"
ADDRESS = Address(Visibility.PUBLIC, FILE_ID, VERSION, "w320.avif")


class Clock:
    """The module `time`; only sleeping takes time."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def time(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (missing, render_leases):
        monkeypatch.setattr(module, "time", clock)
    return clock


def function(monkeypatch: pytest.MonkeyPatch, *answers: Any, error: bool = False) -> list[dict[str, Any]]:
    """Answers of the function `render`, the last one for ever; gives what it was called with."""
    left, called = list(answers), []

    def invoke(*, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto's names
        assert FunctionName == "filemill-test-render"
        called.append(json.loads(Payload))
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        reply = {"Payload": io.BytesIO(json.dumps(answer).encode())}
        return reply | ({"FunctionError": "Unhandled"} if error else {})

    monkeypatch.setattr(aws.functions(), "invoke", invoke)
    return called


def lease() -> render_leases.RenderLease:
    found = render_leases.get(ADDRESS.key)
    assert found
    return found


# --- addresses


@pytest.mark.parametrize(
    "name",
    ["w1.avif", "w320.webp", "w320.jpg", "w320.png", f"w{MAX_SIDE}.avif", "e0.bin", "e9999.bin"],
    ids=lambda name: name,
)
def test_an_address_is_its_key_in_the_bucket(name: str) -> None:
    address = missing.parse("private", FILE_ID, VERSION, name)
    assert address
    assert address.key == f"f/private/{FILE_ID}/{VERSION}/{name}"


@pytest.mark.parametrize(
    "parts",
    [
        ("secret", FILE_ID, VERSION, "w320.avif"),
        ("", FILE_ID, VERSION, "w320.avif"),
        ("public", FILE_ID + "A", VERSION, "w320.avif"),
        ("public", "../x", VERSION, "w320.avif"),
        ("public", FILE_ID, VERSION + "0", "w320.avif"),
        ("public", FILE_ID, VERSION.upper(), "w320.avif"),
        ("public", FILE_ID, VERSION, "w0.avif"),
        ("public", FILE_ID, VERSION, "w320.gif"),
        ("public", FILE_ID, VERSION, "w320.avif\n"),
        ("public", FILE_ID, VERSION, f"w{MAX_SIDE + 1}.avif"),
        ("public", FILE_ID, VERSION, "e10000.bin"),
        ("public", FILE_ID, VERSION, "e01.bin"),
        ("public", FILE_ID, VERSION, "e1.html"),
        ("public", FILE_ID, VERSION, "e1.bin\n"),
    ],
)
def test_what_no_rendition_can_have_is_no_address(parts: tuple[str, str, str, str]) -> None:
    assert missing.parse(*parts) is None


# --- one caller


@pytest.mark.parametrize(
    ("status", "outcome", "state", "seconds"),
    [
        ("made", Outcome.MADE, RenderState.MADE, missing.MADE_FOR),
        ("unknown", Outcome.NONE, RenderState.FAILED, missing.UNKNOWN_FOR),
        ("failed", Outcome.NONE, RenderState.FAILED, missing.FAILED_FOR),
        ("later", Outcome.LATER, RenderState.WORKING, 0),
    ],
)
def test_the_function_s_answer_is_the_outcome_and_is_remembered(
    status: str,
    outcome: Outcome,
    state: RenderState,
    seconds: float,
    stage: Calls,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = function(monkeypatch, {"status": status})
    assert missing.obtain(ADDRESS) is outcome
    assert called == [{"visibility": "public", "file_id": FILE_ID, "version": VERSION, "name": "w320.avif"}]
    assert (lease().state, lease().until, lease().failures) == (state, clock.seconds + seconds, 0)
    if seconds:
        assert missing.obtain(ADDRESS) is outcome
        assert len(called) == 1, "it is remembered"
    clock.seconds += seconds
    assert missing.obtain(ADDRESS) is outcome
    assert len(called) == 2


@pytest.mark.parametrize(("answer", "error"), [({"errorMessage": "out of memory"}, True), (None, False)])
def test_after_three_bad_ends_in_a_row_there_is_no_rendition_for_an_hour(
    answer: Any, error: bool, stage: Calls, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = function(monkeypatch, answer, error=error)
    assert [missing.obtain(ADDRESS) for _ in range(2)] == [Outcome.LATER] * 2
    assert (lease().state, lease().failures) == (RenderState.WORKING, 2)
    assert missing.obtain(ADDRESS) is Outcome.NONE
    assert (lease().state, lease().until) == (RenderState.FAILED, clock.seconds + missing.FAILED_FOR)
    assert missing.obtain(ADDRESS) is Outcome.NONE
    assert len(called) == missing.MAX_FAILURES


def test_trouble_of_aws_between_does_not_count_as_a_bad_end_and_is_no_good_one(
    stage: Calls, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttled = ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
    function(monkeypatch, None, throttled, {"status": "later"}, None)
    assert missing.obtain(ADDRESS) is Outcome.LATER
    with pytest.raises(ClientError):
        missing.obtain(ADDRESS)
    assert (lease().failures, lease().over) == (1, True)
    assert missing.obtain(ADDRESS) is Outcome.LATER
    assert lease().failures == 1


# --- several callers


@pytest.mark.parametrize(("state", "outcome"), [(RenderState.MADE, Outcome.MADE), (RenderState.FAILED, Outcome.NONE)])
def test_who_waits_gets_the_outcome_of_the_one_who_makes_it(
    state: RenderState, outcome: Outcome, stage: Calls, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = function(monkeypatch, {"status": "made"})
    render_leases.begin(ADDRESS.key, "other", missing.LEASE)
    sleep = clock.sleep

    def others_end(seconds: float) -> None:
        sleep(seconds)
        render_leases.end(ADDRESS.key, "other", state, seconds=60, failures=0)

    monkeypatch.setattr(clock, "sleep", others_end)
    assert missing.obtain(ADDRESS) is outcome
    assert called == []


def test_who_waits_gives_up_after_its_patience(stage: Calls, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = clock.seconds
    render_leases.begin(ADDRESS.key, "other", 1000)
    assert missing.obtain(ADDRESS) is Outcome.LATER
    assert missing.PATIENCE < clock.seconds - begun < missing.PATIENCE + 1


def test_a_lease_that_is_over_soon_is_taken_and_one_that_is_over_late_is_not(
    stage: Calls, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = function(monkeypatch, {"status": "made"})
    render_leases.begin(ADDRESS.key, "dead", missing.LAST_START + 1)
    assert missing.obtain(ADDRESS) is Outcome.LATER, "too little time is left for a try of one's own"
    assert called == []
    render_leases.begin(ADDRESS.key, "dead", missing.LAST_START - 1)
    assert missing.obtain(ADDRESS) is Outcome.MADE
    assert len(called) == 1
