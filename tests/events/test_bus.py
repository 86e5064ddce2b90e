"""The bus: how events are packed into calls, and what becomes of those that EventBridge does not take."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import aws
from chalicelib.events import bus, envelope
from chalicelib.model import now, timestamp
from chalicelib.observability import Metric
from ops.stack.event_sources import PUBLISHED
from tests import events_contract
from tests.making import file
from tests.stage import Calls, aws_client, template

Entry = dict[str, Any]
Answer = dict[str, str]


def event(number: int, size: int = 0) -> dict[str, Any]:
    return envelope.about(
        "acme", f"file_{number}", "filemill.file.ready", f"evt_{number}", timestamp(now()), {"file": "x" * size}
    )


def ids(entries: list[Entry]) -> list[str]:
    return [json.loads(entry["Detail"])["id"] for entry in entries]


@given(st.lists(st.integers(0, 100_000), max_size=60))
def test_events_are_packed_in_their_order_and_no_call_is_too_large(sizes: list[int]) -> None:
    entries = [bus.entry(event(number, size)) for number, size in enumerate(sizes)]
    calls = list(bus.packed(entries))
    assert [entry for call in calls for entry in call] == entries
    for number, call in enumerate(calls):
        assert 1 <= len(call) <= 10
        assert sum(map(bus.size, call)) <= 256 * 1024
        following = calls[number + 1][0] if number + 1 < len(calls) else None
        if following:  # it did not fit any more
            assert len(call) == 10 or sum(map(bus.size, call)) + bus.size(following) > 256 * 1024


def test_the_largest_envelopes_need_no_more_calls_than_ten_a_call() -> None:
    one = bus.entry(event(1, envelope.MAX_BYTES - len(envelope.as_json(event(1)))))
    assert len(one["Detail"]) == envelope.MAX_BYTES
    assert [len(call) for call in bus.packed([one] * 25)] == [10, 10, 5]


def test_the_size_of_an_entry_is_counted_as_eventbridge_counts_it() -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""
    entry = {"Time": "t", "Source": "é", "DetailType": "ab", "Detail": '{"k":"…"}', "Resources": ["x", "yy"]}
    assert bus.size(entry) == 14 + 2 + 2 + 11 + 3


def test_an_entry_is_the_envelope_with_what_rules_ask_for() -> None:
    envelope_ = envelope.envelope(file(1))
    entry = bus.entry(envelope_)
    assert json.loads(entry.pop("Detail")) == envelope_
    assert entry == {
        "EventBusName": "filemill-test",
        "Source": "filemill",
        "DetailType": "filemill.file.ready",
        "Resources": [file(1).id],
        "Time": "2026-11-22T12:00:03.000Z",
    }


def test_moto_takes_them(stage: Calls) -> None:
    """The parameters are those of PutEvents, and an archive of the stack's bus keeps all of them."""
    events = aws_client("events")
    arn = events.describe_event_bus(Name="filemill-test")["Arn"]
    pattern = template()["Resources"]["EventArchive"]["Properties"]["EventPattern"]
    events.create_archive(ArchiveName="all", EventSourceArn=arn, EventPattern=json.dumps(pattern))
    with events_contract.unchecked():
        bus.put(event(number) for number in range(23))
    assert events.describe_archive(ArchiveName="all")["EventCount"] == 23
    assert stage.names.count("events.PutEvents") == 3
    assert [each["id"] for each in stage.bus] == [f"evt_{number}" for number in range(23)]


class Bridge:
    """EventBridge that answers each entry as `judge` says, given its event's id and how often it was put before."""

    def __init__(self, judge: Callable[[str, int], str | None]) -> None:
        self.judge = judge
        self.calls: list[list[str]] = []

    def put_events(self, Entries: list[Entry]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        before = [name for call in self.calls for name in call]
        self.calls.append(ids(Entries))
        codes = [self.judge(name, before.count(name)) for name in ids(Entries)]
        answers: list[Answer] = [{"ErrorCode": code} if code else {"EventId": "1"} for code in codes]
        return {"FailedEntryCount": sum(map(bool, codes)), "Entries": answers}


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, int], str | None]], Bridge]:
    def install(judge: Callable[[str, int], str | None]) -> Bridge:
        made = Bridge(judge)
        monkeypatch.setattr(aws, "events", lambda: made)
        monkeypatch.setattr(bus, "PAUSE", 0)
        return made

    return install


def test_what_is_not_taken_is_put_again_and_nothing_else(bridge: Any) -> None:
    made = bridge(lambda name, before: "ThrottlingException" if name in ("evt_1", "evt_3") and before < 2 else None)
    bus.put(event(number) for number in range(5))
    assert made.calls == [[f"evt_{number}" for number in range(5)], ["evt_1", "evt_3"], ["evt_1", "evt_3"]]


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "AccessDeniedException", "SomethingNew"])
def test_what_is_never_taken_is_raised_so_that_the_batch_comes_again(bridge: Any, code: str) -> None:
    made = bridge(lambda name, before: code if name == "evt_2" else None)
    with pytest.raises(bus.RefusedError, match=f"did not take 1 events: {code}"):
        bus.put(event(number) for number in range(4))
    assert made.calls[1:] == [["evt_2"]] * bus.RETRIES


@pytest.mark.parametrize("code", sorted(bus.HOPELESS))
def test_an_event_that_is_wrong_in_itself_holds_up_no_other(
    bridge: Any, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[dict[Metric, float]] = []
    monkeypatch.setattr(bus, "count", measured.append)
    made = bridge(
        lambda name, before: (
            code if name == "evt_2" else "ThrottlingException" if name == "evt_1" and not before else None
        )
    )
    bus.put(event(number) for number in range(12))
    assert made.calls == [[f"evt_{number}" for number in range(10)], ["evt_1"], ["evt_10", "evt_11"]]
    assert measured == [{Metric.FILES_IN_TROUBLE: 1}]


def test_nothing_is_asked_when_nothing_is_to_be_put(bridge: Any) -> None:
    made = bridge(lambda name, before: None)
    bus.put([])
    assert made.calls == []


def test_the_filters_are_within_lambda_s_limits() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html"""
    assert len(PUBLISHED) <= 5
    assert all(len(json.dumps(each)) <= 4096 for each in PUBLISHED)
