"""`GET /v1/files/{id}/entries`: what is inside an archive, or attached to an e-mail, page by page."""

from __future__ import annotations

import json
from typing import Any

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api import cursors
from chalicelib.api.answers import Bytes, Resource, Time
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import Cursor
from chalicelib.api.ownership import own_file
from chalicelib.api.parsing import Query
from chalicelib.api.routes.finding import Limit
from chalicelib.api.routing import Call, json_response, route
from chalicelib.delivery.access import access_to
from chalicelib.model import File
from chalicelib.renditions import places
from chalicelib.renditions.entry_names import entry_name, is_given
from chalicelib.storage import derived

routes = Blueprint(__name__)

DEFAULT_LIMIT = 100

# Bytes of a list that is read. Processing writes none that is longer (chalicelib/processing/entries.py).
MAX_LIST = 5 * 1024**2

# Seconds after which a client asks again, when the list is being moved to another address.
SOON = 1


class ListEntries(Query):
    """The query of `GET /v1/files/{id}/entries`."""

    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor | None = None


class EntryResource(Resource):
    """One entry. `size` and `packed_size` are null where the file does not say them.

    `name` is the file's own word: no path to write to. `flags` are dangers for whoever unpacks the entry: `absolute`,
    `parent`, `controls`, `links`, `devices`, `ratio`; and `method` for a compression that nobody reads here. More may
    come.
    """

    name: str
    size: Bytes | None
    packed_size: Bytes | None
    modified_at: Time | None
    directory: bool
    encrypted: bool
    flags: list[str]
    url: str | None = Field(
        description="The entry's bytes, to be saved; null if they can't be had one by one. Signed for a private file"
    )


class EntriesPage(Resource):
    items: list[EntryResource]
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last page")


@route(
    routes,
    "GET",
    "/v1/files/{file_id}/entries",
    scope=Scope.FILES_READ,
    own=True,
    query=ListEntries,
    returns={200: EntriesPage},
    problems=("invalid_cursor", "no_entries", "file_changing"),
)
def list_entries(call: Call, query: ListEntries, file_id: str) -> Response:
    """List what is inside an archive, or attached to an e-mail, in the file's own order.

    At most 10,000 entries are listed; `archive.entries` in the record counts all. The whole list is the rendition
    `entries.json`. Entries of zip, jar and apk, and attachments, have a `url` for their bytes. It is null for one of
    more than 100 MB, for a folder and a link, for one that is encrypted or has the flag `ratio` or `method`, and for
    all of an archive with the flag `overlap`.

    Costs one DynamoDB read and one GET of S3.
    """
    file = own_file(call, file_id)
    scope = f"{call.tenant}/entries/{file.id}"
    first = int(cursors.decode(query.cursor, scope)) if query.cursor is not None else 0
    listed = _entries(file)
    end = first + query.limit
    next_cursor = cursors.encode(str(end), scope) if end < len(listed) else None
    access = access_to(file)
    items = [
        {**entry, "url": access.url(entry_name(number)) if access and is_given(file, number, entry) else None}
        for number, entry in enumerate(listed[first:end], first)
    ]
    return json_response({"items": items, "next_cursor": next_cursor})


def _entries(file: File) -> list[dict[str, Any]]:
    """The whole list. Raises Problem `no_entries`, and `file_changing` while the list moves to another address."""
    listed = next((r for r in file.other_renditions if (r.name, r.format) == ("entries", "json")), None)
    prefix = places.served_prefix(file)
    if listed is None or prefix is None:
        raise Problem(
            "no_entries", "This file has no list of entries: it is no archive that can be listed, or not yet."
        )
    found = derived.read(prefix + listed.basename, MAX_LIST)
    if found is None or found.body is None:
        detail = "The list of entries is being moved; try again in a moment."
        raise Problem("file_changing", detail, headers={"Retry-After": str(SOON)})
    entries: list[dict[str, Any]] = json.loads(found.body)["entries"]
    return entries
