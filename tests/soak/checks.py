"""What must be so when a soak has ended: a pure function over what was read from the stage."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.model import File, Status, original_key, rendition_key


@dataclass(frozen=True)
class Event:
    """One change of a record, as the table's stream tells it."""

    file_id: str
    status: Status
    revision: int


@dataclass
class Facts:
    """What a stage holds. `sent` is what clients sent and were told is created: SHA-256 by file id."""

    sent: Mapping[str, str]
    records: Sequence[File] = ()
    originals: Sequence[tuple[str, str]] = ()  # key and version
    derived: Mapping[str, int] = field(default_factory=dict)  # size in bytes by key
    events: Sequence[Event] = ()
    listed: Sequence[str] = ()
    feed: Sequence[tuple[str, int]] = ()  # file id and revision
    counted: Mapping[str, int] = field(default_factory=dict)  # files by status
    waiting: int = 0
    dead: int = 0


def wrong(facts: Facts) -> list[str]:
    """A sentence for each thing that is not as it must be; none when all is well."""
    return [
        *_records(facts),
        *_objects(facts),
        *_events(facts),
        *_answers(facts),
        *([f"{facts.waiting} messages still wait in the ingest queue"] if facts.waiting else []),
        *([f"{facts.dead} dead letters"] if facts.dead else []),
    ]


def _records(facts: Facts) -> Iterable[str]:
    for file in facts.records:
        if file.id not in facts.sent:
            yield f"{file.id} is a file that nobody sent"
            continue
        if file.status is not Status.READY:
            why = f" ({file.error.message})" if file.error else ""
            yield f"{file.id} is {file.status}{why}"
        elif file.sha256 != facts.sent[file.id]:
            yield f"{file.id} has other bytes than were sent"
        elif not file.renditions:
            yield f"{file.id} has no renditions"
        if file.generation:
            yield f"{file.id} was made {file.generation + 1} times over"
    yield from (f"{file_id} has no record" for file_id in facts.sent.keys() - {file.id for file in facts.records})


def _objects(facts: Facts) -> Iterable[str]:
    named: dict[str, int] = {}
    for file in facts.records:
        for rendition in file.renditions:
            key = rendition_key(file.visibility, file.id, file.source_version or "", rendition)
            named[key] = rendition.size
    for key, size in named.items():
        if key not in facts.derived:
            yield f"rendition {key} is missing"
        elif facts.derived[key] != size:
            yield f"rendition {key} has {facts.derived[key]} bytes, its record says {size}"
    yield from (f"rendition {key} belongs to no record" for key in facts.derived.keys() - named.keys())
    known = {(original_key(file.tenant, file.id), file.version_id) for file in facts.records}
    stored = set(facts.originals)
    yield from (f"original {key}, version {version}, belongs to no record" for key, version in stored - known)
    yield from (f"original {key}, version {version}, is missing" for key, version in known - stored if version)


def _events(facts: Facts) -> Iterable[str]:
    told: dict[str, list[Event]] = defaultdict(list)
    for event in facts.events:
        told[event.file_id].append(event)
    for file in facts.records:
        events = told[file.id]
        ready = sum(event.status is Status.READY for event in events)
        if ready != (file.status is Status.READY):
            yield f"{file.id} became ready {ready} times"
        revisions = [event.revision for event in events]
        if revisions != sorted(set(revisions)):
            yield f"{file.id} has a revision twice, or one that fell: {revisions}"
    newest = {file.id: file.revision for file in facts.records}
    for file_id, times in Counter(file_id for file_id, _ in facts.feed).items():
        if times > 1:
            yield f"{file_id} is in the feed of changes {times} times"
    fed = dict(facts.feed)
    for file_id in newest.keys() | fed.keys():
        if newest.get(file_id) != fed.get(file_id):
            yield f"{file_id} is at revision {newest.get(file_id)}, and at {fed.get(file_id)} in the feed of changes"


def _answers(facts: Facts) -> Iterable[str]:
    listed = Counter(facts.listed)
    yield from (f"{file_id} is listed {listed[file_id]} times" for file_id in facts.sent if listed[file_id] != 1)
    yield from (f"{file_id} is listed, and nobody sent it" for file_id in listed.keys() - facts.sent.keys())
    expected = {str(Status.READY): len(facts.sent)} if facts.sent else {}
    counted = {status: count for status, count in facts.counted.items() if count}
    if counted != expected:
        yield f"the statistics count {counted}, not {expected}"
