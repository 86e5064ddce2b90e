"""The index's own note on each file: which revision is indexed, under what, how it is counted, and where in the feed.

A marker is written before the head of its feed shard counts it. It counts once the head has reached its `position`.
Until then the state before it (`was`) is the one that counts, and it says what the head must add.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog.dynamodb import attributes, batch_get, is_refused, typed
from chalicelib.catalog.index.terms import Term
from chalicelib.catalog.keys import marker_key
from chalicelib.catalog.values import serialize
from chalicelib.model import File, Status
from chalicelib.settings import settings

# The states of a file whose bytes came. An import that failed has none.
CAME = (Status.PROCESSING, Status.READY, Status.FAILED)


@dataclass(frozen=True)
class Counted:
    """How a file is counted; `size` in bytes."""

    status: str
    kind: str
    size: int


@dataclass(frozen=True)
class Was:
    """The state that counted before a marker. `revision` is 0 for a file that had none.

    `former` is the position of its entry in the feed; None if there is none, or if it expires by itself. `used` says
    that the marker's bytes belong to the usage of the day. They don't where the index of an old file is made anew.
    """

    revision: int = 0
    counted: Counted | None = None
    uploaded: int | None = None
    former: int | None = None
    used: bool = True


@dataclass(frozen=True)
class Marker:
    """A file stays in its first index shard, and its entries in their first feed shard (`feed`).

    The note outlives the record. With the tenant and the moment of the last change, the file's history can be found.
    `uploaded` is how many bytes were counted as uploaded; None while nothing was. `passing` says that its entry in the
    feed expires by itself. `was` is None in markers of former releases, which were written with their heads. `fence` is
    raised to keep a writer that is late from writing it (`turns`).
    """

    shard: int
    revision: int
    position: int
    terms: frozenset[Term]
    counted: Counted | None
    tenant: str | None = None
    changed_at: str | None = None
    uploaded: int | None = None
    feed: int | None = None
    passing: bool = False
    was: Was | None = None
    fence: int | None = None

    @property
    def feed_shard(self) -> int:
        return self.shard if self.feed is None else self.feed

    def as_was(self) -> Marker:
        """The marker as if it had not been written. Postings are written before it, so its terms stay."""
        was = self.was or Was()
        return replace(
            self,
            revision=was.revision,
            position=was.former or 0,
            counted=was.counted,
            uploaded=was.uploaded,
            passing=was.former is None,
            was=None,
        )

    @property
    def former(self) -> int | None:
        """The position of the entry that the next turn of the file must delete."""
        return self.position if self.position and not self.passing else None

    def item(self, file_id: str) -> dict[str, Any]:
        # The release before looks for the entry in the index's shard, and must not find another file's there.
        elsewhere = self.feed is not None and self.feed != self.shard
        was = self.was
        return {
            **marker_key(file_id),
            "shard": self.shard,
            "revision": self.revision,
            "position": 0 if elsewhere else self.position,
            "terms": sorted(self.terms),
            "counted": _listed(self.counted),
            "tenant": self.tenant,
            "changed_at": self.changed_at,
            "uploaded": self.uploaded,
            "entry": [self.feed, self.position] if elsewhere else None,
            "passing": self.passing or None,
            "was": [was.revision, _listed(was.counted), was.uploaded, was.former, was.used] if was else None,
            "fence": self.fence,
        }


def _listed(counted: Counted | None) -> list[Any] | None:
    return [counted.status, counted.kind, counted.size] if counted else None


def _marker(values: dict[str, Any]) -> Marker:
    counted = values.get("counted")
    # The markers of former releases do not say it.
    before = counted[2] if counted and counted[0] in CAME else None
    feed, position = values.get("entry") or (None, values["position"])
    was = None
    if stored := values.get("was"):
        revision, earlier, uploaded, former, used = stored
        was = Was(revision, Counted(*earlier) if earlier else None, uploaded, former, used)
    return Marker(
        shard=values["shard"],
        revision=values["revision"],
        position=position,
        terms=frozenset(values["terms"]),
        counted=Counted(*counted) if counted else None,
        uploaded=values.get("uploaded", before),
        feed=feed,
        passing=values.get("passing", False),
        was=was,
        fence=values.get("fence"),
    )


def counted(file: File) -> Counted | None:
    """How a file is counted; a deleted one is not."""
    if file.status is Status.DELETED:
        return None
    return Counted(str(file.status), str(file.kind) if file.kind else "unknown", file.size or 0)


def markers(file_ids: Iterable[str]) -> dict[str, Marker]:
    """The markers of these files, by their ids; strongly consistent."""
    found = batch_get((marker_key(file_id) for file_id in file_ids), consistent=True)
    return {values["pk"].removeprefix("FILE#"): _marker(values) for values in found}


def write(file_id: str, marker: Marker, before: Marker | None) -> bool:
    """Writes a marker if the table still has the one `before`: one PutItem. False, and nothing is written, if not."""
    return _put(marker.item(file_id), before)


def fence(file_id: str, before: Marker | None, shard: int) -> bool:
    """Keeps a writer that has read the marker `before` from writing its own. False if that is too late.

    A file without a marker gets one that says nothing, in this index shard.
    """
    if before is None:
        return _put(Marker(shard, 0, 0, frozenset(), None, fence=1).item(file_id), None)
    condition = _same(before)
    condition["ExpressionAttributeValues"][":raised"] = serialize((before.fence or 0) + 1)
    return _done("update_item", Key=typed(marker_key(file_id)), UpdateExpression="SET fence = :raised", **condition)


def _put(item: dict[str, Any], before: Marker | None) -> bool:
    condition = {"ConditionExpression": "attribute_not_exists(pk)"} if before is None else _same(before)
    return _done("put_item", Item=attributes(item), **condition)


def _same(before: Marker) -> dict[str, Any]:
    """The condition that nobody has written or fenced the marker since it was read."""
    values = {":revision": serialize(before.revision)}
    fenced = "attribute_not_exists(fence)"
    if before.fence is not None:
        values[":fence"], fenced = serialize(before.fence), "fence = :fence"
    return {"ConditionExpression": f"revision = :revision AND {fenced}", "ExpressionAttributeValues": values}


def _done(operation: str, **request: Any) -> bool:
    try:
        getattr(aws.dynamodb(), operation)(TableName=settings().table, **request)
    except ClientError as error:
        if not is_refused(error):
            raise
        return False
    return True


def came(images: Sequence[File]) -> int | None:
    """The bytes that came for a file by its last image that has any; None if none came."""
    found = [image.size or 0 for image in images if image.status in CAME and image.version_id]
    return found[-1] if found else None
