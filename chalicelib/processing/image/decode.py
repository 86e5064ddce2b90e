"""Decodes an image file: only allowed formats, only if it fits into memory, and every decoder's error is a fault."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import SEEK_END, BytesIO
from typing import Any, BinaryIO

# All plugins of FORMATS. Without them Pillow would import all of its 45 plugins for the first image (45 ms).
import PIL.AvifImagePlugin
import PIL.BmpImagePlugin
import PIL.GifImagePlugin
import PIL.Jpeg2KImagePlugin
import PIL.MpoImagePlugin
import PIL.PngImagePlugin
import PIL.TiffImagePlugin
import PIL.WebPImagePlugin  # noqa: F401
from PIL import Image, JpegImagePlugin

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image import compositor, formats, ico, metadata
from chalicelib.processing.image.color import eight_bit
from chalicelib.processing.image.exif import exif, orientation, without_xmp
from chalicelib.processing.image.frames import Animation
from chalicelib.processing.image.jpeg import can_hold, passes
from chalicelib.processing.image.memory import BYTES_PER_PIXEL, RESIDENT, Room, too_many_pixels
from chalicelib.processing.image.mending import mended

_OUR_NAMES = {"MPO": "jpeg", "HEIF": "heic", "JPEG2000": "jp2"}

Image.MAX_IMAGE_PIXELS = None  # Pillow's bound knows neither the format nor the memory. `_check_memory` does.

_NO_MATRIX = "Conversion from YUV failed"  # libavif's words for colours that it does not convert
_PREMULTIPLIED = 4.0  # with alpha, resizing needs one more copy
_CANVAS = 4.0  # under an animation's first frame, unless it covers a GIF's canvas
# Bytes for each pixel of the largest rendition: its own, the encoders' copies, and what the encoders need themselves
# (most of all WebP for alpha, which it packs without loss). Measured at 12-31 MP, with up to six encoders at work.
_BYTES_PER_OUTPUT_PIXEL = 30
_BYTES_PER_OUTPUT_PIXEL_WITH_ALPHA = 45
# A progressive JPEG has about ten scans. Thousands fit into a small file, and each is a pass over the whole image:
# minutes of work. libjpeg-turbo's own fuzzers stop at 500.
_MAX_SCANS = 200


@dataclass(frozen=True)
class Decoded:
    """A decoded image. `width` and `height` are the whole image's, in pixels, as seen. `words` are `metadata.words`.

    `pixels` are as stored, to be turned by `orientation` (1-8), and maybe reduced. Their mode is L, LA, RGB, RGBA or
    CMYK, and their colours are those of `profile` (ICC). `animation` is what the file says of its frames, if any: then
    `pixels` are the first picture that is seen. `frames` is how many it has, 1 for a still.
    """

    pixels: Image.Image
    orientation: int
    profile: bytes | None
    width: int
    height: int
    format: str
    exif: dict[str, Any]
    words: dict[str, Any]
    frames: int
    animation: Animation | None


def decode(
    data: bytes | BinaryIO, *, memory: int, wanted: Callable[[int, int], tuple[int, int]], gps: bool = False
) -> Decoded:
    """Decodes an image, or the first picture that is seen of an animated one.

    `memory` is what the whole function has, in bytes. `wanted` gets width and height as seen, and returns the width and
    height that are needed: a JPEG is decoded at 1/2, 1/4 or 1/8 of its size when that is still as large. A file object
    must be seekable, and local: a failing read counts as the file's fault. With `gps`, the EXIF says where the picture
    was taken.

    Raises PermanentFault: `corrupt`, or `too_many_pixels` (before the pixels are touched).
    """
    source = BytesIO(data) if isinstance(data, bytes) else data
    if inner := ico.png(source):
        return replace(decode(mended(inner), memory=memory, wanted=wanted, gps=gps), format="ico")
    with blaming_the_file():
        animation, still = compositor.read(source)
    with blaming_the_file(), formats.opened(still, Room(memory)) as image:
        stored = image.size
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            width, height = as_seen(stored, orientation(image))
            target = wanted(width, height)
            image.draft(None, as_seen(target, orientation(image)))
        else:
            target = max(wanted(*stored), wanted(*stored[::-1]), key=lambda size: size[0] * size[1])
        formats.watch(image)
        _check_memory(image, source, stored, target, memory, animation)
        if animation is None:
            with without_xmp(image):  # Pillow would turn a TIFF by it
                image.load()
            first = eight_bit(formats.finished(image, still))
        else:
            first = next(compositor.composed(animation))[0]
        # Not earlier: asking a PNG for its EXIF loads it, and loading turns a TIFF (whose size is always as seen).
        turn = formats.turn(image, source)
        width, height = as_seen(stored, turn)
        said = metadata.read(image, source)
        return Decoded(
            pixels=first,
            orientation=turn,
            profile=formats.profile(image, source),
            width=width,
            height=height,
            format=_OUR_NAMES.get(str(image.format), str(image.format).lower()),
            exif=_dated(exif(image, gps=gps), said),
            words=metadata.words(said),
            frames=animation.count if animation else _frames(image),
            animation=animation,
        )


def _dated(found: dict[str, Any], said: metadata.Said) -> dict[str, Any]:
    """EXIF with the date that counts, which may stand elsewhere."""
    taken_at = metadata.taken_at(said)
    return found | {"taken_at": taken_at} if taken_at else found


def _frames(image: Image.Image) -> int:
    """The frames of a sequence that is not played: AVIF. A TIFF has pages, and an MPO views, instead."""
    return max(1, int(getattr(image, "n_frames", 1))) if image.format == "AVIF" else 1


def as_seen(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """Width and height with the turn of the orientation `turn`, as stored or as seen: it is its own inverse."""
    return size[::-1] if turn >= 5 else size


@contextmanager
def blaming_the_file() -> Iterator[None]:
    """Any error of a decoder becomes a fault of the file. Its warnings are ignored: nobody could act on them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except PermanentFault:
            raise
        except (MemoryError, Image.DecompressionBombError) as error:
            raise too_many_pixels() from error
        except Exception as error:
            if _NO_MATRIX in str(error):
                raise PermanentFault(
                    ErrorCode.UNSUPPORTED_TYPE, "An AVIF with these matrix coefficients is not supported."
                ) from error
            raise PermanentFault(
                ErrorCode.CORRUPT, "The image is damaged, incomplete, or of a variant that is not supported."
            ) from error


