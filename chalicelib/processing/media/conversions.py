"""Whole conversions of a film or a sound, made when they are first asked for: clips, sounds, and sprites for scrubbing.

`renditions/conversions.py` says which a file has. Each is one run of the function `stream`, and FFmpeg runs in a child.
"""

from __future__ import annotations

from typing import Any

from chalicelib.facts import VideoInfo
from chalicelib.model import ErrorCode, File, PermanentFault
from chalicelib.processing import child
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.kinds import Source
from chalicelib.processing.media import engine, indexes
from chalicelib.renditions import captions, conversions
from chalicelib.renditions.media_names import MediaName, Part
from chalicelib.storage.ranged import TooMuchReadError

# A run has 28 seconds, and keeps some for storing and answering. `seconds` are those of two cores.
LIMITS = Limits(memory=1536 * 1024**2, seconds=40, wall=23)

MOST_READ = 2 * conversions.MOST_BYTES
"""Bytes of the original that a conversion may read: some of it twice."""

# Bit/s of a clip's picture at most, for 1280 x 720 pixels; others have as many as their pixels need.
_CLIP_BITS, _CLIP_PIXELS = 2_500_000, 1280 * 720
# A film's own picture is copied if it has at most so many times as many.
_COPIED_BITS, _LEAST_COPIED = 2.5, 500_000

_CHILDREN = "chalicelib.processing.media"
_MODULES = {Part.CLIP: "clip_child", Part.SOUND: "track_child", Part.SPRITE: "sprite_child"}


def make(source: Source, file: File, name: MediaName) -> tuple[bytes, str]:
    """(bytes, content type) of a clip, a sound, a sheet of sprites or the sprites' list, always the same.

    Raises PermanentFault for a conversion that the file does not have, or that can't be made of it; and ChildDiedError
    if it took too long this time.
    """
    if not conversions.exists(file, name):
        raise _declined(file, name)
    match name.part:
        case Part.CLIP:
            return _clip(source, file, int(name.rung)), "video/mp4"
        case Part.SOUND:
            return _asked(Part.SOUND, source, {"sound": name.rung}), _SOUNDS[name.rung]
        case Part.SPRITE:
            return _sheet(source, file, name.number), "image/jpeg"
        case _:
            return _list(file).encode(), "text/vtt"


_SOUNDS = {"m4a": "audio/mp4", "opus": "audio/ogg"}


def _declined(file: File, name: MediaName) -> PermanentFault:
    duration = (file.video or file.audio or VideoInfo(format="")).duration or 0.0
    if name.part is Part.CLIP and duration > conversions.CLIP_SECONDS:
        message = f"A film of more than {conversions.CLIP_SECONDS:.0f} seconds has no clips: it has a stream."
        return PermanentFault(ErrorCode.TOO_LARGE, message)
    if name.part in (Part.CLIP, Part.SOUND) and (file.size or 0) > conversions.MOST_BYTES:
        bound = f"{conversions.MOST_BYTES // 1024**2} MiB"
        return PermanentFault(ErrorCode.TOO_LARGE, f"A file of more than {bound} has no clips and no sound alone.")
    if name.part is Part.SOUND and duration > conversions.ENCODED[name.rung]:
        most = conversions.ENCODED[name.rung] / 60
        message = f"A sound of more than {most:.0f} minutes is not converted to {name.rung}: it has a stream."
        return PermanentFault(ErrorCode.TOO_LARGE, message)
    return PermanentFault(ErrorCode.UNSUPPORTED_TYPE, "The file has no such conversion.")


def _asked(part: Part, source: Source, arguments: dict[str, Any]) -> bytes:
    """The bytes that a child made."""
    wanted = engine.opening(source) | arguments
    try:
        wanted["unindexed"] = part is not Part.SPRITE and _is_in_fragments(source, wanted["format"])
        _, body = child.run_on(f"{_CHILDREN}.{_MODULES[part]}", source.data, source.size, wanted, LIMITS)
    except ChildDiedError as died:
        if str(died) == child.TOO_LONG:
            raise
        if died.had_too_much:
            raise _too_much() from None
        # The name of an error of FFmpeg's, or of a child's own.
        raise PermanentFault(ErrorCode.CORRUPT, "It can't be decoded: the file is damaged.") from None
    except TooMuchReadError:
        raise _too_much() from None
    return body


def _too_much() -> PermanentFault:
    return PermanentFault(ErrorCode.TOO_LARGE, "Making it took too much time, memory or data.")


def _is_in_fragments(source: Source, demuxer: str) -> bool:
    """True for an MP4 whose index is in pieces. FFmpeg would first look for all of them, and so read the file twice;
    a clip and a sound need it once, from its beginning to its end. Sprites are looked for here and there.
    """
    return demuxer == "mov" and indexes.find(source.data, source.size, demuxer).missing


def _clip(source: Source, file: File, height: int) -> bytes:
    film = file.video or VideoInfo(format="")
    width, tall = conversions.clip_size(film, height)
    bits = round(_CLIP_BITS * (width * tall / _CLIP_PIXELS) ** 0.75)
    own = film.width, film.height
    is_plain = film.rotation == 0 and not film.mirrored and not film.interlaced and own == (width, tall)
    copied = film.codec == "h264" and is_plain and film.format not in ("avi", "ts", "mpg")
    arguments = {
        "width": width,
        "height": tall,
        "rotation": film.rotation,
        "mirrored": film.mirrored,
        "interlaced": film.interlaced,
        "bit_rate": max(200_000, bits),
        "copied_bit_rate": max(_LEAST_COPIED, round(bits * _COPIED_BITS)),
        "frame_rate": conversions.MOST_RATE,
        "preset": "superfast" if conversions.is_coded_quickly(film) else "veryfast",
        "copy": copied,
    }
    return _asked(Part.CLIP, source, arguments)


# --- sprites


def _sheet(source: Source, file: File, number: int) -> bytes:
    # Pillow is imported only when a picture is made.
    from chalicelib.processing.image import sheets

    all_of, film = conversions.sprites(file), file.video
    assert all_of and film
    size = (all_of.width, all_of.height)
    stored = size[::-1] if film.rotation in (90, 270) else size
    numbers = all_of.on_sheet(number)
    times = [each * all_of.interval for each in numbers]
    wanted = {"times": times, "width": stored[0], "height": stored[1], "interlaced": film.interlaced}
    pixels = _asked(Part.SPRITE, source, wanted)
    return sheets.sheet(
        pixels, stored, len(numbers), conversions.ACROSS, rotation=film.rotation, mirrored=film.mirrored
    )


def _list(file: File) -> str:
    """WebVTT: from when to when each picture is seen, and where it is. https://www.w3.org/TR/media-frags/#naming-space"""
    all_of, film = conversions.sprites(file), file.video
    assert all_of and film
    cues = ["WEBVTT\n"]
    for sheet in range(all_of.sheets):
        for place, number in enumerate(all_of.on_sheet(sheet)):
            start, end = number * all_of.interval, min((number + 1) * all_of.interval, film.duration or 0)
            row, column = divmod(place, conversions.ACROSS)
            box = f"{column * all_of.width},{row * all_of.height},{all_of.width},{all_of.height}"
            cues.append(f"{_time(start)} --> {_time(end)}\nsprite-{sheet}.jpg#xywh={box}\n")
    return "\n".join(cues)


def _time(seconds: float) -> str:
    return captions.vtt_time(round(seconds * 1000))
