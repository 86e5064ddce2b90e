"""The ladder: the sizes that a recipe makes of an image, and what a viewer gets who asks for one of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from chalicelib.renditions.recipes import MAX_SIDE, Encoding, Recipe


@dataclass(frozen=True, slots=True)
class Size:
    """One rung of the ladder, pixels, as seen (orientation applied)."""

    name: str
    width: int
    height: int


def ladder(recipe: Recipe, width: int, height: int) -> list[Size]:
    """The sizes that an image of width x height pixels (as seen) gets, ascending; never larger than the image.

    - Every width of the recipe that is not above the image's own: an image 1000 px wide gets 160 … 960.
    - The image's own width, if the widest of those would lose more than a third of it. That only happens between the
      lower steps (an image 300 px wide gets 160 and 300), where the loss would show. An image that is narrower than the
      lowest step gets only its own width.
    - A size that is higher than `MAX_SIDE` is left out. If all are, there is one as high as `MAX_SIDE` allows.

    With a recipe's `aspect`, all of this holds for the image as it is cropped, or with the background around it.
    So the number of sizes is bounded, and they are known from the record alone.
    """
    return [*_ladder(recipe, width, height)]


@lru_cache(maxsize=256)
def _ladder(recipe: Recipe, width: int, height: int) -> tuple[Size, ...]:
    if not recipe.widths:
        return ()
    width, height = _shape(recipe, width, height)
    widths = [step for step in recipe.widths if step <= width]
    if width < recipe.widths[-1] and (not widths or widths[-1] * 3 < width * 2):
        widths.append(width)
    sizes = [Size(f"w{step}", step, _scaled(height, step, width)) for step in widths]
    return tuple(size for size in sizes if size.height <= MAX_SIDE) or (_as_high_as_allowed(width, height),)


def up_to(sizes: Sequence[Size], width: int) -> Size:
    """The widest of these sizes up to `width` pixels, or the narrowest of all. `sizes` ascend, and there is one."""
    return next((size for size in reversed(sizes) if size.width <= width), sizes[0])


def at_once(sizes: Sequence[Size], encoding: Encoding) -> Sequence[Size]:
    """Those of a ladder's sizes that are made in this encoding before anybody asks for them."""
    return sizes if encoding.up_to is None or not sizes else [up_to(sizes, encoding.up_to)]


# Formats that stand in for one that a file does not have: CloudFront chooses an address before it knows the file.
_STAND_INS = {"avif": ("webp", "jpeg"), "webp": ("jpeg",)}


# With more pixels AVIF's encoder would take all of the function's time and memory: 27 to 37 bytes a pixel, and up to
# .33 s a megapixel (measured at 12 to 31 MP, speed 9; the most with alpha and 4:4:4).
MAX_AVIF_PIXELS = 20_000_000


def rendition_of(
    recipe: Recipe, width: int, height: int, *, name: str, format: str, animated: bool
) -> tuple[Size, Encoding] | None:
    """The rendition at `name` in `format`, for an image of width x height pixels; None when there is none.

    Another format stands in for one that the recipe does not make: WebP for AVIF, or JPEG for WebP. Viewers that show
    the one show the other, too. WebP also stands in for the AVIF of an animated image, since it moves, and of a very
    large one.
    """
    size = next((size for size in _ladder(recipe, width, height) if size.name == name), None)
    made = {encoding.format: encoding for encoding in (*recipe.encodings, *recipe.on_demand)}
    if size and "webp" in made and (animated or size.width * size.height > MAX_AVIF_PIXELS):
        made.pop("avif", None)
    chosen = next((made[each] for each in (format, *_STAND_INS.get(format, ())) if each in made), None)
    return (size, chosen) if size and chosen else None


def _shape(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """The size of the largest part of the image with the recipe's aspect ("cover"), or of the least frame around it."""
    if recipe.aspect is None:
        return width, height
    across, down = recipe.aspect
    too_wide = width * down > height * across
    if too_wide == (recipe.fit == "cover"):
        return _scaled(height, across, down), height
    return width, _scaled(width, down, across)


def _as_high_as_allowed(width: int, height: int) -> Size:
    narrow = max(1, width * MAX_SIDE // height)
    return Size(f"w{narrow}", narrow, MAX_SIDE)


def _scaled(length: int, numerator: int, denominator: int) -> int:
    """length · numerator / denominator, rounded half up, at least 1 (integers: the same on every machine)."""
    return max(1, (2 * length * numerator + denominator) // (2 * denominator))
