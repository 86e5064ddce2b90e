"""In the child: the times of a transport stream, which may jump.

They have 33 bits: after 26.5 hours they begin anew, wherever a recording began. Recordings that were joined byte by
byte, and television at the end of a program, jump from one packet to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.processing.media.hls.tracks import NoStreamError

WRAP = 1 << 33
SECOND = 90_000  # ticks

# Ticks by which a track's time may go back, or all tracks' forward, without being a jump; by which a track may be
# behind the others where they have jumped; and where it begins.
_BACK, _FORWARD, _BEHIND, _LATE = SECOND // 2, 10 * SECOND, 3 * SECOND, 60 * SECOND

# Jumps of one file, at most, and how many of the earlier ones may be taken back.
_MOST, _REMEMBERED = 10_000, 4


def near(time: int, other: int) -> int:
    """The time that is the same in 33 bits and nearest to another one."""
    return time + (other - time + WRAP // 2) // WRAP * WRAP


@dataclass
class Jumps:
    """Makes the times of all tracks continuous. `of` has for each track where in the file a jump is, and how many ticks
    are to be added from there on."""

    of: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    _lasts: dict[int, int] = field(default_factory=dict)
    _shifts: list[int] = field(default_factory=lambda: [0])
    _end: int | None = None

    def shift(self, track: int, place: int, time: int, length: int) -> int:
        """The ticks to be added to a packet's times. `time` is that of its decoding. Raises NoStreamError."""
        given = self.of.setdefault(track, [(0, 0)])
        last = self._lasts.get(track, self._end if self._end is not None else time)
        end = last if self._end is None else max(self._end, last)
        back = _BACK if track in self._lasts else _LATE
        given_now = given[-1][1]
        found: int | None = given_now
        if not last - back <= near(time + given_now, last) <= end + _FORWARD:
            others = (each for each in reversed(self._shifts[-_REMEMBERED:]) if each != given_now)
            fits = (each for each in others if last - _BEHIND <= near(time + each, last) <= end + _FORWARD)
            found = next(fits, None)
        if found is None:
            found = end - time
            self._shifts.append(found)
            if len(self._shifts) > _MOST:
                raise NoStreamError("its times jump again and again")
        if found != given_now:
            given.append((place, found))
        now = near(time + found, last)
        self._lasts[track], self._end = now, max(end, now + length)
        return now - time


class Continued:
    """A container of a transport stream that was opened at the byte `at`, behind `opening` bytes that are not its own.

    Seeking leads to its beginning, wherever to: FFmpeg would search by times, which jump. Of the track `index`, times
    become continuous: `times` has `since`, when the first packet is shown, the ticks `shift` to be added, and `jumps`,
    pairs of a place and of the ticks from there on. Without `times` they stay as they are.
    """

    def __init__(
        self, container: Any, index: int = -1, times: Mapping[str, Any] | None = None, at: int = 0, opening: int = 0
    ) -> None:
        self._container, self._index, self._times, self._moved = container, index, times, at - opening

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def seek(self, *_: Any, **__: Any) -> None:
        self._container.seek(0, unsupported_byte_offset=True)

    def demux(self, *streams: Any) -> Iterator[Any]:
        packets = self._container.demux(*streams)
        return packets if self._times is None else self._continued(packets, self._times)

    def _continued(self, packets: Iterator[Any], times: Mapping[str, Any]) -> Iterator[Any]:
        last, shift, jumps, place = int(times["since"]), int(times["shift"]), list(times["jumps"]), -1
        for packet in packets:
            if packet.stream.index == self._index and packet.size:
                place = place if packet.pos is None else packet.pos + self._moved
                while jumps and place >= jumps[0][0]:
                    shift = jumps.pop(0)[1]
                for name in ("pts", "dts"):
                    time = getattr(packet, name)
                    if time is not None:
                        last = near(time + shift, last)
                        setattr(packet, name, last)
            yield packet


def continued(
    container: Any, track: int, config: str, times: Mapping[str, Any], at: int, opening: int
) -> tuple[Continued, int]:
    """(`Continued`, FFmpeg's index of the track with this PID): in the middle, tracks may come in another order.

    `config` is what its decoder needs before the first packet (hexadecimal digits), if the file did not say it again.
    """
    stream = next(each for each in container.streams if each.id == track)
    if config and not stream.codec_context.extradata:
        stream.codec_context.extradata = bytes.fromhex(config)
    return Continued(container, stream.index, times, at, opening), int(stream.index)
