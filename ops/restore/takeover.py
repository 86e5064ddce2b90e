"""Makes the restored table one that the stage can use: what it takes over from the present table, and its index.

Nothing else may write to either table meanwhile. It can be repeated until the stage uses the restored table.

- Each file's record gets its fate (`fates`). A record that was changed since gets a revision that nobody has seen: a
  consumer of the feed, a cached answer or a condition on the revision would otherwise take it for what they know.
- A legal hold stays as it is now: who put a file under hold, or released it, needs not do so again.
- API keys and upload tokens stay as they are now. A key that was revoked since does not come back to life, and a tenant
  that was suspended since stays suspended.
- Webhooks with their deliveries, and open sockets, stay as they are now, too. A webhook that was deleted since gets no
  events again, a rotated secret stays the new one, what is still due is delivered, and no socket falls silent.
- The audit and its seals stay as they are now. How far it is sealed stays, too.
- The feed goes on after the last position that anybody may have read.
- Reconciliation of the buckets begins a day later, so that an operator can look at what the audit lists.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import batched
from typing import Any

from pydantic import ValidationError

from chalicelib.catalog.deletion import retired
from chalicelib.catalog.dynamodb import BATCH_GET, attributes, read
from chalicelib.catalog.edits import claimable
from chalicelib.catalog.files import forget_at
from chalicelib.catalog.index import writer
from chalicelib.catalog.keys import due_keys, file_key, marker_key, position_key
from chalicelib.catalog.transitions import DELETE, RETIRE
from chalicelib.model import Actor, ChangeType, File, LastChange, Status, now, timestamp
from chalicelib.queues import ingest
from chalicelib.renditions import places
from chalicelib.storage import originals
from chalicelib.upkeep import sealing
from ops.restore.fates import Fate, fate
from ops.restore.items import FILE, HEAD, MARKER, Item, Items, changed, file_of, key_of

# Beginnings of the partition keys of webhooks and their deliveries, of sockets and subscriptions, and of share links.
LISTENERS = (
    *("HOOKS#", "HOOKCOUNT#", "HOOK#", "ANSWERED#", "SLOTS#"),
    *("SOCKET#", "SOCKETCOUNT#", "SUBS#", "LISTEN#", "CREDENTIAL#", "TICKET#", "SHARES#"),
)

# Beginnings of the partition keys of the audit and its seals. They are never changed, so only those that came since are
# copied.
LEDGER = ("AUDIT#", "AUDITED#", "SEAL#", "SEALED#")

# The one who changes records here, in the events that tell of it.
ACTOR = Actor(type="system", id="restore")

# For how long a file that came after the restored time can be brought back.
SET_ASIDE = timedelta(days=30)


@dataclass(frozen=True)
class Decision:
    """The fate of one file. `then` and `present` are its typed records; `seen` is the highest revision known of it."""

    file_id: str
    tenant: str
    fate: Fate
    then: Item | None
    present: Item | None
    seen: int


# The settings of a tenant. The rest of its item is its name and its place in the list.
_SETTINGS = ("default_recipe", "unscannable", "suspended", "quotas")
# Settings that stand in an item and are the same as none.
_NOTHING: tuple[Any, ...] = ({"BOOL": False}, {"M": {}})


def _settings(item: Item) -> Item:
    return {name: item[name] for name in _SETTINGS if name in item and item[name] not in _NOTHING}


@dataclass
class Outcome:
    """The changes of a take-over, made or planned. Lists are of ids, with the tenant before those of files."""

    fates: Counter[Fate] = field(default_factory=Counter)
    newer: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    resumed: list[File] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    keys_made: list[str] = field(default_factory=list)
    keys_revoked: list[str] = field(default_factory=list)
    tenants: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TakeOver:
    """From the `present` table to the table as it was `then`, at `at`."""

    then: Items
    present: Items
    at: datetime
    keep_newer: bool = False

    def look(self) -> Outcome:
        """The changes that a take-over would make. Writes nothing."""
        outcome = Outcome()
        for decision in self._decisions(outcome):
            _note(outcome, decision)
        for _ in self._credentials(outcome):
            pass
        for _ in self._tenants(outcome):
            pass
        return outcome

    def carry_out(self) -> Outcome:
        """Changes the restored table."""
        outcome = Outcome()
        for some in batched(self._decisions(outcome), 100):
            for decision in some:
                _note(outcome, decision)
            self.then.put(item for decision in some if (item := record_of(decision)))
        self.then.put(self._credentials(outcome))
        self.then.put(self._answers())
        self._take_over_listeners()
        self.then.put(self._tenants(outcome))
        self._take_over_ledger()
        self.then.delete(_key(item) for item in self.then.scan("RENDER"))
        self.then.put(self._heads())
        self.then.put(_walks())
        return outcome

    # --- the records

    def _decisions(self, outcome: Outcome) -> Iterator[Decision]:
        for some in batched(self.present.scan(FILE), BATCH_GET):
            then = self.then.get(_key(item) for item in some)
            for item in some:
                seen = int(item["revision"]["N"]) if "revision" in item else 0
                yield from self._decide(outcome, then.get(key_of(item)), item, seen)
        for some in batched(self.then.scan(FILE), BATCH_GET):
            ids = [item["pk"]["S"].removeprefix("FILE#") for item in some]
            present = self.present.get(key for each in ids for key in (file_key(each), marker_key(each)))
            for item in some:
                if key_of(item) not in present:
                    marker = present.get((item["pk"]["S"], MARKER), {})
                    yield from self._decide(outcome, item, None, int(marker.get("revision", {"N": "0"})["N"]))

    def _decide(self, outcome: Outcome, then: Item | None, present: Item | None, seen: int) -> Iterator[Decision]:
        item = then or present
        assert item
        file_id = item["pk"]["S"].removeprefix("FILE#")
        try:
            was, is_now = file_of(then) if then else None, file_of(present) if present else None
        except (ValidationError, ValueError, TypeError, KeyError):
            outcome.unreadable.append(file_id)
            return
        chosen = fate(was, is_now, seen=seen, at=self.at, has_bytes=originals.exists, keep_newer=self.keep_newer)
        owner = was or is_now
        assert owner
        yield Decision(file_id, owner.tenant, chosen, then, present, seen)

    # --- everything else that is not a file's

    @cached_property
    def _others(self) -> dict[str, list[Item]]:
        """The present table's items that are few, by their sort keys: one Scan."""
        found: dict[str, list[Item]] = defaultdict(list)
        for item in self.present.scan("KEY", "TOKEN", "IDEM", "TENANT", HEAD):
            found[item["sk"]["S"]].append(item)
        return found

    def _credentials(self, outcome: Outcome) -> Iterator[Item]:
        """API keys and upload tokens that differ from those of the restored table."""
        for some in batched(self._others["KEY"] + self._others["TOKEN"], BATCH_GET):
            then = self.then.get(_key(item) for item in some)
            for item in some:
                was = then.get(key_of(item))
                if was == item:
                    continue
                if item["sk"]["S"] == "KEY":
                    name = item["pk"]["S"].removeprefix("KEY#")
                    if was is None:
                        outcome.keys_made.append(name)
                    elif "revoked_at" in item and "revoked_at" not in was:
                        outcome.keys_revoked.append(name)
                yield item

    def _answers(self) -> Iterator[Item]:
        """Remembered answers to requests with an Idempotency-Key, of files that there are."""
        for some in batched(self._others["IDEM"], BATCH_GET):
            files = self.then.get({key["pk"]: key for item in some if (key := file_key(item["file_id"]["S"]))}.values())
            for item in some:
                file = files.get((f"FILE#{item['file_id']['S']}", FILE))
                if file and file["status"]["S"] != Status.DELETED:
                    yield item

    def _take_over_listeners(self) -> None:
        """Everybody who hears of changes, as they are now."""
        for some in batched(self.then.scan_partitions(*LISTENERS), BATCH_GET):
            present = self.present.get(_key(item) for item in some)
            self.then.delete(_key(item) for item in some if key_of(item) not in present)
        self.then.put(self.present.scan_partitions(*LISTENERS))

    def _take_over_ledger(self) -> None:
        """The audit and its seals, as they are now: what was undone was done all the same."""
        for some in batched(self.present.scan_partitions(*LEDGER), BATCH_GET):
            then = self.then.get(_key(item) for item in some)
            self.then.put(item for item in some if then.get(key_of(item)) != item)
        self.then.put(self.present.get([position_key(sealing.WALK)]).values())

    def _tenants(self, outcome: Outcome) -> Iterator[Item]:
        """Tenants keep the settings that they had, but stay suspended, or not, as they are now."""
        then = self.then.get(_key(item) for item in self._others["TENANT"])
        for item in self._others["TENANT"]:
            was = then.get(key_of(item))
            if _settings(was or {}) != _settings(item):
                outcome.tenants.append(item["pk"]["S"].removeprefix("TENANT#"))
            bare = {name: value for name, value in item.items() if name not in _SETTINGS}
            kept = {**(was or bare), "suspended": item.get("suspended", {"BOOL": False})}
            if was is None or was.get("suspended", {"BOOL": False}) != kept["suspended"]:
                yield kept

    def _heads(self) -> Iterator[Item]:
        """The ends of all feeds, moved to where the present ones are. No position is given out a second time."""
        for some in batched(self._others[HEAD], BATCH_GET):
            then = self.then.get(_key(item) for item in some)
            for item in some:
                was = then.get(key_of(item), {"pk": item["pk"], "sk": item["sk"]})
                end = max(read(item).get("n", 0), read(was).get("n", 0))
                yield changed(was, {"n": end, "seen": end})


