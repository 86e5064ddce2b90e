"""Where each thing is in the table: keys and indexes, as pure functions. docs/scale.md lists the access patterns."""

from __future__ import annotations

import hashlib
import zlib
from datetime import datetime

from chalicelib.model import timestamp

BY_CREATED = "by_created"  # newest first for a tenant: list_pk, list_sk
BY_DUE = "by_due"  # what the sweep must look at, by when: due_pk, due_sk
BY_SHA256 = "by_sha256"  # duplicates within a tenant: sha_pk, sha_sk

DUE_SHARDS = 8

API_KEYS = "KEYS"  # the list partition of a stage's API keys

Key = dict[str, str]


def shard_of(file_id: str, shards: int) -> int:
    """The index partition of an id: stable, even, and the same in every process."""
    return zlib.crc32(file_id.encode()) % shards


def file_key(file_id: str) -> Key:
    return {"pk": f"FILE#{file_id}", "sk": "FILE"}


def list_partition(tenant: str, shard: int) -> str:
    return f"LIST#{tenant}#{shard}"


def due_keys(file_id: str, due: datetime) -> Key:
    return {"due_pk": f"DUE#{shard_of(file_id, DUE_SHARDS)}", "due_sk": f"{timestamp(due)}#{file_id}"}


def sha256_partition(tenant: str, sha256: str) -> str:
    return f"SHA#{tenant}#{sha256}"


def sha256_keys(tenant: str, sha256: str, file_id: str) -> Key:
    return {"sha_pk": sha256_partition(tenant, sha256), "sha_sk": file_id}


def api_key_key(key_id: str) -> Key:
    return {"pk": f"KEY#{key_id}", "sk": "KEY"}


def token_key(token_id: str) -> Key:
    return {"pk": f"TOKEN#{token_id}", "sk": "TOKEN"}


def tenant_key(tenant: str) -> Key:
    return {"pk": f"TENANT#{tenant}", "sk": "TENANT"}


def idempotency_key(owner: str, key: str) -> Key:
    """`owner` is the credential: one browser's key never finds another's answer. The client's text is hashed."""
    return {"pk": f"IDEM#{owner}#{hashlib.sha256(key.encode()).hexdigest()}", "sk": "IDEM"}
