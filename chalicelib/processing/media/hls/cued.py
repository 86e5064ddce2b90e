"""In the child: segments of a Matroska film's own packets, each from the key picture of a cue to that of another one.

Matroska does not say when a picture is decoded, and FFmpeg guesses it. Here the n-th picture that is stored is decoded
when the n-th one is shown.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any, BinaryIO

from chalicelib.processing.media.hls import clusters, nal, repacked
from chalicelib.processing.media.hls.clusters import Block
from chalicelib.processing.media.hls.cues import Cue, Cued
from chalicelib.processing.media.hls.opening import seconds_zero
from chalicelib.processing.media.hls.repacked import LyingIndexError
from chalicelib.processing.media.hls.samples import exactly

# Cues that are looked at when a plan is made. Half as many if their pictures must be searched for in their clusters.
PROBES = 8
# Bytes of a picture that tell of which sort it is: parameters and remarks may stand before it.
_PROBED = 32 * 1024


def settings(cued: Cued, chosen: Sequence[Cue], base: Fraction) -> dict[str, Any]:
    """The plan's settings by which segments are made. `base` is how many of the rung's ticks one of the file's is."""
    return {
        "track": cued.number,
        "prefix": cued.prefix.hex(),
        "base": base.numerator,
        "at": [cue.cluster for cue in chosen],
        "inside": [cue.inside for cue in chosen],
        "end": cued.end,
    }


def is_clean(data: BinaryIO, size: int, cued: Cued, chosen: Sequence[Cue], config: bytes, codec: str) -> bool:
    """True if decoding can begin at these cues, as far as some of them tell."""
    at = data.tell()
    try:
        many = PROBES if all(cue.inside >= 0 for cue in chosen) else max(2, PROBES // 2)
        few = {round(number * (len(chosen) - 1) / (many - 1)) for number in range(many)}
        return all(_begins(data, size, cued, chosen[number], config, codec) for number in sorted(few))
    finally:
        data.seek(at)


def _begins(data: BinaryIO, size: int, cued: Cued, cue: Cue, config: bytes, codec: str) -> bool:
    """True if nothing before the cue's picture is needed for it or for what comes after."""
    first = clusters.key(data, size, cue, cued.number)
    if first is None or first.laced:
        return False
    sort = nal.first_slice(_start(data, first, cued.prefix), config, codec)
    if not nal.is_entry(sort, codec):
        return False
    if codec == "h264" or sort == nal.IDR_ALONE:
        return True
    later = _later(data, first, cued)
    return later is None or not nal.is_leading(nal.first_slice(_start(data, later, cued.prefix), config, codec))


def _later(data: BinaryIO, first: Block, cued: Cued) -> Block | None:
    """The track's next picture. Those that are shown before the key picture are stored right behind it."""
    try:
        found = clusters.blocks(data, first.end, cued.end, first.since)
        return next((block for block in islice(found, 2000) if block.track == cued.number), None)
    except ValueError:
        return None


def _start(data: BinaryIO, block: Block, prefix: bytes) -> bytes:
    data.seek(block.content)
    return prefix + data.read(min(_PROBED, block.end - block.content))


# --- segments


def make(data: BinaryIO, rung: dict[str, Any], part: dict[str, Any], zero: list[int], size: int) -> bytes:
    """`part` has `number`, `start`, `stop`, `most_bytes`, and `cue` and `next_cue`: `Cue.cluster` and `Cue.inside`.

    Nothing else of the film is read than what lies between the two. Raises LyingIndexError, also where the pictures
    depend on others, or are shown at other times than the plan says: no viewer gets wrong pictures.
    """
    settings, codec = rung["settings"], "h264" if rung["codec"].startswith("avc1") else "hevc"
    nothing = seconds_zero(zero, rung["scale"])

    def found(time: int, cue: list[int]) -> Block:
        ticks, rest = divmod(time + nothing, settings["base"])
        block = clusters.key(data, size, Cue(ticks, *cue), settings["track"]) if not rest else None
        if block is None:
            raise LyingIndexError
        return block

    first = found(part["start"], part["cue"])
    end = found(part["stop"], part["next_cue"]).start if part["next_cue"] else settings["end"]
    if not 0 < end - first.start <= part["most_bytes"]:
        raise LyingIndexError
    data.seek(first.start)
    body = exactly(data, end - first.start)
    config, prefix = bytes.fromhex(settings["config"]), bytes.fromhex(settings["prefix"])
    pictures: list[tuple[int, bytes, bool]] = []
    for block in _blocks(body, first.since, settings["track"], whole=part["next_cue"] is not None):
        picture = prefix + body[block.content : block.end]
        shown = block.time * settings["base"] - nothing
        sort = nal.first_slice(picture, config, codec)
        if not pictures and not nal.is_entry(sort, codec):
            raise LyingIndexError
        if nal.is_whole(picture, config, codec):  # a damaged one is left out, as players do
            pictures.append((shown, picture, not pictures or nal.is_idr(sort, codec)))
    return repacked.segment(part, pictures)


def _blocks(body: bytes, since: int, track: int, *, whole: bool) -> Iterator[Block]:
    """The track's. Unless it must be `whole`, a film that breaks off ends with its last whole block."""
    try:
        for block in clusters.blocks(io.BytesIO(body), 0, len(body), since):
            if block.track == track and block.laced:
                raise LyingIndexError
            if block.track == track:
                yield block
    except ValueError:
        if whole:
            raise LyingIndexError from None
