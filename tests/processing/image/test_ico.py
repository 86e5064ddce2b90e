"""Icons by size, depth and mask. The values are those of Chromium 156."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from chalicelib.model import ErrorCode
from tests import bitmaps, images, pngs
from tests.bitmaps import dib, icon
from tests.fuzzing import tried
from tests.processing.image.checks import close, fault, opened, process

RED, GREEN = 0x00C8281E, 0xFF00FF00
PALETTE = [(n * 67 % 256, n * 31 % 256, n * 90 % 256) for n in range(256)]


def shown(data: bytes) -> Image.Image:
    info, out = process(data)
    assert info.format == "ico"
    return opened(out[f"w{info.width}", "webp"][1]).convert("RGBA")


def checkered(x: int, y: int) -> bool:
    return (x // 8 + y // 8) % 2 == 0


@pytest.mark.parametrize("bits", [1, 4, 8, 16, 24, 32])
@pytest.mark.parametrize("side", [16, 24, 32, 48])
def test_the_mask_clears_pixels_of_every_depth(bits: int, side: int) -> None:
    """Pixels of 32 bits whose alpha is 0 everywhere never had one."""
    palette = PALETTE[: 1 << bits] if bits <= 8 else []
    for mask in (checkered, lambda *_: False):
        image = shown(icon((side, bits, dib(side, bits, lambda *_: 1, mask, palette))))
        for x, y in ((4, 4), (12, 4), (4, 12)):
            assert abs(image.getpixel((x, y))[3] - (0 if mask(x, y) else 255)) <= 2  # type: ignore[index]


def test_an_alpha_that_was_never_set_makes_nothing_clear() -> None:
    info, out = process(icon((16, 32, dib(16, 32, lambda *_: RED, lambda *_: False))))
    assert not info.has_alpha
    assert close(opened(out["w16", "webp"][1]).getpixel((3, 3)), (200, 40, 30), 4)


def test_an_alpha_wins_over_the_mask() -> None:
    image = shown(icon((32, 32, dib(32, 32, lambda x, _: 0xFF0000FF if x < 16 else 0x000000FF, lambda *_: True))))
    assert [image.getpixel((x, 9))[3] for x in (4, 28)] == [255, 0]  # type: ignore[index]


def test_a_mask_may_be_left_out() -> None:
    for bits in (24, 32):
        assert shown(icon((16, bits, dib(16, bits, lambda *_: RED)))).getpixel((3, 3))[3] == 255  # type: ignore[index]


def flat(side: int, bits: int, color: int) -> tuple[int, int, bytes]:
    palette = [(128, 128, 128)] * (1 << bits) if bits <= 8 else []
    return side, bits, dib(side, bits, lambda *_: color, lambda *_: False, palette)


@pytest.mark.parametrize("told", [True, False])
def test_of_one_size_the_deepest_is_shown_whatever_the_directory_says(told: bool) -> None:
    pictures = [flat(32, 4, 1), flat(32, 32, GREEN), flat(32, 8, 1), flat(16, 32, 0xFF0000FF)]
    for order in (pictures, pictures[::-1]):
        listed = [(side, bits if told else 0, content) for side, bits, content in order]
        assert close(shown(icon(*listed)).getpixel((9, 9)), (0, 255, 0, 255), 4)


def test_a_png_is_a_picture_like_the_others() -> None:
    png = images.png(32, 32, mode="RGBA")
    assert shown(icon(flat(32, 8, 1), (32, 32, png))).getpixel((3, 3))[3] == 0  # type: ignore[index]
    assert close(shown(icon((32, 24, images.png(32, 32)), flat(32, 32, GREEN))).getpixel((9, 9)), (0, 255, 0, 255), 4)
    assert process(icon((0, 32, images.png(256, 256)), flat(48, 32, GREEN)))[0].width == 256


def test_a_png_in_an_icon_has_the_transparency_of_a_png() -> None:
    inner = pngs.png(1, 0, lambda x, _: [x % 2], size=(32, 32), before=pngs.clear(1))
    assert process(icon((32, 1, inner)))[0].has_alpha


def test_a_cursor_is_an_icon() -> None:
    assert close(
        shown(icon(flat(32, 32, GREEN), flat(16, 32, 0xFF0000FF), kind=2)).getpixel((9, 9)), (0, 255, 0, 255), 4
    )


def test_damaged_icons_end_in_a_picture_or_a_code() -> None:
    data = icon(flat(32, 32, GREEN), (32, 32, images.png(32, 32)))
    for length in range(1, len(data), 40):
        assert tried("icon", data[:length]).outcome in ("ready", "corrupt", "unsupported_type"), length
    endless = bytearray(icon(flat(32, 32, GREEN)))
    endless[4:6] = struct.pack("<H", 65535)
    process(bytes(endless))
    compressed = bytearray(bitmaps.icon(flat(16, 8, 1)))
    compressed[38:42] = struct.pack("<I", 1)
    assert fault(bytes(compressed)).code is ErrorCode.UNSUPPORTED_TYPE
