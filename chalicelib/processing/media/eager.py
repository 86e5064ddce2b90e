"""Makes parts of a stream before anybody watches, as the recipe's `eager` asks. It runs in the function `media`.

One message asks for all that a file's recipe wants. Its worker lists what is missing, and sends a message for every few
parts, so that many functions share the work. The worker of the last one lists again: if nothing is missing any more,
the record says so. If a message was lost, the sweep sends the first one again, and only the rest is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import batched

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.catalog import eager, files, pending
from chalicelib.delivery import missing
from chalicelib.delivery.missing import Address
from chalicelib.model import File, Status
from chalicelib.observability import append, logger
from chalicelib.processing import first_requests
from chalicelib.processing.media import on_demand, plans
from chalicelib.processing.media.plans import Plan
from chalicelib.queues import media, worker
from chalicelib.queues.media import Asked
from chalicelib.queues.worker import Message
from chalicelib.renditions import places
from chalicelib.renditions.media_names import FOLDER
from chalicelib.settings import settings
from chalicelib.storage import derived

# Parts of one message. A segment takes some seconds, so this is far below the function's time.
TOGETHER = 10

# Seconds: the function's own bound, and a little more. A function that dies must not hold its message for longer.
LONGEST = 960
# Seconds of the function's time that must be left to begin another part.
LEAST = 60


def handle(asked: Asked, message: Message, seconds_left: Callable[[], float]) -> None:
    """Does nothing if the file has all parts, or is gone. An error is raised, so that the message comes back."""
    append(tenant=asked.tenant, file_id=asked.file_id)
    file = files.get(asked.tenant, asked.file_id)
    if file is None or not _waits(file, asked):
        logger.info("nothing to make")
        return
    append(correlation_id=file.correlation_id)
    worker.come_back(message, settings().media_queue_url, LONGEST)
    if asked.sort == media.EAGER:
        _share_out(file)
        return
    _make(file, asked.names, seconds_left)
    if asked.closes:
        _close(file, _missing(file))


def _waits(file: File, asked: Asked) -> bool:
    here = file.status is Status.READY and file.source_version == asked.version
    return here and pending.parts_are_missing(file)


def _share_out(file: File) -> None:
    lacking = _missing(file)
    if _close(file, lacking):
        return
    messages = [*batched(lacking, TOGETHER, strict=False)]
    for names in messages:
        media.send_parts(file, names, closes=names is messages[-1])
    logger.info("parts shared out", extra={"parts": len(lacking), "messages": len(messages)})


def _close(file: File, lacking: list[str]) -> bool:
    """Notes that all parts are made, if none is lacking."""
    if lacking:
        return False
    eager.record(file)
    logger.info("all parts are made")
    return True


def _missing(file: File) -> list[str]:
    """The parts that the recipe wants and that are not there: one ListObjectsV2 for each thousand that are."""
    prefix = places.served_prefix(file)
    plan = plans.of(prefix) if prefix else None
    if prefix is None or plan is None:
        return []
    present = {key.removeprefix(prefix) for key in derived.keys_below(prefix + FOLDER)}
    return [name for name in wanted(plan, places.eager(file)) if name not in present]


def wanted(plan: Plan, eager: int | str) -> Iterator[str]:
    """The names of the parts that are to be made, each rung's init segment before its segments."""
    for rung in plan.lengths if eager == "all" else _first_watched(plan):
        count = len(plan.lengths[rung])
        yield f"{FOLDER}{rung}-init.mp4"
        for number in range(count if eager == "all" else min(int(eager), count)):
            yield f"{FOLDER}{rung}-{number}.m4s"


def _first_watched(plan: Plan) -> list[str]:
    """The rungs with which players begin: the lowest, the source's own, and the first sound track."""
    encoded = sorted((rung for rung in plan.lengths if rung.startswith("v")), key=lambda rung: int(rung[1:]))
    return [rung for rung in (*encoded[:1], "source", "a0") if rung in plan.lengths]


def _make(file: File, names: tuple[str, ...], seconds_left: Callable[[], float]) -> None:
    """Makes those parts that nobody has made, each under its lease. One that can't be made now is left to the sweep."""
    for name in names:
        if seconds_left() < LEAST:
            logger.warning("no time for all parts", extra={"next": name})
            return
        address = missing.parse(file.visibility, file.id, str(file.source_version), name)
        if address is None or derived.exists(address.key):
            continue
        try:
            missing.obtain(address, _maker, patience=0)
        except (BotoCoreError, ClientError):
            logger.exception("an AWS call failed", extra={"rendition": name})


def _maker(address: Address) -> str | None:
    return first_requests.make(address, on_demand.UNWATCHED)
