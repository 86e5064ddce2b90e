"""One entry of the audit: who changed what. It names the fields that changed, and has no value that a client wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# Characters of a moment, as `model.timestamp` writes it, up to its second and up to its hour.
SECOND = len("2026-11-26T12:00:00")
HOUR = len("2026-11-26T12")

DIGEST_BYTES = 32


@dataclass(frozen=True)
class Entry:
    """One change.

    Attributes
    ----------
    id: that of the event of this change, where there is one.
    subject: the id of what was changed; of a tenant, its name.
    type: the event's type.
    at: the moment, as `model.timestamp` writes it.
    actor: `type` and `id`.
    address: the caller's network address, as much of it as the stage keeps.
    request_id: of the request or of the function's run.
    fields: names of the fields that changed; empty where all of it is new, or is gone.
    revision: of a file, the one that the change made.
    before: of a file, the moment of the change before this one, by which that change is found.
    """

    id: str
    tenant: str
    subject: str
    type: str
    at: str
    actor: Mapping[str, str]
    address: str | None = None
    request_id: str | None = None
    fields: tuple[str, ...] = ()
    revision: int | None = None
    before: str | None = None

    @property
    def place(self) -> str:
        """Where the entry stands among all of a tenant's: they are ordered by their moments, then by their ids."""
        return f"{self.at}#{self.id}"

    def stored(self) -> dict[str, Any]:
        """The entry as JSON, without its tenant, which its page names, and without what is empty."""
        values = asdict(self) | {"actor": dict(self.actor), "fields": list(self.fields)}
        return {name: value for name, value in values.items() if name != "tenant" and value not in (None, [])}


def read(tenant: str, values: Mapping[str, Any]) -> Entry:
    """The entry in what `Entry.stored` gave."""
    return Entry(tenant=tenant, **{**values, "fields": tuple(values.get("fields", ()))})


def canonical(value: Any) -> bytes:
    """The one text of a JSON value, over which digests are made: names in order, no spaces, UTF-8."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(value: Any) -> bytes:
    """SHA-256 of a JSON value: DIGEST_BYTES."""
    return hashlib.sha256(canonical(value)).digest()
