"""Sound: what its headers say, above all title, artist and album, by which search finds it."""

from __future__ import annotations

from chalicelib.facts import AudioInfo
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.media import engine, posters, words

_OWN_FIELDS = ("title", "artist", "album")


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises PermanentFault `corrupt` for a sound that FFmpeg can't open."""
    found, warnings = engine.facts(source)
    (first, *_) = [*words.tracks(found), None]
    title, artist, album = (words.tag(found, name) for name in _OWN_FIELDS)
    info = AudioInfo(
        format=engine.format_of(source),
        duration=words.duration(found),
        codec=first.codec if first else None,
        bit_rate=(first.bit_rate if first else None) or found.get("bit_rate"),
        sample_rate=first.sample_rate if first else None,
        channels=first.channels if first else None,
        title=title,
        artist=artist,
        album=album,
        chapters=words.chapters(found),
        created_at=words.created(found),
        tags=words.tags(found, without=_OWN_FIELDS),
        cover=found.get("cover", False),
    )
    preview = posters.cover(source, found, order, emit)
    return Made(words.bounded(info), preview, headings=tuple(filter(None, (title, artist, album))), warnings=warnings)
