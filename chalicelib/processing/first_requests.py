"""The form that the functions `render` and `stream` share: they make what is missing when it is first asked for.

CloudFront asks such a function by its URL, and it answers with the object itself. The API's route `/render` invokes it
directly, and only has the object made. `missing.obtain` makes sure that each object is made only once.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from http import HTTPStatus
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.catalog import scans
from chalicelib.delivery import first_view, missing
from chalicelib.delivery.first_view import Reply
from chalicelib.delivery.missing import Address, Find, Wanted
from chalicelib.model import File, PermanentFault
from chalicelib.observability import append, logger
from chalicelib.processing import render_quota
from chalicelib.processing.entry_bytes import EntryRefusedError
from chalicelib.storage import derived, originals
from chalicelib.storage.derived import Derived

# Seconds that a run keeps for its answer. It waits for another run no longer than until then.
MARGIN = 3

NOT_ALLOWED = Reply(
    405,
    {"Allow": "GET, HEAD", "Cache-Control": "no-store"},
    b"A rendition has only GET and HEAD.",
    "method_not_allowed",
)


def _nothing_more(*_: Any) -> None:
    pass


@dataclass(frozen=True)
class Function:
    """One of the functions, by the name that `Address.function` has for it.

    `find` says what belongs at an address. `store` makes that, stores it, and returns it; it may raise PermanentFault.
    `asked` is told of each viewer's request for something that exists, before it is made.
    """

    name: str
    find: Find
    store: Callable[[Address, File, Wanted], Derived]
    asked: Callable[[Address, Wanted], None] = _nothing_more


def handle(event: dict[str, Any], context: Any, function: Function) -> dict[str, Any]:
    """The event is a request to the function URL, or has the fields of `missing.Address`.

    In the first case this returns the answer, in the second `status`, and for `made` also `key` and `size` (bytes). The
    status is `made`; `unknown`, when the file has no such rendition, or no longer; `failed`, when the rendition can
    never be made; `later`, when an AWS call failed; `quota`, when the tenant may have no more made today.
    """
    if "requestContext" in event:
        seconds = context.get_remaining_time_in_millis() / 1000 - MARGIN
        return _sent(_reply(event, min(seconds, missing.PATIENCE), function), context.aws_request_id)
    address = missing.parse(event["visibility"], event["file_id"], event["version"], event["name"])
    return logged(address, function) if address and address.function == function.name else {"status": "unknown"}


def _reply(event: dict[str, Any], patience: float, function: Function) -> Reply:
    """The answer to a viewer, for whom CloudFront asks at the rendition's own path."""
    method = event["requestContext"]["http"]["method"]
    if method not in ("GET", "HEAD"):
        # S3 answers a preflight that the bucket does not allow with 403, so that CloudFront asks here, too.
        return NOT_ALLOWED
    address = _address(str(event.get("rawPath", "")), function)
    if address:
        append(file_id=address.file_id)
    viewed, stored = _viewed(function)
    try:
        reply = first_view.answer(
            address,
            method,
            lambda each: make(each, viewed),
            patience,
            find=viewed.find,
            asked=viewed.asked,
            stored=stored,
        )
    except (BotoCoreError, ClientError):
        logger.exception("an AWS call failed")
        return first_view.LATER
    return first_view.part(reply, _range(event) if method == "GET" else "")


def _range(event: Mapping[str, Any]) -> str:
    """The Range header. With If-Range it counts for one version alone, and this answer does not say which one it is."""
    headers = event.get("headers", {})
    return "" if "if-range" in headers else str(headers.get("range", ""))


def _viewed(function: Function) -> tuple[Function, Mapping[str, Derived]]:
    """The function for one viewer, and what it will have stored, by its key.

    The viewer's file is looked up once before its rendition is made, and what this run stores is not read again.
    """
    stored: dict[str, Derived] = {}

    def store(address: Address, file: File, wanted: Wanted) -> Derived:
        stored[address.key] = made = function.store(address, file, wanted)
        return made

    return replace(function, find=cache(function.find), store=store), stored


def _address(path: str, function: Function) -> Address | None:
    """The address at this path; None if there is none, or if another function makes what is there."""
    empty, root, *parts = path.split("/", 5) if path.count("/") >= 5 else ("", "", "")
    address = missing.parse(*parts) if (empty, root, len(parts)) == ("", "f", 4) else None
    return address if address and address.function == function.name else None


def make(address: Address, function: Function) -> str | None:
    """The Maker for `missing`, in this very process."""
    try:
        return str(logged(address, function)["status"])
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


def logged(address: Address, function: Function) -> dict[str, Any]:
    """Makes what is missing, and writes to the log how that went."""
    append(file_id=address.file_id)
    started = time.monotonic()
    answer = _answer(address, function)
    facts = {"rendition": address.name, "outcome": answer["status"], "size": answer.get("size")}
    logger.info("rendered", extra=facts | {"took_ms": round((time.monotonic() - started) * 1000)})
    return answer


def _answer(address: Address, function: Function) -> dict[str, Any]:
    try:
        found = function.find(address)
        if found is None:
            return {"status": "unknown"}
        if not scans.may_be_read(found[0]):
            logger.info("the file is not scanned")
            return {"status": "later"}
        if not render_quota.count(found[0].tenant):
            logger.info("the tenant's renditions of the day are used up")
            return {"status": "quota"}
        made = function.store(address, *found)
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
    return {"status": "made", "key": address.key, "size": len(made.body or b"")}
