"""Films that play: playlists among their renditions, as processing writes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.model import Rendition

HLS_TYPE = "application/vnd.apple.mpegurl"

MASTER = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",DEFAULT=YES,AUTOSELECT=YES,URI="av/a0.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=90000,CODECS="avc1.64000a,mp4a.40.2",RESOLUTION=64x48,FRAME-RATE=25.000,AUDIO="sound"
av/v48.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=60000,CODECS="avc1.64000a,mp4a.40.2",RESOLUTION=64x48,FRAME-RATE=25.000,AUDIO="sound"
av/source.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=9000,CODECS="avc1.64000a",RESOLUTION=64x48,URI="av/i48.m3u8"
"""

VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"
SRT = "1\n00:00:01,000 --> 00:00:02,000\nBonjour\n"


def renditions() -> list[tuple[Rendition, bytes]]:
    """The playlists of a film of two seconds, and its plan."""

    def playlist(name: str, text: str) -> tuple[Rendition, bytes]:
        body = text.encode()
        return Rendition(name=name, format="hls", content_type=HLS_TYPE, duration=2.005, size=len(body)), body

    plan = Rendition(name="av/plan", format="json", content_type="application/json", size=2), b"{}"
    return [playlist("hls", MASTER), *(playlist(f"av/{rung}", "#EXTM3U\n") for rung in ("v48", "a0")), plan]


@contextmanager
def written() -> Iterator[None]:
    """Meanwhile each film that is processed gets these playlists, unless its processor writes some itself."""
    from chalicelib.processing.media import video  # FFmpeg

    process = video.process

    def with_playlists(source: Any, order: Any, emit: Any) -> Any:
        emitted: set[str] = set()

        def noted(rendition: Rendition, body: bytes) -> None:
            emitted.add(rendition.name)
            emit(rendition, body)

        made = process(source, order, noted)
        for rendition, body in renditions() if "hls" not in emitted else ():
            emit(rendition, body)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video, "process", with_playlists)
        yield
