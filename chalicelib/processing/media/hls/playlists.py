"""Writes HLS playlists (RFC 8216, version 7) from a plan. Addresses are relative, and each segment has its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chalicelib.processing.media.hls import languages
from chalicelib.processing.media.hls.plan import Plan, Rung
from chalicelib.renditions.media_names import FOLDER

CONTENT_TYPE = "application/vnd.apple.mpegurl"

# Seconds of `EXT-X-TARGETDURATION`, at least. It is an upper bound, and players take their patience from it: video.js
# gives up a request after one and a half times as long. A film of a second that nobody has watched needs more.
LEAST_TARGET = 6

_SOUND = "sound"


def master(plan: Plan) -> str:
    """The playlist of playlists. It stands beside the folder `av/`. `renditions/captions.py` adds captions to it."""
    sounds = plan.of("sound", "sound_copy")
    pictures = sorted(plan.of("picture", "copy"), key=lambda rung: rung.peak)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    names: set[str] = set()
    lines += [_sound(rung, number, names) for number, rung in enumerate(sounds)]
    for rung in pictures:
        lines += [_variant(rung, sounds), f"{FOLDER}{rung.name}.m3u8"]
    if sounds:
        best = next((rung for rung in sounds if rung.default), sounds[0])
        lines += [_variant(best, sounds), f"{FOLDER}{best.name}.m3u8"]
    lines += [_fast(rung) for rung in plan.of("key")]
    return "\n".join(lines) + "\n"


def media(rung: Rung) -> str:
    """The playlist of one rung. It stands in the folder `av/`."""
    lengths = list(map(rung.seconds, range(rung.count)))
    target = max(1 if rung.sort == "key" else LEAST_TARGET, math.floor(max(lengths) + 0.5))
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{target}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        *(["#EXT-X-I-FRAMES-ONLY"] if rung.sort == "key" else []),
        f'#EXT-X-MAP:URI="{rung.name}-init.mp4"',
    ]
    for number, length in enumerate(lengths):
        lines += [f"#EXTINF:{length:.6f},", f"{rung.name}-{number}.m4s"]
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def _variant(rung: Rung, sounds: Sequence[Rung]) -> str:
    heard = [each for each in sounds if each is not rung]
    codecs = dict.fromkeys([rung.codec, *([each.codec for each in sounds] if not rung.is_sound else [])])
    beside = not rung.is_sound
    fields = {
        "BANDWIDTH": str(rung.peak + (max((each.peak for each in heard), default=0) if beside else 0)),
        "AVERAGE-BANDWIDTH": str(rung.average + (max((each.average for each in heard), default=0) if beside else 0)),
        "CODECS": _quoted(",".join(codecs)),
    }
    if not rung.is_sound:
        fields["RESOLUTION"] = f"{rung.width}x{rung.height}"
        if rung.frame_rate:
            fields["FRAME-RATE"] = f"{rung.frame_rate:.3f}"
        if rung.video_range:
            fields["VIDEO-RANGE"] = rung.video_range
    if sounds:
        fields["AUDIO"] = _quoted(_SOUND)
    if not rung.is_sound:
        fields["CLOSED-CAPTIONS"] = "NONE"
    return "#EXT-X-STREAM-INF:" + _joined(fields)


def _sound(rung: Rung, number: int, names: set[str]) -> str:
    said = _clean(rung.title or "").strip()
    name = _unique(said or languages.name(rung.language) or f"Track {number + 1}", names)
    fields = {"TYPE": "AUDIO", "GROUP-ID": _quoted(_SOUND), "NAME": _quoted(name)}
    if rung.language:
        fields["LANGUAGE"] = _quoted(rung.language)
    fields["DEFAULT"] = "YES" if rung.default else "NO"
    fields["AUTOSELECT"] = "YES"
    fields["CHANNELS"] = _quoted(str(rung.settings.get("channels", 2)))
    fields["URI"] = _quoted(f"{FOLDER}{rung.name}.m3u8")
    return "#EXT-X-MEDIA:" + _joined(fields)


def _fast(rung: Rung) -> str:
    fields = {
        "BANDWIDTH": str(rung.peak),
        "AVERAGE-BANDWIDTH": str(rung.average),
        "CODECS": _quoted(rung.codec),
        "RESOLUTION": f"{rung.width}x{rung.height}",
        "URI": _quoted(f"{FOLDER}{rung.name}.m3u8"),
    }
    return "#EXT-X-I-FRAME-STREAM-INF:" + _joined(fields)


def _unique(name: str, taken: set[str]) -> str:
    """Tracks of one group must have different names."""
    other, number = name, 2
    while other in taken:
        other, number = f"{name} {number}", number + 1
    taken.add(other)
    return other


def _clean(text: str) -> str:
    """A quoted string has neither quotes nor line feeds."""
    return "".join(letter for letter in text.replace('"', "'") if letter.isprintable())


def _quoted(text: str) -> str:
    return f'"{text}"'


def _joined(fields: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in fields.items())
