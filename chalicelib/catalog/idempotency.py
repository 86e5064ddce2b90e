"""What was answered to a request that carried an Idempotency-Key, for a day."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from chalicelib.catalog.dynamodb import get_item
from chalicelib.catalog.keys import idempotency_key

KEEP_SECONDS = 24 * 3600


class RepeatedError(Exception):
    """The key was used already: what was remembered is the answer."""


@dataclass(frozen=True)
class Remembered:
    """`owner` is the credential that sent `key`; `body_hash` tells whether a later body is the same (hex SHA-256)."""

    owner: str
    key: str
    body_hash: str
    file_id: str
    answer: str

    def item(self, present: int) -> dict[str, Any]:
        """`present` in Unix seconds."""
        return {
            **idempotency_key(self.owner, self.key),
            "body_hash": self.body_hash,
            "file_id": self.file_id,
            "answer": self.answer,
            "ttl": present + KEEP_SECONDS,
        }


def remembered(owner: str, key: str) -> Remembered | None:
    """One GetItem, strongly consistent; None when the key is new or its day is over."""
    values = get_item(idempotency_key(owner, key))
    if values is None or values["ttl"] <= time.time():
        return None
    return Remembered(owner, key, values["body_hash"], values["file_id"], values["answer"])
