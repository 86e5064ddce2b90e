"""`Idempotency-Key` on `POST /v1/files`: a request that is sent again is answered again, not carried out again."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from chalice import Response

from chalicelib.api.errors import Problem
from chalicelib.api.etags import etag
from chalicelib.api.parsing import Body
from chalicelib.api.routing import Call
from chalicelib.catalog import idempotency
from chalicelib.catalog.idempotency import Remembered
from chalicelib.model import File

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def key_of(call: Call) -> str | None:
    """The request's key. Raises Problem `invalid_field` for one that is not 1 to 255 visible ASCII characters."""
    key: str | None = call.request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        detail = "`Idempotency-Key`: must be 1 to 255 visible ASCII characters."
        raise Problem("invalid_field", detail, field="Idempotency-Key")
    return key


def replay(call: Call, key: str, body: Body) -> Response | None:
    """The answer that was given to this key, None when the key is new.

    Raises Problem `idempotency_key_reused` when it came with another body.
    """
    known = idempotency.remembered(_owner(call), key)
    if known is None:
        return None
    if known.body_hash != _hash(body):
        detail = "This Idempotency-Key came with another body before; use a new key for a new request."
        raise Problem("idempotency_key_reused", detail, field="Idempotency-Key")
    record = {name: value for name, value in json.loads(known.answer).items() if name != "upload"}
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Replayed": "true",
        "ETag": etag(record["revision"], record),
    }
    return Response(known.answer, status_code=201, headers={**headers, "Location": f"/v1/files/{known.file_id}"})


def remember(call: Call, key: str, body: Body, file: File, answer: dict[str, Any]) -> Remembered:
    """What to write together with the record."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return Remembered(_owner(call), key, _hash(body), file.id, text)


def _owner(call: Call) -> str:
    return f"{call.tenant}/{call.caller.key_id}"


def _hash(body: Body) -> str:
    """Of what the body means, so that spaces and the order of fields do not make another request of it."""
    return hashlib.sha256(json.dumps(body.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
