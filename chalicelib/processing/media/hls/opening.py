"""In the child: opens a film or a sound of which FFmpeg reads our file object and nothing else."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, BinaryIO

import av
from av.container import InputContainer

from chalicelib.processing.media import transport

FLASH = "flv"
TRANSPORT, PROGRAM = "mpegts", "mpeg"
STREAMS = (TRANSPORT, PROGRAM)
"""MPEG's transport and program streams, whose times jump."""

# Bytes in which FFmpeg may look for what the header does not say.
PROBE = 4 * 1024**2

# The same in the middle of a file without an index, of whose tracks the plan knows more.
RESTART_PROBE = 512 * 1024


_WINDOWS = "filemill.windows"


def _of_windows(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_WINDOWS, _of_windows)


def text(tag: str) -> str:
    """A tag as PyAV gives it. Bytes that are no UTF-8 are those of Windows-1252: AVI, WAV and ID3 do not always say."""
    return tag.encode("utf-8", "surrogateescape").decode("utf-8", _WINDOWS)


# FFmpeg's options by which it decodes nothing: it looks for no more than a packet, and has no decoder for that.
_UNDECODED = {"probesize": "32", "codec_whitelist": "none"}


def opened(
    data: BinaryIO, demuxer: Sequence[str], probe: int = PROBE, *, unindexed: bool = False, undecoded: bool = False
) -> InputContainer:
    """`demuxer` is FFmpeg's name and its white list. Raises av.error.FFmpegError.

    FFmpeg would look for all fragments of an MP4 without an index at once; with `unindexed` it does not. It would also
    decode the first pictures, for 2 MB; with `undecoded` it knows of a track what the index of an MP4 says.
    """
    av.logging.set_level(av.logging.PANIC)
    is_restarted = probe == RESTART_PROBE
    program = _program(data) if demuxer[0] == TRANSPORT and not is_restarted else None
    options = {
        "protocol_whitelist": "none",
        "format_whitelist": demuxer[1],
        "max_streams": "1000",
        "probesize": str(probe),
        **({"fflags": "+ignidx"} if unindexed else {}),
        **(_UNDECODED if undecoded else {}),
        # How long it lasts is known, and would be looked for at the end of the file.
        **({"skip_estimate_duration_from_pts": "1"} if is_restarted else {}),
    }
    container = av.open(data, "r", format=demuxer[0], options=options, io_open=_refuse)
    for stream in container.streams if program else ():
        if program and stream.id not in program.tracks:
            stream.discard = av.stream.Discard.all
    return container


def is_unindexed(container: InputContainer) -> bool:
    """True if it was opened so."""
    return "fflags" in container.options


def _program(data: BinaryIO) -> transport.Program | None:
    found = transport.program(data)
    data.seek(0)
    return found


def place_of(container: InputContainer, index: int, kind: str) -> int:
    """FFmpeg's index of a track that has this one in the whole file. `kind` is `video` or `audio`.

    Flash has one of each, numbered as their first tags come. Raises ValueError if the track is not there.
    """
    is_flash = container.format.name == FLASH
    for stream in container.streams:
        if stream.type == kind and (is_flash or stream.index == index):
            return int(stream.index)
    raise ValueError("the track is not there any more")


def is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def pictures(container: InputContainer) -> list[Any]:
    """All tracks of pictures that are no cover."""
    return [stream for stream in container.streams.video if not is_cover(stream)]


def shown(streams: Sequence[Any]) -> list[Any]:
    """The tracks without those of other programs."""
    return [stream for stream in streams if stream.discard != av.stream.Discard.all]


def _refuse(*_: Any) -> Any:
    raise PermissionError("a file names another one, which is not opened")


def alone(container: InputContainer, index: int) -> Any:
    """The track of this index. All others are skipped: MP4 does not even read them."""
    for stream in container.streams:
        if stream.index != index:
            stream.discard = av.stream.Discard.all
    return container.streams[index]


def seconds_zero(zero: Sequence[int], scale: int) -> int:
    """The stream's zero in ticks of 1/`scale` seconds."""
    numerator, denominator = zero
    return (2 * numerator * scale + denominator) // (2 * denominator)


def ticks(times: Sequence[int], base: Fraction, nothing: int) -> Sequence[int]:
    """The times in ticks that are `base` times as many, from `nothing` on. Long films have a million of them."""
    times_as_many = base.numerator
    if base.denominator != 1:
        return [round(time * base) - nothing for time in times]
    if isinstance(times, range):
        start, stop, step = times.start * times_as_many, times.stop * times_as_many, times.step * times_as_many
        return range(start - nothing, stop - nothing, step)
    if times_as_many == 1:
        return list(map((-nothing).__add__, times)) if nothing else list(times)
    return [time * times_as_many - nothing for time in times]
