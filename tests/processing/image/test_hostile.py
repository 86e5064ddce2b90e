"""Files that are made to harm end in a rendition or a fault, soon and in bounded memory."""

from __future__ import annotations

import struct
import time
import zlib
from io import BytesIO
from typing import Literal

import pytest
from PIL import Image

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing.image import compositor
from tests import images
from tests.animations import CLEAR, Drawn, apng, chunk, control, gif, webp, webp_frame, webp_of
from tests.fuzzing import fuzz
from tests.processing.image.checks import fault, process


@pytest.mark.filterwarnings("ignore")
def test_random_changes_end_in_a_rendition_or_a_fault() -> None:
    outcomes, bad = fuzz(seed=20_261_122, count=200)
    assert not bad, [(case.name, case.outcome, case.seconds) for case in bad]
    assert outcomes["ready"] > 5
    assert outcomes["corrupt"] > 5


def test_a_gif_of_a_hundred_thousand_frames_is_a_poster() -> None:
    data = images.encoded(Image.new("P", (8, 8)), "GIF")
    frame = data[data.index(b"\x2c") : -1]
    begun = time.process_time()
    info, out = process(data[:-1] + frame * 100_000 + b";")
    assert info.frames == 100_001
    assert len(out) == 2
    assert time.process_time() - begun < 5


RED = Drawn(Image.new("RGBA", (8, 8), "red"))
ENDED = (ErrorCode.CORRUPT, ErrorCode.TOO_MANY_PIXELS)


@pytest.mark.parametrize("format", ["apng", "webp"])
def test_an_animation_of_a_hundred_thousand_frames_is_a_poster(format: str) -> None:
    if format == "webp":
        data = webp_of((8, 8), *[webp_frame(RED)] * 100_000)
    else:
        packed = zlib.compress((b"\0" + bytes([250, 0, 0, 255]) * 8) * 8)
        frames = (
            control(2 * n + 1, RED) + chunk(b"fdAT", struct.pack(">I", 2 * n + 2) + packed) for n in range(99_999)
        )
        data = apng((8, 8), [RED], said=100_000)[:-12] + b"".join(frames) + chunk(b"IEND", b"")
    begun = time.process_time()
    info, out = process(data)
    assert (info.frames, info.duration) == (100_000, 10_000)
    assert len(out) == 2
    kept, _ = compositor.read(BytesIO(data))
    assert kept
    assert len(kept.frames) == 500, "nobody looks at more, and a file may have millions"
    assert time.process_time() - begun < 5


def test_a_frame_of_a_hundred_thousand_pieces_ends() -> None:
    packed = zlib.compress((b"\0" + bytes([250, 0, 0, 255]) * 8) * 8)
    pieces = [packed[:1], *[b""] * 100_000, packed[1:]]
    data = apng((8, 8), [RED], said=2)[:-12] + control(1, RED)
    data += b"".join(chunk(b"fdAT", struct.pack(">I", 2 + n) + piece) for n, piece in enumerate(pieces))
    begun = time.process_time()
    assert process(data)[0].frames == 2
    assert time.process_time() - begun < 5


def test_a_huge_canvas_of_tiny_frames_is_a_poster_or_refused() -> None:
    """Nobody is to compose 50 million pixels a hundred times over for some hundred bytes."""
    tiny = [RED, *[Drawn(Image.new("RGBA", (1, 1), "blue"), n, n, disposal=CLEAR) for n in range(100)]]
    begun = time.process_time()
    info, out = process(gif((6000, 4000), tiny), widths=(64,))
    assert (info.frames, info.has_alpha) == (101, True)
    assert all(b"ANIM" not in encoded for _, encoded in out.values())
    assert fault(gif((60_000, 60_000), tiny)).code is ErrorCode.TOO_MANY_PIXELS
    assert fault(webp((16_384, 16_384), tiny[:1] * 2)).code is ErrorCode.TOO_MANY_PIXELS
    assert time.process_time() - begun < 5


