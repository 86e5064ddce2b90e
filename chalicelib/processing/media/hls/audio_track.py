"""In the child: sound tracks, and the rungs that are made of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice, pairwise
from operator import eq
from typing import Any

import av
from av.container import InputContainer

from chalicelib.processing.media.hls import cuts, frames, languages, nal, rates, repacked, waves
from chalicelib.processing.media.hls.audio_segment import FRAME
from chalicelib.processing.media.hls.opening import seconds_zero, shown, text, ticks
from chalicelib.processing.media.hls.plan import Rung
from chalicelib.processing.media.hls.tables import Find, Table
from chalicelib.processing.media.hls.tracks import Sound

# Samples a second that AAC has, and all players play. Others are converted.
_RATES = (48000, 44100, 32000, 24000, 22050, 16000)

# Bit/s of one channel and of two.
_BITS = {1: 80_000, 2: 128_000}

# Samples a second, and channels, that make sense.
_FASTEST, _MOST_CHANNELS = 768_000, 64

# Seconds by which a repacked track may begin late, or end early.
_LATE, _EARLY = Fraction(1, 10), Fraction(1, 2)

_HEAD, _TAIL = 12, 20_000

# Bytes of all packets that are read to find the first ones of all tracks. A track may be empty, or begin late; where no
# index leads to it, all before it is read. In a film of 20 Mbit/s that is a quarter of a minute.
MOST_SOUGHT = 40 * 1024**2


def look(container: InputContainer, find: Find, most: int) -> list[Sound]:
    """The tracks that can be decoded, at most so many. `find` finds a track's table."""
    found: list[Sound] = []
    left = frames.Left(MOST_SOUGHT)
    for stream in shown(container.streams.audio):
        sound = _look(container, stream, find, left) if len(found) < most else None
        found += [sound] if sound else []
    return found


def _look(container: InputContainer, stream: Any, find: Find, left: frames.Left) -> Sound | None:
    context = stream.codec_context
    if context is None or not (0 < context.sample_rate <= _FASTEST and 0 < context.channels <= _MOST_CHANNELS):
        return None
    entries = find(stream)
    frames.to_beginning(container, stream)
    found = frames.decoded(container, stream, left)
    heard = [frame for frame in islice(found, _HEAD) if frame.pts is not None]
    if not heard or not _can_be_mixed(heard[0], min(2, int(context.channels))):
        return None
    first, sizes = heard[0], {frame.samples for frame in heard[1:-1]}  # the first and the last one may be cut
    even = _is_even(entries, stream)
    # A packet of which only a part is to be heard is repacked as a whole.
    begins = min(first.pts, entries.shown[entries.run_up or 0] if entries and even else first.pts) * stream.time_base
    ends = _end(container, stream, entries, begins)
    language, title = stream.metadata.get("language"), stream.metadata.get("title")
    return Sound(
        stream=stream,
        table=entries,
        begins=begins,
        ends=max(ends, begins + Fraction(1, 100)),
        rate=int(first.sample_rate),
        channels=min(2, int(context.channels)),
        samples=sizes.pop() if len(sizes) == 1 else 0,
        grid=_grid(context),
        even=even,
        default=bool(stream.disposition & av.stream.Disposition.default),
        language=languages.tag(language),
        title=text(title or "")[:100].strip() or None,
    )


def _grid(context: Any) -> int:
    """Samples of which each packet has some multiple; 0 where that is not needed or not known.

    Vorbis has packets of unequal length: each gives a quarter of two blocks together, and the shorter sort of blocks
    divides the longer one (Vorbis I, 4.2.2 and 4.3.8).
    """
    header = bytes(context.extradata or b"").partition(b"\x01vorbis")[2]
    if context.name != "vorbis" or len(header) < 22:
        return 0
    return 1 << (header[21] & 15) >> 2


def _can_be_mixed(frame: Any, channels: int) -> bool:
    """False for nine channels, for example: FFmpeg does not know where they are."""
    try:
        waves.mixer(frame, channels)
    except av.error.FFmpegError:
        return False
    return True


def _end(container: InputContainer, stream: Any, entries: Table | None, begins: Fraction) -> Fraction:
    """When the track ends, in seconds."""
    base = stream.time_base
    if entries and entries.ends is not None:
        return Fraction(entries.ends * base)
    if entries:
        steps = [later - earlier for earlier, later in islice(pairwise(entries.decoded), 1000)]
        return Fraction((entries.decoded[-1] + (max(steps) if steps else 0)) * base)
    if stream.duration and stream.duration > 0 and not container.streams.video:
        return Fraction(begins + stream.duration * base)
    if container.duration and container.duration > 0:
        return Fraction((container.start_time or 0) + container.duration, av.time_base)
    last = 0
    for packet in islice(container.demux(stream), _TAIL * 100):
        last = max(last, (packet.pts or 0) + (packet.duration or 0))
    return Fraction(last * base)


