"""The media queue: `process` hands video and audio over to the function `media`, one message for each file.

Other messages ask for parts of a stream before anybody watches: one for all that a file's recipe wants, which is then
worked off by messages of a few parts each. A former release drops both as no events of S3's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from chalicelib import aws
from chalicelib.model import File
from chalicelib.queues import ingest
from chalicelib.settings import settings

# The sorts of messages of our own. Each has one field, of this name; others have `Records`, as S3's do.
EAGER, PARTS = "eager", "parts"


class Asked(NamedTuple):
    """A message of ours: its sort (`EAGER` or `PARTS`), and the source version of a file that it is about.

    `names` are parts to make, by their names below `av/`. `closes` is true for the last message of a file's set.
    """

    sort: str
    tenant: str
    file_id: str
    version: str
    names: tuple[str, ...] = ()
    closes: bool = False


def send(file: File) -> None:
    """One SendMessage: the same event as in the ingest queue, in the tenant's message group.

    The group makes the queue fair: a tenant with many files in flight waits for those with few. Two messages have the
    effect of one.
    """
    _send(ingest.stored(file), file.tenant)


def send_eager(file: File) -> None:
    """One SendMessage that asks for what the file's recipe wants. Two of them have the effect of one."""
    _send({EAGER: _about(file)}, _group(file))


def send_parts(file: File, names: Sequence[str], *, closes: bool) -> None:
    """One SendMessage that asks for some parts. Two of them have the effect of one."""
    _send({PARTS: {**_about(file), "names": list(names), "closes": closes}}, _group(file))


def asked(body: str) -> Asked | None:
    """The message of ours with this body; None for any other message."""
    try:
        said = json.loads(body)
        sort = next(sort for sort in (EAGER, PARTS) if sort in said)
        about = said[sort]
        tenant, file_id, version = (str(about[name]) for name in ("tenant", "id", "version"))
        names = tuple(map(str, about.get("names", ())))
        return Asked(sort, tenant, file_id, version, names, about.get("closes") is True)
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return None


def _about(file: File) -> dict[str, Any]:
    return {"tenant": file.tenant, "id": file.id, "version": file.source_version}


def _group(file: File) -> str:
    """A second group of the tenant: so the parts of a long film hold up neither other tenants nor its own new files."""
    return f"{file.tenant}/eager"


def _send(body: dict[str, Any], group: str) -> None:
    aws.sqs().send_message(QueueUrl=settings().media_queue_url, MessageBody=json.dumps(body), MessageGroupId=group)
