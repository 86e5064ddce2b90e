"""What must hold at every moment, and what must hold in the end."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.catalog import files, scans, service_states
from chalicelib.catalog.dynamodb import read
from chalicelib.catalog.index import counts, feed, lists
from chalicelib.catalog.index.query import ListQuery
from chalicelib.catalog.index.terms import postings
from chalicelib.catalog.keys import marker_key
from chalicelib.catalog.transitions import CREATE, EMPTIED, TOMBSTONE, TRANSITIONS
from chalicelib.delivery import view
from chalicelib.events import auditing
from chalicelib.model import (
    EXTENSIONS,
    ChangeType,
    File,
    Kind,
    Status,
    Worker,
    rendition_key,
    rendition_prefix,
    timestamp,
)
from chalicelib.queues.ingest import HASH, SCAN, SERVICES
from chalicelib.renditions import captions, entry_names, ladder, places
from tests import transitions
from tests.faults.looking import derived_keys, is_file, multipart_uploads, originals, records, table
from tests.sockets import Listener

TENANT = "acme"

# What a client sees of a file, except what depends on chance and time.
_FACTS = (
    "status",
    "filename",
    "content_type",
    "proven_type",
    "size",
    "visibility",
    "recipe",
    "tags",
    "metadata",
    "focus",
    "kind",
    "sha256",
    "error",
    "image",
    "renditions",
    "other_renditions",
    "newer_renditions",
    "captions",
    "services",
    "made_with",
    "wanted_recipe",
)

Facts = tuple[str, ...]


class BrokenError(AssertionError):
    """Something that must hold does not."""


def check_acknowledged(body: str, before: list[File], by: Worker = Worker.PROCESS) -> None:
    """A message that was acknowledged has changed its file. `by` is the function that did so."""
    was = {file.id: file for file in before}
    after = {file.id: file for file in records()}
    told = json.loads(body)
    if wanted := told.get(HASH):
        hashed = after.get(wanted["id"])
        if hashed and hashed.status in (Status.READY, Status.PROCESSING) and hashed.sha256 is None:
            raise BrokenError("a message was acknowledged, and its file has no hash")
        return
    if wanted := told.get(SERVICES):
        asked = after.get(wanted["id"])
        if asked and asked.status is Status.READY and any(map(service_states.may_begin, asked.services.values())):
            raise BrokenError("a message was acknowledged, and a service waits that may begin")
        return
    if wanted := told.get(SCAN):
        held = after.get(wanted["id"])
        if held and scans.is_held(held) and held.scan_asked == was[held.id].scan_asked:
            raise BrokenError("a message was acknowledged, and nobody was asked to scan its file")
        return
    for entry in told.get("Records", []):
        stored = entry["s3"]["object"]
        file = after.get(stored["key"].rpartition("/")[2])
        if file is None:
            continue
        if file.status in (Status.AWAITING_UPLOAD, Status.EXPIRED):
            raise BrokenError(f"a message was acknowledged, and its file is `{file.status}`")
        same = file.id in was and was[file.id].generation == file.generation
        handed_over = file.claim_id is None and file.handed_to not in (None, by)
        waits = handed_over or scans.is_held(file)  # another message, its verdict or the sweep goes on with it
        if file.status is Status.PROCESSING and file.version_id == stored["versionId"] and same and not waits:
            raise BrokenError("a message was acknowledged, and its file is `processing` still")


def check_whole(file: File, derived: set[str], stored: set[tuple[str, str]]) -> None:
    """What is served exists: all renditions that a record names, and the original behind them."""
    if file.status in (Status.DELETED, Status.AWAITING_UPLOAD, Status.EXPIRED):
        return
    named = {rendition_key(file.visibility, file.id, str(file.source_version), r) for r in file.all_renditions}
    if missing := named - derived:
        raise BrokenError(f"`{file.status}` without {len(missing)} of its {len(named)} renditions")
    if file.status is Status.READY:
        if (f"{file.tenant}/{file.id}", file.version_id) not in stored:
            raise BrokenError("`ready` without its original")
        if file.kind is Kind.IMAGE and not file.renditions and file.recipe != "original-only":
            raise BrokenError("an image is `ready` without renditions")


def check_history(stream: list[dict[str, Any]]) -> None:
    """Each change of a record is a transition in the table, and no change that clients see kept its revision."""
    last: dict[str, tuple[File, dict[str, Any]]] = {}
    told: set[tuple[str, int]] = set()
    revisions: dict[str, set[int]] = defaultdict(set)
    for change in stream:
        image = change["dynamodb"].get("NewImage")
        if image is None:
            continue
        if is_file(change):
            file = files.as_file(image)
            revisions[file.id].add(file.revision)
            if before := last.get(file.id):
                _check_step(before[0], file)
                if transitions.explained(before[1], image) is None:
                    raise BrokenError(f"no transition leads from this `{before[0].status}` to this `{file.status}`")
            elif file.status not in CREATE.target:
                raise BrokenError(f"a record that began as `{file.status}`")
            last[file.id] = file, image
        elif image["pk"]["S"].startswith("FEED#"):
            entry = read(image)
            event = (entry["file_id"], entry["revision"])
            if event in told:
                raise BrokenError("a change is in the feed twice")
            if entry["revision"] not in revisions[entry["file_id"]]:
                raise BrokenError("a change is in the feed that never was")
            told.add(event)


def _check_step(before: File, after: File) -> None:
    if after.revision < before.revision:
        raise BrokenError(f"revision {before.revision} became {after.revision}")
    if not any((before.status, after.status) in transition.arrows for transition in TRANSITIONS):
        raise BrokenError(f"`{before.status}` became `{after.status}`")
    reopened = (before.status, after.status) == (Status.FAILED, Status.AWAITING_UPLOAD)
    if reopened and (before.version_id or not before.source_url):
        raise BrokenError("a file whose bytes nobody will send again waits for them")
    if after.status is Status.PROCESSING and after.generation == before.generation:
        if before.status not in (Status.AWAITING_UPLOAD, Status.EXPIRED, Status.PROCESSING):
            raise BrokenError(f"processed twice: `{before.status}` became `processing` again")
        if before.status is Status.PROCESSING and after.claim_id not in (None, before.claim_id):
            assert before.lease_until
            if before.lease_until > after.updated_at:
                raise BrokenError("processed twice: a file was claimed while another worker had it")
    unchanged = all(getattr(before, name) == getattr(after, name) for name in _FACTS)
    if unchanged and before.status is Status.READY and after.revision > before.revision:
        raise BrokenError("told twice: a change that changes nothing")
    seen = {*_FACTS, "updated_at"} - {"wanted_recipe", "made_with"}
    if after.status is not Status.DELETED and after.revision == before.revision:
        changed = {name for name in seen if getattr(before, name) != getattr(after, name)}
        if changed:
            raise BrokenError(f"{sorted(changed)} changed, and the revision did not")


def check_heard(stream: list[dict[str, Any]], heard: list[dict[str, Any]]) -> None:
    """Each event on the bus tells of a change that was made, and of the record as that change left it."""
    made, disabled = _changes(stream), _disabled(stream)
    settings = {entry.id: auditing.event(entry) for each in stream if (entry := auditing.of_setting(each))}
    for event in heard:
        if event["id"] in settings:
            if event != settings[event["id"]]:
                raise BrokenError(f"the bus heard of a setting that never was, with {event['type']}")
            continue
        if event["type"] == auditing.SEALED:
            continue
        if event["id"] in disabled:
            if event["data"]["webhook"]["reason"] != disabled[event["id"]]:
                raise BrokenError("the bus heard that a webhook was disabled for another reason")
            continue
        if event["id"] not in made:
            raise BrokenError(f"the bus heard of a change that never was: {event['type']}")
        word, file = made[event["id"]]
        if event["type"] != f"filemill.file.{word}":
            raise BrokenError(f"the bus heard {event['type']} where a file became `{word}`")
        told, deleted = event["data"]["file"], word is ChangeType.DELETED
        if told != ({"id": told["id"], "revision": told["revision"]} if deleted else view.unsigned(file)):
            raise BrokenError(f"the bus heard of a state that never was, with {event['type']}")


def check_all_heard(stream: list[dict[str, Any]], heard: list[dict[str, Any]]) -> None:
    """Once the publisher has caught up, the bus has heard of every change."""
    if vanished := (_changes(stream).keys() | _disabled(stream)) - {event["id"] for event in heard}:
        raise BrokenError(f"{len(vanished)} changes that the bus never heard of")


def check_all_announced(stream: list[dict[str, Any]]) -> None:
    """Once the publisher has caught up, each webhook has a delivery of every change since it was made, and no other."""
    items = table()
    deliveries = {(pk, sk) for pk, sk in items if pk.startswith("HOOK#") and sk.startswith("evt_file_")}
    for (pk, _), hook in items.items():
        if pk.startswith("HOOKS#"):
            since = {
                event
                for event, (_, file) in _changes(stream).items()
                if timestamp(file.updated_at) >= hook["created_at"]
            }
            found = {sk for of, sk in deliveries if of == f"HOOK#{hook['id']}"}
            if since - found:
                raise BrokenError(f"{len(since - found)} changes that a webhook never hears of")
            if found - _changes(stream).keys():
                raise BrokenError("a webhook is to hear of a change that never was")


def check_all_told(listeners: Iterable[Listener]) -> None:
    """Once the publisher has caught up, each socket that follows all files is open, and knows the state of each."""
    for listener in listeners:
        if not listener.is_open:
            raise BrokenError("a socket was closed")
        if listener.disorder:
            raise BrokenError(f"a socket heard of the past: {listener.disorder[0]}")
        if {each: known["revision"] for each, known in listener.files.items()} != {f.id: f.revision for f in records()}:
            raise BrokenError("a socket never heard of a change")


def _disabled(stream: list[dict[str, Any]]) -> dict[str, str]:
    """Id of the event of each webhook that was disabled → the reason."""
    found = {}
    for change in stream:
        if not change["dynamodb"]["Keys"]["pk"]["S"].startswith("HOOKS#"):
            continue
        before, after = (read(change["dynamodb"].get(name) or {}) for name in ("OldImage", "NewImage"))
        if before.get("pk", "").startswith("HOOKS#") and before["enabled"] and after and not after["enabled"]:
            at = datetime.fromisoformat(after["disabled_at"])
            found[f"evt_{after['id']}_{int(at.timestamp() * 1000)}"] = after["disabled_reason"]
    return found


def _changes(stream: list[dict[str, Any]]) -> dict[str, tuple[ChangeType, File]]:
    """Id of each event that there must be → its word, as the table of transitions has it, and the record then."""
    found: dict[str, tuple[ChangeType, File]] = {}
    for change in filter(is_file, stream):
        before, after = (change["dynamodb"].get(name) for name in ("OldImage", "NewImage"))
        file = files.as_file(after or before)
        if after is None:  # the table's TTL has removed it
            if file.status is not Status.DELETED:
                found[f"evt_{file.id}_{file.revision + 1}"] = ChangeType.DELETED, file
        elif before is None or files.as_file(before).revision < file.revision:
            made = transitions.explained(before, after) if before else CREATE
            if made:  # `check_history` finds what no transition explains
                found[f"evt_{file.id}_{file.revision}"] = made.told(file.status), file
    return found


def check_index(now: list[File]) -> None:
    """Once the index has caught up, lists, counts and the feed agree with the table."""
    items = table()
    held = {key for key in items if key[0].startswith(("FACET#", "SORT#", "WORD#"))}
    wanted = {posting for file in now for posting in postings(file, 0)}
    if held != wanted:
        raise BrokenError(f"the index has {len(held - wanted)} postings too many and lacks {len(wanted - held)}")
    alive = [file for file in now if file.status is not Status.DELETED]
    stats = counts.stats(TENANT)
    if {name: count.files for name, count in stats.by_status.items()} != Counter(str(f.status) for f in alive):
        raise BrokenError("the counts are not the table's")
    if stats.bytes != sum(file.size or 0 for file in alive):
        raise BrokenError("the bytes counted are not the table's")
    listed = lists.list_files(TENANT, ListQuery(), limit=100).files
    if {file.id for file in listed} != {file.id for file in alive}:
        raise BrokenError("the list is not the table's")
    changes = feed.changes(TENANT, {}, 1000)
    if changes.more or {(c.id, c.revision) for c in changes.items} != {(f.id, f.revision) for f in now}:
        raise BrokenError("the feed does not end where the table stands")
    for file in now:
        marker = marker_key(file.id)
        if items[marker["pk"], marker["sk"]]["revision"] != file.revision:
            raise BrokenError("the index stands at another revision than the table")


def check_forgotten() -> None:
    """Once its objects are gone, nothing says what a deleted file was: neither its record nor a remembered answer."""
    items = table()
    purged = {values["id"] for (_, sk), values in items.items() if sk == "FILE" and values.get("purged")}
    for (pk, sk), values in items.items():
        if sk == "FILE" and values.get("purged"):
            told = values.keys() - {*TOMBSTONE, *EMPTIED, "pk", "sk", "ttl", "purged"}
            if told or any(values[name] for name in EMPTIED):
                raise BrokenError(f"the record of a deleted file still tells its {sorted(told) or EMPTIED}")
        if sk == "IDEM" and values["file_id"] in purged and values["answer"]:
            raise BrokenError(f"what was answered of a deleted file is remembered: {pk}")


def orphans(now: list[File]) -> set[str]:
    """What is stored, but belongs to no record."""
    alive = [file for file in now if file.status is not Status.DELETED or file.restore_until]
    keys = {rendition_key(f.visibility, f.id, str(f.source_version), r) for f in alive for r in f.all_renditions}
    left = derived_keys() - keys - on_demand(now) - _playing(alive)
    own = {(f"{file.tenant}/{file.id}", file.version_id) for file in alive if file.version_id}
    left |= {f"{key} {version}" for key, version, _ in originals() if (key, version) not in own}
    waiting = {file.upload_id for file in alive if file.status is Status.AWAITING_UPLOAD}
    left |= {f"upload {u['UploadId']}" for u in multipart_uploads() if u["UploadId"] not in waiting}
    return left


def _playing(alive: list[File]) -> set[str]:
    """The keys of films that play: what lies below `av/`, earlier masters, and the captions that the record names."""
    known = {captions.kept_key(file, each.name) for file in alive for each in file.captions}
    for file in alive:
        prefix = places.served_prefix(file)
        if prefix is None or not places.has_stream(file):
            continue
        known |= {prefix + name for each in file.captions for name in (each.name, captions.playlist_of(each.name))}
        known |= {
            key for key in derived_keys() if key.startswith((f"{prefix}av/", f"{prefix}hls")) and "captions-" not in key
        }
    return known


def on_demand(now: list[File]) -> set[str]:
    """The keys at which a viewer may have had something made: ladder and entries, at each file's present address."""
    return {
        rendition_prefix(file.visibility, file.id, file.source_version) + name
        for file in now
        if file.status is not Status.DELETED and file.source_version
        for name in (*_ladder(file), *_entries(file))
    }


def _ladder(file: File) -> list[str]:
    if file.picture is None:
        return []
    sizes = ladder.ladder(places.served_recipe(file), file.picture.width, file.picture.height)
    return [f"{size.name}.{extension}" for size in sizes for extension in EXTENSIONS.values()]


def _entries(file: File) -> list[str]:
    count = file.archive.entries or 0 if file.archive else 0
    names = map(entry_names.entry_name, range(count))
    return [name for name in names if entry_names.entry_number(file, name) is not None]


def facts_of(file: File) -> Facts:
    values = file.model_dump(mode="json", include=set(_FACTS))
    values["services"] = {name: (state.status, state.result) for name, state in file.services.items()}
    item = table()["FILE#" + file.id, "FILE"]
    inner = {
        "due": "due_pk" in item,
        "leftovers": bool(file.leftovers),
        "restorable": file.restore_until is not None,
        "purged": item.get("purged", False),
    }
    if file.status is Status.DELETED and inner["purged"]:
        values = {"status": values["status"]}
    return tuple(f"{name}={json.dumps(value, sort_keys=True)}" for name, value in {**values, **inner}.items())
