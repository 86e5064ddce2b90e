"""In the child: an MP4 or QuickTime file of which FFmpeg sees one track only.

FFmpeg makes an object of each sample of each track when it opens a file. In a film of two hours most of them are of the
sound, and a segment of the picture needs none of them. So the boxes of all other tracks are given another name, by
which FFmpeg skips them. All places in the file stay the same.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Sequence
from typing import BinaryIO, cast

from chalicelib.processing.media import mp4_boxes
from chalicelib.processing.media.followed import Followed

# Tracks that are looked at, with other boxes beside them. A file that has more is opened as it is.
_MOST = 200

_SKIPPED = b"free"


def only(data: BinaryIO, index: Sequence[int], track: int | None) -> BinaryIO:
    """The file without other tracks than the one of this number. `index` is (where the box `moov` begins, length).

    A file is left as it is without an index or a number, or if it does not have exactly one track of this number.
    """
    if track is None or not index[1]:
        return data
    at = data.tell()
    try:
        tracks = [
            (first + 4, mp4_boxes.track_number(data, inside, ends, most=_MOST))  # where the name of its box stands
            for first, inside, ends in mp4_boxes.tracks(data, index[0], index[0] + index[1], most=_MOST)
        ]
    except struct.error:
        return data
    finally:
        data.seek(at)
    others = [place for place, number in tracks if number != track]
    if len(tracks) - len(others) != 1:
        return data
    return cast(BinaryIO, _OneTrack(data, others)) if others else data


class _OneTrack(Followed):
    """The file object; four bytes at each of `places`, which are sorted, are those of another name."""

    def __init__(self, data: BinaryIO, places: list[int]) -> None:
        super().__init__(data)
        self._places = places

    def read(self, size: int = -1) -> bytes:
        found = self._data.read(size)
        start, self._at = self._at, self._at + len(found)
        for place in self._places[bisect_left(self._places, start - 3) : bisect_left(self._places, self._at)]:
            first = max(place, start)
            name = _SKIPPED[first - place : self._at - place]
            found = found[: first - start] + name + found[first - start + len(name) :]
        return found
