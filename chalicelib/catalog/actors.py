"""The one who changes records now. It is set once for a request or an invocation, and noted with each change."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib import observability
from chalicelib.model import Actor, ChangeType, LastChange, now, timestamp
from chalicelib.settings import settings

# The actor where nobody was named: an operator at a terminal, or a function that makes no changes of its own.
NOBODY = Actor(type="system", id="filemill" if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else "ops")


@dataclass(frozen=True)
class Origin:
    """The place that changes come from: a network address, and the id of the request or of the function's run."""

    address: str | None = None
    request_id: str | None = None


NOWHERE = Origin()

_present: ContextVar[Actor] = ContextVar("actor", default=NOBODY)
_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def begin(request_id: str, **keys: str | None) -> None:
    """Starts a function's invocation: its log context, and the place that its changes come from."""
    observability.begin(request_id=request_id, **keys)
    come_from(Origin(request_id=request_id))


def act_as(actor: Actor) -> None:
    """From here on, changes are this actor's. They come from the same place as before."""
    _present.set(actor)


def system(function: str) -> None:
    """From here on, changes are a function's own: `process`, `fetch`, `sweep` or `api`."""
    act_as(Actor(type="system", id=function))


def come_from(origin: Origin) -> None:
    """From here on, changes come from this place."""
    _origin.set(origin)


def address(full: str | None) -> str | None:
    """As much of a network address as the stage keeps (`audit_address`): all of it, its network, or nothing.

    A network is the first 24 bits of an IPv4 address, and the first 48 of an IPv6 address. None for what is no address.
    """
    kept = settings().audit_address
    if not full or kept == "none":
        return None
    from ipaddress import ip_address, ip_network

    try:
        read = ip_address(full)
    except ValueError:
        return None
    if read.version == 6 and read.ipv4_mapped:
        read = read.ipv4_mapped
    if kept == "full":
        return str(read)
    return str(ip_network((read.packed, 24 if read.version == 4 else 48), strict=False))


def present() -> Actor:
    """The one whose changes are written now."""
    return _present.get()


def origin() -> Origin:
    """The place that changes come from now."""
    return _origin.get()


def change(kind: ChangeType, moment: datetime) -> LastChange:
    """The note of a change that is written now: who made it, when, and from where."""
    return LastChange(type=kind, at=moment, actor=present(), address=origin().address, request_id=origin().request_id)


def noted(*, ends: bool = False) -> dict[str, Any]:
    """The note of a change of a setting, for the attribute `changed_by` of its item: as JSON.

    The audit has an entry for every write that changes `changed_by`, so each writer of a setting sets it, and nobody
    else does. `ends` says that the item is deleted next.
    """
    made = {
        "actor": present().model_dump(mode="json"),
        "at": timestamp(now()),
        "address": origin().address,
        "request_id": origin().request_id,
    }
    return {name: value for name, value in made.items() if value is not None} | ({"ends": True} if ends else {})


def carried[**P, R](work: Callable[P, R]) -> Callable[P, R]:
    """The same work for another thread, which would not know who acts: a new thread knows nothing of this one's."""
    actor, place = present(), origin()

    def begun(*args: P.args, **kwargs: P.kwargs) -> R:
        act_as(actor)
        come_from(place)
        return work(*args, **kwargs)

    return begun
