"""Runs in a child with bounds: small pictures of a film at given times, for a sheet of sprites."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, BinaryIO

import av

from chalicelib.processing.media import fields, tone, writing
from chalicelib.processing.media.ffmpeg_child import film_of, opened

# Pixels that may be decoded for one picture, from the key picture before it on: 25 pictures of 1080p. Where key
# pictures are farther apart, the picture is a little early.
DECODED = 25 * 1920 * 1080

# Seconds. A picture that is no farther than this is reached by going on, and not by seeking.
NEAR = 2.0


def main(data: BinaryIO, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """(`count`, pixels): the RGB pixels of one picture for each of `times` (seconds), one below the other.

    `arguments` has those of `ffmpeg_child`, too, `width` and `height` of a picture before it is turned, and
    `interlaced`. A moment without a picture has the one before it. Raises ValueError if there is none at all.
    """
    av.logging.set_level(av.logging.PANIC)
    convert = tone.Converter((arguments["width"], arguments["height"]), "rgb24")
    pictures: list[bytes] = []
    with opened(data, arguments) as container:
        stream = film_of(container)
        if stream is None:
            raise ValueError("there is no picture")
        # Not threads for frames: PyAV may hang when it closes such a decoder before the end.
        stream.codec_context.thread_count, stream.thread_type = 2, "SLICE"
        film = Film(container, stream)
        for time in arguments["times"]:
            frame = film.at(time)
            if frame is not None:
                pictures.append(tone.packed(convert(fields.alone(frame) if arguments["interlaced"] else frame)))
            elif pictures:
                pictures.append(pictures[-1])
    if not pictures:
        raise ValueError("no picture can be decoded")
    missing = len(arguments["times"]) - len(pictures)  # before the first one
    return {"count": len(arguments["times"])}, b"".join([pictures[0]] * missing + pictures)


class Film:
    """Finds the picture that is seen at a moment. The moments must ascend."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._container, self._stream = container, stream
        self._zero = writing.zero_of(container)
        self._most = max(1, DECODED // max(1, stream.width * stream.height))
        self._frames = self._decoded()
        self._seen: tuple[float, Any] | None = None
        self._next: tuple[float, Any] | None = None

    def at(self, time: float) -> Any:
        """The last picture at or before this second, or one a little earlier; None if it is the same as before.

        A frame is given only once: converting changes its times.
        """
        begin = self._next[0] if self._next else self._seen[0] if self._seen else 0.0
        if time - begin > NEAR:
            self._seek(time)
        found = None
        for _ in range(self._most):
            if self._next is None:
                self._next = next(self._frames, None)
            if self._next is None or (self._next[0] > time and (found or self._seen)):
                break
            found, self._seen, self._next = self._next, self._next, None
        return found[1] if found else None

    def _seek(self, time: float) -> None:
        target = round((Fraction(time) + self._zero) / self._stream.time_base)
        try:
            self._container.seek(target, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            return
        self._stream.codec_context.flush_buffers()
        self._frames, self._next = self._decoded(), None

    def _decoded(self) -> Any:
        for packet in writing.packets(self._container, self._stream):
            for frame in writing.decoded(packet):
                time = frame.pts if frame.pts is not None else frame.dts
                if time is not None:
                    yield float(time * frame.time_base - self._zero), frame
