"""The envelope in which everybody hears of a change: CloudEvents 1.0, the same on the bus, in webhooks and the socket.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md. docs/events.md describes the fields for consumers,
and `schemas/` has a JSON Schema for each type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.delivery import view
from chalicelib.model import Actor, ChangeType, File, LastChange, Status, timestamp
from chalicelib.settings import settings

PREFIX = "filemill.file."
WEBHOOK_DISABLED = "filemill.webhook.disabled"

# Bytes of an envelope as compact JSON. It leaves room in a frame of the socket (32 KB) and in an entry of the bus.
MAX_BYTES = 24 * 1024

# The fields that every event of a file keeps, unless the file is deleted. All else may be left out, the largest part
# first.
KEPT = frozenset({"id", "status", "revision", "kind", "created_at", "updated_at", "visibility"})
# Parts of a part that are large while the rest of it is small.
_INNER = (("image", "exif"),)

UNKNOWN = Actor(type="system", id="filemill")

Envelope = dict[str, Any]


def change_of(file: File) -> LastChange:
    """The change that gave a record its present revision.

    The release before this one writes none. Then the state tells what it was, as well as it can.
    """
    change = file.last_change
    if change and change.at == file.updated_at:
        return change
    words = {Status.AWAITING_UPLOAD: ChangeType.CREATED if file.revision == 1 else ChangeType.UPDATED}
    return LastChange(type=words.get(file.status) or ChangeType(str(file.status)), at=file.updated_at, actor=UNKNOWN)


def event_id(file_id: str, revision: int) -> str:
    """The id of an event. Consumers drop an event whose id they have seen."""
    return f"evt_{file_id}_{revision}"


def envelope(file: File) -> Envelope:
    """The event of a record's last change."""
    return envelope_of(file, change_of(file), file.revision)


def envelope_of(file: File, change: LastChange, revision: int) -> Envelope:
    """The event of an earlier change, with the record as it is now. `revision` is the one that the change made.

    A deleted file's event has its id, its revision and the actor, and nothing that a client wrote. So does an event of
    an earlier change once the file is deleted; `omitted` then says that the record is missing.
    """
    if change.type is ChangeType.DELETED:
        return deleted(file.tenant, file.id, revision, change.at, change.actor)
    if file.status is Status.DELETED:
        data: dict[str, Any] = {"file": _bare(file.id, max(revision, file.revision)), "omitted": ["file"]}
    else:
        data = {"file": view.unsigned(file)}
    data["actor"] = change.actor.model_dump(mode="json")
    kind, identity = f"{PREFIX}{change.type}", event_id(file.id, revision)
    return _bounded(about(file.tenant, file.id, kind, identity, timestamp(change.at), data))


def deleted(tenant: str, file_id: str, revision: int, at: datetime, actor: Actor = UNKNOWN) -> Envelope:
    """The event of a deletion, for which no record is needed."""
    data = {"file": _bare(file_id, revision), "actor": actor.model_dump(mode="json")}
    kind = f"{PREFIX}{ChangeType.DELETED}"
    return about(tenant, file_id, kind, event_id(file_id, revision), timestamp(at), data)


def _bare(file_id: str, revision: int) -> dict[str, Any]:
    return {"id": file_id, "revision": revision}


def webhook_disabled(before: Mapping[str, Any], after: Mapping[str, Any]) -> Envelope | None:
    """The event of a webhook that Filemill disabled; None for every other change of its item.

    `before` and `after` are the item's values. The event tells no address, because that may have a secret in it.
    """
    reason, at = after.get("disabled_reason"), after.get("disabled_at")
    if not before.get("enabled") or after.get("enabled") or not reason or not at:
        return None
    tenant, webhook = after["pk"].partition("#")[2], after["sk"]
    moment = datetime.fromisoformat(at)
    identity = f"evt_{webhook}_{int(moment.timestamp() * 1000)}"
    data = {"webhook": {"id": webhook, "reason": reason, "disabled_at": timestamp(moment)}}
    return about(tenant, webhook, WEBHOOK_DISABLED, identity, timestamp(moment), data)


def about(tenant: str, subject: str, kind: str, identity: str, time: str, data: Mapping[str, Any]) -> Envelope:
    """An envelope around `data`. `time` is the moment of the change, as `model.timestamp` writes it."""
    return {
        "specversion": "1.0",
        "id": identity,
        "source": f"filemill/{settings().stage}",
        "type": kind,
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "tenant": tenant,
        "data": dict(data),
    }


def as_json(event: Any) -> str:
    """Compact JSON: the bytes that are signed, sent and measured."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _size(value: Any) -> int:
    return len(as_json(value).encode())


def _bounded(event: Envelope) -> Envelope:
    """Leaves out the largest parts of the record until the envelope has at most MAX_BYTES; `omitted` names them."""
    file = event["data"]["file"]
    omitted: list[str] = []
    while _size(event) > MAX_BYTES:
        owner, name, path = max(_parts(file), key=lambda part: _size(part[0][part[1]]))
        del owner[name]
        # A part that is gone as a whole is named, and its own parts are not.
        omitted[:] = [each for each in omitted if not each.startswith(f"{path}.")] + [path]
        event["data"]["omitted"] = omitted
    return event


def _parts(file: dict[str, Any]) -> list[tuple[dict[str, Any], str, str]]:
    """The parts of a record that may be left out: (the object it is in, its name there, its name in `omitted`)."""
    parts = [(file, name, name) for name in file if name not in KEPT]
    for outer, inner in _INNER:
        if isinstance(file.get(outer), dict) and inner in file[outer]:
            parts = [part for part in parts if part[1] != outer]
            parts.append((file[outer], inner, f"{outer}.{inner}"))
    return parts
