"""From the table's stream to the index. Knows neither Chalice nor how the index is written.

An image that cannot be read as a record is logged and left out, because it would hold up its shard for a day.
Everything else that fails raises: then Lambda brings the same batch again, and doing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from chalicelib.catalog import actors, files
from chalicelib.catalog.index import writer
from chalicelib.catalog.index.writer import Change
from chalicelib.catalog.keys import file_key
from chalicelib.model import File, Status
from chalicelib.observability import Metric, count, logger


def handle(event: dict[str, Any], context: Any) -> None:
    """Indexes one batch of the table's stream."""
    actors.begin(context.aws_request_id)
    changes = newest_of(event["Records"])
    fresh = writer.index(changes)
    if changes:
        logger.info("indexed", extra={"files": len(changes), "fresh": fresh})


def newest_of(records: Iterable[dict[str, Any]]) -> list[Change]:
    """The changes in a batch of stream records, one for each file. Items that are no file's record are left out."""
    images: dict[str, list[File]] = {}
    for record in records:
        keys = record["dynamodb"]["Keys"]
        file_id = keys["pk"]["S"].removeprefix("FILE#")
        if {name: key["S"] for name, key in keys.items()} != file_key(file_id):
            continue
        try:
            file = _image(record)
        except (ValidationError, ValueError, TypeError, KeyError):
            logger.exception("a record that cannot be indexed", extra={"file_id": file_id})
            count({Metric.FILES_IN_TROUBLE: 1})
            continue
        images.setdefault(file_id, []).append(file)
    changes = []
    for seen in images.values():
        newest = max(seen, key=lambda file: file.revision)
        changes.append(Change(newest, tuple(file for file in seen if file.revision < newest.revision)))
    return changes


def _image(record: dict[str, Any]) -> File:
    change = record["dynamodb"]
    if record["eventName"] != "REMOVE":
        return files.as_file(change["NewImage"])
    # The table's TTL removed a tombstone, or the record of an upload that never came, which is deleted by this.
    file = files.as_file(change["OldImage"])
    if file.status is Status.DELETED:
        return file
    values = {"status": Status.DELETED, "revision": file.revision + 1, "updated_at": moment_of(change)}
    return file.model_copy(update=values)


def moment_of(change: Mapping[str, Any]) -> datetime:
    """The stream's own time of a change, so that a batch that comes again tells the same.

    AWS's examples show it as a number, and as a text like "1678831218.0":
    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
    """
    return datetime.fromtimestamp(int(float(change["ApproximateCreationDateTime"])), UTC)
