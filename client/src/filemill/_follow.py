"""Following changes: over the socket, and by asking the feed where no socket can be had.

Both have the same cursor, so it does not matter when one takes over from the other.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from filemill import _files, _json
from filemill._api import backoff
from filemill._cursors import Cursors
from filemill._effects import Closed, Connect, Disconnect, Emit, Flow, NoSocket, Receive, Sleep, Transmit
from filemill._files import FileRef
from filemill._resource import Resource
from filemill.errors import ApiError, NetworkError, RateLimited, ServerError, error_class
from filemill.models import Event, File

_log = logging.getLogger("filemill")

_QUIET = 120.0  # seconds without a message, after which a ping asks if the socket still lives
_ANSWER = 30.0  # seconds for the answer to a ping or a subscription
_FEED_FOR = 60.0  # seconds for which the feed is asked before the socket is tried again
_POLL = 2.0  # seconds between two requests of the feed
_IN_MESSAGE, _MOST_FILES = 100, 500
_KNOWN = 100_000  # files whose revision is kept

# Refusals of the socket after which the same message may be taken, and the status of the others.
_FOR_NOW = ("unavailable", "internal", "superseded")
_STATUS = {
    "unauthenticated": 401,
    "token_expired": 401,
    "key_expired": 401,
    "missing_scope": 403,
    "network_not_allowed": 403,
    "tenant_suspended": 403,
    "not_found": 404,
}


def follow(
    self: Resource,
    files: Sequence[FileRef] | None = None,
    types: Sequence[str] | None = None,
    cursor: str | None = None,
    *,
    on_state: Callable[[str], object] | None = None,
) -> Flow[None]:
    """Changes as they happen, for as long as you iterate. It connects again by itself and misses no file.

    files: at most 500, of which you hear as they are now, and then of each change; None for all files. types: such as
    `filemill.file.ready` or `ready`. cursor: an event's `cursor`, or that of `files.changes`: first comes all that has
    changed since. Without one it begins now. on_state: is called with a sentence when the connection changes; without
    it, the logger `filemill` gets the sentence.

    Each event is the newest state of a file, told once. Keep `event.cursor` when you have handled the event.

    It needs the extra `events`, which is the package websockets. Without it, or where no socket can be had, the feed is
    asked every two seconds. Raises ApiError where a credential or cursor is refused, and NetworkError if the first
    connection fails; later ones are tried for ever.

    >>> for event in client.events.follow(types=["ready"], cursor="0"):
    ...     print(event.type, event.file.filename)
    ...     break
    filemill.file.ready photo.jpg
    """
    follower = _Follower(self, files, types, cursor, on_state)
    yield from follower.run()


class _Follower:
    """One run of `follow`."""

    def __init__(
        self,
        resource: Resource,
        files: Sequence[FileRef] | None,
        types: Sequence[str] | None,
        cursor: str | None,
        on_state: Callable[[str], object] | None,
    ) -> None:
        self._resource = resource
        self._api = resource._api
        self._files = None if files is None else [each.id if isinstance(each, File) else each for each in files]
        if self._files is not None and not 1 <= len(self._files) <= _MOST_FILES:
            raise ValueError(f"1 to {_MOST_FILES} files can be followed at once; leave `files` out to follow all.")
        self._types = None if types is None else {_full(each) for each in types}
        self._cursor = cursor
        self._on_state = on_state
        self._known: OrderedDict[str, int] = OrderedDict()
        self._was_well = False  # something has worked before
        self._failures = 0

    def run(self) -> Flow[None]:
        while True:
            try:
                yield from self._listen()
            except Closed as error:
                self._say(f"The socket has ended ({error}); connecting again.")
                yield Sleep(backoff(self._failures))
                self._failures = min(self._failures + 1, 6)
            except NoSocket as error:
                self._say(f"{error} Asking the feed of changes instead.")
                yield from self._ask()

    # --- The socket

    def _listen(self) -> Flow[None]:
        """Subscribes on a new socket, and tells what comes. Raises Closed, NoSocket and ApiError."""
        address = f"ws{self._api.url[4:]}/ws"
        socket = yield Connect(address, self._api.credential(), self._api.timeout)
        waiting = yield from self._subscribe(socket)
        asked = False
        while True:
            text = yield Receive(socket, _ANSWER if waiting or asked else _QUIET)
            if text is None:
                if waiting or asked:
                    yield Disconnect(socket)
                    raise Closed("it was silent")
                yield Transmit(socket, '{"action": "ping"}')
                asked = True
                continue
            asked = False
            message = _message(text)
            if message["type"] == "subscribed":
                waiting -= 1
                self._well("Listening on the socket.")
                self._tell_missing(message)
            elif message["type"] == "error":
                waiting = yield from self._refused(socket, message, waiting)
            for event in self._events(message):
                yield Emit(event)

    def _subscribe(self, socket: Any) -> Flow[int]:
        """Sends what is wanted; gives the number of answers to come."""
        if self._files is None:
            wanted: list[dict[str, Any]] = [{"all": True, **({"cursor": self._cursor} if self._cursor else {})}]
        else:
            starts = range(0, len(self._files), _IN_MESSAGE)
            wanted = [{"files": self._files[start : start + _IN_MESSAGE]} for start in starts]
        for each in wanted:
            yield Transmit(socket, json.dumps({"action": "subscribe", **each}))
        return len(wanted)

    def _refused(self, socket: Any, message: Mapping[str, Any], waiting: int) -> Flow[int]:
        """Goes on after an error message, or raises it. Takes and gives the number of answers to come."""
        code = str(message.get("code"))
        if code == "behind" and message.get("cursor") not in (None, self._cursor):
            self._cursor = message["cursor"]
        elif code in _FOR_NOW or code == "behind":
            yield Sleep(backoff(self._failures))
            self._failures = min(self._failures + 1, 6)
        elif code == "not_found" and self._files and len(self._files) > _IN_MESSAGE:
            self._say("A hundred of the files do not exist, or are not yours.")
            return max(0, waiting - 1)  # the other messages have answers of their own
        else:
            status = _STATUS.get(code, 400)
            detail = str(message.get("detail") or "The socket refused.")
            raise error_class(status, code)(status, code, detail=detail, field=message.get("field"))
        return (yield from self._subscribe(socket))

    def _tell_missing(self, message: Mapping[str, Any]) -> None:
        if missing := message.get("missing"):
            self._say(f"These files do not exist, or are not yours: {', '.join(missing)}.")

    def _events(self, message: Mapping[str, Any]) -> Iterator[Event]:
        """The events of a message that are news. The last one has the message's cursor, the others the one before."""
        raw = message.get("events") or ([message["event"]] if message.get("event") else [])
        news = [Event(each, self._cursor) for each in raw if self._is_news(each)]
        self._cursor = message.get("cursor") or self._cursor
        if news:
            news[-1] = Event(news[-1].raw, self._cursor)
        return iter(news)

    # --- The feed

    def _ask(self) -> Flow[None]:
        """Asks the feed for a while. Raises ApiError, and NetworkError if nothing has worked before."""
        left = _FEED_FOR
        try:
            if self._files is not None:
                yield from self._ask_of_files()
            if self._cursor is None:
                yield from self._skip()
        except (NetworkError, ServerError, RateLimited) as error:
            yield from self._bear(error)
            return
        cursors = Cursors(self._cursor)
        while left > 0:
            try:
                page = yield from _files.changes(self._resource, cursor=self._cursor, limit=100)
            except (NetworkError, ServerError, RateLimited) as error:
                yield from self._bear(error)
                return
            self._well()
            raw = [_as_event(each.raw) for each in page.items]
            for event in self._events({"events": raw, "cursor": page.next_cursor}):
                yield Emit(event)
            if page.raw.get("more"):
                cursors.next(page.next_cursor, len(page))
            else:
                yield Sleep(_POLL)
                left -= _POLL

    def _ask_of_files(self) -> Flow[None]:
        """Tells the files as they are."""
        assert self._files is not None
        for start in range(0, len(self._files), _IN_MESSAGE):
            found = yield from _files.batch(self._resource, self._files[start : start + _IN_MESSAGE])
            raw = [_as_event({"id": each.id, "revision": each.revision, "file": each.raw}) for each in found]
            for event in self._events({"events": raw}):
                yield Emit(event)

    def _skip(self) -> Flow[None]:
        """Goes to the feed's end: it begins with all files, and the caller wants those that change from now on."""
        more = True
        cursors = Cursors(None)
        while more:
            page = yield from _files.changes(self._resource, cursor=self._cursor, limit=200, fields=["id"])
            self._cursor, more = cursors.next(page.next_cursor, len(page)), bool(page.raw.get("more"))

    def _bear(self, error: ApiError | NetworkError) -> Flow[None]:
        if not self._was_well:
            raise error
        self._say(f"{error} Trying again.")
        yield Sleep(backoff(self._failures))
        self._failures = min(self._failures + 1, 6)

    # --- Both

    def _is_news(self, event: Mapping[str, Any]) -> bool:
        """True for an event that is wanted and was not told yet, nor a newer one of its file."""
        file = (event.get("data") or {}).get("file") or {}
        file_id, revision = file.get("id"), file.get("revision")
        if file_id is not None and revision is not None:
            if self._files is not None and file_id not in self._files:
                return False
            if revision <= self._known.get(file_id, 0):
                return False
            self._known[file_id] = revision
            self._known.move_to_end(file_id)
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return self._types is None or event.get("type") in self._types

    def _well(self, sentence: str = "") -> None:
        self._was_well = True
        self._failures = 0
        if sentence:
            self._say(sentence, logging.DEBUG)

    def _say(self, sentence: str, level: int = logging.WARNING) -> None:
        if self._on_state is not None:
            self._on_state(sentence)
        else:
            _log.log(level, sentence)


def _full(kind: str) -> str:
    return kind if "." in kind else f"filemill.file.{kind}"


def _message(text: str | bytes) -> dict[str, Any]:
    """A message of the socket. Raises Closed for one that API Gateway sends in the function's place."""
    try:
        found = _json.parse(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "type" not in found:
        raise Closed("the server could not answer")
    return found


def _as_event(change: Mapping[str, Any]) -> dict[str, Any]:
    """A change of the feed in the form of an event. The feed does not say who made it."""
    file = change.get("file") or {"id": change["id"], "revision": change["revision"]}
    status = "deleted" if change.get("deleted") else str(file.get("status"))
    kind = {"awaiting_upload": "created"}.get(status, status)
    return {
        "id": f"evt_{change['id']}_{change['revision']}",
        "type": f"filemill.file.{kind}",
        "subject": change["id"],
        "time": file.get("updated_at"),
        "data": {"file": file},
    }
