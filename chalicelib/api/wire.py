"""Records as clients see them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

from chalice import Response

from chalicelib.api import etags
from chalicelib.api.routing import Call, json_response
from chalicelib.delivery.access import Access, access_to
from chalicelib.delivery.markup import markup
from chalicelib.model import File, timestamp

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


ALL_FIELDS = frozenset({*_WIRE, "renditions", "delivery"})
# A record in a list. `delivery` is large, so it must be asked for.
WITHOUT_DELIVERY = ALL_FIELDS - {"delivery"}
_NEEDS_ACCESS = ALL_FIELDS - {*_WIRE}


def wire(file: File, fields: Collection[str] = ALL_FIELDS, *, expires_in: int | None = None) -> dict[str, Any]:
    """A record as clients see it, or some fields of it. A private file's addresses work for `expires_in` seconds."""
    stored = [name for name in _WIRE if name in fields]
    values = file.model_dump(mode="json", include=set(stored))
    body = {name: values[name] for name in stored}
    access = access_to(file, expires_in) if _NEEDS_ACCESS & {*fields} else None
    if "renditions" in fields:
        body["renditions"] = [
            {**rendition.model_dump(mode="json"), "url": access.url(rendition.basename)}
            for rendition in file.renditions
            if access
        ]
    if "delivery" in fields:
        body["delivery"] = _delivery(file, access) if access else None
    return body


def _delivery(file: File, access: Access) -> dict[str, Any]:
    return {
        "base_url": access.base_url,
        "query": access.query,
        "expires_at": timestamp(access.expires_at) if access.expires_at else None,
        **asdict(markup(file, access)),
    }


# The answer to a change by a caller that may not read: enough to know that it was made, and to make the next one.
RECEIPT = frozenset({"id", "status", "revision"})


def record(call: Call, file: File, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with one record, as much of it as the caller may see, and its ETag."""
    body = wire(file, ALL_FIELDS if call.caller.may_read else RECEIPT)
    return json_response(body, status, {"ETag": etags.etag(file.revision, body), **(headers or {})})


def created(file: File, upload: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """The answer to a create: the whole record, since it holds nothing that the caller did not send, and `upload`."""
    body = wire(file)
    return json_response({**body, **upload}, 201, {"ETag": etags.etag(file.revision, body), **headers})
