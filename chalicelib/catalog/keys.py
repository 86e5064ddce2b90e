"""The keys of every item and index in the table, as pure functions. docs/scale.md lists the access patterns."""

from __future__ import annotations

import hashlib
import zlib
from datetime import datetime

from chalicelib.model import timestamp

BY_CREATED = "by_created"  # newest first for a tenant: list_pk, list_sk
BY_DUE = "by_due"  # what the sweep must look at, ordered by when: due_pk, due_sk
BY_SHA256 = "by_sha256"  # duplicates within a tenant: sha_pk, sha_sk

# Shards of `by_due`, for the whole stage: enough for 10,000 uploads a second (`python -m bench partitions`). Never
# lower this: the sweep looks at so many shards, and would miss what was written to the others.
DUE_SHARDS = 64

# Stands between a value and an id. No file name, tag or word may contain it, and it sorts before all that they may
# contain.
BETWEEN = "\t"
# Sorts after everything that a value may begin with.
LAST = "\U0010ffff" * 4

API_KEYS = "KEYS"  # the list partition of a stage's API keys; `listed_key` has the sort keys
SEALED = "SEALED"  # the list partition of the ends of all chains of seals; the sort key is the tenant
TENANTS = "TENANTS"  # the list partition of a stage's tenants; the sort key is the tenant's name
WEBHOOKS = "WEBHOOKS"  # the list partition of a stage's webhooks; the sort key is `{tenant}#{webhook id}`

Key = dict[str, str]


def shard_of(file_id: str, shards: int) -> int:
    """The index partition of an id: stable, even, and the same in every process."""
    return zlib.crc32(file_id.encode()) % shards


def file_key(file_id: str) -> Key:
    return {"pk": f"FILE#{file_id}", "sk": "FILE"}


def list_partition(tenant: str, shard: int) -> str:
    return f"LIST#{tenant}#{shard}"


def facet_partition(tenant: str, name: str, value: str, shard: int) -> str:
    """The ids of a tenant's files that have `value` for `name`. The sort key is the id."""
    return f"FACET#{tenant}#{name}={value}#{shard}"


def sort_partition(tenant: str, order: str, shard: int) -> str:
    """A tenant's files in one order. The sort key is `entry(what it is sorted by, id)`."""
    return f"SORT#{tenant}#{order}#{shard}"


def word_partition(tenant: str, word: str, shard: int) -> str:
    """The words of a tenant's files that have the same first two characters. The sort key is `entry(word, id)`."""
    return f"WORD#{tenant}#{word[:2]}#{shard}"


def entry(value: str, file_id: str) -> str:
    """A sort key of a value and an id: it sorts by value, then by id."""
    return f"{value}{BETWEEN}{file_id}"


def entry_id(key: str) -> str:
    """The id in an `entry`."""
    return key.rpartition(BETWEEN)[2]


def feed_partition(tenant: str, shard: int) -> str:
    return f"FEED#{tenant}#{shard}"


def feed_key(tenant: str, shard: int, position: int) -> Key:
    """One change in a shard of a tenant's feed; positions begin at 1."""
    return {"pk": feed_partition(tenant, shard), "sk": f"{position:020d}"}


def head_key(tenant: str, shard: int) -> Key:
    """The end of a shard's feed, and the shard's counts."""
    return {"pk": f"SEQ#{tenant}#{shard}", "sk": "SEQ"}


def marker_key(file_id: str) -> Key:
    """The key of the index's own note on a file."""
    return {"pk": f"FILE#{file_id}", "sk": "INDEX"}


def due_partition(shard: int) -> str:
    return f"DUE#{shard}"


def due_keys(file_id: str, due: datetime) -> Key:
    return {"due_pk": due_partition(shard_of(file_id, DUE_SHARDS)), "due_sk": f"{timestamp(due)}#{file_id}"}


def position_key(walk: str) -> Key:
    """How far the sweep has come in a walk over a bucket."""
    return {"pk": f"WALK#{walk}", "sk": "WALK"}


def sha256_partition(tenant: str, sha256: str) -> str:
    return f"SHA#{tenant}#{sha256}"


def sha256_keys(tenant: str, sha256: str, file_id: str) -> Key:
    return {"sha_pk": sha256_partition(tenant, sha256), "sha_sk": file_id}


