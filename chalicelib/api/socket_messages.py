"""Messages of a client on its socket, and the answers. docs/events.md has the protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field

from chalicelib import aws, cursors
from chalicelib.api import documents, parsing
from chalicelib.api.auth import keys
from chalicelib.api.auth.admission import admit, admit_as_of_now
from chalicelib.api.auth.callers import USER, Caller, Scope, as_of_now, as_remembered, require
from chalicelib.api.errors import Problem
from chalicelib.api.parsing import Body
from chalicelib.catalog import credentials, sockets
from chalicelib.catalog.index.positions import ContendedError
from chalicelib.catalog.sockets import MAX_FILES, Connection, GoneError, MixedError, Place, TooManyError
from chalicelib.catalog.subscriptions import ALL, SupersededError, owner_topic, token_topic
from chalicelib.events import posts, subscribing
from chalicelib.events.frames import frame
from chalicelib.events.posts import Outcome
from chalicelib.events.subscribing import BehindError, FutureError, LostError
from chalicelib.model import FILE_ID_PATTERN
from chalicelib.observability import append, logger

# Bytes of a message. A hundred ids and the longest cursor need less.
MAX_BYTES = 16 * 1024
# Files that one message may name.
MAX_NAMED = 100
# Characters of a cursor: one of a stage with 256 shards.
MAX_CURSOR = 8192
# Characters of a message's own `id`, which its answer repeats.
MAX_ID = 64

# Seconds for posting an answer.
ANSWERING = 10.0


class _Message(Body):
    MAX_BYTES: ClassVar[int] = MAX_BYTES
    WHOLE: ClassVar[str] = "message"
    OWNER: ClassVar[str] = "message"

    id: Annotated[str, Field(max_length=MAX_ID)] | None = Field(None, description="The answer repeats it")


class _Topics(_Message):
    """One of `all`, `files` and `token`."""

    all: Literal[True] | None = None
    files: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=MAX_NAMED)] | None = (
        None
    )
    token: Annotated[str, Field(max_length=64)] | None = None


class Subscribe(_Topics):
    """Asks for changes. Name one of `all` (every file), `files` (some), and `token` (what an upload token brings).

    For an upload token, `all` is what it brings itself; for a credential with `files:own`, its own files. `cursor` is
    the newest one that the client has. Without one, changes are sent from now on.
    """

    action: Literal["subscribe"]
    cursor: Annotated[str, Field(min_length=1, max_length=MAX_CURSOR)] | None = None


class Unsubscribe(_Topics):
    """Ends what a `subscribe` began. Name one of `all`, `files` and `token`."""

    action: Literal["unsubscribe"]


class Ping(_Message):
    """Asks for a `pong`. API Gateway closes a socket on which nothing was sent for ten minutes."""

    action: Literal["ping"]


ACTIONS: dict[str, type[_Message]] = {"subscribe": Subscribe, "unsubscribe": Unsubscribe, "ping": Ping}

# Errors after which the connection is closed, because nothing that the client sends on it can succeed.
_LAST = frozenset(
    {"unauthenticated", "token_expired", "key_expired", "missing_scope", "network_not_allowed", "tenant_suspended"}
)


# Codes of errors that only a socket answers with. The others are those of the HTTP API (errors.py).
CODES = frozenset({"behind", "mixed_subscriptions", "superseded", "too_many_subscriptions", "unknown_action"})


class _Refusal(Problem):
    """An error with a code of CODES. It never becomes an HTTP answer, so it has no status."""


class _Behind(_Refusal):
    """The client must subscribe again, from `cursor`."""

    def __init__(self, cursor: str | None) -> None:
        detail = "There is more to catch up with than fits into one answer. Subscribe again with this cursor."
        super().__init__("behind", detail)
        self.cursor = cursor


def answer(event: Mapping[str, Any]) -> None:
    """Does what a message asks for, and posts the answer. Everything that goes wrong is answered with an error.

    A message that cannot be read costs one post, and no read of the table.
    """
    request = event["requestContext"]
    place = Place(request["domainName"], request["apiId"], request["stage"])
    name: str | None = None
    try:
        raw = _raw(event)
        document = documents.read(raw, _Message.WHOLE)
        name = _name(document)
        read = _read(document, raw)
        connection = _connection(request["connectionId"])
        _admit(connection, read)
        reply = _do(connection, read)
    except LostError:
        return
    except Problem as problem:
        reply = _error(problem, name)
        last = problem.code in _LAST
    except (ClientError, BotoCoreError, ContendedError) as error:
        logger.exception("an AWS call failed")
        busy = isinstance(error, ContendedError) or aws.is_busy(error)
        reply, last = _error(_BUSY if busy else _INTERNAL, name), False
    except Exception:
        logger.exception("unhandled error")
        reply, last = _error(_INTERNAL, name), False
    else:
        last = False
        if name is not None:
            reply["id"] = name
    kind = reply.pop("type")
    outcome = posts.post(place, request["connectionId"], [frame(kind, **reply)], time.monotonic() + ANSWERING)
    if outcome is Outcome.GONE:
        sockets.forget(request["connectionId"])
    elif outcome is Outcome.STUCK or last:
        posts.end(place, request["connectionId"])


_BUSY = Problem("unavailable", "The service is busy; try again.")
_INTERNAL = Problem("internal", "Something went wrong on our side. Try again.")


def _error(problem: Problem, name: str | None) -> dict[str, Any]:
    return {
        "type": "error",
        "code": problem.code,
        "detail": problem.detail,
        "field": problem.field,
        "cursor": problem.cursor if isinstance(problem, _Behind) else None,
        "id": name,
    }


def _raw(event: Mapping[str, Any]) -> bytes:
    if event.get("isBase64Encoded"):
        raise Problem("invalid_json", "Messages are JSON in text frames. This one is binary.")
    raw = (event.get("body") or "").encode("utf-8", "surrogatepass")
    if len(raw) > MAX_BYTES:
        raise Problem("payload_too_large", f"A message must have at most {MAX_BYTES} bytes.")
    return raw


def _name(document: Any) -> str | None:
    """The message's own id, which an error repeats as well; None if it has none, or none that is right."""
    name = document.get("id") if isinstance(document, dict) else None
    return name if isinstance(name, str) and len(name) <= MAX_ID else None


