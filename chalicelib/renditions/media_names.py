"""The names of what a film or a sound has below `av/` in its addresses: playlists, segments and more. Pure.

A file's own renditions (`hls.m3u8`, `w640.webp`, `poster.webp`) stand in its record. What is below `av/` does not: it
can be thousands of segments, and most of them are never made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

FOLDER = "av/"

PLAN = f"{FOLDER}plan.json"
"""The lengths and places of all segments, written when the file becomes `ready`."""


CAPTIONS = re.compile(r"captions-[0-9a-f]{16}\.(?:vtt|m3u8)")
"""A client's captions, and the playlist that names them. They are written once and never made on demand, so `read` does
not know them."""


CONVERTED = re.compile(r"film-[0-9a-f]{16}\.mp4")
"""A whole film as one MP4, which a service made (processing/mediaconvert.py). It is not made on demand either."""

# Bytes of an object that `render` and `stream` can answer with. Lambda's answers may have 6 MB, as Base64:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MOST_ANSWERED = 4_400_000


class Part(StrEnum):
    """The sorts of objects below `av/`."""

    PLAYLIST = "playlist"
    INIT = "init"
    SEGMENT = "segment"
    CLIP = "clip"  # a whole film as MP4, of one height
    SOUND = "sound"  # the sound alone, whole
    SPRITE = "sprite"  # many small pictures of a film in one, for scrubbing
    SPRITES = "sprites"  # WebVTT: the place of each moment's picture in the sprites


@dataclass(frozen=True)
class MediaName:
    """A name below `av/`, as its parts.

    `rung` is the rung of a playlist, an init segment or a segment: `v720` (encoded, so many pixels on the shorter
    side), `source` (the film's own picture, repacked), `a0` (sound track 0), `i240` (single pictures for fast forward).
    Of a clip it is the height (`720`), of a sound the format (`m4a`, `opus`). `number` counts segments and sprites from
    0 on.
    """

    part: Part
    rung: str = ""
    number: int = 0


_RUNG = r"(?P<rung>v[1-9][0-9]{1,3}|i[1-9][0-9]{1,3}|a(?:0|[1-9][0-9]?)|source)"
_NUMBER = r"(?P<number>0|[1-9][0-9]{0,5})"
_NAMES = {
    Part.PLAYLIST: re.compile(_RUNG + r"\.m3u8"),
    Part.INIT: re.compile(_RUNG + r"-init\.mp4"),
    Part.SEGMENT: re.compile(_RUNG + "-" + _NUMBER + r"\.m4s"),
    Part.CLIP: re.compile(r"(?P<rung>[1-9][0-9]{1,3})\.mp4"),
    Part.SOUND: re.compile(r"sound\.(?P<rung>m4a|opus)"),
    Part.SPRITE: re.compile(r"sprite-" + _NUMBER + r"\.jpg"),
    Part.SPRITES: re.compile(r"sprites\.vtt"),
}


def read(name: str) -> MediaName | None:
    """The parts of a name below `av/`, with or without the folder; None for any other name."""
    name = name.removeprefix(FOLDER)
    for part, pattern in _NAMES.items():
        if match := pattern.fullmatch(name):
            found = match.groupdict()
            return MediaName(part, found.get("rung") or "", int(found.get("number") or 0))
    return None
