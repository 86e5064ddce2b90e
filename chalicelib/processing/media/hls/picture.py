"""In the child: a picture as a rung wants it: scaled first, then its colours, then turned; and its encoder."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
from av.filter import Graph

# x264's settings. The number of threads is part of what it makes, so it is fixed; `stitchable` keeps what is in the
# init segment the same for all segments.
_PRESET, _CRF, _THREADS = "veryfast", "23", 1

_BT709 = 1


class Shaper:
    """Makes the rung's pictures of a film's. `turn` is in degrees clockwise, `hdr` is `pq`, `hlg` or None."""

    def __init__(self, width: int, height: int, turn: int, hdr: str | None) -> None:
        self._size = (height, width) if turn in (90, 270) else (width, height)
        self._turn, self._hdr = turn, hdr
        self._graph: Graph | None = None
        self._made_for: tuple[Any, ...] | None = None

    def shaped(self, frame: Any) -> Any:
        made_for = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range)
        if self._graph is None or made_for != self._made_for:  # a film may change its size
            self._graph, self._made_for = self._new(frame), made_for
        frame.pts = None
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _new(self, frame: Any) -> Graph:
        graph = Graph()
        graph.threads = 1
        given = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:pixel_aspect=1/1"
        given += f":colorspace={_known(frame.colorspace, 2)}:range={_known(frame.color_range, 0)}"
        nodes = [graph.add("buffer", given)]
        nodes += [graph.add(name, arguments) for name, arguments in self._steps(frame)]
        nodes.append(graph.add("buffersink"))
        graph.link_nodes(*nodes)
        graph.configure()
        return graph

    def _steps(self, frame: Any) -> list[tuple[str, str]]:
        width, height = self._size
        scale = f"w={width}:h={height}:flags=bicubic"
        steps = [("scale", f"{scale}:out_color_matrix=bt709:out_range=tv"), ("format", "yuv420p")]
        if self._hdr:
            steps = [("scale", scale), *_tone_mapped(self._hdr)]
        turns = {90: ["clock"], 180: ["clock", "clock"], 270: ["cclock"]}.get(self._turn, [])
        return [*steps, *(("transpose", f"dir={each}") for each in turns), ("setsar", "sar=1/1")]


# How the colours of a picture with a high dynamic range are named, where the frame does not say all of it.
_TRANSFERS = {"pq": "smpte2084", "hlg": "arib-std-b67"}


def _tone_mapped(hdr: str) -> list[tuple[str, str]]:
    """From PQ or HLG in BT.2020 to BT.709, by swscale: bright parts are bent down, not cut off."""
    to = "out_color_matrix=bt709:out_range=tv:out_transfer=bt709:out_primaries=bt709"
    said = f"color_primaries=bt2020:color_trc={_TRANSFERS[hdr]}:colorspace=bt2020nc"
    return [("setparams", said), ("scale", f"{to}:intent=perceptual"), ("format", "yuv420p")]


def _known(value: Any, unknown: int) -> int:
    return int(value) if value is not None and 0 <= int(value) < 20 else unknown


def encoder(width: int, height: int, level: int, rate: int, frame_rate: Fraction, crf: str = _CRF) -> Any:
    """An open H.264 encoder. Times are counted in pictures. `rate` in bit/s bounds the rate in the long run."""
    made: Any = av.CodecContext.create("libx264", "w")
    made.width, made.height, made.pix_fmt = width, height, "yuv420p"
    made.time_base, made.framerate = 1 / frame_rate, frame_rate
    made.sample_aspect_ratio = Fraction(1)
    made.color_range, made.colorspace = 1, _BT709
    made.color_primaries, made.color_trc = _BT709, _BT709
    made.flags |= av.codec.context.Flags.global_header
    kbits = max(1, rate // 1000)
    own = {
        "keyint": "infinite",
        "open-gop": 0,
        "stitchable": 1,
        "threads": _THREADS,
        "vbv-maxrate": kbits,
        "vbv-bufsize": max(1, kbits * 2 // 3),
        "level": f"{level / 10:.1f}",
    }
    made.options = {
        "preset": _PRESET,
        "profile": "high",
        "crf": crf,
        "x264-params": ":".join(f"{name}={value}" for name, value in own.items()),
    }
    made.open()
    return made
