"""The processor of cameras' raw files (see kinds.py): the picture is the full-size JPEG that the camera put in.

Nothing is developed. A raw file of 60 MB costs its directories and its JPEG, which are read by ranges.
"""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.kinds import Emit, Made, OfNoKindError, Order, Source
from chalicelib.processing.raw import cr3, raf, tiff
from chalicelib.processing.raw.embedded import Head, head, with_tags
from chalicelib.processing.raw.exif import Tags
from chalicelib.processing.raw.found import Place, Raw, is_whole, largest
from chalicelib.storage.ranged import TooMuchReadError

MAX_JPEG = 64 * 1024**2
"""Bytes. The JPEGs of the largest sensors, of 150 megapixels, have about 50 MB."""


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises OfNoKindError for a file without a JPEG of full size, and what `process_image` raises."""
    # Pillow is imported only for a file with a picture.
    try:
        picture = embedded(source.data, source.size)
    except TooMuchReadError as error:
        raise OfNoKindError from error
    from chalicelib.processing.image.cascade import process_image

    info = process_image(picture, order.recipe, memory=order.memory, emit=emit, only=order.only)
    return Made(info.model_copy(update={"format": "raw"}))


def embedded(data: BinaryIO, size: int) -> BytesIO:
    """The full-size JPEG of a raw file of `size` bytes, with the raw file's EXIF.

    EXIF that the raw file lacks is that of the JPEG itself. Raises OfNoKindError if there is no such JPEG, and
    PermanentFault `corrupt` if the file ends before it.
    """
    place, found, tags = _chosen(data, size)
    data.seek(place.at)
    jpeg = data.read(min(place.length, MAX_JPEG, size - place.at))
    return with_tags(jpeg, found, tags.over(found.tags))


def has_picture(data: BinaryIO, size: int) -> bool:
    """True if `embedded` would find a JPEG. Raises PermanentFault as it does. Reads only directories and headers."""
    try:
        _chosen(data, size)
    except (OfNoKindError, TooMuchReadError):
        return False
    return True


def _chosen(data: BinaryIO, size: int) -> tuple[Place, Head, Tags]:
    """The full-size JPEG, and the EXIF of the raw file. Raises what `embedded` raises."""
    raw = _read(data)
    heads = [(place, found) for place in raw.places if place.at < size and (found := head(data, place))]
    pictures = [(place, found) for place, found in heads if found.is_picture and all(found.size)]
    # The raw data itself may be lossless JPEG, with the samples of one pixel beside each other.
    sensors = [
        (found.size[0] * (found.components if found.components in (2, 4) else 1), found.size[1])
        for _, found in heads
        if not found.is_picture
    ]
    sizes = [each for each in (*raw.sizes, *sensors) if all(each)]
    whole = largest(sizes or [found.tags.size() for _, found in pictures])
    wanted = [each for each in pictures if all(whole) and is_whole(each[1].size, whole)]
    if not wanted:
        if any(_is_cut_off(place, size, dict(heads).get(place), whole) for place in raw.places):
            raise PermanentFault(ErrorCode.CORRUPT, "The raw file is incomplete: it ends before its picture does.")
        raise OfNoKindError
    place, found = max(wanted, key=lambda each: each[1].size[0] * each[1].size[1])
    return place, found, raw.tags


def _read(data: BinaryIO) -> Raw:
    data.seek(0)
    start = data.read(12)
    data.seek(0)
    if start[4:8] == b"ftyp":
        return cr3.read(data)
    if start.startswith(b"FUJIFILM"):
        return raf.read(data)
    if start[:2] in (b"II", b"MM"):
        return tiff.read(data)
    raise OfNoKindError


def _is_cut_off(place: Place, size: int, found: Head | None, whole: tuple[int, int]) -> bool:
    """True if the file ends within this JPEG, and before it is known how large this or the raw picture is."""
    if not place.sure or place.at + place.length <= size:
        return False
    return place.at >= size or (found is not None and not (all(found.size) and all(whole)))
