"""Answers to requests that had an Idempotency-Key, remembered for a day, or until what they made is deleted."""

from __future__ import annotations

import time
from dataclasses import dataclass

from chalicelib.catalog.dynamodb import NEW, ConditionFailedError, Joined, get_item, joined_put, update
from chalicelib.catalog.keys import idempotency_key
from chalicelib.catalog.values import serialize

KEEP_SECONDS = 24 * 3600


class RepeatedError(Exception):
    """The key was used already. The answer is what `remembered` returns."""


@dataclass(frozen=True)
class Remembered:
    """`owner` is the credential that sent `key`; `body_hash` is the SHA-256 (hex) of the body that came with it.

    `file_id` is the id of what the request made: a file or a webhook. Once it is deleted, `answer` and `body_hash` are
    empty.
    """

    owner: str
    key: str
    body_hash: str
    file_id: str
    answer: str

    @property
    def forgotten(self) -> bool:
        """True once it is deleted."""
        return not self.answer

    @property
    def item_id(self) -> str:
        """The partition key of the item. The record of what was made has it as `remembered_as`."""
        return idempotency_key(self.owner, self.key)["pk"]

    def write(self) -> Joined:
        """Remembers the answer, together with the record that it tells of. Refused with RepeatedError."""
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


def forget(item_id: str, file_id: str) -> None:
    """Forgets what was answered of a file or webhook that is deleted: one UpdateItem.

    The key stays known for the rest of its day, so that a request which is repeated late does not make it anew. Does
    nothing if the item is gone, or if the key has been used for something else since.
    """
    try:
        update(
            {"pk": item_id, "sk": "IDEM"},
            values={"answer": "", "body_hash": ""},
            condition="file_id = :file_id",
            using={":file_id": file_id},
            returning="NONE",
        )
    except ConditionFailedError:
        return
