"""Interlaced films, as camcorders and television have them: what moves is at two places in each frame."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import av.filter

RATE = 25
DARK, LIGHT = 50, 200


@dataclass(frozen=True)
class Sort:
    """How a film is encoded."""

    form: str
    content_type: str
    codec: str
    options: Mapping[str, str] = field(default_factory=dict)
    pixels: str = "yuv420p"
    size: tuple[int, int] = (96, 64)
    order: str = "tff"


_FIELDS = {"flags": "+ildct+ilme"}
_KEYS = "keyint=25:min-keyint=25:scenecut=0"

SORTS: Mapping[str, Sort] = {
    "camcorder": Sort("mp4", "video/mp4", "libx264", {"x264-params": f"tff=1:bframes=2:{_KEYS}"}),
    "television": Sort("matroska", "video/webm", "mpeg2video", _FIELDS | {"g": "25", "bf": "2"}),
    "recording": Sort("matroska", "video/webm", "libx264", {"x264-params": f"bff=1:bframes=0:{_KEYS}"}, order="bff"),
    "studio": Sort("mov", "video/quicktime", "prores_ks", _FIELDS, "yuv422p10le"),
    "cassette": Sort("avi", "video/x-msvideo", "dvvideo", _FIELDS, size=(720, 576), order="bff"),
    "divx": Sort("avi", "video/x-msvideo", "mpeg4", _FIELDS | {"g": "12"}),
}


def film(sort: Sort, *, count: int = 50, order: str | None = None, noisy: bool = False) -> bytes:
    """A light bar over a dark ground that moves from field to field, by a sixth of its width.

    `order` says which field is first: `tff`, `bff`, or `prog` for a film whose frames are whole. A `noisy` film has
    noise instead, so that each picture looks otherwise if a neighbour of its frame does.
    """
    out = io.BytesIO()
    with av.open(out, "w", format=sort.form) as container:
        video: Any = container.add_stream(sort.codec, rate=RATE, options=dict(sort.options))
        video.width, video.height, video.pix_fmt = *sort.size, sort.pixels
        video.codec_context.thread_count = 1
        for number, frame in enumerate(_marked(sort, count, order or sort.order, noisy)):
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, RATE), 0
            container.mux(video.encode(frame))
        container.mux(video.encode())
    return out.getvalue()


def _marked(sort: Sort, count: int, order: str, noisy: bool) -> Iterator[Any]:
    """The frames, which say that they are interlaced, and which field is first; with `prog` they are not."""
    graph = av.filter.Graph()
    width, height = sort.size
    source = graph.add("buffer", f"video_size={width}x{height}:pix_fmt={sort.pixels}:time_base=1/{RATE}")
    sink = graph.add("buffersink")
    graph.link_nodes(source, graph.add("setfield", f"mode={order}"), sink).configure()
    for number in range(count):
        drawn = (_noise(sort.size, number) if noisy else frame(sort.size, number, order)).reformat(format=sort.pixels)
        drawn.pts, drawn.time_base = number, Fraction(1, RATE)
        source.push(drawn)
        yield sink.pull()


def frame(size: tuple[int, int], number: int, order: str) -> av.VideoFrame:
    """Frame `number`, whose fields are of two moments."""
    made = av.VideoFrame(*size, "yuv420p")
    luma = made.planes[0]
    moments = {"tff": (2 * number, 2 * number + 1), "bff": (2 * number + 1, 2 * number), "prog": (2 * number,) * 2}
    rows = [_row(size[0], moment).ljust(luma.line_size, b"\0") for moment in moments[order]]
    luma.update((rows[0] + rows[1]) * (size[1] // 2))
    for chroma in made.planes[1:]:
        chroma.update(bytes([128]) * chroma.buffer_size)
    return made


def _noise(size: tuple[int, int], number: int) -> av.VideoFrame:
    made = av.VideoFrame(*size, "yuv420p")
    for plane in made.planes:
        plane.update(random.Random(number).randbytes(plane.buffer_size))
    return made


def _row(width: int, moment: int) -> bytes:
    bar, step = width // 4, width // 24
    begin = step * moment % (width - bar)
    return bytes(LIGHT if begin <= x < begin + bar else DARK for x in range(width))


def combed(image: Any) -> float:
    """How far lines are from those above and below, in levels: about 0 for a bar that is whole, 10 for one with combs.

    `image` is a picture (Pillow) of the film's own height.
    """
    grey = image.convert("L")
    width, height = grey.size
    rows = [grey.tobytes()[y * width : (y + 1) * width] for y in range(height)]
    lines = list(zip(rows[4:-6], rows[5:-5], rows[6:-4], strict=True))
    total = sum(abs(2 * b - a - c) for above, line, below in lines for a, b, c in zip(above, line, below, strict=True))
    return float(total / 2 / len(lines) / width)
