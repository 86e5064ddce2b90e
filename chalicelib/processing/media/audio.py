"""Sound: its headers, how loud it is, its waveform and a stream. Search finds it by title, artist and album."""

from __future__ import annotations

from typing import Any

from chalicelib.facts import AudioInfo
from chalicelib.model import Preview
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.media import engine, hls, posters, unindexed, waveform, words

_OWN_FIELDS = ("title", "artist", "album")


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises PermanentFault `corrupt` for a sound that FFmpeg can't open."""
    found, warnings = hls.facts(source, order)
    measured: dict[str, Any] = {}
    found = unindexed.completed(source, found)
    if not warnings:  # a file whose headers were too much is not heard
        warnings += hls.write(source, found, order, emit)
        measured, unmeasured = waveform.measure(source, found)
        warnings += unmeasured
    if measured:
        emit(*waveform.rendition(measured))
    preview = posters.cover(source, found, order, emit) or _drawn(measured, order, emit)
    info = _info(source, found, measured)
    headings = tuple(filter(None, (info.title, info.artist, info.album)))
    return Made(words.bounded(info), preview, headings=headings, warnings=warnings)


def _drawn(measured: dict[str, Any], order: Order, emit: Emit) -> Preview | None:
    """The pictures of the waveform."""
    if not measured:
        return None
    # Pillow is imported only when a picture is made.
    from chalicelib.processing.image import waves

    return posters.of_file(waves.picture(measured["waveform"]), order, emit)


def _info(source: Source, found: dict[str, Any], measured: dict[str, Any]) -> AudioInfo:
    tracks = words.tracks(found)
    first = next((each for each in tracks if each.default), next(iter(tracks), None))
    title, artist, album = (words.tag(found, name) for name in _OWN_FIELDS)
    return AudioInfo(
        format=engine.format_of(source),
        duration=words.duration(found),
        codec=first.codec if first else None,
        bit_rate=(first.bit_rate if first else None) or found.get("bit_rate"),
        sample_rate=first.sample_rate if first else None,
        channels=first.channels if first else None,
        language=first.language if first else None,
        loudness=waveform.loudness(measured),
        title=title,
        artist=artist,
        album=album,
        chapters=words.chapters(found),
        created_at=words.created(found),
        location=words.location(found),
        tags=words.tags(found, without=_OWN_FIELDS),
        cover=found.get("cover", False),
    )
