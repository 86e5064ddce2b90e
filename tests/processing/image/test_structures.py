"""Each format's pieces doubled, dropped, moved and with wrong numbers. `python -m bench.fuzz structures` tries all."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import pytest
from PIL import Image

from chalicelib.model import ErrorCode
from chalicelib.processing.image.memory import RESIDENT
from tests import avifs, images, pngs, structures_fuzzed, tiffs
from tests.animations import CLEAR, Drawn, apng, gif, riff, webp_frame, webp_of
from tests.fuzzing import MEMORY
from tests.heic import HEIC
from tests.processing.image.checks import close, fault, opened, process
from tests.structures import Group, changes, groups
from tests.structures_fuzzed import fuzz, is_bad, seeds, tried

SEEDS = seeds()


@pytest.mark.parametrize("name", SEEDS)
def test_a_format_is_known_and_its_pieces_make_the_file_again(name: str) -> None:
    data = SEEDS[name]
    found = groups(data)
    for group in found:
        whole = group.assemble(group.pieces)
        assert whole == data or (whole[8 : len(data)] == data[8:] and data[:2] in (b"II", b"MM"))
    assert any(group.numbers(piece) for group in found for piece in group.pieces)
    assert tried(name, data).outcome == "ready"


def test_every_way_of_damage_is_there_for_every_piece() -> None:
    names = [name for name, _ in changes(SEEDS["png"])]
    pieces = len(groups(SEEDS["png"])[0].pieces)
    for way in ("doubled", "dropped", "first", "last", "1000 times", "4294967295 at 0"):
        assert sum(way in name for name in names) >= pieces - 1, way
    assert sum(name.startswith("cut") for name in names) == 100


@pytest.mark.filterwarnings("ignore")
def test_damaged_pieces_end_in_a_picture_or_a_code_and_the_second_time_as_the_first() -> None:
    outcomes, bad = fuzz(seed=20_261_126, count=200)
    assert not bad, [(case.name, case.outcome, case.seconds) for case in bad]
    assert outcomes["ready"] > 25
    assert outcomes["corrupt"] > 25


@pytest.mark.parametrize(
    ("work", "outcome"),
    [
        ("os.kill(os.getpid(), 9)", "!the process ended with -9"),
        ("raise KeyError('x')", "!KeyError: 'x'"),
        ("b'x' * 700 * 1024**2", "MiB"),
        ("emit(next(made), b'x')", "!other the second time"),
    ],
)
def test_the_fuzzer_sees_what_must_not_be(monkeypatch: pytest.MonkeyPatch, work: str, outcome: str) -> None:
    made = iter(range(10))

    def process_image(*_: object, **more: object) -> Image.Image:
        exec(f"import os; {work.replace('emit(next(made), b', 'raise ValueError(next(made), b')}", {"made": made})
        raise ValueError

    monkeypatch.setattr(structures_fuzzed, "process_image", process_image)
    _, bad = fuzz(seed=1, count=1, only="jp2")
    assert outcome in bad[0].outcome
    assert is_bad(bad[0])


# --- JPEG 2000


def without_tiles(data: bytes, kept: int) -> bytes:
    """The file with so many of its tiles' parts."""
    (stream,) = (group for group in groups(data) if group.pieces[0] == b"\xff\x4f")
    first = next(n for n, piece in enumerate(stream.pieces) if piece[:2] == b"\xff\x90")
    return stream.assemble([*stream.pieces[: first + 2 * kept], b"\xff\xd9"])


def test_a_jpeg_2000_that_lacks_tiles_is_corrupt() -> None:
    """OpenJPEG leaves them black, and says nothing."""
    data = images.encoded(images.picture(48, 32), "JPEG2000", tile_size=(16, 16))
    for kept in range(6):
        assert fault(without_tiles(data, kept)).code is ErrorCode.CORRUPT
    assert process(without_tiles(data, 6))[0].width == 48


def test_a_jpeg_2000_cut_anywhere_is_no_black_picture() -> None:
    data = images.encoded(images.picture(48, 32), "JPEG2000")
    for length in range(len(data)):
        assert fault(data[:length]).code is ErrorCode.CORRUPT, length


def test_a_jpeg_2000_of_countless_tiles_is_refused_by_its_memory() -> None:
    data = bytearray(images.encoded(images.picture(48, 32), "JPEG2000"))
    at = data.index(b"\xff\x51") + 6
    data[at : at + 8], data[at + 16 : at + 24] = struct.pack(">II", 255, 257), struct.pack(">II", 1, 1)
    case = tried("tiles", bytes(data))
    assert case.outcome == "too_many_pixels"
    assert case.seconds < 1
    assert process(images.encoded(images.picture(200, 200), "JPEG2000", tile_size=(4, 4)))[0].width == 200


# --- PNG

GAMMA_1 = images.named_profile(b"one", 1.0)
LINEAR, PLAIN = (168, 183, 196), (100, 120, 140)


def plain(before: bytes = b"", after: bytes = b"", color_type: int = 2) -> bytes:
    pixel: Sequence[int] = PLAIN if color_type == 2 else (0,)
    return pngs.png(8, color_type, lambda *_: pixel, size=(16, 16), before=before, after=after)


