"""One image into its renditions: one decode, one cascade of resizes from large to small, all encoders at once.

    decode (decode.py) → one resize to the largest rendition → sRGB (color.py) → turned upright
      → encode it in each format (threads), resize it to the next, encode that …
      → ThumbHash and dominant colour of what is left (placeholders.py)

Pixels are resized before anything that costs by the pixel is done to them. Smaller renditions are made of the next
larger: at LANCZOS the difference cannot be seen (SSIMULACRA2 96 and above against direct resizes).
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from io import BytesIO
from itertools import pairwise
from threading import Event
from typing import Any, BinaryIO

from PIL import Image

from chalicelib.model import ImageInfo, Rendition
from chalicelib.processing import placeholders
from chalicelib.processing.color import on_white, to_srgb, transform_to_srgb
from chalicelib.processing.decode import Decoded, as_seen, decode, too_many_pixels
from chalicelib.processing.recipes import Encoding, Recipe, Size, ladder

Emit = Callable[[Rendition, bytes], None]

_LANCZOS = Image.Resampling.LANCZOS
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_STRIPS = 2  # of the first resize. Fixed, not by the processors: the seam may differ by one level from one strip's
_OVERVIEW = 160  # pixels, the longer side: all that the placeholders need of an image without renditions


def process_image(data: bytes | BinaryIO, recipe: Recipe, *, memory: int, emit: Emit) -> ImageInfo:
    """Makes every rendition of the recipe that the image is large enough for, and tells what the image is.

    `data` is the file, or a seekable local file object. `memory` is what the whole function has, bytes: an image that
    would take more is refused, before its pixels are decoded. `emit` gets each rendition with its bytes as soon as it
    is encoded, in any order, from several threads at once. What it raises ends the work, and is raised here when no
    thread is running any more; so renditions may have been emitted of an image that ends in an error.

    Of an animated image it is the first frame. The same bytes and recipe give the same renditions.

    Raises PermanentFault: `corrupt`, `too_many_pixels`.
    """
    decoded = decode(data, memory=memory, wanted=partial(_largest, recipe))
    width, height, rights = decoded.width, decoded.height, decoded.rights
    info: dict[str, Any] = {"width": width, "height": height, "format": decoded.format, "exif": decoded.exif}
    failed = Event()

    def work(image: Image.Image, size: Size, encoding: Encoding) -> None:
        if failed.is_set():
            return
        try:
            _encode_and_emit(image, size, encoding, rights, emit)
        except BaseException:
            failed.set()
            raise

    tasks: list[Future[None]] = []
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="encode") as pool:
        try:
            image = _first_resize(decoded, _largest(recipe, width, height), pool)
            del decoded  # the largest thing in memory; nothing refers to it any more
            for size in reversed(ladder(recipe, width, height)):
                if image.size != (size.width, size.height):
                    image = image.resize((size.width, size.height), _LANCZOS)
                tasks += [pool.submit(work, image, size, encoding) for encoding in recipe.encodings]
            info |= _placeholders(image)
        except MemoryError as error:
            failed.set()
            raise too_many_pixels() from error
    for task in tasks:
        task.result()
    return ImageInfo.model_validate(info)


def _largest(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """What an image of this size (as seen) is to be resized to first."""
    if sizes := ladder(recipe, width, height):
        return sizes[-1].width, sizes[-1].height
    return _fitted(width, height, _OVERVIEW)


def _fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """The size with the longer side at most `side`, the shape kept, at least 1 x 1."""
    longest = max(width, height)
    if longest <= side:
        return width, height
    return max(1, round(width * side / longest)), max(1, round(height * side / longest))


def _first_resize(decoded: Decoded, target: tuple[int, int], pool: Executor) -> Image.Image:
    """The decoded image at the target size (as seen), upright, in L, RGB or RGBA, its colours sRGB, no metadata."""
    source, size = decoded.pixels, as_seen(target, decoded.orientation)
    transform = transform_to_srgb(decoded.profile, source.mode)
    mode = source.mode
    if mode in ("LA", "RGBA") and source.size != size:
        source = source.convert(
            mode[:-1] + "a"
        )  # premultiplied, as `resize` would for each strip; else clear bleeds into edges

    def strip(top: int, bottom: int) -> Image.Image:
        """These rows of the result. The filter reads across the box's border, so strips meet without a seam."""
        box = (0.0, top * source.height / size[1], float(source.width), bottom * source.height / size[1])
        rows = (
            source.resize((size[0], bottom - top), _LANCZOS, box)
            if source.size != size
            else source.crop((0, top, size[0], bottom))
        )
        return to_srgb(rows if rows.mode == mode else rows.convert(mode), transform)

    edges = [size[1] * n // _STRIPS for n in range(_STRIPS + 1)]
    tops_and_bottoms = [(top, bottom) for top, bottom in pairwise(edges) if top < bottom]
    strips = list(pool.map(lambda rows: strip(*rows), tops_and_bottoms))
    result = Image.new(strips[0].mode, size)
    for (top, _), rows in zip(tops_and_bottoms, strips, strict=True):
        result.paste(rows, (0, top))
    return result.transpose(_UPRIGHT[decoded.orientation]) if decoded.orientation in _UPRIGHT else result


def _encode_and_emit(image: Image.Image, size: Size, encoding: Encoding, rights: bytes, emit: Emit) -> None:
    try:
        encoded = encode(image, encoding, rights)
    except MemoryError as error:
        raise too_many_pixels() from error
    rendition = Rendition(
        name=size.name,
        format=encoding.format,
        content_type=f"image/{encoding.format}",
        width=size.width,
        height=size.height,
        size=len(encoded),
    )
    emit(rendition, encoded)


def encode(image: Image.Image, encoding: Encoding, rights: bytes = b"") -> bytes:
    """The image in one format, without any metadata but `rights`, an EXIF block. Several threads may share an image.

    The copy is what makes that safe: `save` keeps its options on the image that it saves, so two threads saving one
    image swap theirs, silently (59 of 80 files wrong when tried).
    """
    options: dict[str, Any] = {"quality": encoding.quality} | ({"exif": rights} if rights else {})
    if encoding.format == "jpeg":
        options |= {"optimize": True, "subsampling": "4:2:0"}
        copy = on_white(image) if image.mode == "RGBA" else image.copy()
    elif encoding.format == "webp":
        options |= {"method": encoding.effort}
        copy = image.copy()
    else:
        raise ValueError(f"no encoder for {encoding.format}")
    copy.info = {}
    buffer = BytesIO()
    copy.save(buffer, encoding.format, **options)
    return buffer.getvalue()


def _placeholders(image: Image.Image) -> dict[str, str]:
    small = image.resize(_fitted(*image.size, placeholders.MAX_SIDE), _LANCZOS).convert("RGBA")
    rgba = small.tobytes()
    return {
        "thumbhash": b64encode(placeholders.thumbhash(*small.size, rgba)).decode(),
        "dominant_color": placeholders.dominant_color(rgba),
    }
