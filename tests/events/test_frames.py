"""Frames: no larger than a frame may be, all events in their order, and a cursor that leaves nothing out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import cursors
from chalicelib.catalog.index.feed import Entry
from chalicelib.events.feed_events import Told
from chalicelib.events.frames import MAX_FRAME, frame, packed
from chalicelib.model import now


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.keyring._secret", lambda: b"s" * 43)


def told(shard: int, position: int, size: int = 10) -> Told:
    text = json.dumps({"at": [shard, position], "pad": "x" * size})
    return Told(f"file_{shard}_{position}", 1, None, now(), text, Entry(shard, position, "", 1))


def read(data: bytes) -> tuple[list[tuple[int, int]], dict[int, int]]:
    message = json.loads(data)
    events = message["events"] if message["type"] == "changes" else [message["event"]]
    positions = cursors.decode_feed("acme", message["cursor"])
    assert positions is not None
    return [tuple(event["at"]) for event in events], positions


PAGES = st.dictionaries(
    st.integers(0, 255), st.tuples(st.integers(0, 10**9), st.lists(st.integers(0, 24_000), max_size=8)), max_size=40
)


@given(PAGES, st.data())
def test_every_frame_can_be_resumed_from(pages: dict[int, tuple[int, list[int]]], data: Any) -> None:
    """Whoever stops after a frame and goes on from its cursor gets exactly the rest."""
    before = {shard: begin for shard, (begin, _) in pages.items()}
    events = [
        told(shard, begin + 1 + i, size)
        for shard, (begin, sizes) in sorted(pages.items())
        for i, size in enumerate(sizes)
    ]
    reached = {shard: begin + len(sizes) + 3 for shard, (begin, sizes) in pages.items()}
    chosen = [event for event in events if data.draw(st.booleans())] if len(events) < 50 else events
    frames = list(packed("acme", chosen, before, reached))
    assert all(len(each) <= MAX_FRAME for each in frames)
    heard: list[tuple[int, int]] = []
    every = [(event.entry.shard, event.entry.position) for event in chosen if event.entry]
    for each in frames:
        found, positions = read(each)
        heard += found
        assert every[len(heard) :] == [at for at in every if at[1] > positions[at[0]]]
        assert all(before[shard] <= position <= reached[shard] for shard, position in positions.items())
    assert heard == every
    if frames:
        assert positions == reached


def test_many_small_events_are_one_frame() -> None:
    events = [told(0, position) for position in range(1, 101)]
    (only,) = packed("acme", events, {0: 0}, {0: 100})
    assert json.loads(only)["type"] == "changes"
    assert len(read(only)[0]) == 100


def test_one_event_is_a_change() -> None:
    (only,) = packed("acme", [told(0, 1)], {}, {0: 1})
    assert set(json.loads(only)) == {"type", "cursor", "event"}


def test_nothing_is_no_frame() -> None:
    assert not list(packed("acme", [], {0: 1}, {0: 9}))


def test_a_named_file_does_not_move_the_cursor() -> None:
    files = [Told(f"file_{i}", 1, None, now(), '{"at":[0,0],"pad":"%s"}' % ("x" * 20_000)) for i in range(3)]
    frames = list(packed("acme", files, {0: 7}, {0: 7}))
    assert [read(each)[1] for each in frames] == [{0: 7}] * 3


def test_fields_that_are_none_are_left_out() -> None:
    assert json.loads(frame("pong", id=None)) == {"type": "pong"}
