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
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from io import BytesIO
from threading import Event
from typing import Any, BinaryIO

from PIL import Image

from chalicelib.model import ImageInfo, Rendition
from chalicelib.processing.image import animation, crop, fingerprints, placeholders, quality
from chalicelib.processing.image.blurhash import blurhash
from chalicelib.processing.image.color import color_space, on_paper
from chalicelib.processing.image.decode import RESIDENT, Decoded, blaming_the_file, decode, too_many_pixels
from chalicelib.processing.image.resize import first_resize, resized
from chalicelib.processing.image.rights import rights_block
from chalicelib.processing.image.watermark import marked
from chalicelib.renditions.ladder import Size, ladder
from chalicelib.renditions.recipes import Encoding, Recipe

Emit = Callable[[Rendition, bytes], None]

_OVERVIEW = 160  # pixels, the longer side: all that the placeholders need of an image without renditions


def process_image(
    data: bytes | BinaryIO, recipe: Recipe, *, memory: int, emit: Emit, only: str | None = None
) -> ImageInfo:
    """Makes every rendition of the recipe that the image is large enough for, and tells what the image is.

    `data` is the file, or a seekable local file object. `memory` is what the whole function has, bytes: an image that
    would take more is refused, before its pixels are decoded. `emit` gets each rendition with its bytes as soon as it
    is encoded, in any order, from several threads at once. What it raises ends the work, and is raised here when no
    thread is running any more; so renditions may have been emitted of an image that ends in an error. With `only`, the
    name of a size, the others are not encoded; its pixels are the same, as the cascade is.

    Of an animated image, WebP renditions are animated and the others show the first frame; within the bounds of
    animation.py, above which all do. The same bytes and recipe give the same renditions.

    Raises PermanentFault: `corrupt`, `too_many_pixels`.
    """
    decoded = decode(data, memory=memory, wanted=partial(_largest, recipe), gps=recipe.keep_gps)
    width, height, rights = decoded.width, decoded.height, rights_block(decoded.credit, recipe.keep)
    info, sizes = _facts(decoded), ladder(recipe, width, height)
    stills, moving = _stills_and_moving(recipe, data, decoded, sizes, memory)
    failed = Event()

    def work(image: Image.Image, size: Size, encoding: Encoding) -> None:
        if failed.is_set():
            return
        try:
            _encode_and_emit(image, size, encoding, rights, recipe.background, emit)
        except BaseException:
            failed.set()
            raise

    overview: Image.Image | None = None
    tasks: list[Future[None]] = []
    with ThreadPoolExecutor(_processors(), thread_name_prefix="encode") as pool:
        try:
            whole = _whole(recipe, width, height)
            reduce = partial(first_resize, orientation=decoded.orientation, profile=decoded.profile, target=whole)
            image = reduce(decoded.pixels, pool=pool)
            del decoded  # the largest thing in memory; nothing refers to it any more
            box = (0, 0, *image.size)
            if recipe.aspect and sizes:
                overview, box = image, crop.place(recipe, image, (sizes[-1].width, sizes[-1].height))
                image = crop.cut(recipe, image, box)
            trial = partial(encode, background=recipe.background)
            stills, moving = ([quality.chosen(image, e, trial) for e in some] for some in (stills, moving))
            for size in reversed(sizes):
                if image.size != (size.width, size.height):
                    image = resized(image, (size.width, size.height))
                if overview is None or (not recipe.aspect and max(image.size) >= fingerprints.SHARPNESS_SIDE):
                    overview = image
                if only in (None, size.name):
                    shown = marked(image, recipe.watermark)
                    tasks += [pool.submit(work, shown, size, encoding) for encoding in stills]
            info |= _placeholders(image) | _fingerprints(overview or image)
            for encoding in moving:
                with blaming_the_file():
                    source = BytesIO(data) if isinstance(data, bytes) else data
                    prepare = lambda frame: crop.cut(recipe, reduce(frame, pool=pool), box)  # noqa: E731
                    mark = partial(marked, watermark=recipe.watermark)
                    chosen = [size for size in sizes if only in (None, size.name)]
                    made = list(animation.animate(source, chosen, encoding, rights, prepare, mark))
                for size, encoded in made:
                    emit(_rendition(size, encoding, encoded), encoded)
        except MemoryError as error:
            failed.set()
            raise too_many_pixels() from error
        except BaseException:
            failed.set()
            raise
    for task in tasks:
        task.result()
    return ImageInfo.model_validate(info)


