"""The function `render`: makes one rendition of a file's ladder, or gets one entry's bytes, when it is first asked for.

CloudFront asks it by its function URL, and it answers with the picture. The API's route `/render` invokes it directly,
and only has the rendition made. `missing.obtain` makes sure that each rendition is made only once.
"""

from __future__ import annotations

import base64
import json
import time
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from io import BytesIO
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.catalog import scans
from chalicelib.delivery import first_view, missing
from chalicelib.delivery.disposition import content_disposition
from chalicelib.delivery.first_view import Reply
from chalicelib.delivery.missing import Entry, Picture
from chalicelib.model import ErrorCode, File, PermanentFault, Rendition, original_key
from chalicelib.observability import append, begin, logger
from chalicelib.processing import entry_bytes, kinds
from chalicelib.processing.entry_bytes import EntryRefusedError
from chalicelib.processing.kinds import OfNoKindError, Order, Processor, Source
from chalicelib.processing.pipeline import memory_bytes
from chalicelib.processing.reading import open_by_ranges
from chalicelib.renditions import places
from chalicelib.renditions.ladder import Size
from chalicelib.renditions.recipes import Encoding, Recipe
from chalicelib.storage import derived, originals

# Seconds that a run keeps for its answer. It waits for another run no longer than until then.
MARGIN = 3

# Bytes. A master of 6.5 megapixels can't have more, whatever it shows.
MAX_MASTER = 32 * 1024**2

NOT_ALLOWED = Reply(
    405,
    {"Allow": "GET, HEAD", "Cache-Control": "no-store"},
    b"A rendition has only GET and HEAD.",
    "method_not_allowed",
)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The event is a request to the function URL, or has the fields of `missing.Address`.

    In the first case this returns the answer, in the second `status`, and for `made` also `key` and `size` (bytes). The
    status is `made`; `unknown`, when the file has no such rendition, or no longer; `failed`, when the rendition can
    never be made; `later`, when an AWS call failed.
    """
    begin(request_id=context.aws_request_id)
    if "requestContext" in event:
        seconds = context.get_remaining_time_in_millis() / 1000 - MARGIN
        return _sent(_reply(event, min(seconds, missing.PATIENCE)), context.aws_request_id)
    address = missing.parse(event["visibility"], event["file_id"], event["version"], event["name"])
    return _logged(address) if address else {"status": "unknown"}


def _reply(event: dict[str, Any], patience: float) -> Reply:
    """The answer to a viewer, for whom CloudFront asks at the rendition's own path."""
    method = event["requestContext"]["http"]["method"]
    if method not in ("GET", "HEAD"):
        # S3 answers a preflight that the bucket does not allow with 403, so that CloudFront asks here, too.
        return NOT_ALLOWED
    parts = str(event.get("rawPath", "")).split("/")
    address = missing.parse(*parts[2:]) if parts[:2] == ["", "f"] and len(parts) == 6 else None
    if address:
        append(file_id=address.file_id)
    try:
        return first_view.answer(address, method, _make, patience)
    except (BotoCoreError, ClientError):
        logger.exception("an AWS call failed")
        return first_view.LATER


def _make(address: missing.Address) -> str | None:
    try:
        return str(_logged(address)["status"])
    except Exception:
        logger.exception("a rendition broke off")
        return None


def _sent(reply: Reply, request_id: str) -> dict[str, Any]:
    """The answer in the form that a function URL takes (payload format 2.0).

    The answer to a HEAD has the body, too: HTTP's servers leave it out, and take the length from it.
    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
    """
    headers = {"Content-Type": "application/problem+json", **reply.headers} if reply.code else dict(reply.headers)
    answer = {"statusCode": reply.status, "headers": headers}
    if not reply.code:
        return {**answer, "body": base64.b64encode(reply.body).decode(), "isBase64Encoded": True}
    problem = {
        "type": f"urn:filemill:problem:{reply.code}",
        "title": HTTPStatus(reply.status).phrase,
        "status": reply.status,
        "code": reply.code,
        "detail": reply.body.decode(),
        "request_id": request_id,
    }
    return {**answer, "body": json.dumps(problem), "isBase64Encoded": False}


