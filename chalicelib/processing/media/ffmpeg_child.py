"""Runs in a child with bounds: the facts of a film or a sound, by FFmpeg (PyAV).

FFmpeg reads our file object and nothing else: the demuxer is named, every protocol is refused, and a file that a
playlist or a reference names is not opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, BinaryIO

import av
from av.container import InputContainer

from chalicelib.processing.media import fields, orientation, tone
from chalicelib.processing.media.hls import opening

# The most that the record names of each. The rest is only counted.
TRACKS = 20
CHAPTERS = 60
TEXT = 300

# Pixels of the largest frame that is decoded: 8K. Larger claims are believed to nobody.
MOST_PIXELS = 7680 * 4320

# Tags that a record may have. Others stay in the file: places above all.
TAGS = (
    *("album", "album_artist", "artist", "author", "bpm", "composer", "compilation", "copyright"),
    *("date", "disc", "encoder", "episode_id", "genre", "grouping", "isrc", "language", "make", "model", "network"),
    *("performer", "publisher", "season_number", "show", "software", "title", "track", "year"),
)
_APPLE = "com.apple.quicktime."

# Tags that say where something was recorded, as ISO 6709. Nothing else here looks at them.
PLACES = ("location.iso6709", "location", "location-eng")


def main(data: BinaryIO, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """(facts, nothing). Raises av.error.FFmpegError for a file that can't be opened as `arguments["format"]`."""
    av.logging.set_level(av.logging.PANIC)
    with opened(data, arguments) as container:
        return facts(container, place=arguments.get("place", False)), b""


def opened(data: BinaryIO, arguments: dict[str, Any]) -> InputContainer:
    """The file as a container of the `format` that `arguments` name; `unindexed` if it has no index.

    Raises av.error.FFmpegError.
    """
    demuxer = str(arguments["format"]), str(arguments["whitelist"])
    unindexed = bool(arguments.get("unindexed"))
    return opening.opened(data, demuxer, arguments.get("probe", opening.PROBE), unindexed=unindexed)


def facts(container: InputContainer, *, place: bool) -> dict[str, Any]:
    """The file's facts; with `place` also where it was recorded."""
    video = film_of(container)
    sounds, subtitles = opening.shown(container.streams.audio), opening.shown(container.streams.subtitles)
    tags = _tags(container, None if video else next(iter(container.streams.audio), None))
    found: dict[str, Any] = {
        "duration": _duration(container),
        "bit_rate": container.bit_rate or None,
        "audio": [_sound(s) for s in sounds[:TRACKS]],
        "audio_count": len(sounds),
        "subtitles": [_named(s) for s in subtitles[:TRACKS]],
        "chapters": _chapters(container),
        "tags": {name: tags[name] for name in TAGS if tags.get(name)},
        "created": tags.get("creationdate") or tags.get("creation_time") or tags.get("date"),
        "cover": any(map(opening.is_cover, container.streams.video)),
    }
    if place:
        found["place"] = next((tags[name] for name in PLACES if name in tags), None)
    unknown = not video and not all(map(opening.is_cover, container.streams.video))
    return {**found, "video": _picture(container, video) if video else None, "unknown_codec": unknown}


def film_of(container: InputContainer) -> Any:
    """The stream of pictures that players show; None for a sound, and for pictures of a codec that FFmpeg has not."""
    pictures = [s for s in opening.shown(opening.pictures(container)) if s.codec_context]
    return next((s for s in pictures if s.disposition & av.stream.Disposition.default), next(iter(pictures), None))


def sound_of(container: InputContainer) -> Any:
    """The track that players let hear; None for a film without one that FFmpeg has the codec of."""
    tracks = [s for s in opening.shown(container.streams.audio) if s.codec_context]
    return next((s for s in tracks if s.disposition & av.stream.Disposition.default), next(iter(tracks), None))


def _duration(container: InputContainer) -> float | None:
    """Seconds, as the container or its longest track says."""
    if container.duration and container.duration > 0:
        return container.duration / av.time_base
    lengths = [s.duration * float(s.time_base) for s in container.streams if s.duration and s.time_base]
    return max(lengths, default=0.0) or None