def _is_even(entries: Table | None, stream: Any) -> bool:
    if entries is None or entries.run_up is None or not entries.decoded:
        return False
    step = Fraction(FRAME, stream.codec_context.sample_rate) / Fraction(stream.time_base)
    count, first = len(entries.decoded), entries.decoded[0]
    if count == 1:
        return True
    if step.denominator != 1:
        return False
    length = step.numerator
    even = range(first, first + count * length, length)
    if isinstance(entries.decoded, range):
        return entries.decoded == even
    return all(map(eq, entries.decoded, even))


def rung(
    sound: Sound, number: int, zero: Fraction, end: Fraction, borders: Sequence[Fraction], *, default: bool
) -> Rung:
    """The rung of a track. `borders` are the picture's in seconds; a film's sound ends with its picture."""
    made = _copied(sound, zero, end, borders) or _encoded(sound, zero, end, borders)
    return Rung(
        name=f"a{number}",
        stream=sound.stream.index,
        language=sound.language,
        title=sound.title,
        default=default,
        **made,
    )


def _nearest(numerator: int, denominator: int) -> int:
    """`round(Fraction(numerator, denominator))` without making one: films of hours have thousands of borders."""
    whole, rest = divmod(2 * numerator + denominator, 2 * denominator)
    return whole - (rest == 0 and whole % 2)


def _borders(frames_in_all: int, rate: int, borders: Sequence[Fraction]) -> list[int]:
    """Boundaries in frames of AAC, near those of the picture."""
    if borders:
        near = [_nearest(border.numerator * rate, border.denominator * FRAME) for border in borders[1:-1]]
    else:
        near = [round(Fraction(each * rate, FRAME)) for each in range(cuts.TARGET, frames_in_all, cuts.TARGET)]
    return [0, *(each for each in dict.fromkeys(near) if 0 < each < frames_in_all), frames_in_all]


def _encoded(sound: Sound, zero: Fraction, end: Fraction, borders: Sequence[Fraction]) -> dict[str, Any]:
    rate = sound.rate
    while rate not in _RATES and rate % 2 == 0 and rate // 2 >= 32000:
        rate //= 2
    rate = rate if rate in _RATES else 48000
    found = [FRAME * each for each in _borders(max(1, -int(-end * rate // FRAME)), rate, borders)]
    lengths = [(later - earlier) / rate for earlier, later in pairwise(found)]
    bits = _BITS[sound.channels]
    sizes = [rates.sound_bytes(bits, (later - earlier) // FRAME, rate) for earlier, later in pairwise(found)]
    return {
        "sort": "sound",
        "scale": rate,
        "cuts": found,
        "codec": "mp4a.40.2",
        "peak": rates.peak(sizes, lengths),
        "average": rates.average(sizes, lengths),
        "settings": {
            "channels": sound.channels,
            "own_rate": sound.rate,
            "frame_size": sound.samples,
            "first": [sound.begins.numerator, sound.begins.denominator],
            "rate": bits,
            **({"grid": sound.grid} if sound.grid else {}),  # plans of other sounds stay as they were
        },
    }


def _copied(sound: Sound, zero: Fraction, end: Fraction, borders: Sequence[Fraction]) -> dict[str, Any] | None:
    """The rung of the track's own packets: AAC-LC of one or two channels, whole from the beginning to the end."""
    context, entries = sound.stream.codec_context, sound.table
    config = bytes(context.extradata or b"")
    if context.name != "aac" or len(config) < 2 or config[0] >> 3 != 2 or entries is None or not sound.even:
        return None
    if not entries.has_one_header:
        return None
    if context.channels > 2 or sound.rate not in _RATES or sound.rate != context.sample_rate:
        return None
    scale, base = sound.rate, sound.stream.time_base * sound.rate
    nothing = seconds_zero((zero.numerator, zero.denominator), scale)
    if base.denominator != 1:
        return None
    earliest = -(-nothing // base.numerator)
    kept = entries.decoded[max(entries.run_up or 0, bisect_left(entries.decoded, earliest)) :]  # it is even, so sorted
    if not kept:
        return None
    (first,) = ticks(kept[:1], base, nothing)
    last = first + FRAME * len(kept)
    if first > _LATE * scale or last < (end - _EARLY) * scale:
        return None
    places = _borders(len(kept), scale, [border - Fraction(first, scale) for border in borders])
    found = [first + FRAME * each for each in places]
    lengths = [(later - earlier) / scale for earlier, later in pairwise(found)]
    own = entries.sizes[len(entries.sizes) - len(kept) :]
    sizes = [sum(own[one:other]) + 16 * (other - one) + 200 for one, other in pairwise(places)]
    return {
        "sort": "sound_copy",
        "scale": scale,
        "cuts": found,
        "codec": nal.aac_name(config),
        "peak": rates.peak(sizes, lengths),
        "average": rates.average(sizes, lengths),
        "settings": {
            **repacked.settings(config),
            "channels": context.channels,
            "places": [kept[each] for each in places[:-1]],
            "most_bytes": max(sizes) + 1000,
        },
    }
