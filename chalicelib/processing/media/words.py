"""Puts what FFmpeg said of a file into the words of a record, within the record's bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.facts import MAX_BYTES, AudioInfo, AudioTrack, Chapter, Subtitles, VideoInfo
from chalicelib.processing.names import clean, moment

Found = Mapping[str, Any]

# Characters of a chapter's title, of a track's title and of a tag.
LONGEST = 200

# No film has a side of more pixels, and none lasts longer than this (seconds): such figures are nonsense.
MOST_SIDE = 65_535
MOST_SECONDS = 1000 * 3600.0

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
    return round(value, 3) if value and 0 < value <= MOST_SECONDS else None


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
