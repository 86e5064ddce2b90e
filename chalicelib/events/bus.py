"""The stage's EventBridge bus: every event is put on it, for rules that the operator makes.

An event may come twice, with the same `id`. None is lost: an event that EventBridge does not take is put again, and
after some tries the error is raised, so that the stream brings the batch again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib import aws
from chalicelib.events.envelope import Envelope, as_json
from chalicelib.observability import Metric, count, logger
from chalicelib.settings import settings

# The `source` of every entry, by which rules find our events on a bus that others share.
SOURCE = "filemill"

# Entries of one call at most: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
ENTRIES = 10
# Bytes of one call. AWS takes 1 MB of entries by now (botocore's model of PutEvents), and took 256 KB before. Ten of
# our events have 240 KB at most, so the smaller bound costs no call.
BYTES = 256 * 1024
# Bytes that EventBridge counts for an entry's `Time`:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
TIME_BYTES = 14

# Codes of EventBridge for an entry that is wrong in itself. To put it again would hold up all others for a day.
# Other errors that last, such as AccessDeniedException, are those of the stage and not of the
# entry: they do hold up the batch, so that no event is lost until somebody mends the stage.
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html
HOPELESS = frozenset({"InvalidArgument", "MalformedDetail"})

# How often an entry that EventBridge did not take is put again at once, and the first pause before it, in seconds.
RETRIES = 3
PAUSE = 0.1


class RefusedError(Exception):
    """EventBridge did not take all entries. The batch must come again."""


def put(events: Iterable[Envelope]) -> None:
    """Puts events on the bus, in their order: one PutEvents for each ten, or for each 256 KB.

    Raises RefusedError if EventBridge does not take all of them.
    """
    for entries in packed(map(entry, events)):
        _put(entries)


def entry(event: Envelope) -> dict[str, Any]:
    """One event as an entry of PutEvents. The whole envelope is its `Detail`."""
    return {
        "EventBusName": settings().event_bus,
        "Source": SOURCE,
        "DetailType": event["type"],
        "Resources": [event["subject"]],
        "Time": event["time"],
        "Detail": as_json(event),
    }


def size(one: dict[str, Any]) -> int:
    """Bytes of an entry, as EventBridge counts them."""
    texts = (one["Source"], one["DetailType"], one["Detail"], *one["Resources"])
    return TIME_BYTES + sum(len(text.encode()) for text in texts)


def packed(entries: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Entries in calls: as many in each as EventBridge takes at once, in their order."""
    call: list[dict[str, Any]] = []
    full = 0
    for one in entries:
        more = size(one)
        if call and (len(call) == ENTRIES or full + more > BYTES):
            yield call
            call, full = [], 0
        call.append(one)
        full += more
    if call:
        yield call


def _put(entries: list[dict[str, Any]]) -> None:
    waiting: Any = entries
    codes: list[str] = []
    for attempt in range(RETRIES + 1):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        reply = aws.events().put_events(Entries=waiting)
        if not reply["FailedEntryCount"]:
            return
        # The answers stand in the order of the entries; one that was taken has an EventId.
        refused = [
            (one, answer.get("ErrorCode", "unknown"))
            for one, answer in zip(waiting, reply["Entries"], strict=True)
            if "EventId" not in answer
        ]
        _report([one for one, code in refused if code in HOPELESS])
        waiting = [one for one, code in refused if code not in HOPELESS]
        codes = sorted({code for _, code in refused})
        logger.warning("the bus did not take all events", extra={"left": len(waiting), "codes": codes})
        if not waiting:
            return
    raise RefusedError(f"EventBridge did not take {len(waiting)} events: {', '.join(codes)}")


def _report(hopeless: list[dict[str, Any]]) -> None:
    for one in hopeless:
        logger.error("an event that the bus will never take", extra={"event": json.loads(one["Detail"])["id"]})
    if hopeless:
        count({Metric.FILES_IN_TROUBLE: len(hopeless)})
