"""PNG's transparency of every depth, and chunks that nobody needs. The values are those of Chromium 156."""

from __future__ import annotations

import zlib
from io import BytesIO

import pytest

from chalicelib.processing.image.mending import mended
from chalicelib.processing.image.png import header, with_transparency
from tests import images, pngs
from tests.processing.image.checks import close, opened, process

WIDTHS = (33,)
BIG = b"x" * (1024**2 + 1)
PICTURE = (18, 120, 250)


def alphas(data: bytes) -> list[int]:
    """The alpha of the first row of the pixels that the encoders get."""
    _, out = process(data, widths=WIDTHS)
    image = opened(out["w33", "webp"][1])
    return list(image.getchannel("A").tobytes()[:33]) if image.mode == "RGBA" else [255] * 33


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("part", [0.0, 1 / 3, 0.5, 1.0])
def test_one_grey_is_clear_at_every_depth_and_its_neighbour_is_not(depth: int, part: float) -> None:
    most = (1 << depth) - 1
    clear = round(most * part)
    neighbour = clear ^ 1  # at 16 bits, the difference is in the byte that is rounded away
    data = pngs.png(depth, 0, lambda x, _: [clear if x % 2 else neighbour], before=pngs.clear(clear))
    assert alphas(data) == [0 if x % 2 else 255 for x in range(33)]
    assert process(data)[0].has_alpha


@pytest.mark.parametrize("depth", [8, 16])
def test_one_color_is_clear_and_its_neighbour_is_not(depth: int) -> None:
    most = (1 << depth) - 1
    clear = (most // 2, most // 3, most)
    near = (clear[0], clear[1], most ^ 1)
    data = pngs.png(depth, 2, lambda x, _: clear if x % 2 else near, before=pngs.clear(*clear))
    assert alphas(data) == [0 if x % 2 else 255 for x in range(33)]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("values", [b"\0", b"\xff\0", b"\x80\0", b"\0\x80"])
def test_a_palette_has_an_alpha_for_each_color(depth: int, values: bytes) -> None:
    count = 1 << depth
    palette = pngs.chunk(b"PLTE", bytes(range(3 * min(count, 85))).ljust(3 * count, b"\x77"))
    data = pngs.png(depth, 3, lambda x, _: [x % count], before=palette + pngs.chunk(b"tRNS", values), size=(33, 1))
    with_values = values.ljust(count, b"\xff")
    found = alphas(data)
    assert all(abs(found[x] - with_values[x % count]) <= 1 for x in range(33))


@pytest.mark.parametrize("depth", [8, 16])
def test_alpha_that_a_color_type_has_stays(depth: int) -> None:
    most = (1 << depth) - 1
    assert alphas(pngs.png(depth, 4, lambda x, _: [most, most * (x % 2)]))[:4] == [0, 255, 0, 255]
    assert alphas(pngs.png(depth, 6, lambda x, _: [most, 0, 0, most * (x % 2)]))[:4] == [0, 255, 0, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [((0x0100 + 70,), 0), ((70, 9), 0), ((), 255)],
    ids=["higher bits are passed over", "so is what follows", "an empty chunk"],
)
def test_a_clear_grey_with_more_bytes_or_none(values: tuple[int, ...], expected: int) -> None:
    assert alphas(pngs.png(8, 0, lambda *_: [70], before=pngs.clear(*values)))[0] == expected


def test_an_image_of_another_sort_stays_as_it_is() -> None:
    data = pngs.png(8, 2, lambda *_: PICTURE)
    image, found = opened(data), header(BytesIO(data))
    assert found
    assert with_transparency(image, found, BytesIO(data)) is image
    assert header(BytesIO(images.jpeg(8, 8))) is None


def text(name: bytes, words: bytes) -> bytes:
    match name:
        case b"tEXt":
            content = b"workflow\0" + words
        case b"zTXt":
            content = b"workflow\0\0" + zlib.compress(words)
        case _:
            content = b"workflow\0\1\0\0\0" + zlib.compress(words)
    return pngs.chunk(name, content)


UNNEEDED = {
    "a text of a mebibyte": text(b"tEXt", BIG),
    "one that is packed": text(b"zTXt", BIG),
    "one in UTF-8": text(b"iTXt", BIG),
    "many texts": b"".join(text(b"zTXt", BIG[:1_000_000]) for _ in range(100)),
    "a wrong checksum of a size": pngs.chunk(b"pHYs", bytes(9), crc=1),
    "a wrong checksum of a text": pngs.chunk(b"tEXt", b"a\0bcd", crc=1),
    "a wrong checksum of a profile": pngs.chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(200)), crc=1),
    "a short size": pngs.chunk(b"pHYs", bytes(3)),
    "a short gamma": pngs.chunk(b"gAMA", b"\1"),
    "a short time": pngs.chunk(b"tIME", b"\1"),
    "no profile": pngs.chunk(b"iCCP", b"icc\0\0damaged"),
    "a profile of 10 MB": pngs.chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(10_000_000))),
    "a packed text that is damaged": pngs.chunk(b"zTXt", b"a\0\0damaged"),
    "an empty profile": pngs.chunk(b"iCCP", b""),
    "a profile without a method": pngs.chunk(b"iCCP", b"icc\0"),
    "a profile of an unknown method": pngs.chunk(b"iCCP", b"icc\0\1" + zlib.compress(bytes(200))),
    "a text of an unknown method": pngs.chunk(b"zTXt", b"a\0\1" + zlib.compress(b"b")),
    "empty chunks": b"".join(
        pngs.chunk(name, b"")
        for name in b"bKGD cHRM eXIf gAMA hIST iCCP iTXt juNk pCAL pHYs sBIT sCAL sPLT sRGB sTER tEXt tIME zTXt".split()
    ),
    "a private chunk with a wrong checksum": pngs.chunk(b"prVt", bytes(99), crc=1),
}


