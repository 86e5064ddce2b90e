"""Posting to sockets, and closing them, through the management API of the WebSocket API that a connection is on."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterable
from enum import Enum, auto

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import aws
from chalicelib.catalog import sockets
from chalicelib.catalog.sockets import Place
from chalicelib.observability import logger
from chalicelib.settings import settings

# Tries of a post that API Gateway has no time for, and the first pause between them, in seconds. One that is not
# answered is not tried again: whoever waits for it keeps others waiting.
TRIES = 3
PAUSE = 0.1

# Seconds until a connection that could not be closed is closed again, and the longest delay of a message in SQS.
AGAIN = 10
MAX_DELAY = 900

_THROTTLED = frozenset({"LimitExceededException", "TooManyRequestsException", "ThrottlingException"})


class Outcome(Enum):
    """GONE: nobody is there any more. STUCK: the client may have missed something, so the connection must end."""

    SENT = auto()
    GONE = auto()
    STUCK = auto()


def endpoint(place: Place) -> str:
    """The address of the management API. The emulator has it below its own address."""
    if local := os.environ.get("AWS_ENDPOINT_URL"):
        return f"{local}/_aws/execute-api/{place.api}/{place.stage}"
    return f"https://{place.domain}/{place.stage}"


def post(place: Place, connection_id: str, frames: Iterable[bytes], until: float) -> Outcome:
    """Posts frames in their order: a PostToConnection each. Ends with the first that fails, or at `until` (monotonic).

    An order must hold for a client that keeps the cursor of the last frame, so no frame is ever left out.
    """
    client = aws.connections(endpoint(place))
    for data in frames:
        for attempt in range(TRIES):
            if time.monotonic() > until:
                return Outcome.STUCK
            try:
                client.post_to_connection(ConnectionId=connection_id, Data=data)
            except client.exceptions.GoneException:
                return Outcome.GONE
            except (ClientError, BotoCoreError) as error:
                if attempt == TRIES - 1 or not _is_throttled(error):
                    logger.warning("a socket cannot be posted to", extra={"error": type(error).__name__})
                    return Outcome.STUCK
                time.sleep(random.uniform(PAUSE / 2, PAUSE) * 2**attempt)  # noqa: S311
            else:
                break
    return Outcome.SENT


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
    aws.sqs().send_message(
        QueueUrl=settings().webhook_queue_url,
        MessageBody=json.dumps({"close": connection_id}, separators=(",", ":")),
        DelaySeconds=max(0, min(int(seconds) + 1, MAX_DELAY)),
    )
