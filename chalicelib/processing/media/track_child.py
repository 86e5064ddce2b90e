"""Runs in a child with bounds: the sound of a film or of a sound file alone, as AAC in MP4 or as Opus in Ogg."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import av

from chalicelib.processing.media import writing
from chalicelib.processing.media.ffmpeg_child import opened, sound_of

_CODECS = {"m4a": ("aac", "aac"), "opus": ("opus", "libopus")}
_OPENED = {"m4a": writing.mp4, "opus": writing.ogg}

# Bit/s for one channel and for two.
_BITS = {"m4a": (80_000, 160_000), "opus": (56_000, 96_000)}
_RATE = 48_000


def main(data: BinaryIO, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """(nothing, the file). `arguments` has those of `ffmpeg_child` and `sound`, the format: `m4a` or `opus`.

    Raises ValueError for a file without a sound that can be decoded.
    """
    av.logging.set_level(av.logging.PANIC)
    wanted = arguments["sound"]
    codec, encoder = _CODECS[wanted]
    out = io.BytesIO()
    with opened(data, arguments) as container:
        track = sound_of(container)
        if track is None or track.codec_context.channels <= 0:
            raise ValueError("there is no sound")
        track.codec_context.thread_count = 1
        with _OPENED[wanted](out) as made:
            if track.codec_context.name.removeprefix("lib") == codec and track.codec_context.extradata:
                _copy(container, track, made)
            else:
                bits = _BITS[wanted][min(track.codec_context.channels, 2) - 1]
                _encode(container, track, writing.Sound(made, encoder, track.codec_context.channels, _RATE, bits))
    return {}, out.getvalue()


def _copy(container: Any, track: Any, made: Any) -> None:
    put = writing.copier(made, track, writing.zero_of(container))
    count = 0
    for packet in writing.packets(container, track):
        if packet.size:
            put(packet)
            count += 1
    if not count:
        raise ValueError("the sound is empty")


def _encode(container: Any, track: Any, sound: writing.Sound) -> None:
    zero, count = writing.zero_of(container), 0
    for packet in writing.packets(container, track):
        for frame in writing.decoded(packet):
            sound.add(frame, zero)
            count += 1
    if not count:
        raise ValueError("nothing of the sound can be decoded")
    sound.end()
