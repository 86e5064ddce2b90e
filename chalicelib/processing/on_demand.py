"""The function `render`: makes one rendition of a file's ladder when it is first asked for.

`missing.obtain` calls it, and makes sure that each rendition is made only once.
"""

from __future__ import annotations

import time
from dataclasses import replace
from io import BytesIO
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.delivery import missing
from chalicelib.model import ErrorCode, File, PermanentFault, Rendition, original_key
from chalicelib.observability import append, begin, logger
from chalicelib.processing import kinds
from chalicelib.processing.kinds import Order, Processor, Source
from chalicelib.processing.pipeline import memory_bytes
from chalicelib.renditions import places
from chalicelib.renditions.ladder import Size
from chalicelib.renditions.recipes import Encoding, Recipe
from chalicelib.storage import derived, originals


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`event` has the fields of `missing.Address`. Returns `status`, and for `made` also `key` and `size` (bytes).

    The status is `made`; `unknown`, when the file has no such rendition, or no longer; `failed`, when the rendition can
    never be made; `later`, when an AWS call failed.
    """
    begin(request_id=context.aws_request_id)
    address = missing.parse(event["visibility"], event["file_id"], event["version"], event["name"])
    if address is None:
        return {"status": "unknown"}
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
        file, size, encoding = found
        processor = kinds.processor_of(file.content_type)
        rendition, encoded = render_one(processor, _source(file, processor), places.served_recipe(file), size, encoding)
        derived.put(address.key, encoded, rendition.content_type)
        if missing.find(address) is None:
            # The file was deleted, or made public or private, meanwhile: its renditions were removed before this one.
            derived.delete(address.key)
            return {"status": "unknown"}
    except originals.OriginalMissingError:
        return {"status": "unknown"}
    except PermanentFault as fault:
        logger.warning("a rendition can't be made", extra={"code": fault.code})
        return {"status": "failed"}
    except (BotoCoreError, ClientError):
        logger.exception("an AWS call failed")
        return {"status": "later"}
    return {"status": "made", "key": address.key, "size": len(encoded)}


def _source(file: File, processor: Processor) -> Source:
    original = originals.open_version(original_key(file.tenant, file.id), file.version_id or "")
    with original.body as body:
        # A larger file would never have become ready.
        data = BytesIO(body.read(processor.in_memory))
    return Source(file.content_type, original.size, data)


def render_one(
    processor: Processor, source: Source, recipe: Recipe, size: Size, encoding: Encoding
) -> tuple[Rendition, bytes]:
    """Makes one size in one encoding, with exactly the pixels that the file's other formats of that size have.

    So the processor goes through all sizes from the largest down, and encodes only this one. Resizing straight to a
    small size would be quicker, but it would be another picture, and another cut-out, than its WebP.

    Raises PermanentFault.
    """
    made: list[tuple[Rendition, bytes]] = []
    alone = replace(recipe, encodings=(encoding,), on_demand=())
    processor.process(source, Order(alone, memory_bytes(), only=size.name), lambda *each: made.append(each))
    if not made:
        raise PermanentFault(ErrorCode.UNSUPPORTED_TYPE, f"No {size.name} is made of {source.content_type} any more.")
    return made[0]
