"""Reads what the camera wrote: a bounded, JSON-safe part of a file's EXIF. The place only if asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from chalicelib.processing.image import dates
from chalicelib.processing.image.charset import decoded, is_wide, mended, wide

MAX_TEXT = 200
"""Longest text, in characters; a longer one is cut."""

_JOINERS = "\u200c\u200d"  # invisible, but parts of words in Persian and Hindi, and of emoji


def exif(image: Image.Image, *, gps: bool = False) -> dict[str, Any]:
    """The known fields that can be read, by stable snake_case names; {} without EXIF.

    `exposure_time` is in seconds, `focal_length` in millimetres, `taken_at` in ISO 8601 (with a fraction and an offset
    only if the camera wrote them). Hostile EXIF raises nothing: a field that cannot be read is left out. The GPS
    directory is read only with `gps`: then the field `gps` is {"lat", "lon"}, in degrees (WGS 84, north and east
    positive).
    """
    tags = tags_of(image)
    found: dict[str, Any] = {}
    for name, (tag, read) in _FIELDS.items():
        if (value := read(tags.get(tag))) is not None:
            found[name] = value
    if iso := _iso(tags):
        found["iso"] = iso
    if taken_at := original(tags) or digitized(tags):
        found["taken_at"] = taken_at
    if gps and (place := _place(image)):
        found["gps"] = place
    return found


def orientation(image: Image.Image) -> int:
    """1-8 (EXIF 2.3, tag 0x0112); 1 when there is none, or another value. Only EXIF says it, as in browsers."""
    value: object = 1
    with suppress(Exception):
        value = directory(image).get(Base.Orientation, 1)
    return _orientation(value) or 1


def directory(image: Image.Image) -> Image.Exif:
    """The image's EXIF. May raise anything, as Pillow does for hostile bytes.

    Where EXIF has no orientation, Pillow's `getexif` takes the one of XMP. Viewers don't, so XMP is hidden from it.
    """
    with without_xmp(image):
        return image.getexif()


@contextmanager
def without_xmp(image: Image.Image) -> Iterator[None]:
    """Hides an image's XMP for a while."""
    hidden = {name: image.info.pop(name) for name in ("xmp", "XML:com.adobe.xmp") if name in image.info}
    try:
        yield
    finally:
        for name, packet in hidden.items():
            image.info.setdefault(name, packet)


def text(value: object, limit: int = MAX_TEXT) -> str | None:
    """One printable line of at most `limit` characters; None for no text, and for one in an unknown encoding.

    A text ends at its first NUL (EXIF 2.3, 4.6.2). Pillow reads it as Latin-1, whatever was written.
    """
    if isinstance(value, str):
        words = value[:65536]  # a JPEG's EXIF cannot hold more
        try:
            value = words.encode("latin-1")
        except UnicodeError:
            return line(words.partition("\0")[0], limit)  # no bytes of EXIF: a text that was decoded already
    if not isinstance(value, bytes):
        return None
    if is_wide(value):
        return line(wide(value) or "", limit)
    return line(decoded(value.lstrip(b"\0").partition(b"\0")[0]) or "", limit)


def line(value: str, limit: int = MAX_TEXT) -> str | None:
    """One printable line of a decoded text, as `text` gives it; None for one that lost its letters on the way."""
    if "\ufffd" in value:
        return None
    value = mended(value[: 16 * limit])
    printable = "".join(c if c.isprintable() or c in _JOINERS else " " for c in value)
    words = " ".join(printable.split())[:limit].rstrip()
    # Windows puts a question mark for each letter that its encoding does not have.
    return words if words.strip("? " + _JOINERS) else None


def original(tags: Mapping[int, Any]) -> str | None:
    """When the picture was taken."""
    return _moment(tags, Base.DateTimeOriginal, Base.SubsecTimeOriginal, Base.OffsetTimeOriginal)


def digitized(tags: Mapping[int, Any]) -> str | None:
    """When the picture was scanned, or stored by the camera."""
    return _moment(tags, Base.DateTimeDigitized, Base.SubsecTimeDigitized, Base.OffsetTimeDigitized)


def _moment(tags: Mapping[int, Any], date: int, fraction: int, offset: int) -> str | None:
    return dates.exif(*(text(tags.get(tag)) or "" for tag in (date, fraction, offset)))


def tags_of(image: Image.Image) -> dict[int, Any]:
    """The tags of the first directory and of the EXIF directory in one dict, as far as they can be read."""
    tags: dict[int, Any] = {}
    with suppress(Exception):  # a parser of hostile bytes can raise anything
        found = directory(image)
        _take(found, tags)
        _take(found.get_ifd(IFD.Exif), tags)
    return tags


