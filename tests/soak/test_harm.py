"""The attack's check finds what it is there for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.model import File, Status, Visibility, now, original_key
from tests.soak.harm import Facts, Stored, harmed, p99


def record(number: int, **values: object) -> File:
    moment = now()
    common = {
        "id": f"file_{number}",
        "tenant": "strange",
        "status": Status.READY,
        "filename": "a.png",
        "content_type": "image/png",
        "size": 10,
        "max_bytes": 20,
        "visibility": Visibility.PRIVATE,
        "recipe": "photo",
        "revision": 3,
        "created_at": moment,
        "updated_at": moment,
    }
    return File.model_validate(common | values)


DONE, WAITING = record(1), record(2, status=Status.AWAITING_UPLOAD, upload_id="u", size=None)
KEY, OPEN = original_key("strange", "file_1"), original_key("strange", "file_2")
METRIC = {"_aws": {}, "FilesInTrouble": [0], "SweepErrors": [0], "FilesFailed": [3]}
GOOD = Facts(
    answers=Counter({("viewers", 404): 9, ("viewers", 200): 1, ("holders", 429): 2}),
    waiting={"ingest": 0},
    dead={"ingest": 0, "import": 0},
    lines=[
        ("api", '{"level": "INFO", "message": "request"}'),
        ("sweep", json.dumps(METRIC)),
        ("fetch", "START RequestId: 1"),
        ("fetch", "[1]"),
        ("fetch", "Traceback (most recent call last):"),
    ],
    records=[DONE, WAITING],
    versions=[Stored(KEY, 10)],
    uploads=[Stored(OPEN, 20)],
    sent={"file_9": True},
    quiet=[0.1] * 100,
    attacked=[0.19] * 100,
)


def _line(text: str) -> Callable[[Facts], Facts]:
    return lambda f: replace(f, lines=[*f.lines, ("process", text)])


DAMAGES: dict[str, Callable[[Facts], Facts]] = {
    "1 answers of 503 to viewers": lambda f: replace(f, answers=f.answers + Counter({("viewers", 503): 1})),
    "1 answers of 429 without Retry-After": lambda f: replace(f, without_retry_after=1),
    "no answer to viewers": lambda f: replace(f, unanswered=["no answer to viewers: GET /"]),
    "2 messages still wait in ingest": lambda f: replace(f, waiting={"ingest": 2}),
    "1 dead letters in import": lambda f: replace(f, dead={"ingest": 0, "import": 1}),
    "process logged processing failed": _line('{"level": "ERROR", "message": "processing failed"}'),
    "index logged Traceback": lambda f: replace(f, lines=[("index", "Traceback (most recent call last):")]),
    "process logged 2026-11-26 Task timed out": _line("2026-11-26 Task timed out after 60.00 seconds"),
    "process logged metric FilesInTrouble": _line(json.dumps(METRIC | {"FilesInTrouble": [0, 1]})),
    "process logged metric SweepErrors": _line(json.dumps(METRIC | {"SweepErrors": 2})),
    "belongs to no file": lambda f: replace(f, versions=[Stored("strange/file_3", 1)]),
    "has 11 bytes, and may have 10": lambda f: replace(f, versions=[Stored(KEY, 11)]),
    "is open, whose file is ready": lambda f: replace(f, uploads=[Stored(KEY, 1)]),
    "is open, whose file is gone": lambda f: replace(f, uploads=[Stored("strange/file_3", 1)]),
    "have 21 bytes, and may have 20": lambda f: replace(f, uploads=[*f.uploads, Stored(OPEN, 1)]),
    "the ordinary client's file file_9 is not ready": lambda f: replace(f, sent={"file_9": False}),
    "p99 became 2.1 times": lambda f: replace(f, attacked=[0.1] * 90 + [0.21] * 10),
}


def test_nothing_is_wrong_with_what_is_well() -> None:
    assert harmed(GOOD, hold_times=True) == []


@pytest.mark.parametrize(("sentence", "damage"), DAMAGES.items(), ids=list(DAMAGES))
def test_each_damage_is_found(sentence: str, damage: Callable[[Facts], Facts]) -> None:
    assert [sentence in fault for fault in harmed(damage(GOOD), hold_times=True)] == [True]


def test_times_count_only_where_they_are_asked_for() -> None:
    slow = replace(GOOD, attacked=[9.0])
    assert harmed(slow, hold_times=False) == []
    assert len(harmed(slow, hold_times=True)) == 1


def test_the_99th_percentile_is_the_nearest_rank() -> None:
    assert p99([float(each) for each in range(100, 0, -1)]) == 99
    assert p99([7.0]) == 7
    assert p99([float(each) for each in range(1, 1001)]) == 990
