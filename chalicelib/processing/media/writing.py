"""In children: what clips and sounds are written with. Their bytes are the same each time."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.filter import Graph

from chalicelib.processing.media.hls import frames
from chalicelib.processing.media.hls.waves import layout_of, mix_to

AAC_FRAME = 1024  # samples


def mp4(out: io.BytesIO) -> OutputContainer:
    """An MP4 whose index stands before its data, so that it plays while it is fetched.

    For that FFmpeg opens what it wrote once more, to move the data.
    """
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    return av.open(out, "w", format="mp4", options=options, io_open=lambda *_: io.BytesIO(out.getvalue()))


def ogg(out: io.BytesIO) -> OutputContainer:
    return av.open(out, "w", format="ogg", options={"fflags": "+bitexact"})


def zero_of(container: InputContainer) -> Fraction:
    """The second that players count as the first."""
    return Fraction(container.start_time or 0, av.time_base)


def packets(container: InputContainer, *streams: Any) -> Iterator[Any]:
    """The packets of these tracks, as far as the file goes. All other tracks are skipped."""
    for stream in container.streams:
        if stream not in streams:
            stream.discard = av.stream.Discard.all
    found = container.demux(*streams)
    while True:
        try:
            packet = next(found, None)
        except (av.error.InvalidDataError, av.error.EOFError):
            return
        if packet is None:
            return
        yield packet


def decoded(packet: Any) -> list[Any]:
    """Its frames. A damaged packet has none."""
    try:
        return list(packet.decode())
    except frames.DAMAGED:
        return []


class Sound:
    """A track of sound on its way into another file: encoded, from the film's first moment on and without gaps."""

    def __init__(self, out: OutputContainer, codec: str, channels: int, rate: int, bit_rate: int) -> None:
        self._out, self._rate = out, rate
        self._layout = "stereo" if channels > 1 else "mono"
        track: Any = out.add_stream(codec, rate=rate, layout=self._layout)
        track.bit_rate = bit_rate
        self._track = track
        self._sort: tuple[str, str, int] | None = None
        self._graph: Any = None

    def add(self, frame: av.AudioFrame, zero: Fraction) -> None:
        """A frame of another sort than the first is left out."""
        sort = frame.format.name, frame.layout.name, frame.sample_rate
        if self._graph is None:
            self._sort, self._graph = sort, self._new(frame)
        if sort != self._sort:
            return
        if frame.pts is not None and frame.time_base:
            frame.pts = round((frame.pts * frame.time_base - zero) * frame.sample_rate)
            frame.time_base = Fraction(1, frame.sample_rate)
        self._graph.push(frame)
        self._encode()

    def end(self) -> None:
        if self._graph is not None:
            self._graph.push(None)
            self._encode()
        self._out.mux(self._track.encode(None))

    def _new(self, frame: av.AudioFrame) -> Graph:
        graph = Graph()
        # The resampler fills gaps and the beginning with silence, and leaves out what comes before the first moment.
        own = self._track.codec_context
        form = own.codec.audio_formats[0].name
        samples = own.frame_size or AAC_FRAME
        graph.link_nodes(
            graph.add_abuffer(
                sample_rate=frame.sample_rate,
                format=frame.format.name,
                layout=layout_of(frame),
                time_base=Fraction(1, frame.sample_rate),
            ),
            graph.add("aresample", f"{self._rate}:async=1:first_pts=0:{mix_to(self._layout)}"),
            graph.add("aformat", f"sample_fmts={form}:channel_layouts={self._layout}"),
            graph.add("asetnsamples", f"n={samples}:p=0"),
            graph.add("abuffersink"),
        )
        graph.configure()
        return graph

    def _encode(self) -> None:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            self._out.mux(self._track.encode(frame))


def copier(out: OutputContainer, track: Any, zero: Fraction) -> Callable[[Any], None]:
    """A function that puts a packet of the track into another file, as it is. The track's own words are left behind."""
    copy = out.add_stream_from_template(track)
    copy.metadata.clear()
    shift = round(zero / track.time_base)

    def put(packet: Any) -> None:
        if packet.dts is None or packet.pts is None:
            return
        packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copy
        out.mux(packet)

    return put
