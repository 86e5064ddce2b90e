"""A film's frames in the size and the colours of ordinary screens: BT.709, tone-mapped from a high dynamic range.

Runs in children only. FFmpeg's scaler does all of it in one step: size, square pixels, range, matrix and, for PQ and
HLG, primaries and tone mapping by a table of colours. It maps from the brightest level that the film says it has; one
that says none is taken for as bright as PQ can be, 10,000 cd/m².
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
from av.filter import Graph

# ITU-T H.273: matrices, primaries and transfer characteristics.
BT709, UNKNOWN, BT601, BT2020 = 1, 2, 6, 9
HDR = {16: "pq", 18: "hlg"}

# Rows from which on a film that does not say its matrix has that of HD, as players take it.
_HD = 720


def is_hdr(frame: av.VideoFrame) -> bool:
    return frame.color_trc in HDR


def completed(frame: av.VideoFrame) -> av.VideoFrame:
    """The same frame. Where it does not say its colours, they are now what players take them for."""
    if is_hdr(frame):
        frame.colorspace = BT2020 if frame.colorspace == UNKNOWN else frame.colorspace
        frame.color_primaries = BT2020 if frame.color_primaries == UNKNOWN else frame.color_primaries
    elif frame.colorspace == UNKNOWN and not frame.format.is_rgb:
        frame.colorspace = BT709 if frame.height >= _HD else BT601
    return frame


def filters(frame: av.VideoFrame, size: Sequence[int], pixels: str) -> list[tuple[str, str]]:
    """FFmpeg's filters (name, arguments) that turn such a frame into one of this `size` (width, height) in this format.

    The frame must be `completed`. A format with YUV gets the matrix and the range of HD.
    """
    scale = f"w={size[0]}:h={size[1]}:flags=lanczos+accurate_rnd+full_chroma_int+bitexact"
    if is_hdr(frame):
        scale += ":out_primaries=bt709:out_transfer=bt709:intent=perceptual"
    if pixels.startswith("yuv"):
        scale += ":out_color_matrix=bt709:out_range=tv"
    return [("scale", scale), ("setsar", "1"), ("format", pixels)]


class Converter:
    """Brings frames to one size and pixel format. The frames of a film may change their own size on the way."""

    def __init__(self, size: Sequence[int], pixels: str) -> None:
        self._size, self._pixels = size, pixels
        self._of: Any = None
        self._graph: Any = None

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Raises av.error.FFmpegError for a frame that can't be converted."""
        frame = completed(frame)
        of = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, frame.color_trc)
        if of != self._of:
            self._graph, self._of = self._built(frame), of
        frame.pts, frame.time_base = 0, Fraction(1, 25)  # a graph passes frames on whatever their times are
        self._graph.push(frame)
        shown: av.VideoFrame = self._graph.pull()
        return shown

    def _built(self, frame: av.VideoFrame) -> Graph:
        graph = Graph()
        said = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/25"
        last = graph.add("buffer", f"{said}:colorspace={frame.colorspace}:range={frame.color_range}")
        for name, arguments in [*filters(frame, self._size, self._pixels), ("buffersink", "")]:
            following = graph.add(name, arguments)
            last.link_to(following)
            last = following
        graph.configure()
        return graph
