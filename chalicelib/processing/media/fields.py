"""In the child: whole pictures of an interlaced film, as camcorders and television have them.

Each frame of such a film holds two fields: its even lines are of one moment, and its odd lines of another. Shown as
they are, whatever moves has combs for edges. FFmpeg's filter bwdif keeps the field that is shown first, and makes the
lines between from this frame, the one before and the one after. So there are as many pictures as before, at the same
times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

import av
from av.filter import Graph

from chalicelib.processing.media import tone

# One picture a frame, the first field by the frame's own word; frames that are not interlaced stay as they are. The
# better filter takes a frame that has no neighbours for one that stands still, and leaves its combs; the other one
# sees them.
_MOVING, _ALONE = "bwdif", "yadif"
_ARGUMENTS = "mode=send_frame:parity=auto:deint=interlaced"

_BASE = Fraction(1, 25)

# The field order of a file that says that its pictures are whole (FFmpeg's AV_FIELD_PROGRESSIVE). Higher ones are
# those of fields.
_WHOLE = 1

# Frames of a film whose file speaks of fields, of which one must be interlaced: the first ones may not be.
_LOOKED_AT = 12


def are_in(stream: Any, first: Any, following: Iterable[Any]) -> bool:
    """True if the film is interlaced. `first` is its first frame, and `following` are decoded only if need be."""
    if stream.codec_context.name == "hevc":
        return False  # its fields are frames of their own, of half the height
    if first.interlaced_frame:
        return True
    says_so = stream.codec_context.field_order > _WHOLE
    return says_so and any(frame.interlaced_frame for frame in islice(following, _LOOKED_AT))


class Deinterlacer[Of]:
    """Takes frames in the order in which they are shown, and gives whole pictures, each when the next one is there.

    Each comes with what was given with its frame, and with its frame's time. The first and the last picture are made
    without the neighbour that they do not have.
    """

    def __init__(self, filter_: str = _MOVING) -> None:
        self._filter = filter_
        self._graph: Any = None  # not garbage while its ends are used
        self._ends: Any = None
        self._sort: tuple[Any, ...] = ()
        self._waiting: deque[tuple[Of, Any, Any]] = deque()
        self._count = 0

    def add(self, of: Of, frame: av.VideoFrame) -> Iterator[tuple[Of, av.VideoFrame]]:
        """Raises av.error.FFmpegError for a frame that the filter can't take."""
        frame = tone.completed(frame)
        sort = tone.sort_of(frame)
        if sort != self._sort:
            yield from self.end()
            self._build(frame)
            self._sort = sort
        self._waiting.append((of, frame.pts, frame.time_base or _BASE))
        frame.pts, frame.time_base = self._count, _BASE
        self._count += 1
        self._ends[0].push(frame)
        yield from self._pulled()

    def end(self) -> Iterator[tuple[Of, av.VideoFrame]]:
        """The last picture."""
        if self._ends:
            self._ends[0].push(None)
            yield from self._pulled()
        self._graph = self._ends = None
        self._sort = ()

    def _build(self, frame: av.VideoFrame) -> None:
        self._graph = graph = Graph()
        graph.threads = 1
        chain = [graph.add("buffer", tone.said(frame)), graph.add(self._filter, _ARGUMENTS), graph.add("buffersink")]
        graph.link_nodes(*chain).configure()
        self._ends, self._count = (chain[0], chain[-1]), 0

    def _pulled(self) -> Iterator[tuple[Of, av.VideoFrame]]:
        while True:
            try:
                picture = self._ends[1].pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            of, picture.pts, picture.time_base = self._waiting.popleft()
            yield of, picture


def whole[Of](frames: Iterable[tuple[Of, Any]]) -> Iterator[tuple[Of, Any]]:
    """The frames as whole pictures. If taking them fails, those that were taken before come first."""
    deinterlacer = Deinterlacer[Of]()
    try:
        for of, frame in frames:
            yield from deinterlacer.add(of, frame)
    except (av.error.FFmpegError, OSError, ValueError):
        yield from deinterlacer.end()
        raise
    yield from deinterlacer.end()


def alone(frame: av.VideoFrame) -> av.VideoFrame:
    """The picture of one frame. Nobody knows what moves in it, but combs are seen."""
    deinterlacer = Deinterlacer[None](_ALONE)
    return next(picture for _, picture in (*deinterlacer.add(None, frame), *deinterlacer.end()))
