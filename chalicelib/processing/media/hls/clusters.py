"""In the child: the blocks in the clusters of Matroska and WebM. Each block has one picture, or some of a sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from chalicelib.processing.media import ebml
from chalicelib.processing.media.ebml import Element
from chalicelib.processing.media.hls.cues import Cue

# Elements that are looked at for one segment, or for the picture of one cue.
_MOST_ELEMENTS = 50_000
# Bytes of a cluster in which a cue's picture is looked for: a larger one would be too large for a segment. Elements at
# its beginning that tell its time.
_SEARCHED = 4_500_000
_FIRST = 8

_CLUSTER_TIME, _SIMPLE, _GROUP, _BLOCK = 0xE7, 0xA3, 0xA0, 0xA1
_LACED = 0x06  # the bits of a block's flags that say that it has several frames


@dataclass(frozen=True, slots=True)
class Block:
    """Its element is from `start` to `end`, and its data from `content` on. `time` in the file's ticks; `since` is that
    of its cluster. It is `laced` if it has several frames."""

    start: int
    content: int
    end: int
    track: int
    time: int
    since: int
    laced: bool


def blocks(data: BinaryIO, start: int, end: int, since: int | None = None) -> Iterator[Block]:
    """Those of all tracks that begin between two places. `since` is the time of the cluster that `start` is inside.

    Raises ValueError at a damaged place.
    """
    at = start
    for _ in range(_MOST_ELEMENTS):
        if at >= end:
            return
        found = ebml.element(data, at)
        if found is not None and found.name == ebml.CLUSTER:
            at, since = found.content, None
            continue
        if found is None or found.end is None or found.end > end:
            raise ValueError("the cluster is damaged")
        if found.name == _CLUSTER_TIME:
            since = _number(data, found)
        elif block := _block(data, found, since):
            yield block
        at = found.end
    raise ValueError("there are too many blocks")


def key(data: BinaryIO, size: int, cue: Cue, track: int) -> Block | None:
    """The track's block that the cue leads to; None if there is none that is shown at its time."""
    cluster = ebml.element(data, cue.cluster)
    if cluster is None or cluster.name != ebml.CLUSTER:
        return None
    end = min(size, cluster.content + _SEARCHED if cluster.end is None else cluster.end)
    first = (each for each, _ in ebml.elements(data, cluster.content, end, most=_FIRST) if each.name == _CLUSTER_TIME)
    time = next(first, None)
    if time is None:
        return None
    since = _number(data, time)
    inside = [cluster.content + cue.inside] if cue.inside >= 0 else []
    for begin, most in (*((place, 1) for place in inside), (cluster.content, _MOST_ELEMENTS)):
        for _, block in zip(range(most), _readable(data, begin, end, since), strict=False):
            if block.track == track and block.time == cue.time:
                return block
    return None


def _readable(data: BinaryIO, start: int, end: int, since: int) -> Iterator[Block]:
    """Those before a damaged place, in the first cluster only, and not too far away."""
    try:
        for block in blocks(data, start, end, since):
            if block.since != since or block.start > start + _SEARCHED:
                return
            yield block
    except ValueError:
        return


def _number(data: BinaryIO, found: Element) -> int:
    data.seek(found.content)
    return int.from_bytes(data.read(min(8, (found.end or found.content) - found.content)))


def _block(data: BinaryIO, found: Element, since: int | None) -> Block | None:
    """None for an element that is no block. Raises ValueError."""
    inner = found
    if found.name == _GROUP:
        inside = ebml.elements(data, found.content, found.end or found.content, most=64)
        inner = next((each for each, _ in inside if each.name == _BLOCK), found)
    elif found.name != _SIMPLE:
        return None
    if inner.name not in (_SIMPLE, _BLOCK) or since is None or inner.end is None or inner.end > (found.end or 0):
        raise ValueError("the block is damaged")
    data.seek(inner.content)
    head = data.read(min(12, inner.end - inner.content))
    track, at = ebml.variable(head)
    if at + 3 > len(head):
        raise ValueError("the block is damaged")
    time = since + int.from_bytes(head[at : at + 2], signed=True)
    laced = bool(head[at + 2] & _LACED)
    return Block(found.start, inner.content + at + 3, inner.end, track, time, since, laced)
