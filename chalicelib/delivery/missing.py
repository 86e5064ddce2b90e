"""A rendition that nobody made yet: who makes it, and who waits. The making itself is processing/render.py.

A lease on the rendition goes to one of those who ask (one conditional write); that one calls the function `render`.
The others look at the lease now and then until it says how it ended.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import aws
from chalicelib.catalog import render_leases
from chalicelib.catalog.render_leases import RenderState
from chalicelib.model import EXTENSIONS, FILE_ID_PATTERN, File, Visibility, rendition_prefix
from chalicelib.observability import logger
from chalicelib.renditions import places
from chalicelib.renditions.ladder import Size
from chalicelib.renditions.recipes import MAX_SIDE, Encoding
from chalicelib.settings import settings

# Seconds. The function's own bound is 20 (.chalice/config.json); API Gateway gives up after 29.
LEASE = 22
PATIENCE = 24
# After these, what is left of the 29 seconds would not do for a try of one's own.
LAST_START = 3

# How long an end is remembered, seconds. A made rendition is for those who wait: all later viewers find it in S3.
MADE_FOR = 30
FAILED_FOR = 3600
UNKNOWN_FOR = 60
# A function that ends without an answer (out of memory, out of time) this often in a row will not do better next time.
MAX_FAILURES = 3

_VERSION = re.compile(r"[0-9a-f]{16}")
_NAME = re.compile(r"w([1-9][0-9]{0,4})\.(avif|webp|jpg|png)")
_FORMATS = {extension: format for format, extension in EXTENSIONS.items()}


@dataclass(frozen=True)
class Address:
    """Where a rendition is: `f/{visibility}/{file id}/{version}/{name}`, in the derived bucket and at the edge."""

    visibility: Visibility
    file_id: str
    version: str
    name: str

    @property
    def key(self) -> str:
        return rendition_prefix(self.visibility, self.file_id, self.version) + self.name


def parse(visibility: str, file_id: str, version: str, name: str) -> Address | None:
    """None for what no rendition's address can be: found out without any call."""
    if visibility not in (*Visibility,) or not FILE_ID_PATTERN.fullmatch(file_id) or not _VERSION.fullmatch(version):
        return None
    if not (match := _NAME.fullmatch(name)) or int(match[1]) > MAX_SIDE:
        return None
    return Address(Visibility(visibility), file_id, version, name)


def find(address: Address) -> tuple[File, Size, Encoding] | None:
    """The file, and the rendition of its ladder that belongs there: one GetItem. None when there is none.

    The recipe is today's: a file processed under an older one keeps its address, and gets what it never had.
    """
    file = render_leases.get_ready(address.file_id)
    if file is None:
        return None
    if (file.visibility, file.source_version) != (address.visibility, address.version):
        return None
    name, _, extension = address.name.partition(".")
    rendition = places.in_ladder(file, name, _FORMATS[extension])
    return (file, *rendition) if rendition else None


class End(StrEnum):
    """How asking for a rendition ended."""

    MADE = "made"  # it is in the derived bucket
    NONE = "none"  # there is none, and for a while there will be none
    LATER = "later"  # not now: ask again


def obtain(address: Address) -> End:
    """Has the rendition made, or waits for the one who does: `PATIENCE` seconds at most."""
    begun = time.monotonic()
    ours = secrets.token_hex(8)
    pause = 0.1
    while time.monotonic() - begun < LAST_START:
        lease = render_leases.begin(address.key, ours, LEASE)
        if lease.lease_id == ours:
            return _make(address, ours, lease.failures)
        while lease.state is RenderState.WORKING and not lease.over:
            if time.monotonic() - begun > PATIENCE:
                return End.LATER
            time.sleep(pause)
            pause = min(0.5, pause * 1.5)
            lease = render_leases.get(address.key) or lease
        if not lease.over:
            return End.MADE if lease.state is RenderState.MADE else End.NONE
    return End.LATER


def _make(address: Address, lease_id: str, failures: int) -> End:
    def end(state: RenderState, seconds: float, failures: int = failures) -> None:
        render_leases.end(address.key, lease_id, state, seconds=seconds, failures=failures)

    try:
        status = _call(address)
    except (BotoCoreError, ClientError):
        # Most of all: too many functions at once. The rendition is not to blame.
        end(RenderState.WORKING, 0)
        raise
    match status:
        case "made":
            end(RenderState.MADE, MADE_FOR, 0)
            return End.MADE
        case "unknown":
            end(RenderState.FAILED, UNKNOWN_FOR, 0)
            return End.NONE
        case "failed":
            end(RenderState.FAILED, FAILED_FOR, 0)
            return End.NONE
        case None if failures + 1 >= MAX_FAILURES:
            end(RenderState.FAILED, FAILED_FOR, 0)
            return End.NONE
        case None:
            end(RenderState.WORKING, 0, failures + 1)
            return End.LATER
        case _:
            end(RenderState.WORKING, 0)
            return End.LATER


def _call(address: Address) -> str | None:
    """The function's word; None when it ended without."""
    reply = aws.functions().invoke(
        FunctionName=f"filemill-{settings().stage}-render", Payload=json.dumps(asdict(address)).encode()
    )
    answer: Any = json.loads(reply["Payload"].read())
    if reply.get("FunctionError") or not isinstance(answer, dict):
        logger.error("the render function ended badly", extra={"answer": answer})
        return None
    return str(answer.get("status"))
