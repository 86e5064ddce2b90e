"""Recipes: which renditions an image gets. Values only: this module is imported where Pillow is not."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

ENGINE_VERSION = "1+pillow13.0.0"
"""Names the code that makes the bytes: raise the number with any change to decoding, resizing, colour or encoding.

Pillow brings the encoders, so its version belongs to it; a test compares it with the one installed.
"""

MAX_SIDE = 16383
"""Pixels; WebP's bound on width and height (RFC 9649), the lowest of our formats'."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """One format of a rendition. `quality` 0-100, as the encoder means it; `effort` is WebP's method, 0-6."""

    format: str
    quality: int
    effort: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """A named list of renditions: every width (pixels, ascending) in every encoding."""

    name: str
    widths: tuple[int, ...]
    encodings: tuple[Encoding, ...]

    @property
    def formats(self) -> tuple[str, ...]:
        return tuple(encoding.format for encoding in self.encodings)

    @property
    def fingerprint(self) -> str:
        """12 hex digits that change when anything does that changes output bytes; the name is no such thing."""
        text = repr((ENGINE_VERSION, self.widths, [(e.format, e.quality, e.effort) for e in self.encodings]))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Size:
    """One rung of the ladder, pixels, as seen (orientation applied)."""

    name: str
    width: int
    height: int


# WebP effort 2 and not 4, the encoder's default: .43 of the CPU for 1.08 of the bytes at equal SSIMULACRA2, and still
# what ordinary sharp code reaches at its defaults. JPEG is the fallback of few viewers, so it is baseline: progressive
# saves 2 % of its bytes for twice its CPU. (Measured on five photographs; see `make bench`.)
_WEB = (Encoding("webp", quality=80, effort=2), Encoding("jpeg", quality=80))

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("photo", widths=(160, 320, 640, 960, 1280, 1920), encodings=_WEB),
        Recipe("original-only", widths=(), encodings=()),
    )
}
DEFAULT_RECIPE = "photo"


def ladder(recipe: Recipe, width: int, height: int) -> list[Size]:
    """The sizes that an image of width x height pixels (as seen) gets, ascending; never larger than the image.

    - Every width of the recipe that is not above the image's own: 1000 px wide gets 160 … 960, and stops there.
    - A top one at the image's own width, when the widest of those would lose more than a third of it. That happens
      between the lower steps only (300 px wide gets 160 and 300), where the loss would show. An image narrower than
      the lowest step gets its own width alone.
    - One whose height would pass `MAX_SIDE` is left out; when all would, there is one as high as `MAX_SIDE` allows.

    So the set is bounded, and known from the record alone.
    """
    if not recipe.widths:
        return []
    widths = [step for step in recipe.widths if step <= width]
    if width < recipe.widths[-1] and (not widths or widths[-1] * 3 < width * 2):
        widths.append(width)
    sizes = [Size(f"w{step}", step, _scaled(height, step, width)) for step in widths]
    return [size for size in sizes if size.height <= MAX_SIDE] or [_as_high_as_allowed(width, height)]


def _as_high_as_allowed(width: int, height: int) -> Size:
    narrow = max(1, width * MAX_SIDE // height)
    return Size(f"w{narrow}", narrow, MAX_SIDE)


def _scaled(length: int, numerator: int, denominator: int) -> int:
    """length · numerator / denominator, rounded half up, at least 1 (integers: the same on every machine)."""
    return max(1, (2 * length * numerator + denominator) // (2 * denominator))
