"""A record as clients see it, in answers of the API and in events."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from chalicelib.catalog.retention import delete_at
from chalicelib.delivery.access import Access, access_to, base_url_of
from chalicelib.delivery.markup import markup
from chalicelib.model import PUBLIC_OF_SERVICE, File, Rendition, timestamp

# The stored fields that clients see. All others are for the pipeline.
_WIRE = (
    "id",
    "status",
    "kind",
    "filename",
    "content_type",
    "size",
    "sha256",
    "visibility",
    "recipe",
    "tags",
    "metadata",
    "focus",
    "revision",
    "created_at",
    "updated_at",
    "expires_at",
    "error",
    "image",
    "source_url",
)


# Facts that a record has only where they are known. All other fields are there always, if only as null.
_IF_KNOWN = (
    *("video", "audio", "pdf", "document", "spreadsheet", "presentation", "text", "archive", "email", "font"),
    *("preview", "poster", "warnings", "scan", "captions", "services", "owner"),
    *("expires_after", "legal_hold"),
)

ALL_FIELDS = frozenset({*_WIRE, *_IF_KNOWN, "delete_at", "renditions", "delivery"})
# A record in a list. `delivery` is large, so it must be asked for.
WITHOUT_DELIVERY = ALL_FIELDS - {"delivery"}
# Markup that only a film or a sound has.
_IF_IT_PLAYS = frozenset({"video", "audio", "hls"})
_NEEDS_ACCESS = frozenset({"renditions", "delivery"})


def wire(file: File, fields: Collection[str] = ALL_FIELDS, *, expires_in: int | None = None) -> dict[str, Any]:
    """A record as clients see it, or some fields of it. A private file's addresses work for `expires_in` seconds."""
    stored = [name for name in _WIRE if name in fields]
    known = [name for name in _IF_KNOWN if name in fields and getattr(file, name)]
    values = file.model_dump(mode="json", include={*stored, *known}, by_alias=True)
    body = {name: values[name] for name in (*stored, *known)}
    if "delete_at" in fields and (moment := delete_at(file)):
        body["delete_at"] = timestamp(moment)
    if "legal_hold" in body:
        body["legal_hold"] = True
    if "services" in body:
        body["services"] = {name: _public(state) for name, state in body["services"].items()}
    for caption in body.get("captions", ()):
        del caption["sha256"]
    access = access_to(file, expires_in) if _NEEDS_ACCESS & {*fields} else None
    if "renditions" in fields:
        body["renditions"] = [_rendition(each, access.url(each.basename)) for each in file.all_renditions if access]
    if "delivery" in fields:
        body["delivery"] = _delivery(file, access) if access else None
    return body


def _public(state: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name in PUBLIC_OF_SERVICE}


def unsigned(file: File) -> dict[str, Any]:
    """A record as events carry it: without `delivery`, and with addresses that are not signed.

    An event may be read days later, when a signature would be over. The address of a private file opens with a grant or
    a signature that the reader asks for.
    """
    base_url = base_url_of(file)
    body = wire(file, [*_WIRE, *_IF_KNOWN, "delete_at"])
    body["renditions"] = [_rendition(each, base_url + each.basename) for each in file.all_renditions if base_url]
    return body


def _rendition(rendition: Rendition, url: str) -> dict[str, Any]:
    """`tag` is part of the address only."""
    made = {**vars(rendition), "url": url}  # plain values, so that no dump by the model is needed
    del made["tag"]
    if made["duration"] is None:
        del made["duration"]
    return made


def _delivery(file: File, access: Access) -> dict[str, Any]:
    made = asdict(markup(file, access))
    return {
        "base_url": access.base_url,
        "query": access.query,
        "expires_at": timestamp(access.expires_at) if access.expires_at else None,
        **{name: made[name] for name in made if made[name] or name not in _IF_IT_PLAYS},
    }
