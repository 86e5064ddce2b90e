"""The soak's check finds what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.model import ErrorCode, File, FileError, Rendition, Status, Visibility, now, rendition_key
from tests.soak.checks import Event, Facts, wrong

RENDITION = Rendition(name="w160", format="webp", content_type="image/webp", width=160, height=90, size=7)
KEY = rendition_key(Visibility.PRIVATE, "file_1", "v", RENDITION)


def record(**values: object) -> File:
    moment = now()
    common = {
        "id": "file_1",
        "tenant": "soak",
        "status": Status.READY,
        "filename": "a.png",
        "content_type": "image/png",
        "visibility": Visibility.PRIVATE,
        "recipe": "photo",
        "revision": 3,
        "created_at": moment,
        "updated_at": moment,
        "sha256": "aa",
        "renditions": [RENDITION],
        "version_id": "x",
        "source_version": "v",
    }
    return File.model_validate(common | values)


READY = Event("file_1", Status.READY, 3)
GOOD = Facts(
    sent={"file_1": "aa"},
    records=[record()],
    originals=[("soak/file_1", "x")],
    derived={KEY: 7},
    events=[Event("file_1", Status.AWAITING_UPLOAD, 1), Event("file_1", Status.PROCESSING, 2), READY],
    listed=["file_1"],
    feed=[("file_1", 3)],
    counted={"ready": 1, "failed": 0},
)
FAILED = FileError(code=ErrorCode.INTERNAL, message="stopped")

Damage = Callable[[Facts], Facts]
DAMAGES: dict[str, Damage] = {
    "is processing": lambda f: replace(f, records=[record(status=Status.PROCESSING)]),
    "is failed (stopped)": lambda f: replace(f, records=[record(status=Status.FAILED, error=FAILED)]),
    "has no record": lambda f: replace(f, sent={**f.sent, "file_2": "bb"}),
    "is a file that nobody sent": lambda f: replace(f, records=[*f.records, record(id="file_2")]),
    "has other bytes than were sent": lambda f: replace(f, records=[record(sha256="bb")]),
    "has no renditions": lambda f: replace(f, records=[record(renditions=[])]),
    "was made 2 times over": lambda f: replace(f, records=[record(generation=1)]),
    f"rendition {KEY} is missing": lambda f: replace(f, derived={}),
    "has 6 bytes, its record says 7": lambda f: replace(f, derived={KEY: 6}),
    "rendition f/private/file_9/v/w160.webp belongs to no record": lambda f: replace(
        f, derived={**f.derived, "f/private/file_9/v/w160.webp": 7}
    ),
    "original soak/file_1, version y, belongs to no record": lambda f: replace(
        f, originals=[*f.originals, ("soak/file_1", "y")]
    ),
    "original soak/file_1, version x, is missing": lambda f: replace(f, originals=[]),
    "became ready 2 times": lambda f: replace(f, events=[*f.events, Event("file_1", Status.READY, 4)]),
    "became ready 0 times": lambda f: replace(f, events=f.events[:2]),
    "has a revision twice, or one that fell": lambda f: replace(f, events=[f.events[1], *f.events]),
    "is in the feed of changes 2 times": lambda f: replace(f, feed=[*f.feed, *f.feed]),
    "is at revision 3, and at 2 in the feed": lambda f: replace(f, feed=[("file_1", 2)]),
    "is at revision 3, and at None in the feed": lambda f: replace(f, feed=[]),
    "is listed 0 times": lambda f: replace(f, listed=[]),
    "is listed 2 times": lambda f: replace(f, listed=["file_1", "file_1"]),
    "is listed, and nobody sent it": lambda f: replace(f, listed=["file_1", "file_2"]),
    "the statistics count": lambda f: replace(f, counted={"ready": 2}),
    "1 messages still wait": lambda f: replace(f, waiting=1),
    "1 dead letters": lambda f: replace(f, dead=1),
}


def test_nothing_is_wrong_with_what_is_well() -> None:
    assert wrong(GOOD) == []


@pytest.mark.parametrize(("sentence", "damage"), DAMAGES.items(), ids=list(DAMAGES))
def test_each_damage_is_found(sentence: str, damage: Damage) -> None:
    assert any(sentence in fault for fault in wrong(damage(GOOD)))
