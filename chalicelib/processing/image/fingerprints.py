"""Describes an image by a few numbers: its perceptual hash, its sharpness, its palette."""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sumprod
from statistics import median

from PIL import Image, ImageFilter, ImageStat

SHARPNESS_SIDE = 512
"""Pixels of the longer side when sharpness is measured, so that files of different sizes can be compared."""

_SIDE, _LOW = 32, 8  # pixels a side; waves a side that make the hash
_OPAQUE = 128  # of 255: from here on a pixel counts as seen
_BOX = Image.Resampling.BOX


def phash(image: Image.Image) -> str:
    """16 hex digits: the DCT hash of Zauner, "Implementation and benchmarking of perceptual image hash functions".

    The image as 32 x 32 greys, and one bit for each of its 8 x 8 lowest waves: above their median or not. Two files
    show the same picture when few of the 64 bits differ; 10 is a usual bound. A turned or cropped picture is another.
    """
    grey = image.convert("L").resize((_SIDE, _SIDE), _BOX).tobytes()
    rows = [grey[start : start + _SIDE] for start in range(0, len(grey), _SIDE)]
    columns = [[sumprod(row, wave) for row in rows] for wave in _waves()]
    waves = [sumprod(columns[x], wave) for wave in _waves() for x in range(_LOW)]
    middle = median(waves)
    return f"{int(''.join('01'[wave > middle] for wave in waves), 2):016x}"


def sharpness(image: Image.Image) -> float:
    """The variance of the Laplacian of the image in grey, at most `SHARPNESS_SIDE` pixels long; to one decimal.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy". A photograph below about 100 is blurred, but
    a picture of the sky has no edges either. Steps of more than half the range count as half.
    """
    scale = min(1.0, SHARPNESS_SIDE / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    grey = image.convert("L").resize(size, _BOX)
    if min(size) < 3:
        return 0.0
    edges = grey.filter(ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128))
    inside = edges.crop((1, 1, size[0] - 1, size[1] - 1))  # the filter does not change the border
    return round(ImageStat.Stat(inside).var[0], 1)


def palette(rgba: bytes, count: int = 6) -> list[str]:
    """Up to `count` colours (`#rrggbb`) of the image by median cut, the most frequent first.

    Pixels that are mostly transparent are left out. An image that is all transparent has none.
    """
    seen = b"".join(rgba[at : at + 3] for at in range(0, len(rgba), 4) if rgba[at + 3] >= _OPAQUE)
    if not seen:
        return []
    reduced = Image.frombytes("RGB", (len(seen) // 3, 1), seen).quantize(count, Image.Quantize.MEDIANCUT, kmeans=1)
    colors = reduced.getpalette() or []
    frequent = sorted(enumerate(reduced.histogram()[:count]), key=lambda color: -color[1])
    found = ["#" + bytes(colors[3 * n : 3 * n + 3]).hex() for n, pixels in frequent if pixels]
    return list(dict.fromkeys(found))


@lru_cache(maxsize=1)
def _waves() -> list[list[float]]:
    return [[cos(pi / _SIDE * k * (i + 0.5)) for i in range(_SIDE)] for k in range(_LOW)]
