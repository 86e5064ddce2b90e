"""Erases a tenant in rounds, until a walk over the whole table and both buckets finds nothing of it.

First the tenant is suspended, and its keys, tokens and webhooks end. Then each round walks, deletes the files as the
API does, and removes what else the walk has found. Items that name others go last, because by them a later walk, or
another run after this one was stopped, finds the rest. The audit goes after all of them, when it has heard of them.
The stage works on meanwhile: the index and workers may still write something about a file that was deleted a moment
ago, and the next round finds it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import batched
from typing import Any

from botocore.exceptions import ClientError
from pydantic import ValidationError

from ops.erasure import heard
from ops.erasure.owners import OF_AUDIT, Item, text
from ops.erasure.walk import Found, Object, walk
from ops.errors import OpsError
from ops.progress import Bar, Pace

# Seconds after which no function remembers a credential, and sockets of one that ended are closed.
CREDENTIALS_END = 70.0
# Seconds in which the index and workers come to the end of what they had begun, as a rule.
SETTLES = 20.0
# Rounds after which somebody must look why the tenant still grows.
ROUNDS = 20
# CloudFront takes 15 paths at a time: how often, and after how many seconds, it is asked again.
INVALIDATIONS, BUSY = 40, 15.0

FILES_AT_ONCE = 100
WORKERS = 8
KEYS_AT_ONCE = 500

# Kinds of items in whose place the tenant's others are found. They go last.
ANCHORS = frozenset({"FILE", "FEED", "KEY", "TOKEN", "HOOKS", "HOOK", "SOCKET"})


class HeldError(OpsError):
    """Files of the tenant are under legal hold."""

    def __init__(self, held: Iterable[str], *, begun: bool = True) -> None:
        ids = sorted(held)
        more = f" and {len(ids) - 10} more" if len(ids) > 10 else ""
        what = "One file is" if len(ids) == 1 else f"{len(ids)} files are"
        then = "nothing more is erased" if begun else "nothing was changed"
        super().__init__(
            f"{what} under legal hold, so {then}: {', '.join(ids[:10])}{more}. Release what is held with "
            "`python -m ops hold release`, or add --including-held, and run this again."
        )


@dataclass
class Erased:
    """The result: how much was removed, and the last walk, which is the proof if it found nothing."""

    removed: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    proof: Found = field(default_factory=Found)


@dataclass
class Eraser:
    """One run for one tenant. `sleep` takes seconds."""

    tenant: str
    pace: Pace
    including_held: bool = False
    keep_audit: bool = False
    sleep: Callable[[float], None] = time.sleep
    _spared: set[str] = field(default_factory=set)
    _awaited: dict[str, str] = field(default_factory=dict)

    def look(self, known: set[str] | None = None) -> Found:
        """A walk for what is left. The note that the tenant was erased does not count."""
        return walk(self.tenant, self.pace, known=known, spare=self._stays)

    def erase(self) -> Erased:
        """Erases the tenant. It can be stopped at any point and run again: then it does what is left.

        Raises
        ------
        HeldError
            Files are under legal hold. If they were before the beginning, nothing was changed.
        OpsError
            The tenant still grows after many rounds, CloudFront takes no invalidation, or `publish` is behind.
        """
        from chalicelib.catalog import actors

        actors.system(heard.ACTOR)
        done = Erased()
        found = self.look()
        self._refuse_held(found, begun=False)
        self._begin()
        if self._end_access(found, done.removed):
            self.sleep(CREDENTIALS_END)
            found = self.look(found.names)
        known: set[str] = set(found.names)
        for done.rounds in range(1, ROUNDS + 1):
            if found.nothing:
                break
            self._refuse_held(found)
            self._end_access(found, done.removed)
            self._delete_files(found, done.removed)
            self._delete_objects(found, done.removed)
            heard.wait(self.tenant, {**found.awaited, **self._awaited}, self.sleep)
            self._awaited.clear()
            self._delete_items(found, done.removed)
            if self._spared:
                raise HeldError(self._spared)
            self.sleep(SETTLES)
            found = self.look(known)
            known |= found.names
        if not found.nothing:
            raise OpsError(
                f"After {ROUNDS} rounds there is still something of {self.tenant}: {found.counts}. Somebody goes on "
                "writing. Run the same command again; if that does not help, look at the functions' logs."
            )
        self._delete_dead_letters(done.removed)
        self._note_end()
        done.proof = found
        return done

    # --- the tenant itself

    def _begin(self) -> None:
        """Suspends the tenant, so that nobody may do anything in its name any more."""
        from chalicelib.catalog import tenants
        from chalicelib.catalog.dynamodb import attributes, get_item
        from chalicelib.catalog.keys import tenant_key

        present = tenants.get_tenant(self.tenant)
        if not present.suspended:
            tenants.put_tenant(replace(present, suspended=True))
            self._awaited |= heard.awaited(attributes(get_item(tenant_key(self.tenant)) or {}))

    def _note_end(self) -> None:
        """Puts a note in the place of the tenant's settings. It keeps the name suspended for whoever signs in by it."""
        from chalicelib.catalog.dynamodb import batch_write
        from chalicelib.catalog.keys import tenant_key
        from chalicelib.model import now, timestamp

        note = {"name": self.tenant, "suspended": True, "erased_at": timestamp(now())}
        batch_write([{**tenant_key(self.tenant), **note}])

    def _stays(self, item: Item) -> bool:
        kind = text(item, "pk").partition("#")[0]
        if kind == "TENANT":
            return True  # replaced by the note at last
        return self.keep_audit and kind in OF_AUDIT

    def _refuse_held(self, found: Found, *, begun: bool = True) -> None:
        if found.held and not self.including_held:
            raise HeldError(found.held, begun=begun)

    def _end_access(self, found: Found, removed: Counter[str]) -> bool:
        """Revokes keys and tokens, which closes their sockets, and deletes webhooks. True if there was any."""
        from chalicelib.catalog import credentials, webhooks

        live = [key for key, revoked in found.keys.items() if not revoked]
        tokens = [token for token, revoked in found.tokens.items() if not revoked]
        for key in live:
            credentials.revoke_api_key(key)
        for token in tokens:
            credentials.revoke_token(self.tenant, token)
        ended = 0
        for webhook_id in found.webhooks:
            if webhook := webhooks.get(self.tenant, webhook_id):
                with suppress(webhooks.GoneError):
                    webhooks.delete(webhook)
                ended += 1
        removed.update({"keys": len(live), "upload tokens": len(tokens), "webhooks": ended})
        return bool(live or tokens or ended)

    # --- files

    def _delete_files(self, found: Found, removed: Counter[str]) -> None:
        """Deletes files as the API does: the record says so first, then the objects go, and the edges' copies."""
        waiting = [file_id for file_id, purged in found.records.items() if not purged]
        with Bar(len(waiting), "files") as bar:
            for ids in batched(waiting, FILES_AT_ONCE):
                removed["files"] += self._delete_some(ids)
                for _ in ids:
                    bar.step()

    def _delete_some(self, ids: Iterable[str]) -> int:
        from chalicelib.upkeep import removal

        with ThreadPoolExecutor(WORKERS) as workers:
            begun = [each for each in workers.map(self._begin_purge, ids) if each]
        later = removal.finish(begun)
        for _ in range(INVALIDATIONS):
            if not later:
                return len(begun)
            self.sleep(BUSY)
            later = removal.finish(later)
        raise OpsError(
            "CloudFront takes no invalidation just now. Run the same command again in some minutes; it goes on."
        )

    def _begin_purge(self, file_id: str) -> Any:
        """The removal of one file, whose objects are gone then; None if there is no record to delete.

        A file that was put under hold a moment ago is spared. Once its record says `deleted`, nobody can hold it.
        """
        from chalicelib.catalog import actors, deletion, files, holds
        from chalicelib.catalog.dynamodb import get_item
        from chalicelib.catalog.keys import file_key
        from chalicelib.events.envelope import event_id
        from chalicelib.model import timestamp
        from chalicelib.upkeep import removal

        actors.system(heard.ACTOR)  # each thread has its own
        with suppress(ValidationError):  # a damaged record: its objects and its item go without it
            file = files.record(file_id)
            if file and file.legal_hold and self.including_held:
                holds.release(file)
            if deleted := deletion.mark_deleted(self.tenant, file_id):
                change = deleted.last_change
                if change and change.actor.id == heard.ACTOR:
                    self._awaited[event_id(file_id, deleted.revision)] = timestamp(change.at)
                return removal.begin_purge(deleted)
        if (get_item(file_key(file_id)) or {}).get("legal_hold"):
            self._spared.add(file_id)
        return None

    # --- what else is left

    def _delete_dead_letters(self, removed: Counter[str]) -> None:
        """Deletes the dead letters that are about the tenant; those of others stay, and are visible again then."""
        from chalicelib import aws
        from chalicelib.settings import settings
        from ops.redrive import Wanted, dead_letters_of, letters

        here, wanted = settings(), Wanted(tenant=self.tenant)
        for queue, url in (
            ("ingest", here.ingest_queue_url),
            ("import", here.import_queue_url),
            ("webhook", here.webhook_queue_url),
        ):
            dead_url, waiting = dead_letters_of(url)
            others = []
            for letter in letters(dead_url, queue) if waiting else ():
                if letter in wanted:
                    aws.sqs().delete_message(QueueUrl=dead_url, ReceiptHandle=letter.receipt)
                    removed["dead letters"] += 1
                else:
                    others.append(letter.receipt)
            for receipt in others:
                with suppress(ClientError):  # otherwise it becomes visible by itself
                    aws.sqs().change_message_visibility(QueueUrl=dead_url, ReceiptHandle=receipt, VisibilityTimeout=0)

    def _delete_objects(self, found: Found, removed: Counter[str]) -> None:
        from chalicelib.settings import settings
        from chalicelib.storage import multipart
        from chalicelib.storage.objects import delete_each

        stored = ((settings().originals_bucket, found.originals), (settings().derived_bucket, found.derived))
        for bucket, objects in stored:
            wanted = (each for each in objects if not self._spared.intersection(each.key.split("/")))
            delete_each(bucket, ({"Key": each.key, "VersionId": each.version_id} for each in wanted))
        for upload in found.uploads:
            multipart.abort_upload(upload.key, upload.version_id)
        removed.update(_sizes(found))

    def _delete_items(self, found: Found, removed: Counter[str]) -> None:
        """First the items that lead to no others, then those that do, then the audit.

        A record goes only after its objects.
        """
        import boto3

        from chalicelib.settings import settings
        from ops.restore.items import Items

        table = Items(boto3.client("dynamodb"), settings().table)
        spared = {f"FILE#{file_id}" for file_id in self._spared}
        for turn in range(3):
            keys = [
                {"pk": pk, "sk": sk}
                for (pk, sk), kind in found.items.items()
                if _turn(kind) == turn and pk not in spared
            ]
            with Bar(len(keys), "items") as bar:
                for some in batched(keys, KEYS_AT_ONCE):
                    table.delete(some)
                    for _ in some:
                        bar.step()
            removed["items"] += len(keys)


def _turn(kind: str) -> int:
    """0, 1 or 2: when items of a kind are deleted."""
    return 2 if kind in OF_AUDIT else int(kind in ANCHORS)


def _sizes(found: Found) -> dict[str, int]:
    def size(objects: list[Object]) -> int:
        return sum(each.size for each in objects)

    return {
        "original versions": len(found.originals),
        "original bytes": size(found.originals),
        "open uploads": len(found.uploads),
        "derived objects": len(found.derived),
        "derived bytes": size(found.derived),
    }
