"""Names below `av/`."""

from __future__ import annotations

import pytest

from chalicelib.renditions.media_names import MediaName, Part, read

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("av/v720.m3u8", MediaName(Part.PLAYLIST, "v720")),
        ("av/source-init.mp4", MediaName(Part.INIT, "source")),
        ("av/a0-12.m4s", MediaName(Part.SEGMENT, "a0", 12)),
        ("i240-0.m4s", MediaName(Part.SEGMENT, "i240", 0)),
        ("av/720.mp4", MediaName(Part.CLIP, "720")),
        ("av/sound.opus", MediaName(Part.SOUND, "opus")),
        ("av/sprite-3.jpg", MediaName(Part.SPRITE, "", 3)),
        ("av/sprites.vtt", MediaName(Part.SPRITES)),
    ],
)
def test_a_name_has_parts(name: str, parts: MediaName) -> None:
    assert read(name) == parts


@pytest.mark.parametrize(
    "name",
    [
        *("av/", "av/v0720-1.m4s", "v720-01.m4s", "v720--1.m4s", "v720-1.m4s\n", "a100.m3u8", "v720-1234567.m4s"),
        *("av/av/v720.m3u8", "../v720.m3u8", "v\u066720.m3u8", "sound.mp3", "sprite.jpg", "plan.json", "V720.m3u8", ""),
    ],
)
def test_any_other_name_has_none(name: str) -> None:
    assert read(name) is None
