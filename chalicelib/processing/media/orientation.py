"""In the child: how players turn and mirror the pictures of a film.

Phones and cameras store pictures as the sensor lies, and say by a matrix how they are meant. FFmpeg gives each frame
that of its file or of its own bytes; of an MP4 it is the track's one times the movie's.
"""

from __future__ import annotations

import struct
from typing import Any

from av.sidedata.sidedata import Type

_MATRIX = struct.Struct("=9i")


def of_frame(frame: Any) -> tuple[int, bool]:
    """(degrees clockwise, mirrored): a mirrored picture is first mirrored from left to right, and then turned."""
    rotation = round(-float(frame.rotation)) % 360
    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None or rotation % 90:
        return rotation, False
    right_x, right_y, _, down_x, down_y, *_ = _MATRIX.unpack_from(bytes(data))
    if right_x * down_y >= right_y * down_x:
        return rotation, False
    # FFmpeg tells where the picture's right side comes to lie: that of a picture that is turned over from top to
    # bottom, which is the same as mirrored and turned by half.
    return (rotation + 180) % 360, True