def _check_memory(
    image: Image.Image,
    source: BinaryIO,
    stored: tuple[int, int],
    target: tuple[int, int],
    memory: int,
    animation: Animation | None,
) -> None:
    """Raises PermanentFault for an image that would take too much memory or time, before its pixels are decoded."""
    if min(stored) < 1:
        raise PermanentFault(ErrorCode.CORRUPT, "The image has no pixels.")
    scans = passes(source) if isinstance(image, JpegImagePlugin.JpegImageFile) else 1
    if isinstance(image, JpegImagePlugin.JpegImageFile) and not can_hold(_size(source), *stored):
        raise PermanentFault(
            ErrorCode.CORRUPT, f"The JPEG says {stored[0]} x {stored[1]} pixels, more than its bytes can hold."
        )
    if scans > _MAX_SCANS:
        raise PermanentFault(ErrorCode.CORRUPT, f"The JPEG has {scans} scans; {_MAX_SCANS} are supported.")
    need = estimate(image, stored, target, file_size=_size(source), scans=scans)
    if animation and not (image.format == "GIF" and animation.starts_full):
        need += int(_CANVAS * stored[0] * stored[1])
    if need > memory:
        raise too_many_pixels(f": {stored[0]} x {stored[1]} would take about {need // 1024**2} MiB of memory")


def estimate(
    image: Image.Image, stored: tuple[int, int], target: tuple[int, int], *, file_size: int, scans: int = 1
) -> int:
    """Bytes of memory that the function will use at its peak for this image, which is opened and not yet loaded.

    `stored` is the size in the file (a draft has changed the image's own), `target` the largest rendition's.
    """
    source = stored[0] * stored[1] * _bytes_per_pixel(image, stored, scans)
    # The first resize reduces the rows, then the columns. Between the two there is an image of the target's width (or
    # height, if it is to be turned) by the source's height.
    between = 4 * image.height * min(image.width, max(target))
    has_alpha = image.has_transparency_data
    output = target[0] * target[1] * (_BYTES_PER_OUTPUT_PIXEL_WITH_ALPHA if has_alpha else _BYTES_PER_OUTPUT_PIXEL)
    copies = 2 if image.format in ("PNG", "WEBP", "AVIF", "HEIF") else 1  # these decoders hold a copy of the file
    return int(RESIDENT + copies * file_size + max(source + between, output))


def _bytes_per_pixel(image: Image.Image, stored: tuple[int, int], scans: int) -> float:
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        reduced = image.width * image.height / (stored[0] * stored[1])
        # With several scans all coefficients are kept in memory, two bytes each, however much is reduced.
        return 4.1 * reduced + (2.05 * image.layers if scans > 1 else 0)
    return BYTES_PER_PIXEL[str(image.format)] + (_PREMULTIPLIED if image.has_transparency_data else 0)


def _size(source: BinaryIO) -> int:
    position = source.tell()
    size = source.seek(0, SEEK_END)
    source.seek(position)
    return size