def test_a_frame_far_larger_than_its_canvas_is_never_decoded() -> None:
    """A frame that is interlaced cannot be cut before it is decoded: its own pixels count, and there is a poster."""
    data = bytearray(gif((8, 8), [RED, Drawn(Image.new("RGBA", (8, 8), "blue"), interlaced=True)]))
    at = data.rindex(b"\x2c\0\0\0\0\x08\0\x08\0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    info, out = process(bytes(data))
    assert (info.frames, len(out)) == (2, 2)
    assert all(b"ANIM" not in encoded for _, encoded in out.values())


def animations() -> dict[str, bytes]:
    picture = images.picture(24, 16, "RGBA")
    part = images.picture(8, 8, "RGBA")
    frames = [Drawn(picture), Drawn(part, 4, 4, disposal=CLEAR), Drawn(part, 2, 6, delay=0, over=False), Drawn(picture)]
    return {
        "gif": gif((24, 16), frames),
        "apng": apng((24, 16), frames),
        "hidden": apng((24, 16), frames, hidden=picture, interlaced=True),
        "webp": webp((24, 16), frames),
        "lossy": webp((24, 16), frames, lossless=False),
    }


@pytest.mark.parametrize("name", animations())
def test_an_animation_cut_anywhere_is_shown_or_corrupt(name: str) -> None:
    data = animations()[name]
    assert process(data, widths=(8,))[0].frames == 4
    outcomes = set()
    for percent in range(100):
        begun = time.process_time()
        try:
            info, _ = process(data[: len(data) * percent // 100], widths=(8,))
            assert 1 <= info.frames <= 4
            outcomes.add("ready")
        except PermanentFault as error:
            assert error.code is ErrorCode.CORRUPT
            outcomes.add("corrupt")
        assert time.process_time() - begun < 1
    assert "corrupt" in outcomes


def pieces(data: bytes) -> tuple[bytes, list[bytes]]:
    """The beginning of a file, and its chunks or blocks."""
    if data.startswith(b"GIF"):
        head = 13 + (3 << (data[10] & 7) + 1)
        marks = [at for at in range(head, len(data)) if data[at : at + 3] == b"\x21\xf9\x04"] + [len(data) - 1]
        ends = [*marks[1:], len(data)]
        return data[: marks[0]], [data[at:end] for at, end in zip(marks, ends, strict=True)]
    order: Literal["big", "little"] = "big" if data.startswith(b"\x89") else "little"
    at, found = (8, list[bytes]()) if order == "big" else (12, list[bytes]())
    begin = at
    while at < len(data):
        size = int.from_bytes(data[at : at + 4] if order == "big" else data[at + 4 : at + 8], order)
        end = at + size + (12 if order == "big" else 8 + size % 2)
        found.append(data[at:end])
        at = end
    return data[:begin], found


def lengthened(piece: bytes, format: str) -> bytes:
    """The piece with the largest length that it can say."""
    if format == "gif":
        return piece[:13] + b"\xff" * 4 + piece[17:]  # after the control block: the frame's width and height
    at = 0 if format in ("apng", "hidden") else 4
    return piece[:at] + b"\xff\xff\xff\x7f" + piece[at + 4 :]


@pytest.mark.parametrize("name", animations())
def test_an_animation_with_any_piece_doubled_dropped_moved_or_lengthened_ends(name: str) -> None:
    head, parts = pieces(animations()[name])
    assert len(parts) > 4
    for n, part in enumerate(parts):
        others = parts[:n] + parts[n + 1 :]
        for changed in (
            parts[: n + 1] + parts[n:],
            others,
            [*others, part],
            [part, *others],
            [*parts[:n], lengthened(part, name), *parts[n + 1 :]],
        ):
            data = head + b"".join(changed)
            if data.startswith(b"RIFF"):
                data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
            begun = time.process_time()
            try:
                assert process(data, widths=(8,))[0].frames <= 5
            except PermanentFault as error:
                assert error.code in ENDED
            assert time.process_time() - begun < 2


def test_a_png_with_endless_chunks_ends() -> None:
    data = images.png(32, 32)
    chunk = struct.pack(">I", 1) + b"teSt" + b"x" + struct.pack(">I", zlib.crc32(b"teStx"))
    begun = time.process_time()
    assert process(data[:33] + chunk * 100_000 + data[33:])[0].width == 32
    assert time.process_time() - begun < 10


def test_a_huge_profile_is_survived() -> None:
    data = images.jpeg(32, 32, icc=images.wide_gamut_profile() + bytes(8_000_000))
    assert process(data)[0].width == 32


def test_a_polyglot_is_the_image_alone() -> None:
    data = images.jpeg(32, 32) + b"PK\x03\x04<script>alert(1)</script>"
    assert not any(b"script" in encoded or b"PK\x03" in encoded for _, encoded in process(data)[1].values())
    assert fault(b"<script>" + data).code is ErrorCode.CORRUPT


def bomb(format: str) -> bytes:
    """A small file that claims to be 30,000 pixels wide and high."""
    data = bytearray(images.encoded(images.picture(48, 32), format))
    if format == "GIF":
        data[6:10] = struct.pack("<HH", 30_000, 30_000)
    elif format == "BMP":
        data[18:26] = struct.pack("<ii", 30_000, 30_000)
    elif format == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", 30_000, 30_000)
    elif format == "TIFF":
        for tag in (256, 257):
            at = data.index(struct.pack("<HHI", tag, 4, 1)) + 8
            data[at : at + 4] = struct.pack("<I", 30_000)
    elif format == "JPEG2000":
        at = data.index(b"\xff\x51") + 6  # SIZ: its length and capabilities come first
        data[at : at + 8] = struct.pack(">II", 30_000, 30_000)
        at = data.index(b"ihdr") + 4
        data[at : at + 8] = struct.pack(">II", 30_000, 30_000)
    elif format == "AVIF":
        at = data.index(b"ispe") + 8  # after version and flags
        data[at : at + 8] = struct.pack(">II", 30_000, 30_000)
    return bytes(data)


@pytest.mark.parametrize("format", ["GIF", "BMP", "TIFF", "JPEG2000"])
def test_a_bomb_is_refused_by_its_header(format: str) -> None:
    begun = time.process_time()
    assert fault(bomb(format)).code is ErrorCode.TOO_MANY_PIXELS
    assert time.process_time() - begun < 1


def test_an_avif_bomb_is_refused_before_its_pixels() -> None:
    """libavif has its own bound on the size in a header, and compares it with the coded frame."""
    begun = time.process_time()
    assert fault(bomb("AVIF")).code in (ErrorCode.TOO_MANY_PIXELS, ErrorCode.CORRUPT)
    assert time.process_time() - begun < 1


def test_a_jpeg_that_cannot_hold_what_it_claims_is_refused() -> None:
    begun = time.process_time()
    assert fault(bomb("JPEG")).code is ErrorCode.CORRUPT
    assert time.process_time() - begun < 1


def test_the_smallest_jpeg_of_a_size_is_no_lie() -> None:
    for options in ({"quality": 1}, {"quality": 1, "progressive": True}, {"quality": 1, "subsampling": "4:2:0"}):
        blank = images.encoded(Image.new("RGB", (4000, 3000)), "JPEG", optimize=True, **options)
        assert process(blank)[0].width == 4000
        assert process(images.encoded(Image.new("L", (4000, 3000)), "JPEG", optimize=True, quality=1))[0].width == 4000
