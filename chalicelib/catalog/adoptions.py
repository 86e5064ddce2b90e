"""Notes on the objects of other buckets that became files (`ops adopt`): each object becomes one file, and only one.

A note is written in one transaction with its file's record, on the condition that there is none. So of two runs at the
same time one makes the file, and a run that goes on after another one was killed finds the file that was begun. Once
the object's bytes are copied, the note says so, and no later run looks at the object again, even if the file is deleted
by then.

A note does not name its object: it has a hash of the bucket's name, the key and the ETag. An object that was written
anew has another ETag, so it is another object.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chalicelib.catalog import dynamodb
from chalicelib.catalog.dynamodb import NEW, ConditionFailedError, Joined, joined_put
from chalicelib.catalog.keys import adoption_key
from chalicelib.catalog.values import serialize
from chalicelib.model import now, timestamp


class AdoptedError(Exception):
    """Another run was faster: there is another note on this object."""


@dataclass(frozen=True)
class Note:
    """The file that an object became; `copied` is True once the object's bytes are that file's original."""

    file_id: str
    copied: bool


def source(bucket: str, key: str, etag: str) -> str:
    """The hash (SHA-256, hexadecimal) by which an object's note is found. The ETag has no quotes."""
    # No bucket's name has a line break, and no ETag has one. A key may: its length tells where it ends.
    return hashlib.sha256(f"{bucket}\n{len(key)}\n{key}\n{etag}".encode()).hexdigest()


def notes(tenant: str, sources: Iterable[str]) -> dict[str, Note]:
    """The notes that there are on these sources: one BatchGetItem for each hundred, strongly consistent."""
    found = dynamodb.batch_get((adoption_key(tenant, each) for each in sources), consistent=True)
    return {item["pk"].rpartition("#")[2]: Note(item["file_id"], "copied_at" in item) for item in found}


def note(tenant: str, source: str, file_id: str, instead_of: str | None = None) -> Joined:
    """The write of a note, which goes together with that of the file's record. Refused with AdoptedError.

    `instead_of` is the file of an earlier note, whose record is gone.
    """
    condition: dict[str, Any] = {"ConditionExpression": NEW}
    if instead_of:
        condition = {
            "ConditionExpression": "file_id = :former AND attribute_not_exists(copied_at)",
            "ExpressionAttributeValues": {":former": serialize(instead_of)},
        }
    item = {**adoption_key(tenant, source), "file_id": file_id}
    return Joined(joined_put(item, **condition), refused=AdoptedError())


def copied(tenant: str, source: str, file_id: str) -> None:
    """Notes that the file has the object's bytes: one UpdateItem. Does nothing if the note is another file's."""
    try:
        dynamodb.update(
            adoption_key(tenant, source),
            values={"copied_at": timestamp(now())},
            condition="file_id = :file",
            using={":file": file_id},
            returning="NONE",
        )
    except ConditionFailedError:
        return