def _processors() -> int:
    """Those that this process may run on, where the system tells; more threads would only hold more memory."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _stills_and_moving(
    recipe: Recipe, data: bytes | BinaryIO, decoded: Decoded, sizes: list[Size], memory: int
) -> tuple[list[Encoding], list[Encoding]]:
    """The recipe's encodings: those that show the first frame, and those that show all of them."""
    image_format, width, height = decoded.format.upper(), decoded.width, decoded.height
    if (
        sizes
        and animation.is_animated(image_format, decoded.frames, width, height, sizes)
        and RESIDENT + animation.needed_memory(width, height, sizes) <= memory
        and animation.stays_on_canvas(BytesIO(data) if isinstance(data, bytes) else data, image_format, width, height)
    ):
        moving = [encoding for encoding in recipe.encodings if encoding.format == "webp"]
        return [encoding for encoding in recipe.encodings if encoding not in moving], moving
    return list(recipe.encodings), []


def _whole(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """What an image of this size (as seen) is to be resized to first."""
    if sizes := ladder(recipe, width, height):
        return crop.whole_size(recipe, width, height, (sizes[-1].width, sizes[-1].height))
    return _fitted(width, height, _OVERVIEW)


def _largest(recipe: Recipe, width: int, height: int) -> tuple[int, int]:
    """The size that holds all that will be made of the image: it itself, and what is set around it."""
    sizes, whole = ladder(recipe, width, height), _whole(recipe, width, height)
    return (max(whole[0], sizes[-1].width), max(whole[1], sizes[-1].height)) if sizes else whole


def _fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """The size with the longer side at most `side`, the shape kept, at least 1 x 1."""
    longest = max(width, height)
    if longest <= side:
        return width, height
    return max(1, round(width * side / longest)), max(1, round(height * side / longest))


def _encode_and_emit(
    image: Image.Image, size: Size, encoding: Encoding, rights: bytes, background: str, emit: Emit
) -> None:
    try:
        encoded = encode(image, encoding, rights, background)
    except MemoryError as error:
        raise too_many_pixels() from error
    emit(_rendition(size, encoding, encoded), encoded)


def _rendition(size: Size, encoding: Encoding, encoded: bytes) -> Rendition:
    return Rendition(
        name=size.name,
        format=encoding.format,
        content_type=f"image/{encoding.format}",
        width=size.width,
        height=size.height,
        size=len(encoded),
    )


def encode(image: Image.Image, encoding: Encoding, rights: bytes = b"", background: str = "#ffffff") -> bytes:
    """The image in one format, without any metadata but `rights`, an EXIF block. Several threads may share an image.

    A view of its own is what makes that safe: `save` keeps its options on the image that it saves, so two threads
    saving one image swap theirs, silently (59 of 80 files wrong when tried). The pixels are shared; encoders only read
    them.
    """
    options: dict[str, Any] = {"quality": encoding.quality} | ({"exif": rights} if rights else {})
    if encoding.format == "jpeg":
        options |= {"optimize": True, "subsampling": encoding.subsampling}
        image = on_paper(image, background) if image.mode == "RGBA" else image
    elif encoding.format == "webp":
        options |= {"method": encoding.effort}
    elif encoding.format == "avif":
        # One thread: at 1769 MB a function has one processor, and the bytes must not depend on how many there are.
        colors = {} if image.mode == "L" else {"subsampling": encoding.subsampling}
        options |= {"speed": encoding.effort, "max_threads": 1, **colors}
    else:
        raise ValueError(f"no encoder for {encoding.format}")
    view = image._new(image.im)
    view.info = {}
    buffer = BytesIO()
    view.save(buffer, encoding.format, **options)
    return buffer.getvalue()


def _facts(decoded: Decoded) -> dict[str, Any]:
    """What is known before a pixel is looked at."""
    return {
        "width": decoded.width,
        "height": decoded.height,
        "format": decoded.format,
        "exif": decoded.exif,
        "frames": decoded.frames,
        "megapixels": round(decoded.width * decoded.height / 1e6, 2),
        "color_space": color_space(decoded.profile, decoded.pixels.mode),
        "has_alpha": decoded.pixels.mode in ("LA", "RGBA"),
        **decoded.credit,
    }


def _placeholders(image: Image.Image) -> dict[str, Any]:
    small = resized(image, _fitted(*image.size, placeholders.MAX_SIDE)).convert("RGBA")
    rgba = small.tobytes()
    return {
        "thumbhash": b64encode(placeholders.thumbhash(*small.size, rgba)).decode(),
        "blurhash": blurhash(*small.size, on_paper(small).tobytes()),
        "dominant_color": placeholders.dominant_color(rgba),
        "palette": fingerprints.palette(rgba),
    }


def _fingerprints(image: Image.Image) -> dict[str, Any]:
    opaque = on_paper(image) if image.mode == "RGBA" else image
    return {"phash": fingerprints.phash(opaque), "sharpness": fingerprints.sharpness(opaque)}
