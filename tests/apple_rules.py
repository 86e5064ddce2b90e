"""A checker of Apple's authoring rules and of RFC 8216, over playlists and the bytes that they lead to.

https://developer.apple.com/documentation/http-live-streaming/hls-authoring-specification-for-apple-devices
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import av

Get = Callable[[str], bytes]

# Bytes of an answer through API Gateway and Lambda, before base64.
MOST_BYTES = 4_400_000


@dataclass
class Playlist:
    """A media playlist: its lines' tags, and (seconds, address) of each segment."""

    tags: dict[str, str] = field(default_factory=dict)
    map: str = ""
    segments: list[tuple[float, str]] = field(default_factory=list)


def attributes(line: str) -> dict[str, str]:
    """The attributes of a tag, unquoted."""
    return {name: value.strip('"') for name, value in re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', line.partition(":")[2])}


def playlist(text: str) -> Playlist:
    found, lines = Playlist(), text.split("\n")
    assert lines[0] == "#EXTM3U" and text.endswith("\n")
    seconds = 0.0
    for line in filter(None, lines[1:]):
        if line.startswith("#EXTINF:"):
            seconds = float(line.removeprefix("#EXTINF:").rstrip(","))
        elif line.startswith("#EXT-X-MAP:"):
            found.map = attributes(line)["URI"]
        elif line.startswith("#"):
            name, _, value = line.partition(":")
            found.tags[name] = value
        else:
            found.segments.append((seconds, line))
    return found


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        assert 8 <= size <= end - start
        yield kind, start + 8, start + size
        start += size
    assert start == end


def box(data: bytes, *path: bytes) -> tuple[int, int]:
    start, end = 0, len(data)
    for wanted in path:
        start, end = next((a, z) for kind, a, z in boxes(data, start, end) if kind == wanted)
    return start, end


def scale(init: bytes) -> int:
    start, _ = box(init, b"moov", b"trak", b"mdia", b"mdhd")
    return int(struct.unpack_from(">I", init, start + 12)[0])


@dataclass
class Timing:
    """The times of a segment, in ticks. `shown` are sorted."""

    number: int
    start: int
    end: int
    shown: list[int]
    first_is_sync: bool


def timing(segment: bytes) -> Timing:
    number = struct.unpack_from(">I", segment, box(segment, b"moof", b"mfhd")[0] + 4)[0]
    start = struct.unpack_from(">Q", segment, box(segment, b"moof", b"traf", b"tfdt")[0] + 4)[0]
    place, _ = box(segment, b"moof", b"traf", b"trun")
    (count,) = struct.unpack_from(">I", segment, place + 4)
    rows = list(struct.iter_unpack(">IIIi", segment[place + 12 : place + 12 + 16 * count]))
    at, shown = start, []
    for duration, _, _, offset in rows:
        shown.append(at + offset)
        at += duration
    assert sum(row[1] for row in rows) == box(segment, b"mdat")[1] - box(segment, b"mdat")[0]
    return Timing(number, start, at, sorted(shown), rows[0][2] == 0x02000000)


def check_media(name: str, get: Get) -> tuple[Playlist, int, int]:
    """Checks a media playlist and all that it leads to. Returns it, its peak and its average rate in bit/s."""
    found = playlist(get(name).decode())
    assert found.tags["#EXT-X-PLAYLIST-TYPE"] == "VOD"
    assert "#EXT-X-ENDLIST" in found.tags and "#EXT-X-INDEPENDENT-SEGMENTS" in found.tags
    assert int(found.tags["#EXT-X-VERSION"]) >= 7 and found.segments
    assert len({uri for _, uri in found.segments}) == len(found.segments), "one address a segment"
    target = int(found.tags["#EXT-X-TARGETDURATION"])
    assert target >= max(math.floor(seconds + 0.5) for seconds, _ in found.segments)
    init = get("av/" + found.map)
    assert b"Lavf" not in init and box(init, b"moov", b"mvex")
    ticks = scale(init)
    sizes, lengths, before, said = [], [], None, 0.0
    for number, (seconds, uri) in enumerate(found.segments):
        segment = get("av/" + uri)
        assert len(segment) <= MOST_BYTES
        assert segment == get("av/" + uri), "the same bytes each time"
        of = timing(segment)
        assert of.number == number + 1 and of.first_is_sync
        assert before is None or of.start == before, f"{uri} begins where the one before ended"
        first = of.start if before is None else first  # noqa: F821 - of the loop before
        before, said = of.end, said + seconds
        assert abs((of.end - of.start) / ticks - seconds) <= 1.0, f"the duration of {uri} is true"
        assert abs((of.end - first) / ticks - said) <= 1.0, "and does not drift"
        sizes.append(len(segment))
        lengths.append(seconds)
    return found, *_rates(sizes, lengths, target)


def _rates(sizes: list[int], lengths: list[float], target: int) -> tuple[int, int]:
    highest = 0.0
    for first in range(len(sizes)):
        for last in range(first + 1, len(sizes) + 1):
            length = sum(lengths[first:last])
            if 0.5 * target <= length <= 1.5 * target:
                highest = max(highest, sum(sizes[first:last]) * 8 / length)
    average = sum(sizes) * 8 / sum(lengths)
    return math.ceil(highest or average), math.ceil(average)


def check_master(get: Get) -> dict[str, Playlist]:
    """Checks a master playlist and all below it. Returns the media playlists by their names."""
    lines = [line for line in get("hls.m3u8").decode().split("\n") if line]
    assert lines[0] == "#EXTM3U" and "#EXT-X-INDEPENDENT-SEGMENTS" in lines
    found: dict[str, Playlist] = {}
    rates: dict[str, tuple[int, int]] = {}

    def follow(uri: str) -> None:
        if uri not in found:
            found[uri], *both = check_media(uri, get)
            rates[uri] = (both[0], both[1])

    sounds = [attributes(line) for line in lines if line.startswith("#EXT-X-MEDIA:TYPE=AUDIO")]
    for sound in sounds:
        follow(sound["URI"])
    assert len({sound["NAME"] for sound in sounds}) == len(sounds)
    assert not sounds or sum(sound["DEFAULT"] == "YES" for sound in sounds) == 1
    beside = [max((rates[sound["URI"]][which] for sound in sounds), default=0) for which in (0, 1)]
    for place, line in enumerate(lines):
        if line.startswith("#EXT-X-STREAM-INF:"):
            variant, uri = attributes(line), lines[place + 1]
            follow(uri)
            more = beside if "RESOLUTION" in variant else [0, 0]
            assert int(variant["BANDWIDTH"]) >= rates[uri][0] + more[0], f"{uri} needs {rates[uri]}"
            assert int(variant["AVERAGE-BANDWIDTH"]) >= rates[uri][1] + more[1]
            assert not sounds or variant["AUDIO"] == "sound"
            _check_codec(variant, get("av/" + found[uri].map), bool(sounds))
        elif line.startswith("#EXT-X-I-FRAME-STREAM-INF:"):
            variant = attributes(line)
            follow(variant["URI"])
            assert "#EXT-X-I-FRAMES-ONLY" in found[variant["URI"]].tags
            assert int(variant["BANDWIDTH"]) >= rates[variant["URI"]][0]
            _check_codec(variant, get("av/" + found[variant["URI"]].map), False)
    return found


def _check_codec(variant: dict[str, str], init: bytes, sounds: bool) -> None:
    codecs = variant["CODECS"].split(",")
    with av.open(io.BytesIO(init), format="mp4") as container:
        stream: Any = container.streams[0]
        config = bytes(stream.codec_context.extradata)
        if stream.type == "video":
            assert f"{stream.width}x{stream.height}" == variant["RESOLUTION"]
            assert ("FRAME-RATE" in variant) or "URI" in variant
            assert any(each.startswith("mp4a.40.") for each in codecs) == sounds
        match stream.codec_context.name:
            case "h264":
                assert codecs[0] == f"avc1.{config[1:4].hex()}"
                sps = config[8 : 8 + 4]
                assert sps[1:4] == config[1:4]
            case "hevc":
                assert codecs[0].startswith("hvc1.")
            case "aac":
                assert codecs[-1] == f"mp4a.40.{config[0] >> 3}"
