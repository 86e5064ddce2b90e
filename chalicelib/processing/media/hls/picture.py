"""In the child: the encoder of a rung's pictures."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av

from chalicelib.processing.media import tone

# x264's settings. The number of threads is part of what it makes, so it is fixed; `stitchable` keeps what is in the
# init segment the same for all segments.
_PRESET, _CRF, _THREADS = "veryfast", "23", 1


def encoder(width: int, height: int, level: int, rate: int, frame_rate: Fraction, crf: str = _CRF) -> Any:
    """An open H.264 encoder. Times are counted in pictures. `rate` in bit/s bounds the rate in the long run."""
    made: Any = av.CodecContext.create("libx264", "w")
    made.width, made.height, made.pix_fmt = width, height, "yuv420p"
    made.time_base, made.framerate = 1 / frame_rate, frame_rate
    made.sample_aspect_ratio = Fraction(1)
    made.color_range, made.colorspace = 1, tone.BT709
    made.color_primaries, made.color_trc = tone.BT709, tone.BT709
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