def _read(document: Any, raw: bytes) -> _Message:
    if not isinstance(document, dict):
        raise Problem("invalid_field", "A message must be a JSON object.", field="message")
    action = document.get("action")
    model = ACTIONS.get(action) if isinstance(action, str) else None
    if model is None:
        known = ", ".join(f"`{each}`" for each in ACTIONS)
        raise _Refusal("unknown_action", f"`action` must be one of {known}.", field="action")
    return parsing.parse(model, raw)


def _connection(connection_id: str) -> Connection:
    connection = sockets.get(connection_id)
    if connection is None or connection.closing:
        raise _over()
    append(tenant=connection.tenant, key_id=connection.credentials[0])
    if connection.ends and connection.ends <= time.time():
        raise Problem("token_expired", "The credential of this socket has expired. Connect again with another one.")
    return connection


def _admit(connection: Connection, message: _Message) -> None:
    """Raises the Problems of a credential that may not have this socket any more, at this address.

    Keys and tenants are remembered for a short time, as between requests. Before a subscription they are read anew:
    then either their change finds the socket, or the socket hears nothing more. A sign-in token ends by its time alone.
    """
    name, *_ = connection.credentials
    fresh = isinstance(message, Subscribe)
    if name.startswith(USER):
        caller = Caller(connection.tenant, name, frozenset({Scope.EVENTS_READ}))
    else:
        caller = as_of_now(*connection.credentials) if fresh else as_remembered(name)
    (admit_as_of_now if fresh else admit)(caller, lambda: connection.address)
    require(caller, Scope.EVENTS_READ, tokens=True, own=True)


def _over() -> Problem:
    return Problem("unauthenticated", "This socket is over: its credential has ended, or it was closed. Connect again.")


