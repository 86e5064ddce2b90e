"""Bitmaps of any layout of bits. The values are those of Chromium 156."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest

from chalicelib.model import ErrorCode
from chalicelib.processing.image.bitmaps import needs_us
from chalicelib.processing.image.decode import decode
from tests import images
from tests.bitmaps import Color, Masks, bmp, packed
from tests.processing.image.checks import close, fault, opened, process

MASKS: dict[str, tuple[int, Masks]] = {
    "565": (16, (0xF800, 0x7E0, 0x1F, 0)),
    "555": (16, (0x7C00, 0x3E0, 0x1F, 0)),
    "565 from blue": (16, (0x1F, 0x7E0, 0xF800, 0)),
    "444": (16, (0xF00, 0xF0, 0xF, 0)),
    "4444": (16, (0xF00, 0xF0, 0xF, 0xF000)),
    "1555": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "332": (16, (0xE0, 0x1C, 3, 0)),
    "10-10-10": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0)),
    "10-10-10-2": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
    "10-10-10-2 from blue": (32, (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)),
    "11-11-10": (32, (0xFFE00000, 0x1FFC00, 0x3FF, 0)),
    "8888": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "8888 from blue": (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
    "8888 from alpha": (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
    "888 from blue": (32, (0xFF, 0xFF00, 0xFF0000, 0)),
    "888, green first": (32, (0xFF00, 0xFF0000, 0xFF, 0)),
    "565 in 32 bits": (32, (0xF800, 0x7E0, 0x1F, 0)),
    "no green": (32, (0xFF0000, 0, 0xFF, 0)),
}


def color(x: int, y: int) -> Color:
    return x * 11 % 256, y * 37 % 256, x * y * 5 % 256, 255 - x * 11 % 256


@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_every_layout_of_bits_is_shown(name: str, top_down: bool) -> None:
    bits, masks = MASKS[name]
    for header in (124,) if masks[3] else (40, 52, 56, 108, 124):
        data = bmp(color, masks, bits=bits, header=header, top_down=top_down)
        _, out = process(data)
        image = opened(out["w23", "webp"][1]).convert("RGBA")
        for x, y in ((0, 0), (11, 3), (22, 6)):
            red, green, blue, alpha = (
                round(v * most) / most * 255 if (most := (1 << mask.bit_count()) - 1) else 0
                for v, mask in zip((c / 255 for c in color(x, y)), masks, strict=True)
            )
            expected = (red, green, blue, alpha if masks[3] else 255)
            assert abs(image.getpixel((x, y))[3] - expected[3]) <= 2, (x, y)  # type: ignore[index]


def test_the_colors_of_a_bit_field_are_exact() -> None:
    for name, (bits, masks) in MASKS.items():
        if masks[3] or not masks[1]:
            continue
        flat = bmp(lambda *_: (250, 120, 60, 255), masks, bits=bits, size=(64, 64))
        _, out = process(flat)
        assert close(opened(out["w64", "webp"][1]).convert("RGB").getpixel((30, 30)), (250, 120, 60), 40), name


def test_alpha_counts_where_the_header_has_a_mask_for_it() -> None:
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    clear = bmp(lambda *_: (9, 9, 9, 0), masks, compression=0)
    assert process(clear)[0].has_alpha
    assert not process(bmp(lambda *_: (9, 9, 9, 0), masks, compression=0, header=40))[0].has_alpha
    assert not process(images.encoded(images.picture(20, 20), "BMP"))[0].has_alpha


def test_masks_with_alpha_after_an_old_header() -> None:
    masks = (0xF00, 0xF0, 0xF, 0xF000)
    assert process(bmp(color, masks, bits=16, header=40, compression=6))[0].has_alpha


def test_an_embedded_profile_counts() -> None:
    masks = (0xFF0000, 0xFF00, 0xFF, 0)
    data = bmp(lambda *_: (200, 60, 60, 255), masks, compression=0, profile=images.wide_gamut_profile(), size=(64, 64))
    info, out = process(data)
    assert info.color_space == "Wide test profile"
    assert close(opened(out["w64", "webp"][1]).convert("RGB").getpixel((30, 30)), (218, 41, 52), 5)


def test_a_bomb_and_damage_are_refused() -> None:
    masks = MASKS["10-10-10"][1]
    data = bytearray(bmp(color, masks))
    assert fault(bytes(data[:-50])).code is ErrorCode.CORRUPT
    data[18:26] = struct.pack("<ii", 30_000, 30_000)
    assert fault(bytes(data)).code is ErrorCode.TOO_MANY_PIXELS
    assert fault(bmp(color, (0xF0F000, 0xF00, 0xF, 0))).code is ErrorCode.UNSUPPORTED_TYPE
    assert not needs_us(BytesIO(images.encoded(images.picture(9, 9), "BMP")))
    assert packed(masks, (255, 255, 255, 255)) == 0x3FFFFFFF


@pytest.mark.parametrize(("bits", "colors"), [(2, 4), (2, 0), (8, 300), (8, 305_402_420), (4, 17)])
def test_palettes_of_two_bits_and_of_more_colors_than_there_can_be(bits: int, colors: int) -> None:
    count = min(colors or 1 << bits, 1 << bits)
    table = b"".join(bytes([10 * n, 20 * n, 60 * n, 0]) for n in range(4)) + bytes(4 * (count - 4))
    levels = "".join(f"{n:0{bits}b}" for n in range(4))
    row = int(levels, 2).to_bytes(len(levels) // 8).ljust(4, b"\0")
    head = struct.pack("<IiiHHIIiiII", 40, 4, 1, 1, bits, 0, 0, 0, 0, colors, 0)
    start = 14 + len(head) + len(table)
    data = b"BM" + struct.pack("<IHHI", start + len(row), 0, 0, start) + head + table + row
    pixels = decode(data, memory=1769 * 1024**2, wanted=lambda *size: size).pixels
    assert list(pixels.convert("RGB").tobytes()) == [value for n in range(4) for value in (60 * n, 20 * n, 10 * n)]


@pytest.mark.parametrize("header", [16, 20, 24, 28, 32, 36])
@pytest.mark.parametrize("bits", [8, 24])
def test_a_header_of_os2_may_end_early(header: int, bits: int) -> None:
    colors = [(60 * n, 20 * n, 10 * n) for n in range(4)]
    table = b"".join(bytes([*color[::-1], 0]) for color in colors) + bytes(4 * 252) if bits == 8 else b""
    row = bytes(range(4)) if bits == 8 else b"".join(bytes(color[::-1]) for color in colors)
    head = struct.pack("<IiiHH", header, 4, 1, 1, bits).ljust(header, b"\0")
    start = 14 + len(head) + len(table)
    data = b"BM" + struct.pack("<IHHI", start + len(row), 0, 0, start) + head + table + row
    pixels = decode(data, memory=1769 * 1024**2, wanted=lambda *size: size).pixels
    assert list(pixels.convert("RGB").get_flattened_data()) == colors
