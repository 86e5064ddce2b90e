"""Answers to requests that had an Idempotency-Key, remembered for a day."""

from __future__ import annotations

import time
from dataclasses import dataclass

from chalicelib.catalog.dynamodb import NEW, Joined, get_item, joined_put
from chalicelib.catalog.keys import idempotency_key
from chalicelib.catalog.values import serialize

KEEP_SECONDS = 24 * 3600


class RepeatedError(Exception):
    """The key was used already. The answer is what `remembered` returns."""


@dataclass(frozen=True)
class Remembered:
    """`owner` is the credential that sent `key`; `body_hash` is the SHA-256 (hex) of the body that came with it."""

    owner: str
    key: str
    body_hash: str
    file_id: str
    answer: str

    def write(self) -> Joined:
        """Remembers the answer, together with the file that it tells of. Refused with RepeatedError."""
        present = int(time.time())
        item = {
            **idempotency_key(self.owner, self.key),
            "body_hash": self.body_hash,
            "file_id": self.file_id,
            "answer": self.answer,
            "ttl": present + KEEP_SECONDS,
        }
        action = joined_put(
            item,
            # The table's TTL may take two days to remove an item whose day is over.
            ConditionExpression=f"{NEW} OR #ttl <= :now",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":now": serialize(present)},
        )
        return Joined(action, refused=RepeatedError())


def remembered(owner: str, key: str) -> Remembered | None:
    """One GetItem, strongly consistent. None if the key is new or its day is over."""
    values = get_item(idempotency_key(owner, key))
    if values is None or values["ttl"] <= time.time():
        return None
    return Remembered(owner, key, values["body_hash"], values["file_id"], values["answer"])
