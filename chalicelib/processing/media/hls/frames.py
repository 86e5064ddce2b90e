"""In the child: decoded frames from a moment on, whatever a container's seeking is worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
from av.container import InputContainer

from chalicelib.processing.media.hls.opening import is_unindexed, pictures

# Packets that one part may read, at most: a file may claim that a moment is somewhere else for ever.
MOST_PACKETS = 200_000

# Errors of FFmpeg by which a decoder refuses a damaged packet. That of a sound that was cut off is an argument to it,
# and a header of AAC that makes no sense has a number that FFmpeg has no name for.
DAMAGED = (av.error.InvalidDataError, av.error.EOFError, av.error.ArgumentError, av.error.UndefinedError)

# Bytes of the packets that are only looked at, at the beginning of a track.
MOST_LOOKED = 4 * 1024**2

# Bytes at a file's beginning of which FFmpeg has seen all packets.
_SEEN = 1024**2

# Seconds by which the second try begins earlier; each further one goes back four times as far.
_BACK = 2


class Left:
    """How many bytes of packets may still be read, of all tracks."""

    def __init__(self, count: int) -> None:
        self.count = count


def decoded(container: InputContainer, stream: Any, left: Left | None = None) -> Iterator[Any]:
    """The frames from where the container stands. Damaged packets are left out, as players do.

    They end when nothing is `left`.
    """
    found = packets(container, stream) if left is None else _within(container, stream, left)
    for packet, _ in zip(found, range(MOST_PACKETS), strict=False):
        try:
            yield from packet.decode()
        except DAMAGED:
            continue


def packets(container: InputContainer, *streams: Any) -> Iterator[Any]:
    """Those tracks' packets, or those of all, from where the container stands, as far as the file goes."""
    try:
        yield from container.demux(*streams)
    except av.error.InvalidDataError:
        return


def _within(container: InputContainer, stream: Any, left: Left) -> Iterator[Any]:
    """The track's packets. Those of other tracks count for what is `left`, because they are read, too."""
    for packet in packets(container):
        left.count -= packet.size
        if left.count < 0:
            return
        if packet.stream.index == stream.index:
            yield packet


def first_packets(container: InputContainer, stream: Any, most: int) -> Iterator[Any]:
    """At most so many packets from where the container stands, until MOST_LOOKED bytes of them were read.

    A picture of 4K without a compression has 16 MB.
    """
    count = size = 0
    for packet in container.demux(stream):
        yield packet
        count, size = count + 1, size + packet.size
        if count >= most or size >= MOST_LOOKED:
            return


def time_of(frame: Any) -> int | None:
    """When it is shown, in the track's ticks; None if the file does not say."""
    time = frame.pts if frame.pts is not None else frame.dts
    return int(time) if time is not None else None


def pictures_from(container: InputContainer, stream: Any, start: int) -> Iterator[tuple[int, Any]]:
    """(time, frame) of a track's pictures in the order in which they are shown, from one at or before `start` on.

    `start` is in the track's ticks. Where no container's index leads to a picture that early, the file is decoded from
    its beginning. Times that jump back are left out.
    """
    second = max(1, round(1 / stream.time_base))
    back = 0
    while True:
        found = _from(container, stream, start - back)
        first = next(found, None)
        if first is not None and first[0] <= start:
            break
        if back > 60 * second or (back and start - back <= _beginning(stream)):
            found = _from(container, stream, None)
            first = next(found, None)
            break
        back = back * 4 or _BACK * second
    if first is None:
        return
    yield first
    last = first[0]
    for time, frame in found:
        if time > last:
            yield time, frame
            last = time


def _beginning(stream: Any) -> int:
    return int(stream.start_time or 0)


def _from(container: InputContainer, stream: Any, start: int | None) -> Iterator[tuple[int, Any]]:
    """Pictures from the key picture before `start` on, or from the file's beginning."""
    if start is None:
        to_beginning(container, stream)
    else:
        seek(container, stream, start)
    stream.codec_context.flush_buffers()
    # Pictures before the first key picture need others that are missing.
    waits = start is not None and start > _beginning(stream)
    for frame in decoded(container, stream):
        time = time_of(frame)
        if time is None or (waits and not frame.key_frame):
            continue
        waits = False
        yield time, frame


def seek(container: InputContainer, stream: Any, time: int) -> None:
    """To the key picture at or before `time`, as the container's index knows it; else to its beginning."""
    led = _led_by(container, stream, time)
    try:
        container.seek(int(time * stream.time_base / led.time_base), stream=led, backward=True)
    except av.error.FFmpegError:
        try:
            container.seek(_beginning(stream), stream=stream, backward=True)
        except av.error.FFmpegError:
            container.seek(0)


def to_beginning(container: InputContainer, stream: Any) -> None:
    """To the track's first packet, also where it comes before the time that the file calls its beginning."""
    seek(container, stream, _beginning(stream) - round(10 / stream.time_base))


def _led_by(container: InputContainer, stream: Any, time: int) -> Any:
    """The track by whose index a moment of this one is found.

    The Cues of a film in Matroska lead to its pictures only. For a moment of its sound FFmpeg would read all before it,
    and all of the film if the track is empty. Only for its first sound, which may be heard before the first picture is
    shown, it leads there itself: FFmpeg has seen it when it opened the file.
    """
    is_matroska = container.format.name.startswith("matroska")
    if stream.type != "audio" or not is_matroska or is_unindexed(container):
        return stream
    first = next(iter(stream.index_entries), None)
    if first is not None and first.pos < _SEEN and time <= first.timestamp:
        return stream
    return next(iter(pictures(container)), stream)
