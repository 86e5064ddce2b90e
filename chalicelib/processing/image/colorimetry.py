"""Makes ICC profiles of colours that a file describes by other means: code points (ITU-T H.273), or a gamma.

So all colours come to one place, color.py, in one form. Which code points count, and for what, is as in Chromium 156:
the curve of BT.709 is that of its displays, a gamma of 2.4.
"""

from __future__ import annotations

import struct
from functools import lru_cache

PQ, HLG = 16, 18
"""Transfer characteristics of pictures that are brighter than paper (ITU-R BT.2100)."""

CREATOR = b"flml"
"""The profile creator in our own profiles' headers. Only in these is `lumi` the picture's brightest level."""

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue, as in PNG's cHRM."""

_D65, _C, _E, _DCI = (0.3127, 0.329), (0.31, 0.316), (1 / 3, 1 / 3), (0.314, 0.351)
_D50 = (0.9642, 1.0, 0.8249)  # XYZ, as in all ICC profiles
_SRGB = (*_D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
PRIMARIES: dict[int, Chromaticities] = {
    1: _SRGB,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    10: (*_E, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    11: (*_DCI, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    22: (*_D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# Parameters of ICC's parametric curves: g, or g, a, b, c, d.
_CURVES: dict[int, tuple[float, ...]] = {
    1: (2.4,),
    4: (2.2,),
    5: (2.8,),
    6: (2.4,),
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913),
    8: (1.0,),
    11: (2.4,),
    13: _SRGB_CURVE,
    14: (2.4,),
    15: (2.4,),
    17: (2.6, (52.37 / 48) ** (1 / 2.6), 0.0, 0.0, 0.0),
}
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_LIKE_SRGB = 0.05  # of 1/2.2; so near to it, a gamma alone means sRGB
_NAMES = {1: "Rec. 709", 9: "Rec. 2020", 11: "DCI-P3", 12: "Display P3"}
_CURVE_NAMES = {PQ: " PQ", HLG: " HLG", 8: " linear"}

Matrix = tuple[tuple[float, float, float], ...]


def is_known(primaries: int, transfer: int) -> bool:
    return primaries in PRIMARIES and (transfer in _CURVES or transfer in (PQ, HLG))


@lru_cache(maxsize=16)
def coded_profile(primaries: int, transfer: int, peak: float | None = None) -> bytes | None:
    """The profile of two code points that are known; None for sRGB. `peak` is the brightest level in cd/m²."""
    if (primaries, transfer) == (1, 13):
        return None
    name = _NAMES.get(primaries, f"H.273 primaries {primaries}") + _CURVE_NAMES.get(transfer, "")
    tags = {}
    if transfer in (PQ, HLG):
        tags[b"cicp"] = b"cicp\0\0\0\0" + bytes([primaries, transfer, 0, 1])
        if peak:
            tags[b"lumi"] = _xyz((0.0, min(peak, 10_000.0), 0.0))
    return _profile(name, PRIMARIES[primaries], _CURVES.get(transfer, _SRGB_CURVE), tags)


def gamma_profile(gamma: float, numbers: list[float]) -> bytes | None:
    """The profile of a PNG's gAMA (such as 0.45455) and the eight numbers of its cHRM, zeros for none.

    None for sRGB, and for numbers that describe no colours.
    """
    chromaticities = tuple(numbers) if any(numbers) else _SRGB
    if not 0.01 <= gamma <= 100 or not all(0 <= number <= 1 for number in chromaticities):
        return None
    if not any(numbers) and abs(gamma * 2.2 - 1) < _LIKE_SRGB:
        return None
    try:
        return _profile(f"Gamma {1 / gamma:.2g}", chromaticities, (1 / gamma,), {})  # type: ignore[arg-type]  # eight
    except (ZeroDivisionError, OverflowError, struct.error):
        return None


def to_xyz(chromaticities: Chromaticities) -> Matrix:
    """The matrix from linear RGB to XYZ, white at Y = 1. Raises ZeroDivisionError for colours on one line."""
    white, *corners = (chromaticities[n : n + 2] for n in range(0, 8, 2))
    columns = [(x, y, 1 - x - y) for x, y in corners]
    matrix = tuple(zip(*columns, strict=True))
    x, y = white
    scale = times(inverse(matrix), (x / y, 1.0, (1 - x - y) / y))
    return tuple(tuple(value * s for value, s in zip(row, scale, strict=True)) for row in matrix)


def inverse(m: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = m
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    return tuple(tuple(value / determinant for value in row) for row in cofactors)  # type: ignore[misc]


def times(m: Matrix, vector: tuple[float, float, float]) -> tuple[float, float, float]:
    x, y, z = vector
    first, second, third = (row[0] * x + row[1] * y + row[2] * z for row in m)
    return first, second, third


def product(one: Matrix, other: Matrix) -> Matrix:
    columns = [times(one, column) for column in zip(*other, strict=True)]
    return tuple(zip(*columns, strict=True))


def _profile(name: str, chromaticities: Chromaticities, curve: tuple[float, ...], more: dict[bytes, bytes]) -> bytes:
    """A display's profile of a matrix and three equal curves (ICC.1:2022)."""
    x, y = chromaticities[:2]
    adapted = product(_adaptation((x / y, 1.0, (1 - x - y) / y)), to_xyz(chromaticities))
    words = name.encode("utf-16-be")
    kind = 0 if len(curve) == 1 else 3
    trc = b"para" + struct.pack(">IHH", 0, kind, 0) + b"".join(map(_s15f16, curve))
    text = b"mluc" + struct.pack(">III", 0, 1, 12)
    tags = {
        b"desc": text + b"enUS" + struct.pack(">II", len(words), 28) + words,
        b"cprt": text + b"enUS" + struct.pack(">II", 0, 28),
        b"wtpt": _xyz(_D50),
        **{
            tag: _xyz(column)
            for tag, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), zip(*adapted, strict=True), strict=True)
        },
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), trc),
        **more,
    }
    return _assembled(tags)


def table_profile(side: int, nodes: bytes) -> bytes:
    """The profile with a table of side³ colours (Lab in 16 bits, the last channel the fastest) for RGB."""
    table = b"mft2" + struct.pack(">I4B", 0, 3, 3, side, 0)
    table += b"".join(_s15f16(float(n in (0, 4, 8))) for n in range(9)) + struct.pack(">HH", 2, 2)
    straight = struct.pack(">6H", *(0, 65535) * 3)
    text = b"mluc" + struct.pack(">III", 0, 0, 12)
    tags = {b"desc": text, b"cprt": text, b"wtpt": _xyz(_D50), b"A2B0": table + straight + nodes + straight}
    # Version 2, because the black of a table of version 4 is not quite black.
    return _assembled(tags, b"Lab ", 0x02400000)


def lab_words(linear: tuple[float, float, float]) -> tuple[int, int, int]:
    """A colour of linear sRGB as the words of a table's Lab in 16 bits (ICC.1:2022, 10.10)."""
    x, y, z = (_root(v / white) for v, white in zip(times(_SRGB_TO_ICC, linear), _D50, strict=True))
    return round((116 * y - 16) * 652.8), round((500 * (x - y) + 128) * 256), round((200 * (y - z) + 128) * 256)


def _root(t: float) -> float:
    return t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116


def _assembled(tags: dict[bytes, bytes], connection: bytes = b"XYZ ", version: int = 0x04400000) -> bytes:
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    content = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(">I4sI4s4s4s", 128 + len(content), CREATOR, version, b"mntr", b"RGB ", connection)
    header += struct.pack(">6H4s28x", 2026, 1, 1, 0, 0, 0, b"acsp") + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    return (header + CREATOR).ljust(128, b"\0") + content


def _adaptation(white: tuple[float, float, float]) -> Matrix:
    """Bradford's matrix from one white to that of ICC profiles."""
    here, there = times(_BRADFORD, white), times(_BRADFORD, _D50)
    ratios = [b / a for a, b in zip(here, there, strict=True)]
    scale = tuple(tuple(ratios[n] if n == m else 0.0 for m in range(3)) for n in range(3))
    return product(inverse(_BRADFORD), product(scale, _BRADFORD))  # type: ignore[arg-type]


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_s15f16, values))


def _s15f16(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))


_SRGB_TO_ICC = product(_adaptation((0.3127 / 0.329, 1.0, 0.3583 / 0.329)), to_xyz(_SRGB))
