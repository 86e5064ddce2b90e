"""Records as they stand in the table of a stage on moto, and the difference that a change makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import model
from chalicelib.catalog import credentials
from chalicelib.catalog.dynamodb import attributes, read, typed
from chalicelib.catalog.files import list_keys
from chalicelib.catalog.keys import due_keys, file_key, sha256_keys
from chalicelib.model import File, Rendition, Status, UploadToken, Visibility, timestamp
from tests.making import file
from tests.stage import aws_client

TABLE = "filemill-test"

NOW = datetime(2026, 11, 22, 13, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
BEFORE, AFTER = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)
LATER = NOW + timedelta(days=1)


STREAM = Rendition(name="hls", format="hls", content_type="application/vnd.apple.mpegurl", size=1, duration=2.0)


@contextmanager
def time_stands_still(at: datetime = NOW) -> Iterator[None]:
    """Meanwhile it is this moment for the code under test."""

    class Still(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return at.astimezone(tz)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "datetime", Still)
        yield


def full(status: Status, **values: Any) -> dict[str, Any]:
    """The values of a record that has every attribute that a change may touch. Its lease is over."""
    record = file(
        1,
        status=status,
        created_at=BEFORE,
        updated_at=BEFORE,
        expires_at=BEFORE,
        error={"code": "internal", "message": "before"},
        image={"width": 1, "height": 1, "format": "png", "thumbhash": "a", "dominant_color": "#000000"},
        renditions=[Rendition(name="w1", format="png", content_type="image/png", width=1, height=1, size=1)],
        source_url="https://example.com/a.jpg",
        version_id="version",
        sequencer="0A",
        source_version="0" * 16,
        made_with="recipe",
        eager_version="1" * 16,
        generation=4,
        wanted_recipe="document",
        leftovers=["f/private/a/"],
        restore_until=AFTER,
        restore_to=Status.READY,
        claim_id="claim",
        lease_until=BEFORE,
        attempts=2,
        handed_to="media",
        focus={"x": 0.5, "y": 0.5},
        poster={"time": 1.5},
        metadata={"a": 1},
        declared_sha256="e" * 64,
        max_bytes=9,
        upload_id="upload",
        part_size=5,
        token_id="token",
        owner="owner",
        correlation_id="correlation",
        remembered_as="IDEM#acme/key#0",
        allowed_types=["image/*"],
        type_guessed=True,
        proven_type="image/png",
        client_parts=True,
        refused=False,
        newer_kind="image",
        preview={"width": 1, "height": 1, "thumbhash": "a", "dominant_color": "#000000"},
        warnings=[{"code": "a", "message": "b"}],
        words=["word"],
        services={"labels": {"status": "done", "version": 1, "result": {}}},
        scan={"status": "unscannable", "scanned_at": BEFORE},
        scan_version="version",
        scan_rank=1,
        scan_asked=1,
        accepted_version="version",
        pdf={"pages": 1},
        document={"format": "docx"},
        spreadsheet={"format": "xlsx"},
        presentation={"format": "pptx"},
        text={"format": "plain", "encoding": "utf-8"},
        archive={"format": "zip"},
        email={"subject": "a"},
        font={"format": "ttf"},
        video={"format": "mp4"},
        audio={"format": "mp3"},
        captions=[{"language": "fr", "label": "fr", "name": "av/captions-0.vtt", "sha256": ""}],
        other_renditions=[Rendition(name="text", format="txt", content_type="text/plain", size=1)],
        last_change={"type": "updated", "at": BEFORE, "actor": {"type": "key", "id": "before"}},
    )
    return {
        **file_key(record.id),
        **record.model_dump(mode="json", exclude_none=True),
        "newer_renditions": [] if "other_renditions" in values else [STREAM.model_dump(mode="json")],
        **list_keys(record),
        **sha256_keys(record.tenant, str(record.sha256), record.id),
        **due_keys(record.id, BEFORE),
        "ttl": 1,
        **values,
    }


def stored(values: Mapping[str, Any]) -> File:
    """Puts a record into the table as it is; those values that are None are left out."""
    aws_client("dynamodb").put_item(TableName=TABLE, Item=attributes(values))
    return File.model_validate({name: value for name, value in values.items() if value is not None})


def item(file_id: str) -> dict[str, Any]:
    """The values in the table; nothing if there is no record."""
    reply = aws_client("dynamodb").get_item(TableName=TABLE, Key=typed(file_key(file_id)), ConsistentRead=True)
    return read(reply.get("Item", {}))


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Names of the attributes that are new or have another value, and of those that are gone."""
    return {name for name in after if before.get(name) != after[name]}, before.keys() - after.keys()


def at(moment: datetime) -> str:
    return timestamp(moment)


def waiting(number: int = 1, **values: Any) -> File:
    """A new file that waits for its upload."""
    lives = {"created_at": NOW, "updated_at": NOW, "expires_at": NOW + timedelta(hours=1)}
    return file(number, status=Status.AWAITING_UPLOAD, kind=None, sha256=None, revision=1, **{**lives, **values})


def token(**values: Any) -> str:
    """Writes an upload token for one file, with the id that it returns."""
    made: dict[str, Any] = {"id": "t", "hash": "h", "tenant": "acme", "max_files": 1, "max_bytes": 9}
    made |= {"created_at": NOW, "expires_at": NOW + timedelta(hours=1), "visibility": Visibility.PRIVATE}
    credentials.put_token(UploadToken(**{**made, "recipe": "photo", **values}))
    return "t"


def used() -> int:
    """How many files are counted against that token."""
    found = credentials.get_token("t")
    assert found
    return found.used