def api_key_key(key_id: str) -> Key:
    return {"pk": f"KEY#{key_id}", "sk": "KEY"}


# The sort keys of former releases are a key's id alone, and sort before this.
OWN_KEYS = "~"


def tenant_keys_prefix(tenant: str) -> str:
    """All of a tenant's keys in the list partition of the stage's keys."""
    return f"{OWN_KEYS}{tenant}#"


def listed_key(tenant: str, created_at: str, key_id: str) -> Key:
    """An API key in `by_created`: with its tenant's keys, the oldest first."""
    return {"list_pk": API_KEYS, "list_sk": f"{tenant_keys_prefix(tenant)}{created_at}#{key_id}"}


def token_key(token_id: str) -> Key:
    return {"pk": f"TOKEN#{token_id}", "sk": "TOKEN"}


def token_list_partition(tenant: str, shard: int) -> str:
    return f"TOKENS#{tenant}#{shard}"


def token_list_key(tenant: str, shard: int, created_at: str, token_id: str) -> Key:
    """An upload token in its tenant's list, by its age."""
    return {"pk": token_list_partition(tenant, shard), "sk": f"{created_at}#{token_id}"}


def tenant_key(tenant: str) -> Key:
    return {"pk": f"TENANT#{tenant}", "sk": "TENANT"}


def render_key(object_key: str) -> Key:
    """`object_key` is the rendition's in the derived bucket."""
    return {"pk": f"RENDER#{object_key}", "sk": "RENDER"}


def wait_key(owner: str) -> Key:
    """The requests that a credential, or the whole stage, has waiting."""
    return {"pk": f"WAIT#{owner}", "sk": "WAIT"}


def idempotency_key(owner: str, key: str) -> Key:
    """`owner` is the credential, so that one browser never gets the answer of another. The client's text is hashed."""
    return {"pk": f"IDEM#{owner}#{hashlib.sha256(key.encode()).hexdigest()}", "sk": "IDEM"}


def adoption_key(tenant: str, source: str) -> Key:
    """The note on an object of another bucket that became a file. `source` is the object, hashed (`adoptions`)."""
    return {"pk": f"ADOPTED#{tenant}#{source}", "sk": "ADOPTED"}


def webhook_partition(tenant: str) -> str:
    return f"HOOKS#{tenant}"


def webhook_key(tenant: str, webhook_id: str) -> Key:
    """A webhook as its tenant set it up."""
    return {"pk": webhook_partition(tenant), "sk": webhook_id}


def webhook_count_key(tenant: str) -> Key:
    """How many webhooks a tenant has."""
    return {"pk": f"HOOKCOUNT#{tenant}", "sk": "HOOKCOUNT"}


def delivery_partition(webhook_id: str) -> str:
    return f"HOOK#{webhook_id}"


def delivery_key(webhook_id: str, event_id: str) -> Key:
    """One event for one webhook: what is left to do, and the log of what was done."""
    return {"pk": delivery_partition(webhook_id), "sk": event_id}


def answered_partition(file_id: str) -> str:
    return f"ANSWERED#{file_id}"


def answered_key(file_id: str, webhook_id: str, event_id: str) -> Key:
    """A note that this webhook's delivery of this event may have stored an answer about the file."""
    return {"pk": answered_partition(file_id), "sk": f"{webhook_id}#{event_id}"}


def webhook_state_key(webhook_id: str) -> Key:
    """How a webhook's receiver has answered lately, who delivers to it now, and when it is due."""
    return {"pk": delivery_partition(webhook_id), "sk": "STATE"}


def webhook_slots_key(tenant: str) -> Key:
    """Which workers try a tenant's webhooks that are in trouble."""
    return {"pk": f"SLOTS#{tenant}", "sk": "SLOTS"}


def delivery_due_partition(webhook_id: str) -> str:
    """A webhook's pending deliveries in `by_due`. The sort key is `{when}#{event id}`."""
    return f"DELIVER#{webhook_id}"


def delivery_log_partition(webhook_id: str) -> str:
    """A webhook's deliveries in `by_created`. The sort key is `{time of the event}#{event id}`."""
    return f"HOOKLOG#{webhook_id}"


def socket_key(connection_id: str) -> Key:
    """One WebSocket connection: whose it is, and what it has subscribed to."""
    return {"pk": f"SOCKET#{connection_id}", "sk": "SOCKET"}