@pytest.mark.parametrize("name", UNNEEDED)
@pytest.mark.parametrize("place", ["before", "after"])
def test_what_nobody_needs_is_skipped(name: str, place: str) -> None:
    before, after = (UNNEEDED[name], b"") if place == "before" else (b"", UNNEEDED[name])
    info, out = process(pngs.png(8, 2, lambda *_: PICTURE, before=before, after=after), widths=WIDTHS)
    assert not info.has_alpha
    assert close(opened(out["w33", "webp"][1]).getpixel((9, 2)), PICTURE, 4)


@pytest.mark.parametrize(
    ("profile", "shown"),
    [
        (images.named_profile(b"a", 1.0), 188),
        (images.named_profile(b"a", 1.0) + bytes(1000), 188),
        (images.named_profile(b"a", 1.0, b"text\0\0\0\0" + bytes(2 * 1024**2)), 188),
        (images.named_profile(b"a", 1.0) + bytes(2 * 1024**2), 128),
        (images.named_profile(b"a", 1.0, b"text\0\0\0\0" + bytes(9 * 1024**2)), 128),
    ],
    ids=["small", "small and filled up", "large", "large by filling", "too large"],
)
def test_a_large_profile_counts_unless_it_is_mostly_filling(profile: bytes, shown: int) -> None:
    _, out = process(pngs.png(8, 2, lambda *_: (128, 128, 128), before=pngs.profile(profile)), widths=WIDTHS)
    assert close(opened(out["w33", "webp"][1]).getpixel((9, 2)), (shown,) * 3, 4)


def test_a_sound_file_is_not_copied_and_a_mended_one_keeps_all_else() -> None:
    note, bad = text(b"tEXt", b"a door"), pngs.chunk(b"tEXt", b"a\0b", crc=1)
    sound = pngs.png(8, 2, lambda *_: PICTURE, before=note, after=note)
    source = BytesIO(sound)
    assert mended(source) is source
    for damaged in (
        pngs.png(8, 2, lambda *_: PICTURE, before=bad + note + bad, after=note),
        pngs.png(8, 2, lambda *_: PICTURE, before=note, after=bad + note),
        pngs.png(8, 2, lambda *_: PICTURE, before=note, after=note + bad),
    ):
        assert mended(BytesIO(damaged)).read() == sound
    other = BytesIO(images.jpeg(8, 8))
    assert mended(other) is other


def test_exif_survives_a_bad_neighbour() -> None:
    block = images.exif_block({0x010F: "Canon"}).removeprefix(b"Exif\0\0")
    chunks = pngs.chunk(b"tEXt", b"a\0b", crc=1) + pngs.chunk(b"eXIf", block)
    assert process(pngs.png(8, 2, lambda *_: PICTURE, before=chunks))[0].exif == {"make": "Canon"}


def test_an_exif_before_the_pixels_turns_a_picture_as_in_browsers_and_nothing_else_does() -> None:
    block = images.exif_block(orientation=6)
    exif = pngs.chunk(b"eXIf", block.removeprefix(b"Exif\0\0"))
    words = b"\nexif\n%8d\n" % len(block) + block.hex().encode() + b"\n"
    for raw in (b"tEXt", b"zTXt"):
        profile = b"Raw profile type exif\0" + (words if raw == b"tEXt" else b"\0" + zlib.compress(words))
        info, _ = process(pngs.png(8, 2, lambda *_: PICTURE, before=pngs.chunk(raw, profile)), widths=WIDTHS)
        assert (info.width, info.height) == (33, 5)
    info, _ = process(pngs.png(8, 2, lambda *_: PICTURE, after=exif), widths=WIDTHS)
    assert (info.width, info.height) == (33, 5)
    info, _ = process(pngs.png(8, 2, lambda *_: PICTURE, before=exif), widths=WIDTHS)
    assert (info.width, info.height) == (5, 33)
