"""JPEG 2000's colours: sYCC, channels in another order, and embedded profiles."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from chalicelib.model import ErrorCode
from tests import images
from tests.processing.image.checks import assert_upright, close, fault, opened, process


def boxed(data: bytes, box: bytes) -> bytes:
    """With one more box in the header."""
    at = data.index(b"jp2h") - 4
    length = int.from_bytes(data[at : at + 4])
    return data[:at] + (length + len(box)).to_bytes(4) + data[at + 4 : at + length] + box + data[at + length :]


def order(*colors: int) -> bytes:
    """The box that says which colour (1-3) each channel has."""
    entries = b"".join(struct.pack(">3H", channel, 0, color) for channel, color in enumerate(colors))
    return struct.pack(">I4sH", 10 + len(entries), b"cdef", len(colors)) + entries


def upright(data: bytes) -> None:
    info, out = process(data, widths=(64,))
    assert_upright(opened(out[f"w{info.width}", "webp"][1]))


@pytest.mark.parametrize("size", [(64, 48), (63, 47)])
@pytest.mark.parametrize("mode", ["RGB", "YCbCr"])
def test_channels_may_be_in_any_order(mode: str, size: tuple[int, int]) -> None:
    picture = images.picture(*size).convert(mode)
    upright(images.encoded(picture, "JPEG2000"))
    upright(boxed(images.encoded(picture, "JPEG2000"), order(1, 2, 3)))
    bands = picture.split()
    for channels in ((3, 2, 1), (2, 3, 1), (1, 3, 2)):
        stored = Image.merge(mode, [bands[color - 1] for color in channels])
        upright(boxed(images.encoded(stored, "JPEG2000", mct=0), order(*channels)))


def test_coarse_colors_of_an_odd_size_are_refused_rather_than_shown_as_noise() -> None:
    data = bytearray(images.encoded(images.picture(63, 47).convert("YCbCr"), "JPEG2000"))
    at = data.index(b"\xff\x51") + 4 + 36  # after the sizes and the number of components
    for component in (1, 2):
        data[at + 3 * component + 1 : at + 3 * component + 3] = b"\2\2"
    assert fault(bytes(data)).code is ErrorCode.UNSUPPORTED_TYPE


def test_more_components_than_anybody_shows_are_not_called_damage() -> None:
    data = bytearray(images.encoded(images.picture(64, 48), "JPEG2000", no_jp2=True))
    at = data.index(b"\xff\x51") + 38
    data[at : at + 2] = struct.pack(">H", 9)
    assert fault(bytes(data)).code is ErrorCode.UNSUPPORTED_TYPE


def test_an_embedded_profile_counts() -> None:
    icc = images.wide_gamut_profile()
    data = images.encoded(Image.new("RGB", (64, 64), (200, 60, 60)), "JPEG2000")
    start = data.index(b"colr") - 4
    own = struct.pack(">I4sBBB", 11 + len(icc), b"colr", 2, 0, 0) + icc
    header = data.index(b"jp2h") - 4
    length = int.from_bytes(data[header : header + 4]) + len(own) - 15
    data = data[:header] + length.to_bytes(4) + data[header + 4 : start] + own + data[start + 15 :]
    info, out = process(data)
    assert info.color_space == "Wide test profile"
    assert close(opened(out["w64", "webp"][1]).convert("RGB").getpixel((30, 30)), (218, 41, 52), 5)


def test_damaged_boxes_raise_nothing_but_faults() -> None:
    data = boxed(images.encoded(images.picture(64, 48).convert("YCbCr"), "JPEG2000"), order(3, 2, 1))
    head = data.index(b"jp2c")
    for at in range(0, head, 2):
        for value in (0, 0xFF):
            changed = bytearray(data)
            changed[at] = value
            try:
                process(bytes(changed), widths=(64,))
            except Exception as error:
                assert getattr(error, "code", None) in (
                    ErrorCode.CORRUPT,
                    ErrorCode.UNSUPPORTED_TYPE,
                    ErrorCode.TOO_MANY_PIXELS,
                ), at