def _do(connection: Connection, message: _Message) -> dict[str, Any]:
    if isinstance(message, Ping):
        return {"type": "pong"}
    assert isinstance(message, _Topics)
    if sum(each is not None for each in (message.all, message.files, message.token)) != 1:
        raise Problem("invalid_field", "Name one of `all`, `files` and `token`.", field="message")
    if isinstance(message, Subscribe):
        return _subscribe(connection, message)
    if message.files is not None:
        subscribing.leave_files(connection, _file_ids(message.files))
    else:
        subscribing.leave_topic(connection, _topic(connection, message))
    return {"type": "unsubscribed"}


def _subscribe(connection: Connection, message: Subscribe) -> dict[str, Any]:
    # A cursor is checked even where it is of no use: a client that sends a wrong one is wrong about more.
    cursor = _positions(connection.tenant, message.cursor) if message.cursor is not None else None
    if message.files is None:
        topic = _topic(connection, message)
        return _subscribed(connection, lambda: (subscribing.to_topic(connection, topic, cursor), []))
    known = _file_ids(message.files)
    reply = _subscribed(connection, lambda: subscribing.to_files(connection, known))
    missing = {*reply.pop("missing", []), *(set(message.files) - set(known))}
    named = [file_id for file_id in dict.fromkeys(message.files) if file_id in missing]
    return {**reply, **({"missing": named} if named else {})}


def _positions(tenant: str, cursor: str) -> dict[int, int]:
    positions = cursors.decode_feed(tenant, cursor)
    if positions is None:
        detail = "This cursor is not valid here: send one that this tenant got from a socket or `/v1/changes`."
        raise Problem("invalid_cursor", detail, field="cursor")
    return positions


def _file_ids(named: list[str]) -> list[str]:
    """Those that have the form of a file's id, each once. Others must not be taken for a topic, such as `all`.

    Raises Problem `not_found` if none has.
    """
    ids = [each for each in dict.fromkeys(named) if FILE_ID_PATTERN.fullmatch(each)]
    if not ids:
        raise Problem("not_found", "There is no file of these ids.", field="files")
    return ids


def _topic(connection: Connection, message: _Topics) -> str:
    """The topic of `all` or `token`.

    `all` of an upload token is what it brought, and that of a caller with `files:own` its own files.
    """
    if connection.owner and message.token is None:
        return owner_topic(connection.owner)
    if message.token is None or message.token == connection.token_id:
        return token_topic(connection.token_id) if connection.token_id else ALL
    token = credentials.get_token(message.token) if keys.ID.fullmatch(message.token) else None
    if connection.token_id or connection.owner or token is None or token.tenant != connection.tenant:
        raise Problem("not_found", "There is no upload token with this id.", field="token")
    return token_topic(token.id)


def _subscribed(connection: Connection, begin: Callable[[], tuple[Mapping[int, int], list[str]]]) -> dict[str, Any]:
    """Begins a subscription. What it can't do becomes a Problem."""
    try:
        reached, missing = begin()
    except BehindError as behind:
        raise _Behind(cursors.encode_feed(connection.tenant, behind.reached) if behind.reached else None) from None
    except FutureError:
        detail = "This cursor is ahead of your changes. Read your files anew, and subscribe without a cursor."
        raise Problem("invalid_cursor", detail, field="cursor") from None
    except TooManyError:
        detail = f"A socket may name at most {MAX_FILES} files. Open another one, or subscribe to `all`."
        raise _Refusal("too_many_subscriptions", detail, field="files") from None
    except MixedError:
        detail = (
            "A socket follows `all` or one `token`, or it names `files`. Unsubscribe first, or open another socket."
        )
        raise _Refusal("mixed_subscriptions", detail) from None
    except SupersededError:
        if sockets.get(connection.id) is None:
            raise _over() from None
        raise _Refusal("superseded", "A later message of this socket subscribed or unsubscribed the same.") from None
    except GoneError:
        raise _over() from None
    cursor = cursors.encode_feed(connection.tenant, reached)
    return {"type": "subscribed", "cursor": cursor, **({"missing": missing} if missing else {})}
