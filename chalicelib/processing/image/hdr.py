"""Pictures that are brighter than paper (PQ and HLG, ITU-R BT.2100) as sRGB, tone-mapped as Chromium does.

    levels → light in cd/m², of which paper has 203 (ITU-R BT.2408) → Rec. 2020 → one gain for all three colours, by the
    strongest of them → sRGB, clipped

The gain is the reference white tone mapping of SMPTE ST 2094-50 (annex D) for a display that shows no more than paper:
below paper's white all is made darker by one factor, and above it a Bézier curve leads to the brightest level.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from math import exp, log, log2

from chalicelib.processing.image.colorimetry import (
    CREATOR,
    HLG,
    PQ,
    PRIMARIES,
    inverse,
    lab_words,
    product,
    table_profile,
    times,
    to_xyz,
)

PAPER = 203.0  # cd/m²
_HLG_PEAK = 1000.0
DEFAULT_PEAK = 1000.0  # of a picture that does not say its own
_SIDE = 33  # nodes of the table in each direction
_KAPPA, _POINTS = 0.65, 8  # the shape of the curve, by the standard

_REC_2020 = to_xyz(PRIMARIES[9])
_LUMA = (0.2627, 0.678, 0.0593)  # of Rec. 2020

Light = tuple[float, float, float]


def mapped_profile(profile: bytes) -> bytes | None:
    """A profile with a table from the levels to tone-mapped colours; None for one that is not of PQ or HLG."""
    if (found := _code_points(profile)) is None:
        return None
    peak = (_own_peak(profile) or DEFAULT_PEAK) / PAPER
    return table_profile(_SIDE, _nodes(*found, peak))


@lru_cache(maxsize=4)
def _nodes(primaries: int, transfer: int, peak: float) -> bytes:
    """Colours (Lab, 16 bits) of every node of the table, blue the fastest."""
    values = array("H")
    for color in mapped_colors(primaries, transfer, peak, _SIDE):
        values.extend(lab_words(color))
    if sys.byteorder == "little":
        values.byteswap()
    return values.tobytes()


def mapped_colors(primaries: int, transfer: int, peak: float, side: int) -> Iterator[Light]:
    """The linear sRGB of `side` levels of each colour, blue the fastest. `peak` is the brightest level, of paper's."""
    light_of = _pq if transfer == PQ else _hlg
    levels = [light_of(n / (side - 1)) for n in range(side)]
    to_2020 = product(inverse(_REC_2020), to_xyz(PRIMARIES[primaries]))
    to_srgb = product(inverse(to_xyz(PRIMARIES[1])), _REC_2020)
    gain = _Curve(peak).gain if peak > 1 else (lambda _: 1.0)
    for red in levels:
        for green in levels:
            for blue in levels:
                light = times(to_2020, (red, green, blue))
                if transfer == HLG:
                    light = _displayed(light)
                factor = gain(max(light))
                r, g, b = (min(max(value * factor, 0.0), 1.0) for value in times(to_srgb, light))
                yield r, g, b


class _Curve:
    """The tone curve, for light of which paper's white is 1: pieces of cubics through points of a Bézier curve.

    The gain is a power of two, and the pieces are in its exponent (ST 2094-50, formulas 1 and D.3 to D.5).
    """

    def __init__(self, peak: float) -> None:
        brightness = min(log2(peak) / log2(1000 / PAPER), 1.0)
        white = 1 - 0.5 * brightness
        middle = (1 - _KAPPA) + _KAPPA / white, (1 - _KAPPA) * white + _KAPPA
        # x(t) and y(t), as the coefficients of t² and t.
        xa, xb = 1 - 2 * middle[0] + peak, 2 * middle[0] - 2
        ya, yb = white - 2 * middle[1] + 1, 2 * middle[1] - 2 * white
        self._x, self._exponents, self._slopes = list[float](), list[float](), list[float]()
        for t in (n / (_POINTS - 1) for n in range(_POINTS)):
            x, y = 1 + t * (xb + t * xa), white + t * (yb + t * ya)
            slope = (2 * ya * t + yb) / (2 * xa * t + xb)
            self._x.append(x)
            self._exponents.append(log2(y / x))
            self._slopes.append((x * slope - y) / (log(2) * x * y))

    def gain(self, level: float) -> float:
        if level <= 1:
            return float(2 ** self._exponents[0])
        if level >= self._x[-1]:
            return 1 / level
        right = bisect(self._x, level)
        left = right - 1
        width = self._x[right] - self._x[left]
        t = (level - self._x[left]) / width
        a, b = self._exponents[left], self._exponents[right]
        m, n = self._slopes[left] * width, self._slopes[right] * width
        return float(2 ** ((((2 * a + m - 2 * b + n) * t + 3 * (b - a) - 2 * m - n) * t + m) * t + a))


def _pq(level: float) -> float:
    """Light of a level of 0-1 (SMPTE ST 2084), of paper's."""
    power = level ** (32 / 2523)
    linear = max(power - 107 / 128, 0.0) / (2413 / 128 - 2392 / 128 * power)
    return float(linear ** (8192 / 1305) * 10_000 / PAPER)


def _hlg(level: float) -> float:
    """Light of the scene, 0-1 (ITU-R BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return level * level / 3 if level <= 0.5 else (exp((level - c) / a) + b) / 12


def _displayed(scene: Light) -> Light:
    """Light of the display, of paper's: the scene's with a gamma of 1.2."""
    luma = sum(weight * value for weight, value in zip(_LUMA, scene, strict=True))
    factor = luma**0.2 * _HLG_PEAK / PAPER if luma > 0 else 0.0
    red, green, blue = scene
    return red * factor, green * factor, blue * factor


def _code_points(profile: bytes) -> tuple[int, int] | None:
    """Primaries and transfer characteristics of a profile's `cicp` tag (ICC.1:2022, 9.2.17), if it is PQ or HLG."""
    content = _tag(profile, b"cicp")
    if len(content) < 10 or content[8] not in PRIMARIES or content[9] not in (PQ, HLG):
        return None
    return content[8], content[9]


def _own_peak(profile: bytes) -> float:
    """The brightest level in cd/m² in a profile of ours; 0 for none."""
    light = _tag(profile, b"lumi")
    return int.from_bytes(light[12:16]) / 65536 if profile[80:84] == CREATOR and len(light) >= 16 else 0.0


def _tag(profile: bytes, name: bytes) -> bytes:
    for at in range(132, 132 + 12 * min(int.from_bytes(profile[128:132]), 100), 12):
        if profile[at : at + 4] == name:
            start = int.from_bytes(profile[at + 4 : at + 8])
            return profile[start : start + min(int.from_bytes(profile[at + 8 : at + 12]), 64)]
    return b""
