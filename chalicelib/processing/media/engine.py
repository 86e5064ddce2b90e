"""Asks FFmpeg in a child about a film or a sound. A stage without it (FILEMILL_MEDIA=false) has a small reader."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from chalicelib.media_types import own_name
from chalicelib.model import ErrorCode, FileWarning, PermanentFault
from chalicelib.processing import child, sniff
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.content_types import one_name
from chalicelib.processing.kinds import Source
from chalicelib.processing.media import headers, indexes
from chalicelib.processing.media.indexes import Index
from chalicelib.settings import settings
from chalicelib.storage.ranged import Ranged

# FFmpeg's libraries take 250 MB of addresses, and a frame of 8K 50 MB.
LIMITS = Limits(memory=1024**3, seconds=15)

_CHILD = "chalicelib.processing.media.ffmpeg_child"

# FFmpeg's demuxers, which it is held to, and the usual extension. Playlists of any sort are not among them.
MOV = ("mov", "mov,mp4,m4a,3gp,3g2,mj2")
MATROSKA = ("matroska", "matroska,webm")
DEMUXERS = {
    "video/mp4": (MOV, "mp4"),
    "video/quicktime": (MOV, "mov"),
    "video/x-m4v": (MOV, "m4v"),
    "video/3gpp": (MOV, "3gp"),
    "video/3gpp2": (MOV, "3g2"),
    "video/webm": (MATROSKA, "webm"),
    **dict.fromkeys(("video/x-matroska", "video/matroska"), (MATROSKA, "mkv")),
    "video/ogg": (("ogg", "ogg"), "ogv"),
    "video/x-msvideo": (("avi", "avi"), "avi"),
    **dict.fromkeys(("video/x-ms-asf", "video/x-ms-wmv"), (("asf", "asf"), "wmv")),
    "video/x-flv": (("flv", "flv"), "flv"),
    "video/mp2t": (("mpegts", "mpegts"), "ts"),
    "video/mpeg": (("mpeg", "mpeg"), "mpg"),
    "audio/mpeg": (("mp3", "mp3"), "mp3"),
    "audio/wav": (("wav", "wav"), "wav"),
    "audio/flac": (("flac", "flac"), "flac"),
    "audio/ogg": (("ogg", "ogg"), "ogg"),
    "audio/x-ms-wma": (("asf", "asf"), "wma"),
    "audio/aac": (("aac", "aac"), "aac"),
    "audio/aiff": (("aiff", "aiff"), "aiff"),
    "audio/amr": (("amr", "amr"), "amr"),
    "audio/x-caf": (("caf", "caf"), "caf"),
    **dict.fromkeys(("audio/mp4", "audio/m4a", "audio/x-m4a", "audio/x-m4b"), (MOV, "m4a")),
    "audio/3gpp": (MOV, "3gp"),
    "audio/3gpp2": (MOV, "3g2"),
    "audio/webm": (MATROSKA, "weba"),
    **dict.fromkeys(("audio/x-matroska", "audio/matroska"), (MATROSKA, "mka")),
}


Ask = Callable[[Source, dict[str, Any], Index], dict[str, Any]]
"""Has the facts found by a child that gets these arguments. Raises ChildDiedError."""


class LayerMissingError(Exception):
    """This function should have FFmpeg, and does not: `ops provision` and `chalice deploy` were not both run."""


def ask(source: Source, wanted: dict[str, Any], index: Index) -> dict[str, Any]:
    """The facts, by the arguments of `ffmpeg_child`. Raises ChildDiedError."""
    return child.run_on(_CHILD, source.data, source.size, wanted, LIMITS)[0]


def facts(source: Source, *, place: bool = False, by: Ask = ask) -> tuple[dict[str, Any], tuple[FileWarning, ...]]:
    """The file's facts, by the words of `ffmpeg_child`, and warnings for those that could not be found out.

    With `place` that is also where it was recorded. `by` may find more in the same child.

    Raises PermanentFault `corrupt` for a file that FFmpeg can't open, and LayerMissingError.
    """
    head = _head(source)
    if not settings().has_media:
        return headers.read(source, head), (_without(),)
    wanted = {**opening(source, head), "place": place}
    index = kept_index(source, wanted["format"])
    wanted["unindexed"] = index.missing
    if indexes.most_edits(source.data, index, wanted["format"]) > indexes.MOST_EDITS:
        return headers.read(source, head), (_too_many_edits(),)
    try:
        found = by(source, wanted, index)
    except ChildDiedError as died:
        return headers.read(source, head), (_died(died),)
    if found["unknown_codec"]:
        found["video"] = headers.read(source, head).get("video")
    is_mov = wanted["format"] == MOV[0]
    return {**found, "unindexed": index.missing, "index": [index.start, index.length if is_mov else 0]}, ()


def opening(source: Source, head: bytes | None = None) -> dict[str, Any]:
    """The arguments by which a child opens the file (`ffmpeg_child.opened`). Raises LayerMissingError."""
    if find_spec("av") is None:
        raise LayerMissingError("the layer with FFmpeg is missing: run `make deploy` again")
    demuxer, whitelist = demuxer_of(source, head)
    return {"format": demuxer, "whitelist": whitelist}


def demuxer_of(source: Source, head: bytes | None = None) -> tuple[str, str]:
    """FFmpeg's name of the file's format, and the white list for it. `head` is the file's beginning, if it is read."""
    # The bytes know better: a file that is declared as a sound may have the format of films.
    proven = one_name(sniff.sniff(_head(source) if head is None else head) or "")
    return DEMUXERS[proven if proven in DEMUXERS else one_name(source.content_type)][0]


def kept_index(source: Source, demuxer: str) -> Index:
    """Where the file's index is. It is fetched once for all children, and does not count as bytes that were read."""
    index = indexes.find(source.data, source.size, demuxer)
    if index.length and isinstance(source.data, Ranged):
        source.data.keep(index.start, index.length, *index.more)
    return index


def _head(source: Source) -> bytes:
    source.data.seek(0)
    return source.data.read(min(sniff.SNIFF_BYTES, source.size))


def format_of(source: Source) -> str:
    """The usual extension of the file's type."""
    for name in (own_name(source.content_type), one_name(source.content_type)):
        if name in DEMUXERS:
            return DEMUXERS[name][1]
    return "other"


def _died(died: ChildDiedError) -> FileWarning:
    """A file that FFmpeg can't open is damaged. One that is too much for it, or has what it lacks, may be sound."""
    if str(died) in ("InvalidDataError", "EOFError"):
        raise PermanentFault(ErrorCode.CORRUPT, "The file can't be opened: it is damaged or not whole.")
    if not died.had_too_much:
        return FileWarning(code="not_read", message="FFmpeg can't read this file, so little is known of it.")
    message = "Reading this file took too much time, memory or data, so little is known of it."
    return FileWarning(code="too_costly_to_read", message=message)


def _too_many_edits() -> FileWarning:
    message = f"This file has an edit list of more than {indexes.MOST_EDITS:,} entries, so little is known of it."
    return FileWarning(code="too_costly_to_read", message=message)


def _without() -> FileWarning:
    message = "Little is known of this file, because FFmpeg is turned off here (FILEMILL_MEDIA)."
    return FileWarning(code="no_media", message=message)
