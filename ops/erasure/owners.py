"""Which items of the table are a tenant's, by their keys and a few attributes.

An item says it in one of four ways, which are asked in this order: by the attribute `tenant`; by the second part of
its partition key, as in `FACET#acme#…`; by an id of something that the tenant has, in its key or in one of `NAMING`;
and, if it is of a kind that this module does not know, by any part of its key. So a new kind of item is found, too,
unless nothing in it leads to its tenant.

Names are compared whole. Those of two tenants may begin alike (`acme`, `acme-2`), and clients choose tags and file
names that look like anything: a part that a client chose never decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from typing import Any

Item = Mapping[str, Any]

# Kinds of items whose partition key has the tenant's name as its second part, alone or before a slash.
BY_TENANT = frozenset(
    {
        *("LIST", "FACET", "SORT", "WORD", "FEED", "SEQ", "SHA", "TENANT", "WAIT", "IDEM", "ADOPTED"),
        *("HOOKS", "HOOKCOUNT", "SLOTS", "SUBS", "LISTEN", "SOCKETS", "SOCKETCOUNT"),
        *("TOKENS", "RATE", "RESERVE", "USAGE", "AUDIT", "SEAL", "SEALED"),
    }
)
# Kinds whose partition key has an id of something that a tenant has.
BY_ID = frozenset(
    {
        *("FILE", "SHARES", "RENDER", "KEY", "TOKEN", "TICKET", "HOOK", "ANSWERED", "SOCKET", "CREDENTIAL"),
        *("DELIVER", "HOOKLOG"),
    }
)
# Kinds whose sort key begins with the tenant's name.
BY_SORT_KEY = frozenset({"AUDITED"})
# Kinds that are the stage's own.
OF_STAGE = frozenset({"WALK", "DUE", "JWKS"})
# Kinds of the audit, which tells of the erasure as well.
OF_AUDIT = frozenset({"AUDIT", "AUDITED", "SEAL", "SEALED"})

# Attributes that may name something that a tenant has.
NAMING = ("file_id", "webhook_id", "key_id", "token_id", "credential")

_PARTS = re.compile(r"[#/\t]")


def kind_of(item: Item) -> str:
    """The item's kind, for counting: the first part of its partition key; `INDEX` for the index's note on a file."""
    kind = text(item, "pk").partition("#")[0]
    return "INDEX" if kind == "FILE" and text(item, "sk") == "INDEX" else kind


def text(item: Item, name: str) -> str:
    """An attribute's text; empty if it is missing or none."""
    return str(item.get(name, {}).get("S", ""))


def names_of(item: Item, tenant: str) -> set[str]:
    """The ids by which other items may name this one, if it is the tenant's and has any."""
    pk, sk = text(item, "pk"), text(item, "sk")
    kind, _, identity = pk.partition("#")
    if kind == "FEED" and identity.partition("#")[0] == tenant:
        return {text(item, "file_id")}  # the record may be gone already, while the index still has its note
    if text(item, "tenant") != tenant:
        return set()
    match kind:
        case "FILE" | "SOCKET":
            return {identity}
        case "HOOKS":
            return {sk}
        case "HOOK":
            return {identity}
        case "KEY":
            return {identity, f"fm_{identity}"}
        case "TOKEN":
            return {identity, f"fmu_{identity}"}
    return set()


def is_of(item: Item, tenant: str, names: Set[str]) -> bool:
    """True if the item is the tenant's. `names` are the ids of what the tenant has (`names_of`)."""
    if said := text(item, "tenant"):
        return said == tenant
    kind, *parts = _PARTS.split(text(item, "pk"))
    if kind in OF_STAGE:
        return False
    if kind in BY_TENANT:
        return parts[:1] == [tenant]
    place = _PARTS.split(text(item, "sk"))
    if kind in BY_SORT_KEY:
        return place[:1] == [tenant]
    named = {*parts, *place, *(text(item, name) for name in NAMING)}
    # Whoever signed in with a token of an issuer has no credential but the tenant's own (`auth.keys.name_of_tenant`).
    if names & named or f"tenant_{tenant}" in named:
        return True
    return kind not in BY_ID and tenant in named
