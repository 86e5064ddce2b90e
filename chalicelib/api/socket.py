"""The socket's three routes: a client connects, sends messages, and leaves.

The answer of a route does not reach the client, except for the status of `$connect` and the subprotocol. Everything
else is posted to the connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import aws
from chalicelib.api import socket_messages
from chalicelib.api.addresses import address_of
from chalicelib.api.auth import keys, last_use, tickets
from chalicelib.api.auth.admission import admit, admit_as_of_now
from chalicelib.api.auth.callers import Caller, Scope, as_of_now, authenticate, names_of, require
from chalicelib.api.errors import Problem
from chalicelib.catalog import actors, owners, sockets
from chalicelib.catalog.sockets import LIFE, SLACK, Connection, Place
from chalicelib.events import posts
from chalicelib.observability import append, logger
from chalicelib.settings import settings

OK: dict[str, Any] = {"statusCode": 200}

# Gives the client's address. It may read SSM, so it is asked only where the address counts: SSM takes 40 reads a second
# of an account, and many functions start when many clients connect again.
# https://docs.aws.amazon.com/general/latest/gr/ssm.html
Address = Callable[[], str | None]

# The subprotocol that is spoken, and how a browser, which can send no headers, sends its credential beside it.
PROTOCOL = "filemill.v1"
BEARER = "bearer."


def connect(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Opens a socket, if the credential that comes with it is good. The status says why it is not opened."""
    actors.begin(context.aws_request_id)
    if not event["requestContext"].get("connectionId"):
        logger.info("socket refused", extra={"code": "bad_request"})
        return {"statusCode": 400}  # a GET that is no WebSocket handshake: there is nothing to open
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    offered = [each.strip() for each in headers.get("sec-websocket-protocol", "").split(",")]
    try:
        address = cache(partial(address_of, event["requestContext"], headers))
        _open(event["requestContext"], _caller(headers, offered, address), address)
    except Problem as problem:
        logger.info("socket refused", extra={"code": problem.code})
        return {"statusCode": int(problem.status)}
    except (ClientError, BotoCoreError) as error:
        logger.exception("an AWS call failed")
        return {"statusCode": 503 if aws.is_busy(error) else 500}
    # A browser gives up if the server chooses none of the subprotocols that it offered.
    return {**OK, "headers": {"Sec-WebSocket-Protocol": PROTOCOL}} if PROTOCOL in offered else OK


def _caller(headers: Mapping[str, str], offered: list[str], address: Address) -> Caller:
    """The caller by the Authorization header, else by the subprotocols; never by the query, which is logged."""
    if settings().sockets_per_tenant == 0:
        raise Problem("missing_scope", "This stage has no sockets.")
    authorization = headers.get("authorization")
    if not authorization:
        sent = next((each.removeprefix(BEARER) for each in offered if each.startswith(BEARER)), None)
        authorization = f"Bearer {sent}" if sent else None
    credential = (authorization or "").partition(" ")[2].strip()
    caller = tickets.redeem(credential) if credential.startswith(tickets.PREFIX) else authenticate(authorization)
    append(tenant=caller.tenant, key_id=caller.key_id)
    admit(caller, address)
    last_use.note(caller)
    require(caller, Scope.EVENTS_READ, tokens=True, own=True)
    return caller


def _open(request: Mapping[str, Any], caller: Caller, address: Address) -> None:
    """Writes the connection. Raises Problem `too_many_requests` if the tenant has as many as it may.

    The address is kept only if the key has networks. A key that gets some later closes its sockets.
    The credential and its tenant are read once more afterwards. So if one of them ends meanwhile, either its end finds
    the connection here, or the connection is refused.
    """
    names, moment = names_of(caller), int(time.time())
    until = moment + LIFE + SLACK
    expires = caller.ends
    connection = Connection(
        id=request["connectionId"],
        tenant=caller.tenant,
        place=Place(request["domainName"], request["apiId"], request["stage"]),
        credentials=(*names, keys.name_of_tenant(caller.tenant)),
        until=until,
        address=address() if caller.key and caller.key.networks else None,
        token_id=caller.token.id if caller.token else None,
        owner=owners.mark(caller.tenant, caller.only_own) if caller.only_own else None,
        ends=expires if expires and expires < until else None,
    )
    try:
        if not sockets.add(connection, settings().sockets_per_tenant):
            raise Problem("too_many_requests", "Your tenant has as many sockets as it may.")
        # Nothing of a user is in the table, so a sign-in token cannot have changed meanwhile.
        present = caller if caller.user else as_of_now(*names, secret=caller.secret)
        admit_as_of_now(present, address)
        require(present, Scope.EVENTS_READ, tokens=True, own=True)
        if present.ends != caller.ends:
            raise Problem("unavailable", "The credential was changed just now; connect again.")
        if connection.ends:
            posts.close_later(connection.id, connection.ends - moment)
    except Exception:
        sockets.forget(connection.id)
        raise
    logger.info("socket opened")


def message(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Reads one message of a client, and answers on the socket."""
    actors.begin(context.aws_request_id)
    socket_messages.answer(event)
    return OK


def disconnect(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Forgets a socket that was closed."""
    actors.begin(context.aws_request_id)
    sockets.forget(event["requestContext"]["connectionId"])
    return OK
