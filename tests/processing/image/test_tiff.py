"""Every layout of a TIFF is shown right, or refused as unsupported: never as noise, and never as damaged."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from itertools import product

import pytest
from PIL import Image

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image.decode import decode
from tests import images, tiffs
from tests.processing.image.checks import fault, process
from tests.tiffs import HEIGHT, WIDTH, Layout, tiff

COLORS = {0: 1, 1: 1, 2: 3, 5: 4}
"""Samples of a photometric interpretation: white is 0, black is 0, RGB, CMYK."""
SORTS = [(8, 1), (16, 1), (32, 1), (32, 2), (32, 3)]


def part(sample: int, x: int, y: int) -> float:
    """The level of a colour, 0-1."""
    return (x / (WIDTH - 1), y / (HEIGHT - 1), 0.3, 0.5 + 0.5 * x / (WIDTH - 1))[sample]


def alpha(y: int) -> float:
    return 0.5 + 0.5 * y / (HEIGHT - 1)


def made(layout: Layout) -> bytes:
    colors = COLORS[layout.photometric]
    most = 1.0 if layout.format == 3 else 255 if layout.bits == 8 else 65535
    associated = bool(layout.extra and layout.extra[0] == 1)

    def values(x: int, y: int) -> Sequence[float]:
        levels = [part(n, x, y) * (alpha(y) if associated else 1) for n in range(colors)]
        levels = [1 - level for level in levels] if layout.photometric == 0 else levels
        levels += [alpha(y)] * (layout.samples - colors)
        return [level * most if layout.format == 3 else round(level * most) for level in levels]

    return tiff(layout, values)


def shown(data: bytes) -> Image.Image:
    return decode(data, memory=2**31, wanted=lambda width, height: (width, height)).pixels


def assert_right(image: Image.Image, layout: Layout, *, has_alpha: bool) -> None:
    assert image.mode == {1: "L", 3: "RGB", 4: "CMYK"}[COLORS[layout.photometric]] + ("A" if has_alpha else "")
    for x, y in product(range(0, WIDTH, 6), range(0, HEIGHT, 4)):
        pixel = image.getpixel((x, y))
        levels = pixel if isinstance(pixel, tuple) else (pixel,)
        expected = [255 * part(n, x, y) for n in range(COLORS[layout.photometric])]
        expected += [255 * alpha(y)] if has_alpha else []
        assert all(abs(a - b) <= 2 for a, b in zip(levels, expected, strict=True)), (x, y, levels, expected)  # type: ignore[operator]


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize(("bits", "format"), SORTS)
@pytest.mark.parametrize("photometric", COLORS)
def test_every_layout_is_shown_right(photometric: int, bits: int, format: int, little: bool, planar: bool) -> None:
    colors = COLORS[photometric]
    for extra, compression, tile in product([None, (0,), (1,), (2,), (2, 0)], (1, 8), (0, 16)):
        if photometric == 5 and extra and extra != (0,):
            continue  # nobody writes alpha beside inks
        samples = colors + len(extra or ())
        layout = Layout(photometric, bits, format, samples, extra, planar, little, compression, tile)
        has_alpha = bool(extra and extra[0])
        assert_right(shown(made(layout)), layout, has_alpha=has_alpha)


UNSUPPORTED = {
    "five greys": Layout(1, samples=5),
    "seven colours": Layout(2, samples=7),
    "five greys of 16 bits, in planes": Layout(1, 16, samples=5, planar=True),
    "half floats": Layout(1, 16, 3),
    "doubles": Layout(2, 64, 3, 3),
    "floats with a predictor": Layout(2, 32, 3, 3, compression=8, more={317: [3]}),
    "bits that differ": Layout(2, samples=3, more={258: [5, 6, 5]}),
    "colour filters": Layout(1, more={262: [32803]}),
    "a compression that nobody has": Layout(1, more={259: [34712]}),
    "WebP inside": Layout(2, samples=3, more={259: [50001]}),
    "ThunderScan": Layout(1, more={259: [32809]}),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_sound_file_of_another_sort_is_not_called_damaged(name: str) -> None:
    layout = UNSUPPORTED[name]
    data = tiff(layout, lambda x, y: [x / 40 if layout.format == 3 else x] * layout.samples)
    assert fault(data).code is ErrorCode.UNSUPPORTED_TYPE
    assert "supported" in fault(data).message


@pytest.mark.parametrize("format", [1, 2, 3])
@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize("compression", [1, 8])
def test_the_range_of_wide_greys_is_found(format: int, little: bool, compression: int) -> None:
    most = {1: 2**32 - 1, 2: 2**31 - 1, 3: 1e6}[format]
    layout = Layout(1, 32, format, little=little, compression=compression)
    image = shown(
        tiff(layout, lambda x, _: [most * (x / (WIDTH - 1)) if format == 3 else int(most * (x / (WIDTH - 1)))])
    )
    levels = [image.getpixel((x, 3)) for x in (0, 18, 36)]
    assert all(abs(a - b) <= 1 for a, b in zip(levels, (0, 127, 255), strict=True))  # type: ignore[operator]


def test_a_negative_of_sixteen_bits_is_as_that_of_eight() -> None:
    for bits in (8, 16):
        most = (1 << bits) - 1
        image = shown(tiff(Layout(0, bits), lambda x, _: [0 if x < 12 else most * 46 // 100 if x < 24 else most]))  # noqa: B023
        assert [image.getpixel((x, 3)) for x in (3, 18, 30)] == pytest.approx([255, 138, 0], abs=1)


def test_words_orientation_and_profile_are_read_from_such_files_too() -> None:
    more: tiffs.Tags = {271: b"Canon\0", 274: [6], 34675: images.wide_gamut_profile()}
    info, _ = process(tiff(Layout(2, 32, 3, 3, more=more), lambda *_: [0.5, 0.5, 0.5]))
    assert (info.width, info.height) == (HEIGHT, WIDTH)
    assert info.exif == {"make": "Canon", "orientation": 6}
    assert info.color_space == "Wide test profile"


def test_lab_is_converted() -> None:
    image = shown(tiff(Layout(8, samples=3), lambda *_: [136, 81, 70]))  # L* 53.3, a* 81, b* 70: pure red
    assert image.mode == "RGB"
    assert all(abs(a - b) < 8 for a, b in zip(image.getpixel((3, 3)), (255, 0, 0), strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_a_damaged_file_is_corrupt(cut: float) -> None:
    data = made(Layout(2, 16, samples=3, planar=True))
    assert fault(data[: int(len(data) * cut)]).code is ErrorCode.CORRUPT


def test_a_bomb_is_refused_before_its_pixels() -> None:
    layout = Layout(2, 32, 3, 3, more={256: [30_000], 257: [30_000]})
    assert fault(tiff(layout, lambda *_: [0.0] * 3)).code is ErrorCode.TOO_MANY_PIXELS


def test_an_orientation_in_xmp_is_passed_over() -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    info, _ = process(tiff(Layout(1, more={700: packet}), lambda *_: [9]))
    assert (info.width, info.height) == (WIDTH, HEIGHT)


def test_changed_bytes_end_in_a_picture_or_a_fault() -> None:
    for layout in (Layout(2, 16, samples=3, planar=True), Layout(2, 32, 3, 3), Layout(0, 16)):
        data = made(layout)
        tail = len(data) - 260
        for at in range(tail, len(data), 3):
            for value in (0, 1, 0x7F, 0xFF):
                changed = bytearray(data)
                changed[at] = value
                try:
                    decode(BytesIO(bytes(changed)), memory=400 * 1024**2, wanted=lambda width, height: (width, height))
                except PermanentFault as found:
                    assert found.code in (ErrorCode.CORRUPT, ErrorCode.UNSUPPORTED_TYPE, ErrorCode.TOO_MANY_PIXELS)


def test_greys_of_twelve_bits_have_their_whole_range() -> None:
    levels = [4095 * n // 15 for n in range(16)]
    packed = int("".join(f"{level:012b}" for level in levels * 16), 2).to_bytes(16 * 16 * 12 // 8)
    tags: tiffs.Tags = {
        256: [16],
        257: [16],
        258: [12],
        259: [1],
        262: [1],
        273: [8],
        277: [1],
        278: [16],
        279: [len(packed)],
    }
    found = decode(tiffs.assembled(packed, tags), memory=1769 * 1024**2, wanted=lambda *size: size).pixels
    assert found.mode == "L"
    assert list(found.tobytes()[:16]) == [17 * n for n in range(16)]
