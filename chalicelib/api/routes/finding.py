"""Finding files: lists with filters, search, the feed of changes, counts, and many records at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api import cursors, sizes
from chalicelib.api.answers import ChangesPage, FileList, FilePage, FoundFiles, StatsResource
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import (
    MAX_IDS,
    MAX_TAGS,
    Cursor,
    Fields,
    Include,
    IncludeInList,
    Moment,
    Owner,
    Sha256,
    Tag,
    WholeNumber,
    matching,
)
from chalicelib.api.ownership import may_use
from chalicelib.api.parsing import Body, Query
from chalicelib.api.routing import Call, as_json, json_response, route, text_response
from chalicelib.catalog import files, owners
from chalicelib.catalog.index import counts, feed, lists, search, terms
from chalicelib.catalog.index.counts import Count
from chalicelib.catalog.index.query import ListQuery, UnservedQueryError
from chalicelib.catalog.room import Room
from chalicelib.delivery.view import WHOLE, entry, wire
from chalicelib.model import FILE_ID_PATTERN, File, Kind, Status

routes = Blueprint(__name__)

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_FOUND = 100
# A private file's `delivery` has 20 to 60 KB. More of them take long to make, and the answer would soon be full.
MAX_WITH_DELIVERY = 50
# Stands for the cursor at the end of the feed. No cursor is so short.
NOW = "now"

Limit = Annotated[WholeNumber, Field(ge=1, le=MAX_LIMIT)]


_TYPE = re.compile(r"^[A-Za-z0-9!#$&^_.+-]+/(\*|[A-Za-z0-9!#$&^_.+-]+)$")


class ListFiles(Query):
    """The query of `GET /v1/files`. A file is listed if it passes every filter."""

    status: Literal["awaiting_upload", "processing", "ready", "failed", "expired"] | None = None
    kind: Kind | None = None
    tag: Annotated[
        list[Tag], Field(max_length=MAX_TAGS, description="Repeatable: a file must have all of these tags")
    ] = Field(default_factory=list)
    content_type: (
        Annotated[
            str,
            Field(
                max_length=255,
                description="A media type without parameters, or `image/*`",
                json_schema_extra={"pattern": _TYPE.pattern, "examples": ["image/*"]},
            ),
            matching(_TYPE, "must be a media type such as image/png or image/*, without parameters"),
        ]
        | None
    ) = None
    sha256: Sha256 | None = None
    owner: Annotated[Owner, Field(description="The end user whose files they are")] | None = None
    filename_prefix: (
        Annotated[str, Field(min_length=1, max_length=255, description="Upper and lower case are the same")] | None
    ) = None
    created_after: Annotated[Moment, Field(description="Not before this moment")] | None = None
    created_before: Annotated[Moment, Field(description="Before this moment")] | None = None
    sort: Literal["-created", "created", "-updated", "updated", "-size", "size", "filename", "-filename"] | None = None
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None
    fields: Fields = Field(default_factory=list)
    include: IncludeInList = Field(default_factory=list)


class Search(Query):
    q: Annotated[str, Field(min_length=1, max_length=200, description="At most 8 words of 2 or more characters")]
    limit: Annotated[WholeNumber, Field(ge=1, le=MAX_FOUND)] = 20
    fields: Fields = Field(default_factory=list)
    include: IncludeInList = Field(default_factory=list)


class Changes(Query):
    after: (
        Annotated[
            Cursor,
            Field(
                description="The `next_after` of the answer before; `now` for what changes from now on; without it, "
                "from the beginning"
            ),
        ]
        | None
    ) = None
    limit: Limit = 100
    fields: Fields = Field(default_factory=list)
    include: Include = Field(default_factory=list)


class BatchGet(Body):
    """The body of `POST /v1/files/batch-get`."""

    ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=MAX_IDS)]
    fields: Fields = Field(default_factory=list)
    include: Include = Field(default_factory=list)


class _Shown:
    """Records as clients see them. Each is made once, as JSON, which is measured and then answered.

    They have `fields`, if some were asked for; else all that `whole` makes. `include` comes on top.
    """

    def __init__(self, fields: list[str], whole: Callable[[File], dict[str, Any]], include: Sequence[str]) -> None:
        asked = {"id", *fields} | ({"delivery"} & {*include})
        self._make = partial(wire, fields=asked) if fields else whole
        self._made: dict[str, str] = {}
        self.room = Room(lambda file: sizes.size(self.of(file)), sizes.MOST)

    def of(self, file: File) -> str:
        if file.id not in self._made:
            self._made[file.id] = as_json(self._make(file))
        return self._made[file.id]


def _listed(query: ListFiles | Search) -> _Shown:
    """Records as lists have them: brief, if no `fields` were asked for."""
    _check(query, query.limit)
    return _Shown(query.fields, partial(entry, include=query.include), query.include)


def _whole(query: Changes | BatchGet) -> _Shown:
    return _Shown(query.fields, partial(wire, fields=WHOLE | {*query.include}), query.include)


def _answer(items: Iterable[str], **more: Any) -> Response:
    """An answer with these items, which are JSON already, and with `more` after them."""
    return text_response(f'{{"items":[{",".join(items)}],{as_json(more)[1:]}')


def _item(file: str, **more: Any) -> str:
    """An item with `more`, and a record, which is JSON already, as its last field."""
    return f'{as_json(more)[:-1]},"file":{file}}}'


def _check(query: ListFiles | Search | Changes | BatchGet, limit: int, name: str = "limit") -> None:
    """Raises Problem `invalid_field` for more records than an answer can hold together with their `delivery`."""
    if "delivery" in (*query.fields, *query.include) and limit > MAX_WITH_DELIVERY:
        detail = f"`{name}`: must be at most {MAX_WITH_DELIVERY} with `delivery`."
        raise Problem("invalid_field", detail, field=name)


@route(
    routes,
    "GET",
    "/v1/files",
    scope=Scope.FILES_READ,
    own=True,
    query=ListFiles,
    returns={200: FilePage},
    problems=("invalid_cursor", "conflicting_parameters"),
)
def list_files(call: Call, query: ListFiles) -> Response:
    """List files, the newest first; or filter and sort them.

    Filters read an index, which follows each write, as a rule within a second. A page may have fewer files than
    `limit`, even none, although more follow: only a null `next_cursor` ends the list. An answer has at most 6 MB.

    A caller with `files:own` lists its own files, in the order of creation.
    """
    shown = _listed(query)
    only_own = call.caller.only_own
    if only_own and query.owner not in (None, only_own):
        return json_response({"items": [], "next_cursor": None})
    wanted = ListQuery(
        status=Status(query.status) if query.status else None,
        kind=query.kind,
        tags=tuple(sorted(set(query.tag))),
        content_type=query.content_type,
        sha256=query.sha256,
        filename_prefix=query.filename_prefix,
        created_after=query.created_after,
        created_before=query.created_before,
        sort=query.sort,
        owner=only_own or query.owner,
    )
    scope = f"{call.tenant}/files?{_canonical(wanted)}"
    try:
        wanted.check()
        after = cursors.decode(query.cursor, scope) if query.cursor is not None else None
        page = lists.list_files(call.tenant, wanted, after, query.limit, shown.room)
    except UnservedQueryError as unserved:
        raise Problem("conflicting_parameters", unserved.message, field=unserved.field) from None
    next_cursor = cursors.encode(page.after, scope) if page.after is not None else None
    return _answer(map(shown.of, page.files), next_cursor=next_cursor)


def _canonical(query: ListQuery) -> str:
    """The query as text. Equal queries have equal texts."""

    def text(value: Any) -> Any:
        return value.timestamp() if isinstance(value, datetime) else value

    # Cursors of the release before, which knew no owners, stay good.
    named = {name: text(value) for name, value in vars(query).items() if name != "owner" or value is not None}
    return json.dumps(named, sort_keys=True)


@route(
    routes,
    "GET",
    "/v1/search",
    scope=Scope.FILES_READ,
    own=True,
    query=Search,
    returns={200: FoundFiles},
)
def search_files(call: Call, query: Search) -> Response:
    """Search files by the words of their names, tags, captions and keywords, and of the text inside them.

    Files that have more of the words come first; then those with whole words; then the newest. An answer has at most
    6 MB: `omitted` are the ids of the next files, which did not fit. Get them with `POST /v1/files/batch-get`.

    A caller with `files:own` searches its own files, the 2,000 newest of them.
    """
    shown = _listed(query)
    # Chinese and Japanese give more words than were written. Those beyond the bound are not looked for.
    words = list(dict.fromkeys(terms.split_words(query.q)))[: search.MAX_QUERY_WORDS]
    if not words:
        raise Problem("invalid_field", "`q`: must have a word of two letters or digits.", field="q")
    if len(set(terms.runs(query.q))) > search.MAX_QUERY_WORDS:
        raise Problem("invalid_field", f"`q`: must have at most {search.MAX_QUERY_WORDS} words.", field="q")
    found = search.search(call.tenant, words, query.limit, shown.room, owner=call.caller.only_own)
    items = (_item(shown.of(each.file), matched_words=each.matched, found_in=each.places) for each in found)
    return _answer(items, omitted=shown.room.omitted)


@route(
    routes,
    "GET",
    "/v1/changes",
    scope=Scope.FILES_READ,
    own=True,
    query=Changes,
    returns={200: ChangesPage},
    problems=("invalid_cursor",),
)
def list_changes(call: Call, query: Changes) -> Response:
    """List changed files in the order of their last change.

    Each file is listed once, as it is now. Deleted files are listed, too, with nothing but their id and revision. Send
    `next_after` as `after` to continue where this answer ended. An answer has at most 6 MB, so it may have fewer
    changes than `limit` although there are more. `after=now` costs one call to DynamoDB more.

    A caller with `files:own` gets changes of its own files. An answer may then have none although there are more.
    """
    _check(query, query.limit)
    positions = _positions(call.tenant, query.after)
    shown = _whole(query)
    only_own = call.caller.only_own
    mark = owners.mark(call.tenant, only_own) if only_own else None
    page = feed.changes(call.tenant, positions, query.limit, shown.room, owner=mark)
    items = (
        _item(
            shown.of(change.file) if change.file else "null",
            id=change.id,
            revision=change.revision,
            deleted=change.file is None,
        )
        for change in page.items
    )
    return _answer(items, next_after=cursors.encode_feed(call.tenant, page.positions), more=page.more)


def _positions(tenant: str, after: str | None) -> feed.Positions:
    """The place from which the feed goes on. Raises Problem `invalid_cursor`."""
    if after == NOW:
        return feed.ends(tenant)
    return {} if after is None else cursors.decode_feed(tenant, after, field="after")


@route(routes, "GET", "/v1/stats", scope=Scope.FILES_READ, returns={200: StatsResource})
def get_stats(call: Call) -> Response:
    """Count files and their bytes, by status and by kind."""
    stats = counts.stats(call.tenant)
    return json_response(
        {
            "files": stats.files,
            "bytes": stats.bytes,
            "by_status": {status: _count(count) for status, count in stats.by_status.items()},
            "by_kind": {kind: _count(count) for kind, count in stats.by_kind.items()},
        }
    )


def _count(count: Count) -> dict[str, int]:
    return {"files": count.files, "bytes": count.bytes}


@route(
    routes,
    "POST",
    "/v1/files/batch-get",
    scope=Scope.FILES_READ,
    own=True,
    body=BatchGet,
    returns={200: FileList},
)
def batch_get_files(call: Call, body: BatchGet) -> Response:
    """Get many records at once.

    They are in the order of `ids`, each once. Ids that are not yours are left out. An answer has at most 6 MB:
    `omitted` are the ids that were not looked at any more. Ask for them again.
    """
    _check(body, len(body.ids), "ids")
    shown = _whole(body)
    ids = [file_id for file_id in body.ids if FILE_ID_PATTERN.fullmatch(file_id)]
    found = files.batch_get(call.tenant, ids, shown.room, may_see=partial(may_use, call.caller))
    return _answer(map(shown.of, found), omitted=shown.room.omitted)
