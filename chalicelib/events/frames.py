"""Messages to a socket: events packed into frames, each with the cursor from which a client can go on after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from chalicelib import cursors
from chalicelib.events.envelope import as_json
from chalicelib.events.feed_events import Told

# Bytes of a frame: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
# API Gateway takes messages of 128 KB and would send them as several frames.
MAX_FRAME = 32 * 1024

# Bytes around the events, besides the cursor: the longest are those of `changes`.
_AROUND = len('{"type":"changes","cursor":"","events":[]}')


def frame(kind: str, **fields: object) -> bytes:
    """A message without events. Fields that are None are left out."""
    return as_json({"type": kind, **{name: value for name, value in fields.items() if value is not None}}).encode()


def packed(
    tenant: str, events: Sequence[Told], before: Mapping[int, int], reached: Mapping[int, int]
) -> Iterator[bytes]:
    """Events in `change` and `changes` frames, in their order, as many in each as it may hold.

    The events stand shard by shard. `before` are the feed's positions before them, `reached` those after them. The
    last frame's cursor is at `reached`, that of another frame at its last event.
    """
    waiting: list[Told] = []
    size = 0
    # No cursor is longer than the last one.
    room = MAX_FRAME - _AROUND - len(cursors.encode_feed(tenant, {**before, **reached}))
    for event in events:
        more = len(event.json.encode()) + 1
        if waiting and size + more > room:
            yield _frame(tenant, waiting, _after(waiting[-1], before, reached))
            waiting, size = [], 0
        waiting.append(event)
        size += more
    if waiting:
        yield _frame(tenant, waiting, {**before, **reached})


def _after(last: Told, before: Mapping[int, int], reached: Mapping[int, int]) -> dict[int, int]:
    """The positions after an event: the shards before its own are done, those behind it have not begun."""
    if last.entry is None:
        return {**before}
    done = {shard: position for shard, position in reached.items() if shard < last.entry.shard}
    return {**before, **done, last.entry.shard: last.entry.position}


def _frame(tenant: str, events: Sequence[Told], positions: Mapping[int, int]) -> bytes:
    cursor = cursors.encode_feed(tenant, positions)
    if len(events) == 1:
        return f'{{"type":"change","cursor":"{cursor}","event":{events[0].json}}}'.encode()
    return f'{{"type":"changes","cursor":"{cursor}","events":[{",".join(event.json for event in events)}]}}'.encode()
