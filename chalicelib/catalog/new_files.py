"""The record of a new file: everything that begins one makes it here, `POST /v1/files` and `ops adopt` alike.

First `reserve` asks the tenant's quotas, then `record` makes the record, and at last `files.create` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib.catalog.defaults import default_recipe
from chalicelib.model import File, Focus, Status, Visibility, new_file_id, now
from chalicelib.settings import MAX_OBJECT_BYTES


@dataclass(frozen=True)
class NewFile:
    """A file as somebody describes it before its bytes are there.

    `size` in bytes. It and `content_type` are None if nobody knows them. Without a `recipe`, the file gets the
    tenant's default. `owner` is the end user whose file it is.
    """

    filename: str
    content_type: str | None
    size: int | None
    sha256: str | None = None
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    visibility: Visibility = Visibility.PRIVATE
    recipe: str | None = None
    focus: Focus | None = None
    owner: str | None = None
    expires_after: int | None = None


def reserve(tenant: str, size: int | None, limits: Mapping[str, int]) -> int:
    """Reserves room for a new file in these quotas of the tenant. Gives the bytes that the file may have.

    Raises ExceededError for a quota that allows no more.
    """
    if not limits:
        return MAX_OBJECT_BYTES
    from chalicelib.catalog import reserves  # stages without quotas do without it

    return reserves.RESERVES.reserve(tenant, limits, size)


def record(tenant: str, new: NewFile, content_type: str, lives: timedelta, **more: Any) -> File:
    """The record of a file that waits for its bytes, not written yet. It expires if they do not come within `lives`."""
    moment = now()
    return File(
        id=new_file_id(),
        tenant=tenant,
        status=Status.AWAITING_UPLOAD,
        filename=new.filename,
        content_type=content_type,
        size=new.size,
        visibility=new.visibility,
        recipe=new.recipe or default_recipe(tenant),
        tags=list(new.tags),
        metadata=dict(new.metadata),
        focus=new.focus,
        owner=new.owner,
        expires_after=new.expires_after,
        revision=1,
        created_at=moment,
        updated_at=moment,
        expires_at=moment + lives,
        declared_sha256=new.sha256,
        **more,
    )