def subscription_partition(tenant: str) -> str:
    return f"SUBS#{tenant}"


def subscription_key(tenant: str, topic: str, connection_id: str) -> Key:
    """`topic` is `all`, a file's id, or `token_` and an upload token's id."""
    return {"pk": subscription_partition(tenant), "sk": f"{topic}#{connection_id}"}


def listeners_key(tenant: str) -> Key:
    """Tells whether anybody listens to a tenant's changes on a socket, and how far they were told."""
    return {"pk": f"LISTEN#{tenant}", "sk": "LISTEN"}


def credential_partition(credential: str) -> str:
    return f"CREDENTIAL#{credential}"


def credential_socket_key(credential: str, connection_id: str) -> Key:
    """A socket by the key (`fm_…`) or token (`fmu_…`) that opened it. A token's socket is found by its key, too."""
    return {"pk": credential_partition(credential), "sk": connection_id}


def tenant_sockets_partition(tenant: str) -> str:
    """A tenant's sockets in `by_created`. The sort key is `{end of the socket}#{connection id}`."""
    return f"SOCKETS#{tenant}"


def socket_count_key(tenant: str) -> Key:
    """How many sockets a tenant has."""
    return {"pk": f"SOCKETCOUNT#{tenant}", "sk": "SOCKETCOUNT"}


def audit_partition(tenant: str, shard: int) -> str:
    """Pages of a tenant's audit. The sort key is `{second}#{name of the page}`, as of the changes in the page."""
    return f"AUDIT#{tenant}#{shard}"


def audit_key(tenant: str, shard: int, second: str, name: str) -> Key:
    return {"pk": audit_partition(tenant, shard), "sk": f"{second}#{name}"}


def audited_partition(hour: str) -> str:
    """Notes on the pages that were written in an hour."""
    return f"AUDITED#{hour}"


def audited_key(hour: str, tenant: str, changes: str) -> Key:
    """Says that pages of a tenant were written in `hour`, with changes that were made in the hour `changes`."""
    return {"pk": audited_partition(hour), "sk": f"{tenant}#{changes}"}


def seal_partition(tenant: str) -> str:
    return f"SEAL#{tenant}"


def seal_key(tenant: str, number: int) -> Key:
    """One seal over pages of a tenant's audit; numbers begin at 1."""
    return {"pk": seal_partition(tenant), "sk": f"{number:012d}"}


def sealed_key(tenant: str) -> Key:
    """The end of a tenant's chain of seals."""
    return {"pk": f"SEALED#{tenant}", "sk": "SEALED"}


def share_partition(file_id: str) -> str:
    return f"SHARES#{file_id}"


def share_key(file_id: str, place: int) -> Key:
    """A link to a file's page. A file has some places for links, numbered from 0."""
    return {"pk": share_partition(file_id), "sk": f"{place:02}"}


def share_id(place: str, token_hash: str) -> str:
    """The id of the link in a place, which is the item's `sk`."""
    return f"shr_{place}{token_hash[:16]}"


def ticket_key(ticket_id: str) -> Key:
    return {"pk": f"TICKET#{ticket_id}", "sk": "TICKET"}


def issuer_keys_key(name: str) -> Key:
    """The public keys of an issuer of sign-in tokens. `name` is hashed: it has the issuer and the keys' address."""
    return {"pk": f"JWKS#{hashlib.sha256(name.encode()).hexdigest()}", "sk": "JWKS"}


def rate_key(tenant: str, minute: int, shard: int) -> Key:
    """The requests that a tenant's processes have taken of one minute's quota. `minute` counts from 1970."""
    return {"pk": f"RATE#{tenant}#{minute}#{shard}", "sk": "RATE"}


def reserve_key(tenant: str) -> Key:
    """The files and bytes of a tenant with such quotas, new ones included that the index does not have yet."""
    return {"pk": f"RESERVE#{tenant}", "sk": "RESERVE"}


def usage_partition(tenant: str) -> str:
    return f"USAGE#{tenant}"


def usage_key(tenant: str, day: str) -> Key:
    """A tenant's usage on one day (UTC), such as `2026-11-26`."""
    return {"pk": usage_partition(tenant), "sk": day}