def _note(outcome: Outcome, decision: Decision) -> None:
    outcome.fates[decision.fate] += 1
    name = f"{decision.tenant}/{decision.file_id}"
    if decision.then is None and decision.present and decision.present["status"]["S"] != Status.DELETED:
        outcome.newer.append(name)
    gone = decision.fate is Fate.COPY and decision.present and decision.present["status"]["S"] == Status.DELETED
    if decision.then and decision.then["status"]["S"] != Status.DELETED and (gone or decision.fate is Fate.FORGET):
        outcome.lost.append(name)
    if decision.fate is Fate.RESUME and decision.then:
        outcome.resumed.append(file_of(decision.then))


# The words by which the bus, webhooks and sockets hear of a record that was changed here; `updated` for the others.
TOLD = {
    Fate.SET_ASIDE: ChangeType.DELETED,
    Fate.FORGET: ChangeType.DELETED,
    Fate.RESUME: ChangeType.PROCESSING,
}


def record_of(decision: Decision) -> Item | None:
    """The record that the restored table gets; None where it has it already."""
    then, present, moment = decision.then, decision.present, now()
    change = LastChange(type=TOLD.get(decision.fate, ChangeType.UPDATED), at=moment, actor=ACTOR)
    news = {
        "revision": decision.seen + 1,
        "updated_at": timestamp(moment),
        "last_change": change.model_dump(mode="json"),
    }
    match decision.fate:
        case Fate.COPY:
            return present
        case Fate.SET_ASIDE:
            assert present
            return changed(present, news | _set_aside(file_of(present), moment), RETIRE.removes)
        case Fate.FORGET:
            assert then
            values = {"status": Status.DELETED, "ttl": forget_at(moment), **due_keys(decision.file_id, moment)}
            return changed(then, news | values, DELETE.removes)
        case Fate.RAISE:
            assert then
            return changed(then, news | _generation(then, present) | _hold(present))
        case Fate.RESUME:
            assert then
            file = file_of(then)
            opened = {**claimable(file), "generation": file.generation} | _generation(then, present, above=True)
            return changed(then, news | opened | _hold(present), ("claim_id",))
        case _:
            return None


