"""BlurHash: a blurred preview in 28 characters (https://blurha.sh). Standard library only."""

from __future__ import annotations

from functools import lru_cache
from math import cos, floor, pi, sqrt, sumprod

WAVES_X, WAVES_Y = 4, 3

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
_LINEAR = [v / 3294.6 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in range(256)]  # IEC 61966-2-1


def blurhash(width: int, height: int, rgb: bytes) -> str:
    """The 4 x 3 BlurHash of width x height pixels, `rgb` row by row, three bytes each.

    Equal to `encode` of npm's blurhash 2.0, the reference. For the scale it takes the largest positive factor, where
    the specification says the largest; we do as it does.
    """
    factors = list(zip(*(_factors(width, height, rgb[channel::3]) for channel in range(3)), strict=True))
    mean, waves = factors[0], factors[1:]
    scale = max(0, min(82, floor(max(max(wave) for wave in waves) * 166 - 0.5)))
    hashed = _digits(WAVES_X - 1 + (WAVES_Y - 1) * 9, 1) + _digits(scale, 1)
    red, green, blue = map(_srgb, mean)
    hashed += _digits(red << 16 | green << 8 | blue, 4)
    for wave in waves:
        r, g, b = (_level(value * 166 / (scale + 1)) for value in wave)
        hashed += _digits(r * 361 + g * 19 + b, 2)
    return hashed


def _factors(width: int, height: int, channel: bytes) -> list[float]:
    linear = [_LINEAR[value] for value in channel]
    rows = [linear[start : start + width] for start in range(0, len(linear), width)]
    columns = [[sumprod(row, wave) for row in rows] for wave in _waves(width, WAVES_X)]
    sums = [sumprod(columns[x], wave) for wave in _waves(height, WAVES_Y) for x in range(WAVES_X)]
    return [total * (2 if n else 1) / (width * height) for n, total in enumerate(sums)]


@lru_cache(maxsize=256)
def _waves(length: int, count: int) -> list[list[float]]:
    return [[cos(pi * k * i / length) for i in range(length)] for k in range(count)]


def _level(value: float) -> int:
    root = sqrt(abs(value)) * (1 if value >= 0 else -1)
    return max(0, min(18, floor(root * 9 + 9.5)))


def _srgb(value: float) -> int:
    value = max(0.0, min(1.0, value))
    return floor((value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055) * 255 + 0.5)


def _digits(value: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        value, digit = divmod(value, 83)
        digits = _DIGITS[digit] + digits
    return digits
