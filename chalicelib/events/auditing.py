"""From the table's stream to the audit: an entry for each change that clients see of a file, and of each setting.

Settings are API keys, upload tokens, webhooks, tenants and share links. Their writers note who they are in `changed_by`
(`actors.noted`). A write that leaves it as it was, such as one that counts, is no change of a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.catalog.audit.entries import Entry
from chalicelib.catalog.dynamodb import read
from chalicelib.catalog.keys import share_id
from chalicelib.delivery.view import WHOLE
from chalicelib.events.envelope import PREFIX, Envelope, about, change_of, event_id
from chalicelib.events.indexing import moment_of
from chalicelib.model import ChangeType, File, timestamp

TYPES = "filemill.audit."
CREATED, CHANGED, ENDED = "created", "changed", "ended"
SEALED = f"{TYPES}sealed"
KINDS = ("key", "token", "webhook", "tenant", "share")

# Sort keys of settings, and the beginnings of partition keys, and what they are.
_KIND_OF = {"KEY": "key", "TOKEN": "token", "TENANT": "tenant"}
_BEGINNINGS = {"HOOKS#": "webhook", "SHARES#": "share"}

# Made anew for each answer, from fields that are named themselves.
_NOT_STORED = frozenset({"delete_at"})
# Stored under another name than clients see. The others have the same name.
_OTHER_NAMES = {"newer_kind": "kind", "other_renditions": "renditions", "newer_renditions": "renditions"}
_VISIBLE = {**{name: name for name in WHOLE - {"id", "revision", "updated_at"} - _NOT_STORED}, **_OTHER_NAMES}

# Attributes of settings that are none: keys of the table, and what the code itself counts.
_NO_SETTINGS = frozenset(
    {
        "pk",
        "sk",
        "list_pk",
        "list_sk",
        "due_pk",
        "due_sk",
        "ttl",
        "expires",
        "changed_by",
        "updated_at",
        "used",
        "used_at",
    }
)
# Names under which a change of a secret is told.
_SECRETS = {"hash": "secret", "secret_version": "secret", "earlier": "secret"}

UNKNOWN = {"type": "system", "id": "unknown"}

Image = Mapping[str, Any]


def of_file(file: File, before: Image, after: Image) -> Entry:
    """The entry of a new revision. `before` and `after` are the record's images, as the stream has them."""
    change = change_of(file)
    whole = change.type in (ChangeType.CREATED, ChangeType.DELETED)
    return Entry(
        id=event_id(file.id, file.revision),
        tenant=file.tenant,
        subject=file.id,
        type=f"{PREFIX}{change.type}",
        at=timestamp(change.at),
        actor=change.actor.model_dump(mode="json"),
        address=change.address,
        request_id=change.request_id,
        fields=() if whole else _changed(before, after, _VISIBLE),
        revision=file.revision,
        before=before.get("updated_at", {}).get("S"),
    )


def _changed(before: Image, after: Image, names: Mapping[str, str]) -> tuple[str, ...]:
    """The names of attributes that differ, as clients know them, in their order."""
    return tuple(sorted({told for name, told in names.items() if before.get(name) != after.get(name)}))


def of_setting(record: Mapping[str, Any]) -> Entry | None:
    """The entry of a change of a setting; None for every other record of the stream."""
    keys = {name: key["S"] for name, key in record["dynamodb"]["Keys"].items()}
    kind = _BEGINNINGS.get(keys["pk"].partition("#")[0] + "#") or _KIND_OF.get(keys["sk"])
    if kind is None:
        return None
    before, after = (record["dynamodb"].get(name, {}) for name in ("OldImage", "NewImage"))
    note = read({"changed_by": (after or before)["changed_by"]})["changed_by"] if _notes(before, after) else {}
    if kind == "tenant" and not note:
        return None  # its place in the list of tenants, which is no setting
    if kind == "share" and before.get("hash") != after.get("hash", before.get("hash")):
        before = {}  # a new link in the place of one that is over
    word, fields = _word(before, after, note)
    if word is None:
        return None
    subject = _subject(kind, keys, after or before)
    at = note.get("at") or timestamp(moment_of(record["dynamodb"]))
    owner = (after or before).get("tenant", {}).get("S", "")
    return Entry(
        id=setting_id(subject, at),
        tenant=subject if kind == "tenant" else keys["pk"].partition("#")[2] if kind == "webhook" else owner,
        subject=subject,
        type=f"{TYPES}{kind}.{word}",
        at=at,
        actor=note.get("actor") or UNKNOWN,
        address=note.get("address"),
        request_id=note.get("request_id"),
        fields=fields,
    )


def _subject(kind: str, keys: Mapping[str, str], image: Image) -> str:
    """The id of the thing that changed; of a link, the file's id and its own."""
    if kind == "webhook":
        return keys["sk"]
    name = keys["pk"].partition("#")[2]
    return f"{name}/{share_id(keys['sk'], image['hash']['S'])}" if kind == "share" else name


def setting_id(subject: str, at: str) -> str:
    """The id of a change of a setting: the same whenever its record comes, and unlike that of every other event."""
    return f"evt_{subject}_a{int(datetime.fromisoformat(at).timestamp() * 1000)}"


def _notes(before: Image, after: Image) -> bool:
    """True if the change was noted. A deleted item was noted before, in a write that says that it ends."""
    if not after:
        return "ends" in before.get("changed_by", {}).get("M", {})
    return "changed_by" in after and before.get("changed_by") != after["changed_by"]


def _word(before: Image, after: Image, note: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """(the word for a change, the names of fields). The word is None for a change of no setting."""
    if not before:
        return CREATED, ()
    if not after:  # others remove what ended before: the table's TTL, or whoever erases a tenant
        return (ENDED if note else None), ()
    names = {name: _SECRETS.get(name, name) for name in {*before, *after} - _NO_SETTINGS}
    fields = _changed(before, after, names)
    if "revoked_at" in after and "revoked_at" not in before:
        return ENDED, fields
    return (CHANGED if note and fields else None), fields


def event(entry: Entry) -> Envelope:
    """The event of a change of a setting, for the bus."""
    told = {"actor": dict(entry.actor), "address": entry.address, "request_id": entry.request_id}
    data = {name: value for name, value in told.items() if value is not None} | {"fields": list(entry.fields)}
    return about(entry.tenant, entry.subject, entry.type, entry.id, entry.at, data)


def sealed(record: Mapping[str, Any]) -> Envelope | None:
    """The event of a new seal, for the bus; None for every other record of the stream.

    It takes the seal out of the table. Whoever changes the table afterwards can't change what others have heard.
    """
    after = record["dynamodb"].get("NewImage", {})
    if record["dynamodb"]["Keys"]["sk"]["S"] != "SEALED" or not after:
        return None
    head = read(after)
    names = ("number", "hour", "entries", "hash", "signature", "key_id")
    data = {"actor": {"type": "system", "id": "sweep"}, "seal": {name: head[name] for name in names}}
    subject = f"seal_{head['number']}"
    return about(head["tenant"], subject, SEALED, f"evt_{subject}_{head['hash'][:16]}", head["at"], data)
