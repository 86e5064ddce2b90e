"""Posting to sockets, and closing them, through the management API of the WebSocket API that a connection is on."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import aws
from chalicelib.catalog import sockets
from chalicelib.catalog.sockets import Place
from chalicelib.observability import logger
from chalicelib.queues import webhooks as queue

# Pauses between the tries of a post that API Gateway refuses, in seconds. Posts and all requests to REST APIs share an
# account's quota: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
# A post that is not answered is not tried again: whoever waits for it keeps others waiting.
PAUSE = 0.1
LONGEST_PAUSE = 1.0

# Tries of a connection that is refused while most others are not, about two seconds in all.
TRIES = 5

# Seconds until a connection that could not be closed is closed again.
AGAIN = 10

_THROTTLED = frozenset({"LimitExceededException", "TooManyRequestsException", "ThrottlingException"})


class Outcome(Enum):
    """GONE: nobody is there any more. STUCK: the client may have missed something, so the connection must end.

    REFUSED: API Gateway takes no more now. Callers of `post` and `post_all` never get that.
    """

    SENT = auto()
    GONE = auto()
    STUCK = auto()
    REFUSED = auto()


def endpoint(place: Place) -> str:
    """The address of the management API. The emulator has it below its own address."""
    if local := os.environ.get("AWS_ENDPOINT_URL"):
        return f"{local}/_aws/execute-api/{place.api}/{place.stage}"
    return f"https://{place.domain}/{place.stage}"


@dataclass
class Mail:
    """The frames for one connection. `posted` is how many of them it has."""

    place: Place
    connection_id: str
    frames: Callable[[], Sequence[bytes]]
    posted: int = 0


def post(place: Place, connection_id: str, frames: Iterable[bytes], until: float) -> Outcome:
    """Posts frames in their order: a PostToConnection each. Ends with the first that fails, or at `until` (monotonic).

    An order must hold for a client that keeps the cursor of the last frame, so no frame is ever left out.
    """
    for data in frames:
        for pause in _pauses():
            if time.monotonic() > until:
                return Outcome.STUCK
            outcome = _once(place, connection_id, data)
            if outcome is not Outcome.REFUSED:
                break
            time.sleep(pause)
        if outcome is not Outcome.SENT:
            return outcome
    return Outcome.SENT


def post_all(mails: Sequence[Mail], until: float, at_once: int) -> dict[str, Outcome]:
    """Posts to many connections, each its frames in their order. Nothing begins after `until` (monotonic).

    Whoever is refused is posted to again after all others, so it holds up none of them. API Gateway gives the same
    error if the account is over its quota and if a client does not read. If most are refused, it is the quota, and they
    are tried until the time is over. A few who are refused in TRIES rounds, in which nobody else of them gets through,
    do not read.
    """
    outcomes: dict[str, Outcome] = {}
    waiting = list(mails)
    few, idle = True, 0
    with ThreadPoolExecutor(at_once) as pool:
        for number, pause in enumerate(_pauses()):
            tried = len(waiting)
            found = pool.map(partial(_rest, until=until), waiting)
            outcomes |= {each.connection_id: outcome for each, outcome in zip(waiting, found, strict=True)}
            waiting = [each for each in waiting if outcomes[each.connection_id] is Outcome.REFUSED]
            if number == 0:
                few = 2 * len(waiting) < tried
            idle = idle + 1 if len(waiting) == tried else 0
            if not waiting or time.monotonic() + pause > until or (few and idle >= TRIES):
                break
            time.sleep(pause)
    if waiting:
        logger.warning("sockets that API Gateway refuses to post to", extra={"refused": len(waiting)})
    return outcomes | {each.connection_id: Outcome.STUCK for each in waiting}


def _rest(mail: Mail, until: float) -> Outcome:
    """Posts the frames that a connection does not have yet."""
    frames = mail.frames()
    while mail.posted < len(frames):
        if time.monotonic() > until:
            return Outcome.STUCK
        outcome = _once(mail.place, mail.connection_id, frames[mail.posted])
        if outcome is not Outcome.SENT:
            return outcome
        mail.posted += 1
    return Outcome.SENT


def _once(place: Place, connection_id: str, data: bytes) -> Outcome:
    """One PostToConnection."""
    client = aws.connections(endpoint(place))
    try:
        client.post_to_connection(ConnectionId=connection_id, Data=data)
    except client.exceptions.GoneException:
        return Outcome.GONE
    except (ClientError, BotoCoreError) as error:
        if _is_throttled(error):
            return Outcome.REFUSED
        logger.warning("a socket cannot be posted to", extra={"error": type(error).__name__})
        return Outcome.STUCK
    return Outcome.SENT


def _pauses() -> Iterator[float]:
    """Seconds before the next try: from PAUSE on, twice as long each time up to LONGEST_PAUSE, with jitter."""
    pause = PAUSE
    while True:
        yield random.uniform(pause / 2, pause)  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE)


def _is_throttled(error: ClientError | BotoCoreError) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in _THROTTLED


def close(connection_id: str) -> None:
    """Ends a connection: it hears nothing more, is closed, and is forgotten.

    If it cannot be closed now, a message to the webhooks' queue does it later. Costs an UpdateItem, a
    DeleteConnection, and what `sockets.forget` costs.
    """
    connection = sockets.retire(connection_id)
    if connection is None:
        return
    if not _closed(connection.place, connection_id) and time.time() < connection.until:
        close_later(connection_id, AGAIN)
        return
    sockets.forget(connection_id)


def end(place: Place, connection_id: str) -> None:
    """The same for a connection of which nothing may be known any more."""
    if sockets.get(connection_id):
        close(connection_id)
    else:
        _closed(place, connection_id)


def _closed(place: Place, connection_id: str) -> bool:
    client = aws.connections(endpoint(place))
    try:
        client.delete_connection(ConnectionId=connection_id)
    except client.exceptions.GoneException:
        return True
    except (ClientError, BotoCoreError) as error:
        logger.warning("a socket cannot be closed", extra={"error": str(error)})
        return False
    return True


def close_when_due(connection_id: str) -> None:
    """Closes a connection whose credential has ended, or that could not be closed before; else looks again later.

    The webhooks' queue brings this as `{"close": connection id}`.
    """
    connection = sockets.get(connection_id)
    if connection is None:
        return
    left = (connection.ends or connection.until) - time.time()
    if connection.closing or left <= 0:
        close(connection_id)
    else:
        close_later(connection_id, left)


def close_later(connection_id: str, seconds: float) -> None:
    """One SendMessage, after which `close_when_due` looks at the connection, at the latest in a quarter of an hour."""
    queue.close(connection_id, int(seconds) + 1)
