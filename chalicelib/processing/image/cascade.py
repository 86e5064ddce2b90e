"""One image into its renditions: one decode, one cascade of resizes from large to small, all encoders at once.

    decode (decode.py) → one resize to the largest rendition → sRGB (color.py) → turned upright → cropped (crop.py)
      → encode it in each format (encoders.py, threads), resize it to the next size, encode that …
      → placeholders and fingerprints of what is left (facts.py)
      → the same once more for each picture of an animation (compositor.py, animation.py)

Work that costs by the pixel is done after resizing. Smaller renditions are made from the next larger one: at LANCZOS
the difference cannot be seen (SSIMULACRA2 of 96 and more against direct resizes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from chalicelib.model import ImageInfo
from chalicelib.processing.image import crop, facts, quality
from chalicelib.processing.image.animation import animate, is_animated, needed_memory
from chalicelib.processing.image.color import on_paper
from chalicelib.processing.image.compositor import composed
from chalicelib.processing.image.decode import Decoded, blaming_the_file, decode
from chalicelib.processing.image.encoders import Encoders, encode, rendition
from chalicelib.processing.image.fingerprints import SHARPNESS_SIDE
from chalicelib.processing.image.frames import Animation
from chalicelib.processing.image.memory import RESIDENT
from chalicelib.processing.image.mending import mended
from chalicelib.processing.image.resize import first_resize, fitted, resized
from chalicelib.processing.image.rights import rights_block
from chalicelib.processing.image.watermark import marked
from chalicelib.processing.kinds import Emit
from chalicelib.renditions.ladder import Size, at_once, ladder
from chalicelib.renditions.recipes import Encoding, Recipe

_OVERVIEW = 160  # pixels, the longer side: enough for what the record says of an image without renditions


def process_image(
    data: bytes | BinaryIO, recipe: Recipe, *, memory: int, emit: Emit, only: str | None = None, paper: bool = False
) -> ImageInfo:
    """Makes every rendition of the recipe that the image is large enough for. Returns what is known of the image.

    `data` is the file, or a seekable local file object. `memory` is what the whole function has, in bytes: an image
    that would take more is refused before its pixels are decoded. `emit` gets each rendition with its bytes as soon as
    it is encoded, in any order, from several threads at once. What it raises ends the work, and is raised here when all
    threads have ended; so some renditions of an image that ends in an error may have been emitted. With `only`, the
    name of a size, the other sizes are not encoded, and no more is found out about the pixels than must be. The size's
    own pixels are the same, because the cascade down to it is. With `paper`, clear pixels become white.

    WebP renditions of an animated image are animated, and other formats show its first picture. Above the bounds in
    animation.py all of them show the first picture. The same bytes and recipe give the same renditions.

    Raises PermanentFault: `corrupt`, `too_many_pixels`.
    """
    source = mended(BytesIO(data) if isinstance(data, bytes) else data)
    decoded = decode(source, memory=memory, wanted=partial(_largest, recipe), gps=recipe.keep_gps)
    plan = _plan(recipe, decoded, memory, only)
    info = facts.of_file(decoded)
    with Encoders(emit, plan.rights, recipe.background) as encoders:
        reduce = partial(
            first_resize,
            orientation=decoded.orientation,
            profile=decoded.profile,
            target=_whole(recipe, decoded.width, decoded.height),
            pool=encoders.pool,
        )
        image = reduce(decoded.pixels)
        image = overview = on_paper(image) if paper and image.mode == "RGBA" else image
        info |= {"has_alpha": False} if paper else {}
        del decoded  # the largest thing in memory; nothing refers to it any more
        box = crop.box(recipe, image, plan.sizes)
        image = crop.cut(recipe, image, box)
        stills, moving = _with_quality(recipe, image, plan.stills), _with_quality(recipe, image, plan.moving)
        for size in reversed(plan.sizes):
            image = _at(image, size)
            if not recipe.aspect and max(image.size) >= SHARPNESS_SIDE:
                overview = image
            wanted = [encoding for encoding in stills if size in plan.encoded_as(encoding)]
            if wanted:
                shown = marked(image, recipe.watermark)
                for encoding in wanted:
                    encoders.add(shown, size, encoding)
            if size.name == only:
                break  # no smaller one is needed
        info |= facts.of_pixels(image, overview if only is None else None)
        for encoding in moving:
            made, info["has_alpha"] = _animated(recipe, plan, encoding, reduce, box)
            for size, encoded in made:
                emit(rendition(size, encoding, encoded), encoded)
        if plan.animation and not moving and only is None:
            info["has_alpha"] = _has_alpha(plan.animation)
    return ImageInfo.model_validate(info)


@dataclass(frozen=True)
class _Plan:
    """The work: make `sizes`, ascending, and encode them as `stills` and, if animated, as `moving`. With `only`, the
    size of this name is encoded, and else all that are made at once.

    `animation` is None above the bounds. If nothing is `moving`, it is only looked through.
    """

    sizes: list[Size]
    only: str | None
    stills: list[Encoding]
    moving: list[Encoding]
    animation: Animation | None
    rights: bytes

    def encoded_as(self, encoding: Encoding) -> list[Size]:
        if self.only is not None:
            return [size for size in self.sizes if size.name == self.only]
        return list(at_once(self.sizes, encoding))


def _plan(recipe: Recipe, decoded: Decoded, memory: int, only: str | None) -> _Plan:
    sizes = ladder(recipe, decoded.width, decoded.height)
    animation = _within_bounds(decoded.animation, sizes, memory)
    moving = [encoding for encoding in recipe.encodings if animation and sizes and encoding.format == "webp"]
    return _Plan(
        sizes=sizes,
        only=only,
        stills=[encoding for encoding in recipe.encodings if encoding not in moving],
        moving=moving,
        animation=animation,
        rights=rights_block(decoded.words, recipe.keep),
    )


def _within_bounds(animation: Animation | None, sizes: list[Size], memory: int) -> Animation | None:
    if animation is None or not is_animated(animation, sizes):
        return None
    return animation if RESIDENT + needed_memory(animation, sizes) <= memory else None


def _whole(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """The size to which an image of this size (as seen) is resized first, before it is cropped."""
    if sizes := ladder(recipe, width, height):
        return crop.whole_size(recipe, width, height, (sizes[-1].width, sizes[-1].height))
    return fitted(width, height, _OVERVIEW)


def _largest(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """The size that holds everything that is made of the image: the resized image, and a frame around it."""
    sizes, whole = ladder(recipe, width, height), _whole(recipe, width, height)
    return (max(whole[0], sizes[-1].width), max(whole[1], sizes[-1].height)) if sizes else whole


def _with_quality(recipe: Recipe, image: Image.Image, encodings: list[Encoding]) -> list[Encoding]:
    """The encodings with the qualities that this image needs."""
    trial = partial(encode, background=recipe.background)
    return [quality.chosen(image, encoding, trial) for encoding in encodings]


def _at(image: Image.Image, size: Size) -> Image.Image:
    dimensions = (size.width, size.height)
    return image if image.size == dimensions else resized(image, dimensions)


def _animated(
    recipe: Recipe,
    plan: _Plan,
    encoding: Encoding,
    reduce: Callable[[Image.Image], Image.Image],
    box: tuple[int, int, int, int],
) -> tuple[list[tuple[Size, bytes]], bool]:
    """Each size with its animation, and if any picture of it has clear pixels."""
    assert plan.animation is not None
    has_alpha = False

    def pictures(animation: Animation) -> Iterator[tuple[Image.Image, float]]:
        nonlocal has_alpha
        for picture, duration in composed(animation):
            has_alpha = has_alpha or picture.mode in ("LA", "RGBA")
            yield crop.cut(recipe, reduce(picture), box), duration

    with blaming_the_file():
        mark = partial(marked, watermark=recipe.watermark)
        shown = pictures(plan.animation)
        return list(
            animate(shown, plan.animation.plays, plan.encoded_as(encoding), encoding, plan.rights, mark)
        ), has_alpha


def _has_alpha(animation: Animation) -> bool:
    """True if any picture of the animation has clear pixels."""
    with blaming_the_file():
        return any(picture.mode in ("LA", "RGBA") for picture, _ in composed(animation))