def _logged(address: missing.Address) -> dict[str, Any]:
    append(file_id=address.file_id)
    started = time.monotonic()
    answer = _answer(address)
    facts = {"rendition": address.name, "outcome": answer["status"], "size": answer.get("size")}
    logger.info("rendered", extra=facts | {"took_ms": round((time.monotonic() - started) * 1000)})
    return answer


def _answer(address: missing.Address) -> dict[str, Any]:
    try:
        found = missing.find(address)
        if found is None:
            return {"status": "unknown"}
        if not scans.may_be_read(found[0]):
            logger.info("the file is not scanned")
            return {"status": "later"}
        size = _store(address, *found)
        if missing.find(address) is None:
            # The file was deleted, or made public or private, meanwhile: its renditions were removed before this one.
            derived.delete(address.key)
            return {"status": "unknown"}
    except originals.OriginalMissingError:
        return {"status": "unknown"}
    except (PermanentFault, EntryRefusedError) as fault:
        logger.warning("a rendition can't be made", extra={"code": fault.code})
        return {"status": "failed"}
    except (BotoCoreError, ClientError):
        logger.exception("an AWS call failed")
        return {"status": "later"}
    return {"status": "made", "key": address.key, "size": size}


def _store(address: missing.Address, file: File, wanted: Picture | Entry) -> int:
    """Makes what is wanted, and stores it. Returns its size in bytes."""
    if isinstance(wanted, Entry):
        entry = entry_bytes.read(file, wanted.number)
        derived.put_for_a_day(address.key, entry.body, content_disposition(entry.filename, inline=False))
        return len(entry.body)
    source = _source(file)
    rendition, encoded = render_one(
        kinds.processor_of(source.content_type),
        source,
        places.served_recipe(file),
        wanted.size,
        wanted.encoding,
        wanted.page,
    )
    derived.put(address.key, encoded, rendition.content_type)
    return len(encoded)


def _source(file: File) -> Source:
    """What the file's pictures are made of: the original, or the master of a film or a sound."""
    if master := places.master_of(file):
        stored = derived.read(places.key_of(file, master), MAX_MASTER)
        if stored is None or stored.body is None:
            raise originals.OriginalMissingError(master.basename)
        return Source(master.content_type, len(stored.body), BytesIO(stored.body), file.filename)
    processor = kinds.processor_of(file.content_type)
    key, version_id, size = original_key(file.tenant, file.id), file.version_id or "", file.size or 0
    if size > processor.in_memory:
        return Source(file.content_type, size, open_by_ranges(processor, key, version_id, size), file.filename)
    with originals.open_version(key, version_id).body as body:
        return Source(file.content_type, size, BytesIO(body.read(processor.in_memory)), file.filename)


def render_one(
    processor: Processor, source: Source, recipe: Recipe, size: Size, encoding: Encoding, page: int = 1
) -> tuple[Rendition, bytes]:
    """Makes one size in one encoding, with exactly the pixels that the file's other formats of that size have.

    So the processor goes through all sizes from the largest down, and encodes only this one. Resizing straight to a
    small size would be quicker, but it would be another picture, and another cut-out, than its WebP.

    Raises PermanentFault.
    """
    made: list[tuple[Rendition, bytes]] = []
    alone = replace(recipe, encodings=(encoding,), on_demand=())
    order = Order(alone, memory_bytes(), only=size.name, page=page)
    with suppress(OfNoKindError):
        processor.process(source, order, lambda *each: made.append(each))
    if not made:
        raise PermanentFault(ErrorCode.UNSUPPORTED_TYPE, f"No {size.name} is made of {source.content_type} any more.")
    return made[0]