PALETTE = pngs.chunk(b"PLTE", bytes([*PLAIN, 1, 2, 3]))


@pytest.mark.parametrize(
    ("data", "color"),
    [
        (plain(pngs.gamma(1.0) + pngs.gamma(0.45455)), LINEAR),
        (plain(pngs.gamma(0.45455) + pngs.gamma(1.0)), PLAIN),
        (plain(pngs.profile(GAMMA_1) + pngs.profile(images.srgb_profile())), LINEAR),
        (plain(pngs.profile(images.srgb_profile()) + pngs.profile(GAMMA_1)), PLAIN),
        (plain(pngs.chunk(b"iCCP", b"a\0\0junk") + pngs.profile(GAMMA_1)), PLAIN),
        (plain(pngs.cicp(1, 8) + pngs.cicp(1, 13)), LINEAR),
        (plain(after=pngs.profile(GAMMA_1)), PLAIN),
        (plain(after=pngs.gamma(1.0)), PLAIN),
        (plain(pngs.clear(1, 2, 3) + pngs.clear(*PLAIN)), PLAIN),
        (plain(after=pngs.clear(*PLAIN)), PLAIN),
        (plain(pngs.chunk(b"tRNS", b"\0") + PALETTE, color_type=3), PLAIN),
        (plain(PALETTE + pngs.profile(GAMMA_1), color_type=3), LINEAR),
    ],
)
def test_of_chunks_that_may_be_there_once_the_first_counts_as_in_chromium(
    data: bytes, color: tuple[int, int, int]
) -> None:
    info, out = process(data, widths=(16,))
    assert not info.has_alpha
    shown = next(opened(encoded) for (_, form), (_, encoded) in out.items() if form in ("png", "webp", "jpeg"))
    assert close(shown.convert("RGB").getpixel((5, 5)), color)


@pytest.mark.parametrize("megabytes", [10, 100, 500])
@pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt"])
def test_a_deflate_bomb_in_a_chunk_is_skipped(name: bytes, megabytes: int) -> None:
    head = b"a\0\1\0\0\0" if name == b"iTXt" else b"a\0\0"
    bomb = pngs.chunk(name, head + zlib.compress(bytes(megabytes * 1_000_000), 1))
    case = tried(str(name), plain(bomb))
    assert (case.outcome, case.seconds < 1) == ("ready", True)


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt", b"tEXt"])
def test_thousands_of_packed_chunks_take_no_time(name: bytes) -> None:
    head = b"a\0\1\0\0\0" if name == b"iTXt" else b"a\0\0"
    for size in (900_000, 2_000_000):
        data = plain(pngs.chunk(name, head + zlib.compress(bytes(size), 9)) * 3000)
        case = tried(str(name), data)
        assert (case.outcome, case.seconds < 1.5) == ("ready", True), case.seconds


def test_a_png_of_millions_of_chunks_is_refused_soon() -> None:
    case = tried("chunks", plain(pngs.chunk(b"teSt", b"") * 1_000_000))
    assert (case.outcome, case.seconds < 2) == ("corrupt", True)


@pytest.mark.parametrize("place", range(4))
def test_any_value_of_a_code_point_is_shown(place: int) -> None:
    for value in (*range(24), *range(24, 256, 29)):  # H.273 knows no more than 22
        points = [9, 16, 0, 1]
        points[place] = value
        case = tried("cicp", pngs.row([(0.5, 0.5, 0.5)] * 16, pngs.cicp(*points)))
        assert (case.outcome, case.seconds < 2) == ("ready", True), points


# --- JPEG, TIFF, GIF and the others


@pytest.mark.parametrize("filling", [b"\xff\xd0", b"\0", b"\xff\xe1\0\x08Exif\0\0"])
def test_a_jpeg_of_millions_of_marks_or_loose_bytes_is_refused_soon(filling: bytes) -> None:
    data = images.jpeg(32, 32)
    assert tried("few", data[:20] + filling * 10_000 + data[20:]).outcome == "ready"
    case = tried("many", data[:20] + filling * 1_200_000 + data[20:])
    assert (case.outcome, case.seconds < 4) == ("corrupt", True)


@pytest.mark.parametrize("marker", [0xC4, 0xDB, 0xFE, 0xE1, 0xE2])
def test_a_jpeg_of_ten_thousand_segments_of_a_sort_is_read(marker: int) -> None:
    data = images.jpeg(32, 32, icc=images.wide_gamut_profile())
    parts = groups(data)[0].pieces
    segment = next((part for part in parts if part[:2] == bytes([0xFF, marker])), bytes([0xFF, marker, 0, 3, 65]))
    case = tried("segments", data[:2] + segment * 10_000 + data[2:])
    assert case.outcome in ("ready", "corrupt")
    assert case.seconds < 2


def test_a_tiff_of_countless_strips_is_refused_before_they_are_numbers() -> None:
    places: tiffs.Tags = {273: [8] * 2_000_000, 279: [1] * 2_000_000}
    case = tried("strips", tiffs.tiff(tiffs.Layout(1, more=places), lambda *_: [9]))
    assert (case.outcome, case.seconds < 1) == ("too_many_pixels", True)


