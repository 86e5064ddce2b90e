"""The way of each format to Pillow's image: what is asked before its decoder, and what is mended after it."""

from __future__ import annotations

from typing import BinaryIO

from PIL import Image, JpegImagePlugin

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image import bitmaps, boxes, heif, ico, jp2, jpeg, jpeg_decoder, png, tiff
from chalicelib.processing.image.exif import orientation
from chalicelib.processing.image.memory import BYTES_PER_PIXEL, BYTES_PER_TILE, Room
from chalicelib.processing.image.position import position_kept

FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "JPEG2000"]
"""Pillow's. Beside them there are HEIF (heif.py) and icons (ico.py)."""


def opened(source: BinaryIO, room: Room) -> Image.Image:
    """The image, whose pixels are not decoded yet if the decoder allows it.

    Raises PermanentFault: `too_many_pixels` for what would be decoded at once and does not fit, `unsupported_type`
    for a sound file of a sort that nobody here reads, `corrupt`. Also raises what Pillow raises.
    """
    if ico.is_ico(source):
        return _icon(source, room)
    boxes.check(source)
    if heif.is_heif(source):
        room.take(heif.claimed_pixels(source) * BYTES_PER_PIXEL["HEIF"])
        return heif.opened(source, room.memory)
    if bitmaps.needs_us(source):
        room.take(bitmaps.claimed_pixels(source) * BYTES_PER_PIXEL["BIT FIELDS"])
        return bitmaps.opened(source)
    if found := tiff.layout(source):
        tiff.check(found)
        if found.samples == 1 and found.planar:
            source = tiff.one_plane(source, found)
            found = tiff.layout(source) or found
        if found.needs_us:
            return tiff.opened(source, found, room.take)
    if still := _still_webp(source):
        return still
    jpeg.check(source)
    jp2.check(source)
    room.take(jp2.tiles(source) * BYTES_PER_TILE)
    source.seek(0)
    return Image.open(jp2.neutral(source, jp2.header(source)), formats=FORMATS)


def watch(image: Image.Image) -> None:
    """Has a JPEG's damage found while it is decoded, and a PNG decoded in two threads. To be called after `draft`."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        image.tile = [tile._replace(codec_name=jpeg_decoder.NAME) for tile in image.tile]
    elif image.format == "PNG":
        from chalicelib.processing.image import png_decoder  # most images are JPEGs

        png_decoder.watch(image)


def finished(image: Image.Image, source: BinaryIO) -> Image.Image:
    """The loaded image with the transparency and the channels that its file says."""
    if image.format == "PNG" and (chunks := png.header(source)):
        return png.with_transparency(image, chunks, source)
    if image.format == "TIFF":
        return tiff.full_range(image)
    if image.format == "JPEG2000":
        jp2.require_whole(source)
        return jp2.arranged(image, jp2.header(source))
    return image


def turn(image: Image.Image, source: BinaryIO) -> int:
    """The orientation (1-8) in which browsers show a loaded image."""
    if image.format == "PNG" and (chunks := png.header(source)) and not chunks.has_exif:
        return 1
    return orientation(image)


def profile(image: Image.Image, source: BinaryIO) -> bytes | None:
    """The ICC profile of the image's colours, also where the file says them by other means; None for sRGB."""
    embedded = image.info.get("icc_profile")
    if image.format == "PNG" and (chunks := png.header(source)):
        return png.profile(chunks, embedded)
    if image.format == "JPEG2000":
        found = jp2.header(source)
        return found.profile if found else None
    if image.format == "BMP":
        return bitmaps.profile(source)
    return boxes.profile(source, embedded) if image.format in ("AVIF", heif.FORMAT) else embedded


def _still_webp(source: BinaryIO) -> Image.Image | None:
    """None for any other file. The module is imported here because most images are JPEGs."""
    with position_kept(source):
        source.seek(0)
        head = source.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WEBP":
        return None
    from chalicelib.processing.image import webp

    return webp.opened(source)


def _icon(source: BinaryIO, room: Room) -> Image.Image:
    """The best picture of an icon. Its own `format` stays: a PNG in an icon is one."""
    pictures = ico.pictures(source)
    if not pictures:
        raise PermanentFault(ErrorCode.CORRUPT, "The icon has no picture.")
    room.take(pictures[0].pixels * BYTES_PER_PIXEL["ICO"])
    return ico.opened(source, pictures[0])