def _codec(stream: Any) -> str | None:
    context = stream.codec_context
    if context is None:
        return None
    return str(context.codec.canonical_name if context.codec else context.name)


def _named(stream: Any) -> dict[str, Any]:
    language = stream.metadata.get("language")
    return {
        "codec": _codec(stream),
        "language": language if language not in (None, "und") else None,
        "title": opening.text(stream.metadata.get("title") or "")[:TEXT] or None,
    }


def _sound(stream: Any) -> dict[str, Any]:
    context = stream.codec_context  # None for a codec that FFmpeg has not
    return {
        **_named(stream),
        "channels": (context and context.channels) or None,
        "sample_rate": (context and context.sample_rate) or None,
        "bit_rate": (context and context.bit_rate) or None,
        "default": bool(stream.disposition & av.stream.Disposition.default),
    }


def _chapters(container: InputContainer) -> list[dict[str, Any]]:
    return [
        {
            "start": each["start"] * float(each["time_base"]),
            "title": opening.text(each["metadata"].get("title", ""))[:TEXT],
        }
        for each in container.chapters()[:CHAPTERS]
    ]


def _tags(container: InputContainer, sound: Any) -> dict[str, str]:
    """The tags by their plain names. Ogg keeps them in its track."""
    found = {**(sound.metadata if sound else {}), **container.metadata}
    return {
        name.lower().removeprefix(_APPLE): opening.text(value)[:TEXT] for name, value in found.items() if value.strip()
    }


def _picture(container: InputContainer, stream: Any) -> dict[str, Any]:
    width, height = stream.width, stream.height
    codec = _codec(stream)  # a decoder that could not be opened has none any more
    shown = _shown(container, stream) if 0 < width * height <= MOST_PIXELS else None
    rotation, mirrored, interlaced = shown or (0, False, False)
    aspect = stream.sample_aspect_ratio
    return {
        "track": stream.id,
        "codec": codec,
        "width": width,
        "height": height,
        "aspect": float(aspect) if aspect and aspect.numerator > 0 and aspect.denominator > 0 else 1.0,
        "rotation": rotation,
        "mirrored": mirrored,
        "interlaced": interlaced,
        "decoded": shown is not None,
        "frame_rate": _rate(stream.average_rate) or _rate(stream.base_rate),
        "variable": _is_variable(stream),
        "hdr": tone.HDR.get(stream.codec_context.color_trc),
    }


def _shown(container: InputContainer, stream: Any) -> tuple[int, bool, bool] | None:
    """Rotation, mirrored and interlaced; None if no frame can be decoded. Mostly one frame tells all of it."""
    stream.codec_context.thread_count = 1
    frames = _decoded(container, stream)
    first = next(frames, None)
    if first is None:
        return None
    return *orientation.of_frame(first), fields.are_in(stream, first, frames)


def _decoded(container: InputContainer, stream: Any) -> Iterator[Any]:
    """The frames before the first one that can't be decoded."""
    try:
        yield from container.decode(stream)
    except (av.error.FFmpegError, OSError, MemoryError, ValueError):
        return


def _rate(rate: Any) -> float | None:
    """Pictures a second. Ogg has no average, but its lowest common rate is known."""
    return float(rate) if rate and rate.denominator else None


def _is_variable(stream: Any) -> bool:
    """True if frames have unequal lengths. The index tells it, or else the two rates that FFmpeg finds."""
    times = sorted(entry.timestamp for entry, _ in zip(stream.index_entries, range(2000), strict=False))
    steps = [later - earlier for earlier, later in pairwise(times)]
    average = stream.average_rate
    if len(steps) > 1 and average and stream.frames and len(times) >= min(stream.frames, 2000):
        mean = sum(steps) / len(steps)
        return bool(max(steps) - min(steps) > max(2.0, 0.05 * mean))
    base = stream.base_rate
    return bool(average and base and abs(float(base) - float(average)) > 0.05 * float(average))