@pytest.mark.parametrize("tag", [330, 34665, 34853, 40965])
def test_directories_of_a_tiff_that_lead_to_themselves_end(tag: int) -> None:
    data = tiffs.tiff(tiffs.Layout(1, more={tag: [0]}), lambda *_: [9])
    at = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[at : at + 2], "little")
    following = at + 2 + 12 * count
    loop = tiffs.tiff(tiffs.Layout(1, more={tag: [at]}), lambda *_: [9])
    loop = loop[:following] + at.to_bytes(4, "little") + loop[following + 4 :]
    case = tried("loop", loop)
    assert (case.outcome, case.seconds < 1) == ("ready", True)


def test_notes_of_a_gif_take_no_memory() -> None:
    """Pillow needs 50 bytes for each of a comment in blocks of one byte."""
    data = gif((8, 8), [Drawn(Image.new("RGBA", (8, 8), "red"))])
    at = data.index(b"\x21\xf9")
    case = tried("notes", data[:at] + b"\x21\xfe" + b"\1a" * 5_000_000 + b"\0" + data[at:])
    assert case.outcome == "ready", case.outcome


@pytest.mark.parametrize("make", [gif, apng])
def test_the_largest_canvas_with_tiny_frames_is_refused(make: object) -> None:
    tiny = [Drawn(Image.new("RGBA", (1, 1), "blue"), n, n, disposal=CLEAR) for n in range(100)]
    assert callable(make)
    case = tried("canvas", make((65_535, 65_535), tiny))
    assert (case.outcome, case.seconds < 1) == ("too_many_pixels", True)


def test_a_webp_of_a_million_chunks_ends() -> None:
    frame = webp_frame(Drawn(Image.new("RGBA", (8, 8), "red")))
    case = tried("chunks", webp_of((8, 8), frame, frame, riff(b"abcd", b"") * 1_000_000))
    assert (case.outcome, case.seconds < 5) == ("ready", True)


@pytest.mark.parametrize("kind", ["same", "beyond", "png"])
def test_an_icon_of_65535_pictures_ends(kind: str) -> None:
    picture = images.encoded(Image.new("RGBA", (16, 16), "red"), "PNG")
    begin = 6 + 16 * 65_535 if kind != "beyond" else 0xFFFFFFFF
    size = len(picture) if kind != "png" else 0xFFFFFFFF
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, size, begin)
    case = tried(kind, b"\0\0\1\0\xff\xff" + entry * 65_535 + picture)
    assert (case.outcome, case.seconds < 3) == ("corrupt" if kind == "beyond" else "ready", True)


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


@pytest.mark.parametrize("name", [b"meta", b"iprp", b"ipco", b"dinf", b"moov"])
@pytest.mark.parametrize("sound", ["heic", "avif"])
def test_boxes_in_boxes_end(name: bytes, sound: str) -> None:
    data = HEIC["upright"] if sound == "heic" else SEEDS["avif"]
    head = data[: int.from_bytes(data[:4])]
    content = b""
    for _ in range(10_000):
        content = box(name, (bytes(4) if name == b"meta" else b"") + content)
    for nested in (head + content, head + box(b"meta", bytes(4) + content)):
        case = tried("boxes", nested)
        assert (case.outcome, case.seconds < 3) == ("corrupt", True)


def group_with(data: bytes, name: bytes) -> tuple[Group, int]:
    return next((group, n) for group in groups(data) for n, piece in enumerate(group.pieces) if piece[4:8] == name)


@pytest.mark.parametrize("name", [b"ispe", b"hvcC", b"infe", b"ipma", b"iloc"])
def test_a_hundred_thousand_boxes_of_a_sort_end(name: bytes) -> None:
    group, n = group_with(HEIC["upright"], name)
    case = tried("boxes", group.assemble([*group.pieces[:n], *[group.pieces[n]] * 50_000, *group.pieces[n + 1 :]]))
    assert case.outcome in ("ready", "corrupt")
    assert case.seconds < 4


def test_a_profile_of_ten_megabytes_is_survived_in_a_jpeg() -> None:
    large = images.wide_gamut_profile() + bytes(10_000_000)
    case = tried("profile", images.encoded(images.picture(32, 32), "JPEG", icc_profile=large))
    assert (case.outcome, case.seconds < 1) == ("ready", True)
    assert RESIDENT < MEMORY


# --- AVIF


@pytest.mark.parametrize(("matrix", "outcome"), [(2, "ready"), (20, "ready"), (255, "ready"), (3, "unsupported_type")])
def test_a_matrix_that_nobody_knows_is_none_and_one_that_is_not_read_is_said(matrix: int, outcome: str) -> None:
    """As in Chromium, for which code points of the future are unspecified ones."""
    data = bytearray(avifs.avif(images.scene(3, 48, 32)))
    at = data.index(b"nclx") + 8
    data[at : at + 2] = matrix.to_bytes(2)
    assert tried("matrix", bytes(data)).outcome == outcome
