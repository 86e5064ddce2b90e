"""Puts what FFmpeg said of a file into the words of a record, within the record's bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.facts import MAX_BYTES, AudioInfo, AudioTrack, Chapter, Location, Subtitles, VideoInfo
from chalicelib.processing.names import clean, moment

Found = Mapping[str, Any]

# Characters of a chapter's title, of a track's title and of a tag.
LONGEST = 200

# No film has a side of more pixels, and none lasts longer than this (seconds): such figures are nonsense.
MOST_SIDE = 65_535
MOST_SECONDS = 1000 * 3600.0

# ISO 6709, annex H: `+48.1000+011.5000+519.000/`, in degrees, or in degrees and minutes, or with seconds.
_PLACE = re.compile(
    r"([+-][0-9]{2,6}(?:\.[0-9]+)?)([+-][0-9]{3,7}(?:\.[0-9]+)?)([+-][0-9]+(?:\.[0-9]+)?)?(?:CRS[^/]*)?/?"
)

_YEAR = re.compile(r"[0-9]{4}")


def tracks(found: Found) -> list[AudioTrack]:
    return [
        AudioTrack(
            codec=each.get("codec"),
            language=clean(each.get("language"), LONGEST),
            title=clean(each.get("title"), LONGEST),
            channels=each.get("channels"),
            sample_rate=each.get("sample_rate"),
            bit_rate=each.get("bit_rate"),
            default=each.get("default", False),
        )
        for each in found.get("audio", ())
    ]


def subtitles(found: Found) -> list[Subtitles]:
    return [
        Subtitles(
            codec=each.get("codec"), language=clean(each["language"], LONGEST), title=clean(each["title"], LONGEST)
        )
        for each in found.get("subtitles", ())
    ]


def chapters(found: Found) -> list[Chapter]:
    return [
        Chapter(start=round(max(0.0, each["start"]), 3), title=clean(each["title"], LONGEST))
        for each in found.get("chapters", ())
    ]


def tags(found: Found, *, without: tuple[str, ...]) -> dict[str, str]:
    """The tags that have no field of their own."""
    given = found.get("tags", {})
    return {name: text for name, value in given.items() if name not in without and (text := clean(value, LONGEST))}


def tag(found: Found, name: str) -> str | None:
    return clean(found.get("tags", {}).get(name))


def duration(found: Found) -> float | None:
    """Seconds, to the millisecond; None for a figure that makes no sense."""
    value = found.get("duration")
    return (round(value, 3) or None) if value and 0 < value <= MOST_SECONDS else None


def shown(picture: Found) -> tuple[int | None, int | None]:
    """Width and height as players show the picture: with square pixels, and turned."""
    width, height = picture.get("width") or 0, picture.get("height") or 0
    aspect = picture["aspect"] if 0.01 < picture["aspect"] < 100 else 1.0
    width = round(width * aspect)
    if picture["rotation"] in (90, 270):
        width, height = height, width
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE):
        return None, None
    return width, height


def created(found: Found) -> str | None:
    """When it was recorded, as records have times. A year alone is the beginning of that year."""
    text = str(found.get("created") or "").partition(";")[0].strip()  # FFmpeg joins several by a semicolon
    if _YEAR.fullmatch(text):
        text += "-01-01"
    try:
        value = datetime.fromisoformat(text)
        # 1904 is QuickTime's zero, and 1970 that of others: cameras without a clock.
        return moment(value) if value.year not in (1904, 1970) else None
    except (ValueError, OverflowError):
        return None


def location(found: Found) -> Location | None:
    """Where it was recorded; None for words that are no place."""
    match = _PLACE.fullmatch(str(found.get("place") or "").strip())
    if not match:
        return None
    latitude, longitude = _degrees(match[1], 2), _degrees(match[2], 3)
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    altitude = float(match[3]) if match[3] else None
    return Location(latitude=latitude, longitude=longitude, altitude=altitude)


def _degrees(text: str, digits: int) -> float | None:
    """`digits` is how many stand for whole degrees. Two more are minutes, and again two more are seconds."""
    sign = -1 if text[0] == "-" else 1
    whole, _, fraction = text[1:].partition(".")
    if len(whole) not in (digits, digits + 2, digits + 4):
        return None
    last = f".{fraction}" if fraction else ""
    parts = [whole[:digits], *(whole[at : at + 2] for at in range(digits, len(whole), 2))]
    values = [float(part) for part in parts[:-1]] + [float(parts[-1] + last)]
    if any(value >= 60 for value in values[1:]):
        return None
    return round(sign * sum(value / 60.0**power for power, value in enumerate(values)), 6)


def bounded[Info: (VideoInfo, AudioInfo)](info: Info) -> Info:
    """The facts in at most MAX_BYTES: chapters go first, then tags."""
    while len(info.model_dump_json().encode()) > MAX_BYTES:
        if info.chapters:
            info = info.model_copy(update={"chapters": info.chapters[: len(info.chapters) // 2]})
        elif info.tags:
            info = info.model_copy(update={"tags": dict(list(info.tags.items())[: len(info.tags) // 2])})
        else:
            return info
    return info
