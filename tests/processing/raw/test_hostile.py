"""Raw files that lie: they end soon, after few bytes, and with a code that is right."""

from __future__ import annotations

import random
import struct
import time
from io import BytesIO

import pytest

from chalicelib.model import ErrorCode, PermanentFault
from chalicelib.processing import sniff
from chalicelib.processing.kinds import OfNoKindError
from chalicelib.processing.raw.processor import embedded
from tests import images, raws
from tests.fuzzing import mutated
from tests.processing.image.checks import fault
from tests.raws import FORMATS, RAW_SIZE, Tags, Writer

FULL = raws.jpeg()
MOST_SECONDS = 1


class Counted(BytesIO):
    """Counts the bytes that are read."""

    read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.read_bytes += len(found)
        return found


def outcome(data: bytes) -> str:
    """`picture`, `other`, or the code of a fault. Fails if it takes long, or much is read."""
    source, began = Counted(data), time.process_time()
    try:
        sniff.inside(sniff.sniff(data[:4096]), data[:4096], source)
        embedded(source, len(data))
        found = "picture"
    except OfNoKindError:
        found = "other"
    except PermanentFault as permanent:
        found = str(permanent.code)
    assert time.process_time() - began < MOST_SECONDS
    assert source.read_bytes < 3 * len(data) + 2 * 1024**2
    return found


def tiff(first: Tags, *below: Tags) -> bytes:
    writer = Writer(b"II*\0\0\0\0\0")
    places = [writer.directory(each) for each in below]
    return writer.done(writer.directory(first | ({330: places} if places else {}) | {50706: b"\1\4\0\0"}))


SENSOR: Tags = {254: 0, 256: RAW_SIZE[0], 257: RAW_SIZE[1], 262: 32803}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            b"II*\0" + struct.pack("<IHHHII", 8, 1, 50706, 1, 4, 1) + struct.pack("<I", 8), "other", id="loop"
        ),
        pytest.param(b"II*\0\xff\xff\xff\x7fCR\2\0" + bytes(99), "corrupt", id="no directory"),
        pytest.param(tiff({513: 0x7FFFFFFF, 514: 10}, SENSOR), "corrupt", id="beyond the end"),
        pytest.param(tiff({513: 8, 514: 0xFFFFFFFF}, SENSOR), "other", id="no JPEG, and endless"),
        pytest.param(tiff({330: [0xFFFFFFF0] * 9000}, SENSOR), "other", id="directories beyond the end"),
        pytest.param(tiff({700: bytes(3_000_000)}, SENSOR), "other", id="a large packet"),
        pytest.param(tiff({}, *[SENSOR] * 3000), "other", id="many directories"),
        pytest.param(
            b"FUJIFILMCCD-RAW " + bytes(68) + b"\xff" * 24 + bytes(99), "corrupt", id="a header beyond the end"
        ),
        pytest.param(raws.box(b"ftyp", b"crx \0\0\0\1") + b"\xff\xff\xff\xffmoov" + bytes(99), "other", id="boxes"),
        pytest.param(
            raws.box(b"ftyp", b"crx \0\0\0\1") + raws.box(b"moov", raws.box(b"trak", b"") * 100_000),
            "other",
            id="many tracks",
        ),
    ],
)
def test_lies_end_soon(data: bytes, expected: str) -> None:
    assert outcome(data) == expected


def test_a_directory_of_very_many_entries() -> None:
    rows = b"".join(struct.pack("<HHII", n, 2, 40, n * 4 % 700_000) for n in range(1, 60_000))
    data = b"II*\0" + struct.pack("<IH", 8, 59_999) + rows + bytes(4)
    assert outcome(data[:8].replace(b"*", b"U", 1) + data[8:]) == "other"
    assert outcome(data) in ("other", "corrupt")


def test_directories_that_name_each_other() -> None:
    writer = Writer(b"II*\0\0\0\0\0")
    places = [writer.directory({330: [8] * 500, 34665: 8, 513: 8, 514: 9}, 8) for _ in range(200)]
    for place in places:
        struct.pack_into("<I", writer.data, place + 2 + 12 * 4, random.Random(place).choice(places))
    assert outcome(writer.done(places[0])) == "other"


def test_many_jpegs_with_long_headers() -> None:
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 5000) + bytes(60_000)
    jpeg = b"\xff\xd8" + (b"\xff\xe1" + (len(block) + 2).to_bytes(2) + block) * 30 + FULL[2:]
    writer = Writer(b"II*\0\0\0\0\0")
    at = writer.add(jpeg)
    below = [writer.directory({254: 1, 259: 6, 513: at, 514: len(jpeg)}) for _ in range(500)]
    began = time.process_time()
    data = writer.done(writer.directory({330: [writer.directory(SENSOR), *below], 50706: b"\1\4\0\0"}))
    embedded(BytesIO(data), len(data))
    assert time.process_time() - began < 3


@pytest.mark.parametrize("name", FORMATS)
def test_a_bomb_is_refused(name: str) -> None:
    bomb = bytearray(images.jpeg(*RAW_SIZE, progressive=True))
    at = bomb.index(b"\xff\xc2") + 5
    bomb[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    data = FORMATS[name].make(bytes(bomb), size=(60_000, 60_000))
    assert fault(embedded(BytesIO(data), len(data)).read()).code is ErrorCode.CORRUPT
    filled = FORMATS[name].make(bytes(bomb) + bytes(2_000_000), size=(60_000, 60_000))
    assert fault(embedded(BytesIO(filled), len(filled)).read()).code is ErrorCode.TOO_MANY_PIXELS


@pytest.mark.parametrize("name", FORMATS)
def test_a_jpeg_of_the_right_place_and_a_huge_length_is_read_to_the_end_of_the_file(name: str) -> None:
    data = FORMATS[name].make(FULL)
    for order in ("little", "big"):
        wrong = data.replace(len(FULL).to_bytes(4, order), b"\x7f\xff\xff\xff")
        assert outcome(wrong) == "picture"


@pytest.mark.parametrize("name", FORMATS)
def test_damage_anywhere_has_a_right_code(name: str) -> None:
    data, generator = FORMATS[name].make(FULL, 6), random.Random(name)
    allowed = {"picture", "other", "corrupt"}
    for part in range(100):
        at = len(data) * part // 100
        assert outcome(data[: max(at, 20)]) in allowed
        assert outcome(data[:at] + b"\xff" * 16 + data[at + 16 :]) in allowed
        assert outcome(data[:at] + data[at + 7 :]) in allowed
    for _ in range(300):
        assert outcome(mutated(data, generator, FULL).ljust(16, b"\0")) in allowed
