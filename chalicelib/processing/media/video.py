"""Films: what their headers say, a poster, a moving preview and a stream. A few megabytes are read of any film."""

from __future__ import annotations

from chalicelib.facts import VideoInfo
from chalicelib.model import FileWarning
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.media import engine, hls, posters, unindexed, words


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises PermanentFault `corrupt` for a film that FFmpeg can't open."""
    found, warnings = hls.facts(source, order)
    is_read = not warnings
    found = unindexed.completed(source, found, order.poster_time)
    picture = found.get("video") or {"aspect": 1.0, "rotation": 0}
    width, height = words.shown(picture)
    title = words.tag(found, "title")
    info = VideoInfo(
        format=engine.format_of(source),
        duration=words.duration(found),
        width=width,
        height=height,
        rotation=picture["rotation"],
        mirrored=picture.get("mirrored", False),
        interlaced=picture.get("interlaced", False),
        frame_rate=_rate(picture.get("frame_rate")),
        variable_frame_rate=picture.get("variable", False),
        codec=picture.get("codec"),
        bit_rate=found.get("bit_rate"),
        hdr=picture.get("hdr"),
        audio_tracks=words.tracks(found),
        audio_track_count=found.get("audio_count"),
        subtitles=words.subtitles(found),
        chapters=words.chapters(found),
        title=title,
        created_at=words.created(found),
        location=words.location(found),
        tags=words.tags(found, without=("title",)),
        cover=found.get("cover", False),
    )
    pictures = posters.of_film(source, found, order, emit)
    info = words.bounded(info.model_copy(update={"poster_time": pictures.time}))
    warnings += pictures.warnings
    if picture.get("decoded") is False:
        message = "The first frame can't be decoded, so the picture may be turned otherwise than the record says."
        warnings += (FileWarning(code="not_decoded", message=message),)
    if found.get("unknown_codec"):
        message = "FFmpeg does not have the codec of this film's picture, so the picture can't be shown."
        warnings += (FileWarning(code="not_decoded", message=message),)
    if is_read:
        warnings += hls.write(source, found, order, emit)
    headings = tuple(filter(None, (title, words.tag(found, "artist"), words.tag(found, "show"))))
    return Made(info, pictures.preview, headings=headings, warnings=warnings)


def _rate(rate: float | None) -> float | None:
    """Frames a second; None for a figure that makes no sense."""
    return round(rate, 3) if rate and 0 < rate <= 1000 else None
