"""Records for tests of the catalog."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ulid import ULID

from chalicelib.model import File, Kind, Status, Visibility

BEGIN = datetime(2026, 11, 22, 12, tzinfo=UTC)


def file(number: int, **values: Any) -> File:
    """The number-th file of `acme`, one a second; ready, an image, of 1000 bytes and the number."""
    created = BEGIN + timedelta(seconds=number)
    milliseconds = int(created.timestamp() * 1000)
    made: dict[str, Any] = {
        "id": f"file_{ULID.from_bytes(milliseconds.to_bytes(6, 'big') + number.to_bytes(10, 'big'))}",
        "tenant": "acme",
        "status": Status.READY,
        "kind": Kind.IMAGE,
        "filename": f"IMG {number:06d}.jpg",
        "content_type": "image/jpeg",
        "size": 1000 + number,
        "sha256": f"{number:064x}",
        "visibility": Visibility.PRIVATE,
        "recipe": "photo",
        "tags": ["holiday", "cats" if number % 2 else "dogs"],
        "revision": 3,
        "created_at": created,
        "updated_at": created + timedelta(seconds=2),
    }
    return File.model_validate(made | values)
