"""The one who changes records now. It is set once for a request or an invocation, and noted with each change."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from chalicelib.model import Actor, ChangeType, LastChange

# The actor where nobody was named: a terminal, or a function before its first request.
NOBODY = Actor(type="system", id="filemill")


@dataclass(frozen=True)
class Origin:
    """The place that changes come from: a network address, and the id of the request or of the function's run."""

    address: str | None = None
    request_id: str | None = None


NOWHERE = Origin()

_present: ContextVar[Actor] = ContextVar("actor", default=NOBODY)
_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def act_as(actor: Actor) -> None:
    """From here on, changes are this actor's. They come from the same place as before."""
    _present.set(actor)


def system(function: str) -> None:
    """From here on, changes are a function's own: `process`, `fetch`, `sweep` or `api`."""
    act_as(Actor(type="system", id=function))


def come_from(origin: Origin) -> None:
    """From here on, changes come from this place."""
    _origin.set(origin)


def present() -> Actor:
    """The one whose changes are written now."""
    return _present.get()


def origin() -> Origin:
    """The place that changes come from now."""
    return _origin.get()


def change(kind: ChangeType, moment: datetime) -> LastChange:
    """The note of a change that is written now: who made it, when, and from where."""
    return LastChange(type=kind, at=moment, actor=present(), address=origin().address, request_id=origin().request_id)
