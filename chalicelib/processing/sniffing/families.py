"""Families of formats: image, audio, video and font, also of formats that `sniff` can't name."""

from __future__ import annotations

# First bytes of formats of which only the family is known: nobody looks into such files, but a token may allow them.
_FAMILIES = (
    (b"MThd", "audio"),
    (b".snd", "audio"),
    (b"wvpk", "audio"),
    (b"MAC ", "audio"),
    (b"\xff\xf1", "audio"),  # one frame of AAC in ADTS, MPEG-4; `media.adts` needs two
    (b"\xff\xf9", "audio"),  # the same, MPEG-2
    (b"wOFF", "font"),
    (b"wOF2", "font"),
    (b"OTTO", "font"),
    (b"ttcf", "font"),
    (b"\0\x01\0\0", "font"),  # TrueType
    (b"true\0", "font"),
    (b"#?RADIANCE", "image"),
    (b"v/1\x01", "image"),  # OpenEXR
    (b"qoif", "image"),
    (b"gimp xcf", "image"),
    (b"icns", "image"),
    (b"DDS ", "image"),
    (b"AT&TFORM", "image"),  # DjVu
)


def further(head: bytes) -> set[str]:
    """The families of a format that nobody looks into."""
    return {family for magic, family in _FAMILIES if head.startswith(magic)}