def _set_aside(file: File, moment: datetime) -> dict[str, Any]:
    """The values of a file that is deleted for a while, as the API deletes it on a stage with a delete window."""
    leftovers = [*file.leftovers, places.served_prefix(file)]
    if file.status is Status.PROCESSING:
        leftovers.append(places.made_prefix(file))
    values = retired(file, until=moment + SET_ASIDE, leftovers=[prefix for prefix in leftovers if prefix])
    return {"status": Status.DELETED, **values}


def _generation(then: Item, present: Item | None, *, above: bool = False) -> dict[str, int]:
    """The generation of a record, so that no address of renditions is used twice. `above`: it is about to make some."""
    was, since = (int((item or {}).get("generation", {"N": "0"})["N"]) for item in (then, present))
    return {"generation": since + above} if since > was else {}


def _hold(present: Item | None) -> dict[str, Any]:
    """The legal hold of a record: as it is now, whatever it was then."""
    return {"legal_hold": read(present).get("legal_hold")} if present else {}


def _key(item: Item) -> dict[str, str]:
    pk, sk = key_of(item)
    return {"pk": pk, "sk": sk}


def _walks() -> Iterable[Item]:
    """Both reconciliations as ended just now, so that the next ones begin in a day."""
    ended = {"walked_to": "", "walked_to_version": "", "began": timestamp(now()), "ended": True}
    return [attributes({**position_key(walk), **ended}) for walk in ("originals", "derived")]


def send_again(outcome: Outcome) -> None:
    """Sends the messages of the files that were being processed. They wait in the queue while its function is held."""
    for file in outcome.resumed:
        ingest.send(file)


def index(table: Items) -> int:
    """Brings the index up to the records; returns how many were news to it. The settings must name this table."""
    fresh = 0
    for some in batched(table.scan(FILE), 100):
        files = []
        for item in some:
            try:
                files.append(file_of(item))
            except (ValidationError, ValueError, TypeError, KeyError):
                continue  # the take-over has listed it
        fresh += writer.index([writer.Change(file) for file in files])
    return fresh


def count(table: Items) -> None:
    """Counts files and bytes anew, from the index's notes: a restored table may hold a part of a transaction only."""
    counts: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    tenant = ("", "")
    heads: list[Item] = []
    for item in table.scan(FILE, MARKER, HEAD):  # a record comes before the note on it
        if item["sk"]["S"] == HEAD:
            heads.append(item)
        elif item["sk"]["S"] == FILE:
            tenant = item["pk"]["S"], item["tenant"]["S"]
        elif (note := read(item)).get("counted") and tenant[0] == note["pk"]:
            status, kind, size = note["counted"]
            for group in (f"status.{status}", f"kind.{kind}"):
                counts[tenant[1], note["shard"]].update({f"{group}.files": 1, f"{group}.bytes": size})
    table.put(_counted(head, counts) for head in heads)


def _counted(head: Item, counts: dict[tuple[str, int], Counter[str]]) -> Item:
    _, tenant, shard = head["pk"]["S"].split("#")
    bare = {name: value for name, value in head.items() if not name.startswith(("status.", "kind."))}
    return changed(bare, dict(counts[tenant, int(shard)]))
