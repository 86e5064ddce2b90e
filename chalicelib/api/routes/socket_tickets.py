"""`/v1/socket-tickets`: a ticket with which a page opens one socket, without seeing the key."""

from __future__ import annotations

from datetime import UTC, datetime

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api.answers import Resource, Time
from chalicelib.api.auth import tickets
from chalicelib.api.auth.callers import Scope
from chalicelib.api.routing import Call, json_response, route
from chalicelib.model import timestamp
from chalicelib.settings import settings

routes = Blueprint(__name__)


class SocketTicketResource(Resource):
    """A new ticket. It opens one socket at `url`, within a minute."""

    ticket: str = Field(pattern="^fmt_[0-9a-f]{12}_[0-9a-f]{48}$")
    expires_at: Time
    url: str


def socket_url() -> str:
    """The address of the socket at the front door."""
    return settings().front_door.replace("http", "ws", 1) + "/ws"


@route(
    routes,
    "POST",
    "/v1/socket-tickets",
    scope=Scope.EVENTS_READ,
    tokens=True,
    own=True,
    returns={201: SocketTicketResource},
)
def create_socket_ticket(call: Call) -> Response:
    """Make a ticket for a socket.

    A browser opens one socket with it, as `new WebSocket(url, ["filemill.v1", "bearer." + ticket])`, within a minute
    and once. The socket may then do what the key or upload token may that asked for the ticket, and ends with it.
    Costs one DynamoDB write.
    """
    ticket, expires = tickets.issue(call.caller)
    moment = timestamp(datetime.fromtimestamp(expires, UTC))
    return json_response({"ticket": ticket, "expires_at": moment, "url": socket_url()}, 201)