def _take(tags: Mapping[int, Any], into: dict[int, Any]) -> None:
    for tag in _WANTED:
        with suppress(Exception):  # each value is parsed only when it is asked for
            if (value := tags.get(tag)) is not None:
                into[tag] = value


def _place(image: Image.Image) -> dict[str, float] | None:
    with suppress(Exception):  # as above
        place = directory(image).get_ifd(IFD.GPSInfo)
        lat = _degrees(place[GPS.GPSLatitude], place.get(GPS.GPSLatitudeRef) == "S")
        lon = _degrees(place[GPS.GPSLongitude], place.get(GPS.GPSLongitudeRef) == "W")
        if abs(lat) <= 90 and abs(lon) <= 180:
            return {"lat": lat, "lon": lon}
    return None


def _degrees(value: tuple[object, object, object], negative: bool) -> float:
    """Degrees, minutes and seconds as degrees, exact to a tenth of a metre. Raises TypeError for no number."""
    degrees, minutes, seconds = map(_number, value)
    total = degrees + minutes / 60 + seconds / 3600  # type: ignore[operator]
    return round(-total if negative else total, 6)


def _number(value: object) -> float | None:
    """A finite number with six digits, or None. Rationals are Pillow's IFDRational: with a zero denominator, NaN."""
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, str | bytes | bool) or value is None:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # not a number: TypeError, below
    except (TypeError, ValueError, ArithmeticError):
        return None
    return float(f"{number:.6g}") if math.isfinite(number) else None


def _positive(value: object) -> float | None:
    number = _number(value)
    return number if number and number > 0 else None


def _count(value: object) -> int | None:
    """A positive whole number, or None. The first one where there are several: ISO may be written twice."""
    number = _positive(value[0] if isinstance(value, tuple) and value else value)
    return int(number) if number and 1 <= number < 2**32 else None


def _iso(tags: dict[int, Any]) -> int | None:
    """The sensitivity. Its first tag has 16 bits: 65535 there means that another one has the number (EXIF 2.3)."""
    first = _count(tags.get(Base.ISOSpeedRatings))
    if first and first != _NO_SHORT:
        return first
    named = _SENSITIVITIES.get(_count(tags.get(Base.SensitivityType)) or 0, ())
    longer = (_count(tags.get(tag)) for tag in (*named, *_ANY_SENSITIVITY))
    return next((number for number in longer if number), first)


def _orientation(value: object) -> int | None:
    return value if isinstance(value, int) and 1 <= value <= 8 else None


_FIELDS: dict[str, tuple[int, Callable[[object], Any]]] = {
    "make": (Base.Make, text),
    "model": (Base.Model, text),
    "lens_make": (Base.LensMake, text),
    "lens_model": (Base.LensModel, text),
    "exposure_time": (Base.ExposureTime, _positive),
    "f_number": (Base.FNumber, _positive),
    "exposure_bias": (Base.ExposureBiasValue, _number),
    "focal_length": (Base.FocalLength, _positive),
    "focal_length_35mm": (Base.FocalLengthIn35mmFilm, _count),
    "software": (Base.Software, text),
    "description": (Base.ImageDescription, text),
    "artist": (Base.Artist, text),
    "copyright": (Base.Copyright, text),
    "orientation": (Base.Orientation, _orientation),
}
_NO_SHORT = 65535
# By the tag SensitivityType: the tags that have the number which the camera means.
_SOS, _REI, _SPEED = Base.StandardOutputSensitivity, Base.RecommendedExposureIndex, Base.ISOSpeed
_SENSITIVITIES = {1: (_SOS,), 2: (_REI,), 3: (_SPEED,), 4: (_SOS,), 5: (_SOS,), 6: (_REI,), 7: (_REI,)}
_ANY_SENSITIVITY = (_REI, _SOS, _SPEED)
_WANTED = (
    *(tag for tag, _ in _FIELDS.values()),
    Base.ISOSpeedRatings,
    Base.SensitivityType,
    *_ANY_SENSITIVITY,
    Base.DateTimeOriginal,
    Base.SubsecTimeOriginal,
    Base.OffsetTimeOriginal,
    Base.DateTimeDigitized,
    Base.SubsecTimeDigitized,
    Base.OffsetTimeDigitized,
    Base.UserComment,
    Base.XPTitle,
    Base.XPComment,
    Base.XPAuthor,
    Base.XPKeywords,
    Base.XPSubject,
)
