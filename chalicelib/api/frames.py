"""The messages of the socket, in both directions: models for the AsyncAPI document and the tests."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.api.answers import FileId, Resource
from chalicelib.api.envelopes import Event
from chalicelib.api.parsing import Body

Cursor = Annotated[str, Field(description="A place in the feed of changes. Keep the newest, and send it to go on")]


class SubscribeFrame(Body):
    """Asks for changes: of all files of the tenant, or of some."""

    action: Literal["subscribe"]
    all: Literal[True] | None = None
    files: list[FileId] | None = Field(None, min_length=1)
    cursor: str | None = None


class PingFrame(Body):
    """Asks for a `pong`. API Gateway closes a socket that is silent for ten minutes."""

    action: Literal["ping"]


class SubscribedFrame(Resource):
    """The answer to `subscribe`. Everything up to `cursor` was sent."""

    type: Literal["subscribed"]
    cursor: Cursor


class ChangeFrame(Resource):
    """One event."""

    type: Literal["change"]
    cursor: Cursor
    event: Event


class ChangesFrame(Resource):
    """Several events, in their order."""

    type: Literal["changes"]
    cursor: Cursor
    events: list[Event] = Field(min_length=1)


class PongFrame(Resource):
    """The answer to `ping`."""

    type: Literal["pong"]


class ErrorFrame(Resource):
    """A message of the client was not understood or not allowed. The socket stays open."""

    type: Literal["error"]
    code: str = Field(description="Stable: branch on it")
    detail: str = Field(description="A sentence for a person")


RECEIVED = (SubscribeFrame, PingFrame)
SENT = (SubscribedFrame, ChangeFrame, ChangesFrame, PongFrame, ErrorFrame)
