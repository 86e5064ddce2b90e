"""Every change of a file's record, written down once, as data.

Each `Transition` says from which states a change may start, in which states it may end, on what condition, and which
attributes it sets and removes. `TRANSITIONS` is all of them: `record_writer` carries them out and refuses anything
else, and no other code updates a file's record. Each is one conditional write: the record is the lock, and there is no
other.

One change is not ours: the table's TTL removes a record some time after its `ttl`.

A delete for good also forgets what clients told us of the file, and what its bytes told us. `TOMBSTONE` names what
stays; every other attribute goes, so a new field of `File` is forgotten unless it is named there.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.model import ChangeType, File, Kind, Status

ANY = tuple(Status)
NOT_DELETED = tuple(status for status in Status if status is not Status.DELETED)


@dataclass(frozen=True, kw_only=True, eq=False)
class Transition:
    """One way in which a file's record may change.

    Attributes
    ----------
    source: the states in which it may start; empty where there is no record yet.
    target: the states in which it may end; empty where the state stays as it is.
    condition: what must hold besides, as a condition expression of DynamoDB's. `:now` is the moment of the write, and
        `:processing` and the like are states; the caller gives all other values.
    sets, removes: attributes that it always sets, and always removes, besides `status`.
    may_change: attributes that it sets or removes as the case may be.
    increments: counters that go up by one. Clients see a change that increments `revision`; it also sets `updated_at`
        and `last_change`.
    tells: the word by which others hear of it; without one, the new state is the word.
    """

    name: str
    source: tuple[Status, ...]
    target: tuple[Status, ...] = ()
    condition: str = ""
    sets: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    may_change: tuple[str, ...] = ()
    increments: tuple[str, ...] = ("revision",)
    tells: ChangeType | None = None

    @property
    def visible(self) -> bool:
        """True if clients see the change: in the record, the lists and the feed."""
        return "revision" in self.increments

    def told(self, to: Status | None) -> ChangeType:
        """The word by which others hear of it, if it ends in this state."""
        return self.tells or ChangeType(str(to))

    @property
    def expression(self) -> str:
        """The whole condition of the write; `#status` stands for the attribute `status`, a reserved word."""
        any_state = self.source in ((), ANY)
        states = "" if any_state else f"#status IN ({', '.join(f':{status}' for status in self.source)})"
        return " AND ".join(part for part in (states, self.condition) if part)

    @property
    def arrows(self) -> set[tuple[Status | None, Status]]:
        """(state before, state after) of everything that it may do; before is None where there is no record."""
        if not self.source:
            return {(None, after) for after in self.target}
        return {(before, after) for before in self.source for after in self.target or (before,)}


# --- groups of attributes

DUE = ("due_pk", "due_sk")  # its place in `by_due`: when the sweep must look at it
LISTED = ("list_pk", "list_sk")  # its place in `by_created`
BY_BYTES = ("sha_pk", "sha_sk")  # its place in `by_sha256`
HASH = ("sha256", *BY_BYTES)
LEASE = ("lease_until", "claim_id")
INFO = tuple(Kind)  # what is known of a file of one kind stands under the kind's name
# Beyond that: the picture of a file that is none, and what could not be made.
FOUND = ("newer_kind", "preview", "warnings", "words", "other_renditions", "newer_renditions")
SCAN = ("scan", "scan_version", "scan_rank")
RENDITIONS = ("renditions", "source_version", "made_with")
# Attributes that nobody needs once a file is processed, or is given up.
WORKED_OFF = (*LEASE, "expires_at", "wanted_recipe", "handed_to")
# Attributes that a client may edit. When `visibility` changes, the renditions move, and `source_version` and
# `leftovers` change with it.
EDITABLE = (
    *("filename", "tags", "metadata", "visibility", "focus", "poster", "expires_after"),
    *("source_version", "leftovers"),
)

# A deleted file's record keeps this much until the table's TTL removes it: the feed and repeated requests need it.
# None of it is a client's own text.
TOMBSTONE = (
    *("id", "tenant", "status", "visibility", "recipe", "revision", "created_at", "updated_at", "last_change"),
    "owner_mark",
)
# A record cannot be read without these, in the release before this one neither, so they become empty.
EMPTIED = ("filename", "content_type")
# This much stays until the file's objects are gone, so that they can be removed.
FOR_REMOVAL = (
    "kind",
    "newer_kind",
    "version_id",
    "upload_id",
    "source_version",
    "renditions",
    "other_renditions",
    "newer_renditions",
    "leftovers",
    "remembered_as",
)
# All that a record has beyond that, with its places in the indexes.
FORGOTTEN = tuple(
    name
    for name in dict.fromkeys((*File.model_fields, *INFO, *LISTED, *BY_BYTES))
    if name not in (*TOMBSTONE, *EMPTIED, *FOR_REMOVAL)
)

_AS_READ = "tenant = :tenant AND revision = :revision"
_OURS = "claim_id = :claim_id"
# No change that deletes a file, or its bytes, may pass while it is under legal hold.
_NOT_HELD = "attribute_not_exists(legal_hold)"

# --- the life of a file

CREATE = Transition(
    name="create",
    tells=ChangeType.CREATED,
    source=(),
    target=(Status.AWAITING_UPLOAD,),
    condition="attribute_not_exists(pk)",
)

CLAIM = Transition(
    name="claim",
    source=(Status.AWAITING_UPLOAD, Status.EXPIRED, Status.PROCESSING),
    target=(Status.PROCESSING,),
    # A file that is `processing` already: by the same version of the object, once the lease is over.
    condition="(#status <> :processing OR (version_id = :version_id AND lease_until <= :now))",
    sets=("version_id", "sequencer", *LEASE, *DUE),
    removes=("ttl",),
    increments=("revision", "attempts"),
)

FINISH = Transition(
    name="finish",
    source=(Status.PROCESSING,),
    target=(Status.READY,),
    condition=_OURS,
    sets=("recipe", "kind", "content_type", "proven_type", "size", *RENDITIONS),
    removes=(*WORKED_OFF, "error"),
    # A large file is hashed later, and has no hash until then.
    may_change=(*HASH, *INFO, *FOUND, "services", "scan", "leftovers", *DUE),
)

# The hash of a file that was too large to be hashed before it was `ready`. It may be processed again meanwhile.
HASH_LATER = Transition(
    name="hash later",
    tells=ChangeType.UPDATED,
    source=(Status.READY, Status.PROCESSING),
    condition="version_id = :version_id AND attribute_not_exists(sha256) AND #status = :status",
    sets=HASH,
    may_change=DUE,
)

# The parts of a stream that its recipe asks for are made. They changed nothing that clients see.
MADE_EAGERLY = Transition(
    name="made eagerly",
    source=(Status.READY,),
    condition="source_version = :source_version",
    sets=("eager_version",),
    may_change=DUE,
    increments=(),
)

# A service is asked about a file, or its job begins. Services change while the file is `ready`, and at no other time.
# So whoever has claimed it knows all of them, and may ask more when it is finished.
ASK_SERVICE = Transition(
    name="ask a service",
    tells=ChangeType.UPDATED,
    source=(Status.READY,),
    condition=_AS_READ,
    sets=("services", *DUE),
)

# A job is over: it was answered, its time is over, or it could not begin.
END_SERVICE = Transition(
    name="end a service's job",
    tells=ChangeType.UPDATED,
    source=(Status.READY,),
    condition=_AS_READ,
    sets=("services",),
    may_change=DUE,
)

# A file that was `ready` before becomes so again, with what it had.
FAIL = Transition(
    name="fail",
    source=(Status.PROCESSING,),
    target=(Status.FAILED, Status.READY),
    condition=_OURS,
    sets=("error",),
    removes=WORKED_OFF,
    may_change=("leftovers", "refused", *DUE),
)

GIVE_UP = Transition(
    name="give up",
    source=(Status.PROCESSING,),
    target=(Status.FAILED, Status.READY),
    condition="revision = :revision AND lease_until <= :now",
    sets=("error", "leftovers", *DUE),
    removes=WORKED_OFF,
)

# A claimed file that is another function's work. That function claims it anew, so its lease and its tries start anew,
# too. Until the file ends, the sweep sends its message to that function's queue.
HAND_OVER = Transition(
    name="hand over",
    source=(Status.PROCESSING,),
    condition=_OURS,
    sets=("handed_to", "attempts", "lease_until", *DUE),
    removes=("claim_id",),
    increments=(),
)

RELEASE = Transition(
    name="release",
    source=(Status.PROCESSING,),
    condition=_OURS,
    sets=("lease_until", *DUE),
    increments=(),
)

FAIL_IMPORT = Transition(
    name="fail an import",
    source=(Status.AWAITING_UPLOAD,),
    target=(Status.FAILED,),
    condition="tenant = :tenant",
    sets=("error",),
    removes=(*LEASE, "expires_at", "ttl"),
    may_change=DUE,
)

# The parts of an upload are more bytes than it may have.
REFUSE = Transition(
    name="refuse",
    source=(Status.AWAITING_UPLOAD,),
    target=(Status.FAILED,),
    condition="revision = :revision",
    sets=("error", "refused", *DUE),
    removes=("expires_at", "ttl"),
)

EXPIRE = Transition(
    name="expire",
    source=(Status.AWAITING_UPLOAD,),
    target=(Status.EXPIRED,),
    condition="revision = :revision",
    removes=DUE,
)

# --- the malware scan

_NEWS = (
    "tenant = :tenant AND (attribute_not_exists(version_id) OR version_id = :version_id) AND "
    "(attribute_not_exists(scan_version) OR scan_version <> :version_id OR scan_rank < :rank)"
)

# A claimed file that has no verdict yet. Its verdict's message, or the sweep, goes on with it.
HOLD = Transition(
    name="hold",
    source=(Status.PROCESSING,),
    condition=f"{_OURS} AND (attribute_not_exists(scan_version) OR scan_version <> :version_id)",
    sets=("scan", "attempts", "lease_until", *DUE),
    removes=("claim_id",),
    increments=(),
)

# A verdict. It may come before the file is claimed, and for a deleted file that can be restored. Clients see it with
# the change that follows: a claim, or `quarantine`.
HEAR = Transition(
    name="hear a verdict",
    source=ANY,
    condition=f"{_NEWS} AND (#status <> :deleted OR attribute_exists(restore_until))",
    sets=SCAN,
    increments=(),
)

# A verdict that nothing follows: of a file that was processed before.
RESCAN = Transition(
    name="scan again",
    tells=ChangeType.UPDATED,
    source=(Status.READY, Status.FAILED),
    condition=_NEWS,
    sets=SCAN,
)

ASK = Transition(
    name="ask the scanner",
    source=(Status.PROCESSING,),
    condition="version_id = :version_id",
    increments=("scan_asked",),
)

# Nobody could scan the file, and its tenant takes it all the same.
ACCEPT = Transition(
    name="accept",
    source=(Status.PROCESSING, Status.READY, Status.FAILED),
    condition="version_id = :version_id",
    sets=("accepted_version",),
    increments=(),
)

# Nothing that was made of such a file may be seen any more, and whoever works on it loses the claim.
QUARANTINE = Transition(
    name="quarantine",
    source=(Status.PROCESSING, Status.READY, Status.FAILED),
    target=(Status.FAILED,),
    condition="tenant = :tenant AND revision = :revision AND version_id = :version_id",
    sets=("error",),
    # `newer_kind` stays, as `kind` does.
    removes=(
        *(*WORKED_OFF, *RENDITIONS, *INFO, *(name for name in FOUND if name != "newer_kind")),
        *("services", "accepted_version"),
    ),
    may_change=("leftovers", *DUE),
)

# --- edits

CHANGE = Transition(
    name="change",
    tells=ChangeType.UPDATED,
    source=NOT_DELETED,
    condition=_AS_READ,
    may_change=(*EDITABLE, "generation", *DUE),
)

REPROCESS = Transition(
    name="process again",
    source=(Status.READY, Status.FAILED),
    target=(Status.PROCESSING,),
    condition=_AS_READ,
    sets=("generation", "attempts", "lease_until", "wanted_recipe", *DUE),
    removes=("claim_id", "error", "handed_to"),
    may_change=EDITABLE,
)

# A client's captions. The master playlist that names them is another object, so the rendition `hls` changes, too.
# Nobody changes the captions of a file that is being processed, so whoever has claimed it knows all of them.
CAPTION = Transition(
    name="caption",
    tells=ChangeType.UPDATED,
    source=(Status.READY,),
    condition=_AS_READ,
    may_change=("captions", "other_renditions", "newer_renditions", "leftovers", *DUE),
)

REOPEN_IMPORT = Transition(
    name="import again",
    tells=ChangeType.UPDATED,
    source=(Status.FAILED,),
    target=(Status.AWAITING_UPLOAD,),
    condition=f"{_AS_READ} AND attribute_not_exists(version_id) AND attribute_exists(source_url)",
    sets=("expires_at", "ttl", *DUE),
    removes=("error",),
)

# --- deletion

# For an upload that waits there is no way back: its due time and its place for bytes would be gone.
RETIRE = Transition(
    name="retire",
    source=(Status.PROCESSING, Status.READY, Status.FAILED),
    target=(Status.DELETED,),
    condition=f"{_AS_READ} AND {_NOT_HELD}",
    sets=("restore_until", "restore_to", "ttl", *DUE),
    removes=(*LISTED, *BY_BYTES, *LEASE),
    may_change=("leftovers", *RENDITIONS),
)

RESTORE = Transition(
    name="restore",
    tells=ChangeType.RESTORED,
    source=(Status.DELETED,),
    target=(Status.PROCESSING, Status.READY, Status.FAILED),
    condition=f"{_AS_READ} AND restore_until > :now AND attribute_not_exists(purged)",
    sets=LISTED,
    removes=("restore_until", "restore_to", "ttl"),
    may_change=("generation", "attempts", "lease_until", "error", *BY_BYTES, *DUE),
)

# A tombstone is deleted again when a delete is repeated, and when the time to restore it is over.
DELETE = Transition(
    name="delete",
    source=ANY,
    target=(Status.DELETED,),
    condition=f"tenant = :tenant AND attribute_not_exists(purged) AND {_NOT_HELD}",
    sets=("ttl", *DUE, *EMPTIED),
    removes=FORGOTTEN,
)

DELETE_AS_READ = Transition(
    name="delete as it was read",
    source=ANY,
    target=(Status.DELETED,),
    condition=f"{_AS_READ} AND attribute_not_exists(purged) AND {_NOT_HELD}",
    sets=DELETE.sets,
    removes=DELETE.removes,
)

PURGE = Transition(
    name="purge",
    source=(Status.DELETED,),
    condition=_NOT_HELD,
    sets=("purged", *EMPTIED),
    removes=(*FORGOTTEN, *FOR_REMOVAL, *DUE),
    increments=(),
)

DISCARD = Transition(
    name="discard",
    source=(Status.FAILED,),
    condition=f"attribute_exists(refused) AND {_NOT_HELD}",
    removes=("refused",),
    may_change=DUE,
    increments=(),
)

# A legal hold is for bytes that are there and stay: not for those of an upload, of a refused file, or of a file that is
# deleted for good. A deleted file that can be restored is held, too: the table's TTL must not remove its record.
PUT_ON_HOLD = Transition(
    name="put on legal hold",
    tells=ChangeType.UPDATED,
    source=(Status.READY, Status.FAILED, Status.DELETED),
    condition=(
        f"{_AS_READ} AND {_NOT_HELD} AND attribute_exists(version_id) AND attribute_not_exists(refused) "
        "AND (#status <> :deleted OR attribute_exists(restore_until))"
    ),
    sets=("legal_hold",),
    removes=("ttl",),
)

RELEASE_HOLD = Transition(
    name="release from legal hold",
    tells=ChangeType.UPDATED,
    source=ANY,
    condition=f"{_AS_READ} AND attribute_exists(legal_hold)",
    removes=("legal_hold",),
    may_change=("ttl", *DUE),
)

CLEAR = Transition(
    name="clear",
    source=ANY,
    condition="leftovers = :leftovers AND #status = :status",
    removes=("leftovers",),
    may_change=DUE,
    increments=(),
)

# --- the sweep's own

PUT_OFF = Transition(
    name="put off",
    source=ANY,
    condition="revision = :revision AND attribute_exists(due_pk)",
    sets=DUE,
    increments=(),
)

NOTHING_DUE = Transition(
    name="nothing due",
    source=ANY,
    condition="revision = :revision AND attribute_exists(due_pk)",
    removes=DUE,
    increments=(),
)

TRANSITIONS = (
    *(CREATE, CLAIM, FINISH, HASH_LATER, ASK_SERVICE, END_SERVICE, FAIL, GIVE_UP, RELEASE, FAIL_IMPORT, REFUSE, EXPIRE),
    *(HAND_OVER, MADE_EAGERLY),
    *(HOLD, HEAR, RESCAN, ASK, ACCEPT, QUARANTINE),
    *(CHANGE, REPROCESS, CAPTION, REOPEN_IMPORT),
    *(RETIRE, RESTORE, DELETE, DELETE_AS_READ, PURGE, DISCARD, CLEAR),
    *(PUT_ON_HOLD, RELEASE_HOLD),
    *(PUT_OFF, NOTHING_DUE),
)
