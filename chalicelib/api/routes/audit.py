"""The audit over the API: the history of one file, and all changes of a tenant."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api import cursors
from chalicelib.api.answers import ActorResource, Resource, Time
from chalicelib.api.auth.callers import Scope
from chalicelib.api.fields import Cursor, Moment, WholeNumber, matching
from chalicelib.api.ownership import find_own_file, not_found
from chalicelib.api.parsing import Query
from chalicelib.api.routing import Call, json_response, route
from chalicelib.catalog.audit import finding
from chalicelib.catalog.audit.entries import Entry
from chalicelib.model import FILE_ID_PATTERN, timestamp

routes = Blueprint(__name__)

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
# Each entry of a history is a Query of its own, one after another.
MAX_HISTORY = 100
# Characters: the longest `sub` of a user (auth/claims.py).
MAX_ACTOR = 255

_TYPE = re.compile(r"^filemill(\.[a-z]+){1,3}$")


class History(Query):
    limit: Annotated[WholeNumber, Field(ge=1, le=MAX_HISTORY)] = 20
    cursor: Cursor | None = None


class Audit(Query):
    """The query of `GET /v1/audit`. An entry is listed if it passes every filter."""

    after: Annotated[Moment, Field(description="Not before this moment")] | None = None
    before: Annotated[Moment, Field(description="Before this moment")] | None = None
    actor: (
        Annotated[str, Field(min_length=1, max_length=MAX_ACTOR, description="The id of the one who made the change")]
        | None
    ) = None
    type: (
        Annotated[
            str,
            Field(
                max_length=64,
                description="A type, or the beginning of one up to a dot: `filemill.audit` are all changes of settings",
                json_schema_extra={
                    "pattern": _TYPE.pattern,
                    "examples": ["filemill.file.deleted", "filemill.audit.key"],
                },
            ),
            matching(_TYPE, "must be a type such as filemill.file.deleted, or the beginning of one up to a dot"),
        ]
        | None
    ) = None
    limit: Annotated[WholeNumber, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Cursor | None = None


class ChangeResource(Resource):
    """One change of a file: who made it, and which fields it changed. Values are not kept."""

    id: str = Field(description="The id of the event of this change")
    type: str = Field(description="The type of the event of this change", examples=["filemill.file.updated"])
    revision: int = Field(ge=1)
    at: Time
    actor: ActorResource
    request_id: str | None = Field(
        None, description="The request, or the run of a function, that made it. Missing if unknown"
    )
    fields: list[str] = Field(description="Fields that changed; none where the whole record is new, or is gone")


class HistoryPage(Resource):
    items: list[ChangeResource]
    next_cursor: str | None


class AuditEntryResource(Resource):
    """One change of a file, an API key, an upload token, a webhook, a share link, or a tenant's settings.

    Values are not kept.
    """

    id: str
    type: str = Field(examples=["filemill.audit.key.created"])
    subject: str = Field(
        description="The id of what was changed; of a tenant's settings, the tenant; of a share link, `FILE/LINK`"
    )
    revision: int | None = Field(None, ge=1, description="Only of a file: the revision that the change made")
    at: Time
    actor: ActorResource
    address: str | None = Field(
        None,
        description="The network address of the caller, or the network: as the stage is set. Missing if unknown",
        examples=["203.0.113.0/24"],
    )
    request_id: str | None = Field(None, description="The request, or the run of a function. Missing if unknown")
    fields: list[str] = Field(description="Fields that changed; none where the whole thing is new, or is gone")


class AuditPage(Resource):
    items: list[AuditEntryResource]
    next_cursor: str | None


@route(
    routes,
    "GET",
    "/v1/files/{file_id}/history",
    scope=Scope.FILES_READ,
    own=True,
    query=History,
    returns={200: HistoryPage},
    problems=("invalid_cursor", "not_found"),
)
def get_history(call: Call, query: History, file_id: str) -> Response:
    """List the changes of a file, the newest first.

    Each says who made it, when, and which fields it changed, but no values. The history of a deleted file stays for as
    long as the stage keeps its audit. Whoever may see their own files only, no longer sees it then. A change is here a
    moment after it was made, as a rule within a second.
    """
    start = _last_change(call, file_id)
    scope = f"{call.tenant}/files/{file_id}/history"
    if query.cursor is not None:
        start = cursors.decode(query.cursor, scope)
    found = finding.history(call.tenant, file_id, start, query.limit)
    if not found.entries and query.cursor is None and find_own_file(call, file_id) is None:
        raise not_found()  # it was deleted so long ago that nothing is kept of it
    return json_response(
        {
            "items": [_shown(each, without=("subject", "address")) for each in found.entries],
            "next_cursor": cursors.encode(found.after, scope) if found.after is not None else None,
        }
    )


def _last_change(call: Call, file_id: str) -> str:
    """The moment of the last change of a file that the caller may see, or that its tenant deleted."""
    if file := find_own_file(call, file_id):
        return timestamp(file.updated_at)
    if call.caller.token or call.caller.only_own or not FILE_ID_PATTERN.fullmatch(file_id):
        raise not_found()
    moment = finding.last_change(call.tenant, file_id)
    if moment is None:
        raise not_found()
    return moment


@route(
    routes,
    "GET",
    "/v1/audit",
    scope=Scope.KEYS_ADMIN,
    query=Audit,
    returns={200: AuditPage},
    problems=("invalid_cursor",),
)
def list_audit(call: Call, query: Audit) -> Response:
    """List who changed what in this tenant, the newest first: files, keys, tokens, webhooks, share links and settings.

    A page may have fewer entries than `limit`, even none, although more follow: only a null `next_cursor` ends the
    list. The audit is kept for as long as the stage says, a year unless it was changed, and is sealed every hour.
    """
    since = _text(query.after) or finding.FIRST
    until = _text(query.before) or finding.LAST
    scope = f"{call.tenant}/audit?{since}&{until}&{query.type}&{query.actor}"

    def passes(entry: Entry) -> bool:
        wanted = query.type is None or f"{entry.type}.".startswith(f"{query.type}.")
        return wanted and query.actor in (None, entry.actor["id"])

    after = cursors.decode(query.cursor, scope) if query.cursor is not None else None
    found = finding.changes(call.tenant, since=since, until=until, after=after, limit=query.limit, passes=passes)
    return json_response(
        {
            "items": [_shown(each) for each in found.entries],
            "next_cursor": cursors.encode(found.after, scope) if found.after is not None else None,
        }
    )


def _text(moment: datetime | None) -> str | None:
    return timestamp(moment) if moment else None


def _shown(entry: Entry, without: tuple[str, ...] = ()) -> dict[str, Any]:
    values = {"fields": [], **entry.stored()}
    return {name: value for name, value in values.items() if name not in ("before", *without)}
