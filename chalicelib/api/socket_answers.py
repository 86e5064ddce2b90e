"""The messages that a client gets on a socket: models for the AsyncAPI document and the tests.

No message is built from a model: `events.frames` builds them. `socket_messages` has those that a client sends.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from chalicelib.api.answers import Resource
from chalicelib.api.envelopes import Event

Cursor = Annotated[str, Field(description="A place in the feed of changes. Keep the newest, and subscribe with it")]
# The message may lack it.
OwnId = Annotated[str, Field(default_factory=str, description="The `id` of the message that this answers")]


class Subscribed(Resource):
    """A subscription has begun, and everything up to `cursor` was sent."""

    type: Literal["subscribed"]
    cursor: Cursor
    missing: list[str] = Field(
        default_factory=list,
        description="Named files that do not exist, or are not yours. If that is all of them, nothing is subscribed",
    )
    id: OwnId


class Unsubscribed(Resource):
    """A subscription has ended. What was on its way may still come."""

    type: Literal["unsubscribed"]
    id: OwnId


class Change(Resource):
    """One event."""

    type: Literal["change"]
    cursor: Cursor
    event: Event


class Changes(Resource):
    """Several events, in their order."""

    type: Literal["changes"]
    cursor: Cursor
    events: list[Event] = Field(min_length=2)


class Pong(Resource):
    """The socket works."""

    type: Literal["pong"]
    id: OwnId


class SocketError(Resource):
    """A message was refused. The socket stays open, unless its credential has ended.

    `behind` has a `cursor`: there was more to catch up with than fits into one answer, so subscribe again with it.
    """

    type: Literal["error"]
    code: str = Field(description="Stable: branch on it")
    detail: str = Field(description="A sentence for a person")
    field: str = Field(default_factory=str, description="The field of the message that is wrong")
    cursor: str = Field(default_factory=str, description="Subscribe again with it")
    id: OwnId


SENT: dict[str, type[BaseModel]] = {
    "subscribed": Subscribed,
    "unsubscribed": Unsubscribed,
    "change": Change,
    "changes": Changes,
    "pong": Pong,
    "error": SocketError,
}
"""Type of each message → its model."""
