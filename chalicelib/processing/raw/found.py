"""The findings of a raw file's own directories, and of the JPEGs that they name."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.processing.raw.exif import Tags

MOST_PLACES = 32
"""So many JPEGs of a file are looked at. Cameras put in up to four."""

SIDE = 0.5
"""A JPEG is the picture if each of its sides has at least this part of the raw picture's.

Cameras put in JPEGs of the same size, of 0.7 of it (Olympus), or of about 0.25, for their own screen. The least that is
shown of 24 megapixels is thus 3000 pixels wide, which is enough for every rendition.
"""


@dataclass(frozen=True)
class Place:
    """Where a JPEG may be, in bytes. `sure` if the format itself says so, and not a maker's private notes."""

    at: int
    length: int
    sure: bool = True


@dataclass(frozen=True)
class Raw:
    """`sizes` are widths and heights of the raw picture, as far as the file says them. The largest counts."""

    places: list[Place] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    tags: Tags = field(default_factory=Tags)


def largest(sizes: list[tuple[int, int]]) -> tuple[int, int]:
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def is_whole(picture: tuple[int, int], raw: tuple[int, int]) -> bool:
    """True if a picture is not much smaller than the raw picture, however it is turned."""
    return all(side >= SIDE * other for side, other in zip(sorted(picture), sorted(raw), strict=True))
