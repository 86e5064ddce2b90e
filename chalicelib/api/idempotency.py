"""`Idempotency-Key` on the routes that create: a repeated request creates nothing more, and gets the answer again."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from chalice import Response

from chalicelib.api.errors import Problem
from chalicelib.api.etags import etag
from chalicelib.api.parsing import Body
from chalicelib.api.routing import Call, as_json
from chalicelib.api.wire import record
from chalicelib.catalog import files, idempotency
from chalicelib.catalog.idempotency import Remembered
from chalicelib.model import Status

# Fields of bodies that the release before did not know.
NEWER = frozenset({"owner", "expires_after"})

_KEY = re.compile(r"[\x21-\x7e]{1,255}+")


def key_of(call: Call) -> str | None:
    """The request's key. Raises Problem `invalid_field` for one that is not 1 to 255 visible ASCII characters."""
    key: str | None = call.request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        detail = "`Idempotency-Key`: must be 1 to 255 visible ASCII characters."
        raise Problem("invalid_field", detail, field="Idempotency-Key")
    return key


def replay(call: Call, key: str, body: Body) -> Response | None:
    """The first answer to this caller's key, while its file waits for its bytes; None if the key is new.

    Later the answer is the file's record, without `upload`: nothing more can be uploaded. Raises Problem:
    `idempotency_key_reused` if the key came with another body, `not_found` if the file is deleted, and `upload_expired`
    if its time is over.
    """
    known = recall(call, key, body, what="file")
    if known is None:
        return None
    file = files.get(call.tenant, known.file_id)
    if file is None:
        raise Problem("not_found", "The file of this Idempotency-Key is deleted; use a new key for a new file.")
    if file.status is Status.EXPIRED:
        raise Problem("upload_expired", "The upload of this Idempotency-Key has expired; use a new key for a new file.")
    headers = {"Idempotency-Replayed": "true", "Location": f"/v1/files/{known.file_id}"}
    if file.status is not Status.AWAITING_UPLOAD:
        return record(call, file, 201, headers=headers)
    first = {name: value for name, value in json.loads(known.answer).items() if name != "upload"}
    told = {"Content-Type": "application/json", "ETag": etag(first["revision"], as_json(first))}
    return Response(known.answer, status_code=201, headers={**headers, **told})


def recall(call: Call, key: str, body: Body, *, what: str) -> Remembered | None:
    """The thing that the caller's key made before; None if the key is new. `what` is the word for it, such as `file`.

    Raises Problem: `not_found` if it is deleted, and `idempotency_key_reused` if the key came with another body.
    """
    known = idempotency.remembered(_owner(call), key)
    if known is None:
        return None
    if known.forgotten:
        detail = f"The {what} that this Idempotency-Key made is deleted; use a new key for a new {what}."
        raise Problem("not_found", detail)
    if known.body_hash != _hash(body):
        detail = "This Idempotency-Key came with another body before; use a new key for a new request."
        raise Problem("idempotency_key_reused", detail, field="Idempotency-Key")
    return known


def remember(call: Call, key: str, body: Body, made: str, answer: dict[str, Any]) -> Remembered:
    """The answer to remember, and `made`, the id of what it tells of.

    It is written together with the new record, so that a repeated request finds it.
    """
    text = as_json(answer)
    return Remembered(_owner(call), key, _hash(body), made, text)


def _owner(call: Call) -> str:
    """Keys belong to a credential: nobody finds the answer to somebody else's key."""
    return f"{call.tenant}/{call.caller.key_id}"


def _hash(body: Body) -> str:
    """SHA-256 (hex) of the parsed body, so that spaces and the order of fields make no difference.

    A field in NEWER counts only where it is set, so that what the release before remembered is still known.
    """
    values = body.model_dump(mode="json")
    counted = {name: value for name, value in values.items() if name not in NEWER or value is not None}
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()
