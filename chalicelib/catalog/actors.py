"""The one who changes records now. It is set once for a request or an invocation, and noted with each change."""

from __future__ import annotations

from contextvars import ContextVar

from chalicelib.model import Actor

# The actor where nobody was named: a terminal, or a function before its first request.
NOBODY = Actor(type="system", id="filemill")

_present: ContextVar[Actor] = ContextVar("actor", default=NOBODY)


def act_as(actor: Actor) -> None:
    """From here on, changes are this actor's."""
    _present.set(actor)


def system(function: str) -> None:
    """From here on, changes are a function's own: `process`, `fetch`, `sweep` or `api`."""
    act_as(Actor(type="system", id=function))


def present() -> Actor:
    """The one whose changes are written now."""
    return _present.get()
