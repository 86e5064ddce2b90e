"""The function `render`: one rendition of a file's ladder, made when it is first asked for.

It is called by `rendering.obtain`, which sees to it that one is made once.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.delivery import missing
from chalicelib.model import File, PermanentFault, Rendition, original_key
from chalicelib.observability import append, begin, emit, logger
from chalicelib.processing.image.cascade import process_image
from chalicelib.processing.pipeline import MAX_IMAGE_BYTES, memory_bytes
from chalicelib.renditions import places
from chalicelib.renditions.ladder import Size
from chalicelib.renditions.recipes import Encoding, Recipe
from chalicelib.storage import derived, originals


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`event` has the fields of `rendering.Address`. Answers {"status", and of a made one "key" and "size" in bytes}.

    status: `made`; `unknown`, the file has no such rendition (any more); `failed`, it can't be made, now or later;
    `later`, AWS was not up to it.
    """
    begin(request_id=context.aws_request_id)
    address = missing.parse(event["visibility"], event["file_id"], event["version"], event["name"])
    if address is None:
        return {"status": "unknown"}
    append(file_id=address.file_id)
    started = time.monotonic()
    answer = _answer(address)
    emit(
        {
            "RenditionsRendered": (MetricUnit.Count, 1),
            "RenderTime": (MetricUnit.Milliseconds, (time.monotonic() - started) * 1000),
        },
        outcome=answer["status"],
    )
    logger.info("rendered", extra={"rendition": address.name, "outcome": answer["status"], "size": answer.get("size")})
    return answer


def _answer(address: missing.Address) -> dict[str, Any]:
    try:
        found = missing.find(address)
        if found is None:
            return {"status": "unknown"}
        file, size, encoding = found
        rendition, encoded = render_one(
            _original(file), places.served_recipe(file), size, encoding, memory=memory_bytes()
        )
        derived.put(address.key, encoded, rendition.content_type)
        if missing.find(address) is None:
            # Deleted, or made public or private, meanwhile: whoever did that has looked for renditions already.
            derived.delete(address.key)
            return {"status": "unknown"}
    except originals.OriginalMissingError:
        return {"status": "unknown"}
    except PermanentFault as fault:
        logger.warning("a rendition can't be made", extra={"code": fault.code, "reason": fault.message})
        return {"status": "failed"}
    except (BotoCoreError, ClientError):
        logger.exception("an AWS call failed")
        return {"status": "later"}
    return {"status": "made", "key": address.key, "size": len(encoded)}


def _original(file: File) -> bytes:
    original = originals.open_version(original_key(file.tenant, file.id), file.version_id or "")
    with original.body as body:
        # Never more: a larger one is no ready image.
        return body.read(MAX_IMAGE_BYTES)


def render_one(data: bytes, recipe: Recipe, size: Size, encoding: Encoding, *, memory: int) -> tuple[Rendition, bytes]:
    """One size in one encoding, with the very pixels that `process_image` gives every format of that size.

    The cascade from the recipe's largest size down is gone through, without encoding: a resize straight to the size
    would be quicker for small ones, but not the same picture, nor the same cut-out, as its WebP.

    Raises PermanentFault.
    """
    made: list[tuple[Rendition, bytes]] = []
    alone = replace(recipe, encodings=(encoding,), on_demand=())
    process_image(data, alone, memory=memory, emit=lambda *each: made.append(each), only=size.name)
    return made[0]
