"""The public keys of issuers of sign-in tokens, as the stage keeps them: one item for each issuer.

With it a function that starts has keys although the issuer does not answer, and all functions of the stage together ask
the issuer seldom. Times are Unix milliseconds. The items are written with UpdateItem alone, for which each function
that reads credentials has the right.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.catalog.dynamodb import ConditionFailedError, get_item, update
from chalicelib.catalog.keys import issuer_keys_key

# Seconds after the last write in which the table's TTL leaves an issuer's item.
LIFE = 2 * 86400

Reason = Literal["refreshed", "searched"]
"""Why an issuer is asked: its keys are old, or a token names one that is not among them. Each has its own pace."""


@dataclass(frozen=True)
class KeptKeys:
    """An issuer's keys: `document` is a JSON list, `fetched` when it came. Empty and 0 if it never did.

    `refreshed` and `searched` are when somebody began to ask for these reasons, `ended` when the last one had failed.
    """

    document: str = "[]"
    fetched: int = 0
    refreshed: int = 0
    searched: int = 0
    ended: int = 0

    def began(self, reason: Reason) -> int:
        return self.refreshed if reason == "refreshed" else self.searched


def _kept(values: dict[str, Any] | None) -> KeptKeys:
    values = values or {}
    times = {name: values.get(name, 0) for name in ("fetched", "refreshed", "searched", "ended")}
    return KeptKeys(document=values.get("document", "[]"), **times)


def get(name: str) -> KeptKeys:
    """One GetItem, strongly consistent. `name` is the issuer's, as `issuer_keys_key` takes it."""
    return _kept(get_item(issuer_keys_key(name)))


def claim(name: str, reason: Reason, moment: int, pause: int) -> KeptKeys | None:
    """Takes the one place to ask an issuer for this reason: one conditional UpdateItem for the whole stage.

    None if it was taken. Returns the item as it is if somebody took the place less than `pause` ms before `moment`.
    """
    try:
        update(
            issuer_keys_key(name),
            values={reason: moment, "ttl": moment // 1000 + LIFE},
            condition=f"attribute_not_exists(#{reason}) OR #{reason} <= :since",
            using={":since": moment - pause},
            returning="NONE",
        )
    except ConditionFailedError as failed:
        return _kept(failed.item)
    return None


def put(name: str, document: str, moment: int) -> None:
    """Keeps an issuer's keys: one UpdateItem. Keys that came later are left as they are."""
    _write(name, {"document": document, "fetched": moment}, moment, "fetched")


def give_up(name: str, moment: int) -> None:
    """Notes that the issuer gave no keys, so that nobody waits for them: one UpdateItem."""
    _write(name, {"ended": moment}, moment, "ended")


def _write(name: str, values: dict[str, Any], moment: int, since: str) -> None:
    with suppress(ConditionFailedError):
        update(
            issuer_keys_key(name),
            values={**values, "ttl": moment // 1000 + LIFE},
            condition=f"attribute_not_exists(#{since}) OR #{since} <= :moment",
            using={":moment": moment},
            returning="NONE",
        )
