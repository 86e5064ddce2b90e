"""A film's frames in the size and the colours of ordinary screens: BT.709, tone-mapped from a high dynamic range.

Runs in children only. FFmpeg's scaler brings frames to size, with square pixels, and to the wanted matrix and range.
For PQ and HLG a table of colours comes between (a Hald CLUT), with the tone mapping that images have (image/hdr.py).
FFmpeg's scaler could map tones itself, but takes 4 s of CPU for its table; this one takes 0.2 s.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
from av.filter import Graph
from av.sidedata.sidedata import Type

from chalicelib.processing.image import hdr
from chalicelib.processing.image.colorimetry import PRIMARIES

# ITU-T H.273: matrices, primaries and transfer characteristics.
BT709, UNKNOWN, BT601, BT2020 = 1, 2, 6, 9
HDR = {16: "pq", 18: "hlg"}

# Rows from which on a film that does not say its matrix has that of HD, as players take it.
_HD = 720

# A Hald CLUT of this level has level² nodes for each colour, and level³ pixels a side.
_LEVEL = 6
_WIDE = "rgb48"  # FFmpeg's pixel format between the steps


# FFmpeg's scaler: the best that it can, and one that takes half of the CPU for the many frames of a stream.
BEST = "lanczos+accurate_rnd+full_chroma_int+bitexact"
QUICK = "bicubic+bitexact"

# FFmpeg's filters and their arguments for turning by so many degrees clockwise; and for mirroring from left to right
# before that.
_CLOCK = ("transpose", "dir=clock")
_TURNS = {90: (_CLOCK,), 180: (_CLOCK, _CLOCK), 270: (("transpose", "dir=cclock"),)}
_MIRRORS = {
    90: (("transpose", "dir=clock_flip"),),
    180: (("vflip", ""),),
    270: (("transpose", "dir=cclock_flip"),),
}
_MIRROR = (("hflip", ""),)


class Converter:
    """Brings frames to one size (width, height) and pixel format. The frames of a film may change their own size.

    A format with YUV gets the matrix and the range of HD. `turn` is by how many degrees clockwise they are turned after
    that; `mirrored` ones are mirrored from left to right before they are turned. The size is that of the turned frames.
    """

    def __init__(
        self, size: Sequence[int], pixels: str, *, turn: int = 0, mirrored: bool = False, scaler: str = BEST
    ) -> None:
        self._size, self._pixels = size[::-1] if turn in (90, 270) else size, pixels
        self._turns = _MIRRORS.get(turn, _MIRROR) if mirrored else _TURNS.get(turn, ())
        self._scaler = scaler
        self._of: Any = None
        self._graph: Any = None  # not garbage while its ends are used
        self._ends: Any = None
        self._count = 0

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """A new frame with the time of the old one. Raises av.error.FFmpegError for one that can't be converted."""
        frame = completed(frame)
        of = sort_of(frame)
        if of != self._of:
            self._build(frame)
            self._of, self._count = of, 0
        time = frame.pts, frame.time_base or _BASE
        frame.pts, frame.time_base = self._count, _BASE  # in order, whatever the film's own times are
        self._count += 1
        source, sink = self._ends
        source.push(frame)
        shown: av.VideoFrame = sink.pull()
        for each in (frame, shown):
            each.pts, each.time_base = time
        return shown

    def _build(self, frame: av.VideoFrame) -> None:
        self._graph = graph = Graph()
        graph.threads = 1
        last = source = graph.add("buffer", said(frame))
        table = _table(frame) if frame.color_trc in HDR else None
        colors: Any = None
        for name, arguments in self._steps(is_hdr=table is not None):
            following = graph.add(name, arguments)
            last.link_to(following)
            last = following
            if table and name == "haldclut":
                colors = graph.add("buffer", _size_said(table))
                colors.link_to(following, 0, 1)
        graph.configure()
        if colors:
            colors.push(table)
            colors.push(None)
        self._ends = source, last

    def _steps(self, *, is_hdr: bool) -> list[tuple[str, str]]:
        """FFmpeg's filters and their arguments, in order."""
        scale = f"w={self._size[0]}:h={self._size[1]}:flags={self._scaler}"
        matrix = "out_color_matrix=bt709:out_range=tv" if self._pixels.startswith("yuv") else ""
        mapped = [("format", _WIDE), ("haldclut", ""), ("setparams", "color_primaries=bt709:color_trc=bt709")]
        last = [("scale", matrix), ("format", self._pixels), *self._turns, ("setsar", "1"), ("buffersink", "")]
        return [("scale", scale), *(mapped if is_hdr else ()), *last]


