"""The addresses and playlists of captions. Pure.

A file's captions are stored three times in the derived bucket. The text that the client gave is kept below
`f/private/{file id}/captions/`, which no address at the edge leads to, for as long as the file has it. Copies of it are
below `av/` in the served version, and in each version that is made later.

No playlist is ever rewritten. The master playlist that names the captions is a new object, `hls-{digest}.m3u8`, made of
the master without captions, `hls.m3u8`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable

from chalicelib.model import Caption, File, Rendition, Visibility
from chalicelib.renditions import places
from chalicelib.renditions.media_names import FOLDER

MASTER = "hls.m3u8"
VTT = "text/vtt"
PLAYLIST = "application/vnd.apple.mpegurl"

# Bytes of a master playlist that is read. One rung takes some 300.
MAX_MASTER = 256 * 1024

GROUP = "captions"

# Seconds that a playlist says of a film whose length nobody knows. A player loads the one text for any moment before.
UNKNOWN_LENGTH = 86_400.0

_CAPTIONS = re.compile(r"f/private/[^/]+/captions/.*|f/[^/]+/[^/]+/[^/]+/av/captions-.*")


def name_of(file: File, language: str, text: bytes) -> str:
    """The name of captions that are written now, such as `av/captions-0123456789abcdef.vtt`.

    No later write gets the same name, not even for the same text, because the revision is part of it.
    """
    return f"{FOLDER}captions-{_digest(f'{file.revision}\n{language}\n'.encode() + text)}.vtt"


def playlist_of(name: str) -> str:
    """The name of the playlist of captions with this name."""
    return name.removesuffix(".vtt") + ".m3u8"


def kept_key(file: File, name: str) -> str:
    """The key under which the client's captions are kept, whatever becomes of the file's renditions."""
    return f"f/{Visibility.PRIVATE}/{file.id}/captions/{name.removeprefix(FOLDER)}"


def are_captions(key: str) -> bool:
    """True for the key of captions, kept or delivered, or of their playlist; and for a prefix of such keys."""
    return _CAPTIONS.fullmatch(key) is not None


def is_named(file: File, key: str) -> bool:
    """True if the record names the captions with this key, whatever version of the file they are in."""
    stem = key.rpartition("/")[2].partition(".")[0]
    return any(each.name.removeprefix(FOLDER).removesuffix(".vtt") == stem for each in file.captions)


def are_delivered(file: File) -> bool:
    """True if the captions in the record are among the served objects.

    They are not while the file has no playlist, nor after a release processed it that knows no captions.
    """
    hls = places.hls_of(file)
    return bool(file.captions and hls and hls.tag)


def duration_of(file: File, hls: Rendition) -> float:
    """Seconds."""
    facts = file.video or file.audio
    return hls.duration or (facts.duration if facts else None) or UNKNOWN_LENGTH


def playlist(name: str, duration: float) -> str:
    """The playlist of captions: one segment for the whole film, so that all of it is loaded once (RFC 8216, 3.5)."""
    lines = (
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, math.ceil(duration))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXTINF:{duration:.3f},",
        name.removeprefix(FOLDER),
        "#EXT-X-ENDLIST",
    )
    return "\n".join(lines) + "\n"


def vtt_time(milliseconds: int) -> str:
    """A moment as WebVTT has it: `00:01:02.500`."""
    seconds, fraction = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:03d}"


def with_captions(master: str, captions: Iterable[Caption]) -> str:
    """A master playlist that names these captions, made of the one without any.

    Each variant says `SUBTITLES` (RFC 8216, 4.3.4.2). Playlists of single pictures, which players show while they wind
    forward, have no captions.
    """
    lines = master.splitlines()
    first = next((n for n, line in enumerate(lines) if line.startswith("#EXT-X-STREAM-INF:")), len(lines))
    named = [f'{line},SUBTITLES="{GROUP}"' if line.startswith("#EXT-X-STREAM-INF:") else line for line in lines[first:]]
    return "\n".join([*lines[:first], *map(_media, captions), *named]) + "\n"


def _media(caption: Caption) -> str:
    """A label has no quotation mark, and no two captions of a file have the same one (api/routes/captions.py)."""
    default = "YES" if caption.default else "NO"
    return (
        f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="{GROUP}",NAME="{caption.label}",LANGUAGE="{caption.language}",'
        f'DEFAULT={default},AUTOSELECT=YES,FORCED=NO,URI="{playlist_of(caption.name)}"'
    )


def tagged(hls: Rendition, master: bytes) -> Rendition:
    """The rendition `hls` at the address of this master playlist, which names captions."""
    return hls.model_copy(update={"tag": _digest(master), "size": len(master)})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
