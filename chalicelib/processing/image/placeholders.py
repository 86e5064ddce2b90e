"""Placeholders to show until the image is there: its ThumbHash and its dominant colour. Standard library only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import cos, floor, pi, sumprod

MAX_SIDE = 32
"""Pixels. A larger input costs more and changes almost nothing: a ThumbHash has at most seven waves a side."""

_OPAQUE = 128  # of 255: from here on a pixel counts as seen


def thumbhash(width: int, height: int, rgba: bytes) -> bytes:
    """The ThumbHash (5-25 bytes) of width x height pixels, `rgba` row by row, four bytes each, not premultiplied.

    Equal to the reference (https://evanw.github.io/thumbhash/), which allows 100 px a side at most. Unlike there, the
    cosine transform is done for rows and then for columns: the same sums, for a tenth of the work.
    """
    light, warm, red, alpha, opaque = _channels(rgba)
    limit, longest = (7 if opaque else 5), max(width, height)  # fewer waves of light leave room for those of alpha
    waves_x, waves_y = max(1, _round(limit * width / longest)), max(1, _round(limit * height / longest))
    light_dc, light_ac, light_scale = _transform(light, width, max(3, waves_x), max(3, waves_y))
    warm_dc, warm_ac, warm_scale = _transform(warm, width, 3, 3)
    red_dc, red_ac, red_scale = _transform(red, width, 3, 3)

    landscape = width > height
    header = (
        _round(63 * light_dc)
        | _round(31.5 + 31.5 * warm_dc) << 6
        | _round(31.5 + 31.5 * red_dc) << 12
        | _round(31 * light_scale) << 18
        | (not opaque) << 23
        | (waves_y if landscape else waves_x) << 24
        | _round(63 * warm_scale) << 27
        | _round(63 * red_scale) << 33
        | landscape << 39
    )
    hashed, factors = bytearray(header.to_bytes(5, "little")), light_ac + warm_ac + red_ac
    if not opaque:
        alpha_dc, alpha_ac, alpha_scale = _transform(alpha, width, 5, 5)
        hashed.append(_round(15 * alpha_dc) | _round(15 * alpha_scale) << 4)
        factors += alpha_ac
    nibbles = [_round(15 * factor) for factor in factors]
    if len(nibbles) % 2:
        nibbles.append(0)
    hashed.extend(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return bytes(hashed)


def dominant_color(rgba: bytes) -> str:
    """`#rrggbb`: the mean of the fullest of 512 colour boxes. Mostly transparent pixels are left out.

    The boxes are 32 levels a side, in two grids that are shifted by 16, so that a colour at the border of one grid is
    in the middle of the other. An image that is all transparent gets white.
    """
    seen = [p for p in zip(rgba[::4], rgba[1::4], rgba[2::4], rgba[3::4], strict=True) if p[3] >= _OPAQUE]
    if not seen:
        return "#ffffff"
    boxes: Counter[tuple[int, int, int, int]] = Counter()
    for shift in (0, 16):
        boxes.update((shift, (r + shift) >> 5, (g + shift) >> 5, (b + shift) >> 5) for r, g, b, _ in seen)
    (shift, *box), _ = boxes.most_common(1)[0]
    members = [p for p in seen if [(p[0] + shift) >> 5, (p[1] + shift) >> 5, (p[2] + shift) >> 5] == box]
    means = (_round(sum(channel) / len(members)) for channel in list(zip(*members, strict=True))[:3])
    return "#" + "".join(f"{mean:02x}" for mean in means)


def _channels(rgba: bytes) -> tuple[list[float], list[float], list[float], list[float], bool]:
    """Light (L), yellow-blue (P), red-green (Q) and alpha, 0..1 or -1..1. Clear pixels lie over the mean colour."""
    reds, greens, blues, alphas = rgba[::4], rgba[1::4], rgba[2::4], rgba[3::4]
    alpha = [a / 255 for a in alphas]
    opaque = alphas.count(255) == len(alphas)
    total = sum(alphas) / 255
    # The mean colour, weighted by alpha.
    mean = [sumprod(alphas, channel) / 65025 / total if total else 0.0 for channel in (reds, greens, blues)]
    if opaque:  # the same numbers in half the time
        shades = [1 / 255 * level for level in range(256)]
        channels = [[shades[level] for level in channel] for channel in (reds, greens, blues)]
    else:
        channels = [
            [m * (1 - a) + a / 255 * level for a, level in zip(alpha, channel, strict=True)]
            for m, channel in zip(mean, (reds, greens, blues), strict=True)
        ]
    light, warm, red = [], [], []
    for r, g, b in zip(*channels, strict=True):
        light.append((r + g + b) / 3)
        warm.append((r + g) / 2 - b)
        red.append(r - g)
    return light, warm, red, alpha, opaque


def _transform(channel: Sequence[float], width: int, waves_x: int, waves_y: int) -> tuple[float, list[float], float]:
    """The mean, the lower-left triangle of the cosine terms (scaled to 0..1 around .5), and the scale."""
    height = len(channel) // width
    rows = [channel[start : start + width] for start in range(0, len(channel), width)]
    columns = [[sumprod(row, wave) for row in rows] for wave in _waves(width, waves_x)]
    mean, *terms = (
        sumprod(columns[x], wave) / len(channel)
        for y, wave in enumerate(_waves(height, waves_y))
        for x in range(waves_x)
        if x * waves_y < waves_x * (waves_y - y)
    )
    scale = max(map(abs, terms), default=0.0)
    if scale:
        terms = [0.5 + 0.5 / scale * term for term in terms]
    return mean, terms, scale


@lru_cache(maxsize=256)
def _waves(length: int, count: int) -> list[list[float]]:
    return [[cos(pi / length * k * (i + 0.5)) for i in range(length)] for k in range(count)]


def _round(value: float) -> int:
    """Rounds half up, as JavaScript's Math.round does. Python's own round goes to even."""
    return floor(value + 0.5)