def packed(frame: av.VideoFrame) -> bytes:
    """The pixels of a frame with a byte a channel (`rgb24`, `rgba`), row by row, without FFmpeg's gaps between rows."""
    plane, row = frame.planes[0], frame.width * len(frame.format.components)
    pixels = bytes(plane)
    if plane.line_size == row:
        return pixels[: row * frame.height]
    rows = memoryview(pixels)
    return b"".join(rows[at : at + row] for at in range(0, plane.line_size * frame.height, plane.line_size))


_BASE = Fraction(1, 25)


def sort_of(frame: av.VideoFrame) -> tuple[Any, ...]:
    """Frames of the same sort may go through one graph."""
    return frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, frame.color_trc


def said(frame: av.VideoFrame) -> str:
    """The arguments by which a graph knows the film's frames that come in."""
    return _size_said(frame) + f":colorspace={frame.colorspace}:range={frame.color_range}"


def _size_said(frame: av.VideoFrame) -> str:
    return f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={_BASE}"


def completed(frame: av.VideoFrame) -> av.VideoFrame:
    """The same frame. Where it does not say its colours, they are now what players take them for."""
    if frame.color_trc in HDR:
        frame.colorspace = BT2020 if frame.colorspace == UNKNOWN else frame.colorspace
        frame.color_primaries = BT2020 if frame.color_primaries not in PRIMARIES else frame.color_primaries
    elif frame.colorspace == UNKNOWN and not frame.format.is_rgb:
        frame.colorspace = BT709 if frame.height >= _HD else BT601
    return frame


def peak_of(frame: av.VideoFrame) -> float:
    """The brightest level that a film in PQ says it has, in cd/m²: that of its pictures, or else of its screen."""
    for kind, layout, at in ((Type.CONTENT_LIGHT_LEVEL, "=I", 0), (Type.MASTERING_DISPLAY_METADATA, "=ii", 72)):
        data = frame.side_data.get(kind)
        if data is not None and len(bytes(data)) >= at + 8:
            level, *divisor = struct.unpack_from(layout, bytes(data), at)
            level = level / divisor[0] if divisor and divisor[0] else 0.0 if divisor else level
            if level >= hdr.PAPER:
                return float(min(level, 10_000.0))
    return hdr.DEFAULT_PEAK


def _table(frame: av.VideoFrame) -> av.VideoFrame:
    colors = _colors(frame.color_primaries, frame.color_trc, peak_of(frame))
    table = av.VideoFrame(_LEVEL**3, _LEVEL**3, _WIDE)
    plane, row = table.planes[0], _LEVEL**3 * 6
    rows = (colors[at : at + row].ljust(plane.line_size, b"\0") for at in range(0, len(colors), row))
    plane.update(b"".join(rows).ljust(plane.buffer_size, b"\0"))
    table.pts, table.time_base = 0, _BASE
    return table


@lru_cache(maxsize=2)
def _colors(primaries: int, transfer: int, peak: float) -> bytes:
    """The pixels of a Hald CLUT, in which red is the fastest; in the table that we have it is blue."""
    side = _LEVEL**2
    colors = list(hdr.mapped_colors(primaries, transfer, peak / hdr.PAPER, side))
    values = array("H")
    for blue in range(side):
        for green in range(side):
            for at in range(green * side + blue, len(colors), side * side):
                values.extend(round(_srgb(value) * 65535) for value in colors[at])
    return values.tobytes()


def _srgb(light: float) -> float:
    return 12.92 * light if light <= 0.0031308 else 1.055 * float(light ** (1 / 2.4)) - 0.055
