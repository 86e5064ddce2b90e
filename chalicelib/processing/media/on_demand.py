"""The function `stream`: makes a film's or a sound's part below `av/` when it is first asked for.

These are the segments of its stream, with their playlists and init segments, and whole conversions: short clips, sound
files, sprites. `first_requests` has the rest: who asks, how it is answered, and that each part is made only once.

A request for a segment also starts the next two (AHEAD), each in a run of its own, so that they are there when the
player comes to them. Such a run looks no further ahead. So no chain of runs is longer than two, and Lambda's detection
of recursive loops, which stops a chain after about 16 runs, has nothing to find:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import aws
from chalicelib.catalog import actors
from chalicelib.delivery import missing
from chalicelib.delivery.missing import STREAMED, Address, Wanted
from chalicelib.model import File, PermanentFault
from chalicelib.observability import Metric, append, logger, observe
from chalicelib.processing import first_requests, kinds
from chalicelib.processing.media import conversions, hls, plans
from chalicelib.processing.on_demand import source_of
from chalicelib.renditions.media_names import FOLDER, MediaName, Part
from chalicelib.settings import settings
from chalicelib.storage import derived
from chalicelib.storage.originals import OriginalMissingError

# Segments that are started beside the one that a viewer asks for.
AHEAD = 2

# Bytes of the original that one part may need. A minute of a film with 100 Mbit/s has 750 MB.
MOST_READ = 1024**3

# The share that is counted for a segment which could not be made. Its viewer has to wait.
BROKEN = 10.0


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """A viewer's request, or an address, as `first_requests.handle` says.

    An event of our own has the field `lease_id`, too: another run has taken that lease for this one.
    """
    actors.begin(context.aws_request_id)
    if "lease_id" in event:
        return _made_ahead(event)
    with ThreadPoolExecutor(AHEAD) as starters:
        return first_requests.handle(event, context, replace(STREAM, asked=partial(_look_ahead, starters)))


def _find(address: Address) -> tuple[File, Wanted] | None:
    """As `missing.find`, but None for a rung or a segment that the plan does not have: no lease is taken for it."""
    found = missing.find(address)
    if found is None or not isinstance(found[1], MediaName):
        return None
    if found[1].part in STREAMED:
        plan = plans.of(address.prefix)
        if plan is None or not plan.has(found[1]):
            return None
    return found


def _store(address: Address, file: File, wanted: Wanted) -> derived.Derived:
    """Makes a part, and stores it. Raises PermanentFault and OriginalMissingError."""
    assert isinstance(wanted, MediaName)
    return derived.put(address.key, *make(file, wanted, _plan(address, wanted)))


def _plan(address: Address, part: MediaName) -> plans.Plan | None:
    return plans.of(address.prefix) if part.part in STREAMED else None


def _store_watched(address: Address, file: File, wanted: Wanted) -> derived.Derived:
    """The same for a viewer. Counts how long a segment took."""
    plan = _plan(address, wanted) if isinstance(wanted, MediaName) and wanted.part is Part.SEGMENT else None
    if plan is None or not isinstance(wanted, MediaName):
        return _store(address, file, wanted)
    started = time.monotonic()
    share = BROKEN
    try:
        stored = _store(address, file, wanted)
        share = (time.monotonic() - started) / plan.seconds(wanted)
    except (PermanentFault, OriginalMissingError):
        share = 0
        raise
    finally:
        if share:
            observe(Metric.SEGMENT_SHARE, [share])
    return stored


def make(file: File, part: MediaName, plan: plans.Plan | None) -> tuple[bytes, str]:
    """(bytes, content type) of a part. `plan` is needed for the parts of a stream.

    Raises PermanentFault, and OriginalMissingError if the plan does not have the part.
    """
    processor = replace(kinds.processor_of(file.content_type), by_ranges=MOST_READ)
    source = source_of(file, processor)
    if part.part not in STREAMED:
        return conversions.make(source, file, part)
    if plan is None or not plan.has(part):
        raise OriginalMissingError(part.rung)
    return hls.make(source, plan.data, part)


STREAM = first_requests.Function(missing.STREAM, _find, _store_watched)

# For whoever makes parts before anybody watches: nobody waits, so their time is not counted.
UNWATCHED = first_requests.Function(missing.STREAM, _find, _store)


# --- looking ahead

# When this instance last saw to a segment, by its key. A crowd asks for one segment again and again.
_seen_to: OrderedDict[str, float] = OrderedDict()
_MOST_SEEN_TO = 1000


def _look_ahead(starters: ThreadPoolExecutor, address: Address, wanted: Wanted) -> None:
    """Starts the next segments while this one is made, those that exist and that nobody has made or makes."""
    plan = plans.of(address.prefix)
    if not isinstance(wanted, MediaName) or wanted.part is not Part.SEGMENT or plan is None:
        return
    for number in range(wanted.number + 1, wanted.number + 1 + AHEAD):
        if plan.has(replace(wanted, number=number)):
            starters.submit(_start, replace(address, name=f"{FOLDER}{wanted.rung}-{number}.m4s"))


def _is_seen_to(key: str) -> bool:
    """True if this instance has seen to it so lately that a run which it started may still come."""
    moment = time.monotonic()
    before = _seen_to.get(key)
    if before is not None and moment - before < missing.START_WITHIN:
        return True
    _seen_to[key] = moment
    _seen_to.move_to_end(key)
    while len(_seen_to) > _MOST_SEEN_TO:
        _seen_to.popitem(last=False)
    return False


def _start(address: Address) -> None:
    """Takes the lease on a segment, and starts a run that makes it. A failure is only logged: nobody waits for it."""
    try:
        if _is_seen_to(address.key) or derived.exists(address.key):
            return
        if lease_id := missing.take_ahead(address):
            event = {**asdict(address), "lease_id": lease_id}
            aws.functions().invoke(
                FunctionName=f"filemill-{settings().stage}-{missing.STREAM}",
                InvocationType="Event",
                Payload=json.dumps(event).encode(),
            )
    except (BotoCoreError, ClientError):
        _seen_to.pop(address.key, None)
        logger.warning("a segment could not be started ahead", exc_info=True)


def _made_ahead(event: dict[str, Any]) -> dict[str, Any]:
    address = missing.parse(event["visibility"], event["file_id"], event["version"], event["name"])
    if address is None or address.function != missing.STREAM:
        return {"status": "unknown"}
    append(file_id=address.file_id)
    try:
        return {
            "status": missing.make_ahead(address, event["lease_id"], lambda each: first_requests.make(each, STREAM))
        }
    except (BotoCoreError, ClientError):
        # Lambda would start this run again in a minute, when it is too late.
        logger.exception("an AWS call failed")
        return {"status": "later"}
