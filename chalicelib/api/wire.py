"""Answers with one record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalice import Response

from chalicelib.api import etags
from chalicelib.api.routing import Call, as_json, text_response
from chalicelib.delivery.view import WHOLE, wire
from chalicelib.model import File

# The answer to a change by a caller that may not read: enough to know that it was made, and to make the next one.
RECEIPT = frozenset({"id", "status", "revision"})


def record(call: Call, file: File, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with one record without `delivery`, as much of it as the caller may see, and its ETag."""
    text = as_json(wire(file, WHOLE if call.caller.may_read else RECEIPT))
    return text_response(text, status, {"ETag": etags.etag(file.revision, text), **(headers or {})})


def created(file: File, upload: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """The answer to a create: the whole record, since it holds nothing that the caller did not send, and `upload`."""
    body = wire(file)
    text = as_json(body)
    tag = etags.etag(file.revision, text)  # of the record alone, as GET answers it
    return text_response(as_json({**body, **upload}) if upload else text, 201, {"ETag": tag, **headers})
