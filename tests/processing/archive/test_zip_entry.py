"""One entry of a ZIP archive: its bytes and no others are read, and nothing that the archive says is believed."""

from __future__ import annotations

import bz2
import io
import lzma
import random
import resource
import subprocess
import sys
import zipfile
import zlib
from typing import Any

import pytest

from chalicelib import aws
from chalicelib.processing.archive import zip_entry
from chalicelib.processing.entry_bytes import EntryRefusedError
from chalicelib.renditions.entry_names import MAX_BYTES
from chalicelib.storage.ranged import BLOCK, Ranged, TooMuchReadError
from tests import archives
from tests.archives import Packed, by_hand

MIB = 1024**2
WORDS = b"some words, and some more words\n" * 1000


def entry(data: bytes, number: int = 0) -> bytes:
    return zip_entry.read(io.BytesIO(data), len(data), number)[1]


def refusal(data: bytes, number: int = 0) -> str:
    with pytest.raises(EntryRefusedError) as refused:
        entry(data, number)
    assert str(refused.value).endswith(".")
    return refused.value.code


def deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def raw_lzma(body: bytes) -> bytes:
    """LZMA as a ZIP has it, behind the settings of its default preset: lc 3, lp 0, pb 2, and a dictionary of 64 KiB."""
    chain = {"id": lzma.FILTER_LZMA1, "lc": 3, "lp": 0, "pb": 2, "dict_size": 1 << 16}
    return b"\x5d" + (1 << 16).to_bytes(4, "little") + lzma.compress(body, lzma.FORMAT_RAW, filters=[chain])


def zipped(method: int, **files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


# --- what is given


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("body", [b"", b"x", WORDS, random.Random(1).randbytes(3 * MIB)], ids=len)
def test_an_entry_is_what_was_packed(method: int, body: bytes) -> None:
    data = zipped(method, before=b"other", wanted=body, after=b"more")
    assert zip_entry.read(io.BytesIO(data), len(data), 1) == ("wanted", body)


def test_entries_are_numbered_as_the_directory_has_them() -> None:
    data = archives.zip_of({f"{number}.txt": b"%d" % number for number in range(20)})
    assert [entry(data, number) for number in range(20)] == [b"%d" % number for number in range(20)]
    assert refusal(data, 20) == "no_entry"
    assert refusal(archives.zip_of({})) == "no_entry"


def test_two_entries_of_one_name_are_two() -> None:
    data = by_hand(Packed(body=b"first"), Packed(body=b"second"))
    assert (entry(data, 0), entry(data, 1)) == (b"first", b"second")


def test_an_archive_may_stand_behind_something_else() -> None:
    assert entry(archives.zip_of({"a": WORDS}, prefix=b"#!/bin/sh\n" * 10_000)) == WORDS
    program = b"MZ" + bytes(5000)
    assert entry(by_hand(Packed(body=WORDS), prefix=program)) == WORDS, "offsets that count the program"
    assert entry(by_hand(Packed(body=WORDS), prefix=program, told=len(program))) == WORDS


def test_sizes_may_stand_behind_an_entry() -> None:
    packed = Packed(body=WORDS, method=8, data=deflated(WORDS), descriptor=True)
    assert [entry(by_hand(packed, packed, packed), number) for number in range(3)] == [WORDS] * 3


def test_the_numbers_of_a_large_archive_are_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, archive.open("a", "w", force_zip64=True) as member:
        member.write(WORDS)
    assert entry(out.getvalue()) == WORDS
    field = (1).to_bytes(2, "little") + (16).to_bytes(2, "little") + (len(WORDS)).to_bytes(8, "little") * 2
    lies = {"size": 0xFFFFFFFF, "packed": 0xFFFFFFFF, "extra": field}
    assert entry(by_hand(Packed(body=WORDS, lies=lies))) == WORDS


@pytest.mark.parametrize("name", ["a\0.txt", "photo\u202egpj.exe", "../../etc/passwd", "C:\\x", "/", "n" * 60_000])
def test_a_name_stands_in_nobodys_way(name: str) -> None:
    data = by_hand(Packed(name=name.encode(), own_extra=b"\0\0\1\0x"))
    assert refusal(data) == "directory" if name == "/" else entry(data) == b"words"


# --- what is refused


@pytest.mark.parametrize(
    ("lies", "code"),
    [
        ({"bits": 1}, "encrypted"),
        ({"bits": 1, "method": 99}, "encrypted"),
        ({"attributes": 0o120777 << 16}, "link"),
        ({"method": 9}, "method"),
        ({"method": 93}, "method"),
        ({"size": MAX_BYTES + 1, "packed": MAX_BYTES}, "too_large"),
        ({"size": 5, "packed": MAX_BYTES + 2 * MIB}, "too_large"),
        ({"size": 11 * MIB, "packed": 1000}, "ratio"),
        ({"size": 4}, "damaged"),
        ({"size": 6}, "damaged"),
        ({"size": 0}, "damaged"),
        ({"packed": 4}, "damaged"),
        ({"packed": 6}, "overlap"),
        ({"packed": 500}, "damaged"),
        ({"crc": 1}, "damaged"),
        ({"offset": 1}, "damaged"),
        ({"offset": 10_000_000}, "damaged"),
        ({"offset": 0xFFFFFFFF, "extra": b"\1\0\x08\0" + b"\xff" * 8}, "damaged"),
        ({"name": b"b.txt"}, "damaged"),
        ({"method": 8}, "damaged"),
    ],
    ids=str,
)
def test_what_a_directory_says_is_not_believed(lies: dict[str, Any], code: str) -> None:
    data = by_hand(Packed(lies=lies), Packed(name=b"other", body=bytes(100)))
    assert refusal(data) == code
    if not {"packed", "offset"} & lies.keys():  # then it seems to be where others are
        assert entry(data, 1) == bytes(100), "the others are none the worse for it"


def test_an_entrys_own_header_is_not_believed_either() -> None:
    assert refusal(by_hand(Packed(own_bits=1))) == "encrypted"
    assert refusal(by_hand(Packed(own_name=b"invoice.exe"))) == "damaged"


@pytest.mark.parametrize("method", [8, 12, 14])
@pytest.mark.parametrize("data", [b"", b"\0", b"\xff" * 50, b"\5\0\5\0\xff" + bytes(30), b"\5\0\xff\xff", b"BZh9" * 9])
def test_bytes_that_are_not_compressed_are_damaged(method: int, data: bytes) -> None:
    assert refusal(by_hand(Packed(method=method, data=data))) == "damaged"


def test_packed_bytes_that_are_cut_are_damaged() -> None:
    for method, packed in ((8, deflated(WORDS)), (12, bz2.compress(WORDS))):
        assert entry(by_hand(Packed(body=WORDS, method=method, data=packed))) == WORDS
        assert refusal(by_hand(Packed(body=WORDS, method=method, data=packed[:-20]))) == "damaged"


def test_an_entry_that_unpacks_to_more_than_it_says_is_not_unpacked_further() -> None:
    bomb = Packed(body=b"", method=8, data=deflated(bytes(500 * MIB)), lies={"size": 40 * MIB})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(by_hand(bomb)) == "damaged"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024, "KiB"


def test_entries_that_share_bytes_are_refused() -> None:
    """As in bombs, in which all entries share one kernel, and in archives that hide one entry inside another."""
    inner = by_hand(Packed(name=b"inner"))
    inside = by_hand(Packed(name=b"outer", body=inner), Packed(name=b"inner", lies={"offset": 30 + len(b"outer")}))
    assert (refusal(inside, 0), refusal(inside, 1)) == ("overlap", "overlap")
    same = by_hand(Packed(), Packed(lies={"offset": 0}), Packed(name=b"apart"))
    assert (refusal(same, 0), refusal(same, 1)) == ("overlap", "overlap")
    assert entry(same, 2) == b"words"


def test_an_own_header_that_is_longer_than_it_seems_shows_what_is_shared() -> None:
    """The directory doesn't tell how long an entry's own extra fields are: here they are the next entry."""
    longer = by_hand(Packed(own_extra=bytes(40)), Packed(name=b"next", lies={"offset": 40}))
    assert refusal(longer) == "overlap"
    assert entry(by_hand(Packed(own_extra=bytes(40)), Packed(name=b"next"))) == b"words"


def test_a_dictionary_of_four_gigabytes_is_a_claim() -> None:
    data = bytearray(zipped(zipfile.ZIP_LZMA, a=WORDS))
    settings = data.index(b"\x05\x00", 30) + 2
    data[settings + 1 : settings + 5] = b"\xff" * 4
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert entry(bytes(data)) == WORDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024, "KiB"


def test_no_archive_is_damaged() -> None:
    for data in (b"", b"PK\3\4", bytes(10_000), archives.zip_of({"a": b"x"})[:-1], archives.end(5, 10_000, 0)):
        assert refusal(data) == "damaged"


def test_changed_archives_end_in_a_refusal_or_in_the_right_bytes() -> None:
    """Whatever byte is changed, it never gives other bytes than those that were packed, and never fails otherwise."""
    chance = random.Random(7)
    short = WORDS[:99]
    sound = by_hand(
        Packed(name=b"a", body=WORDS, method=8, data=deflated(WORDS)),
        Packed(name=b"b", body=short, method=12, data=bz2.compress(short), descriptor=True),
        Packed(name=b"c", body=short, method=14, data=b"\x09\x04\x05\0" + raw_lzma(short)),
    )
    assert [entry(sound, number) for number in range(3)] == [WORDS, short, short]
    outcomes = set()
    for _ in range(10_000):
        changed = bytearray(sound)
        for _ in range(chance.choice((1, 1, 2, 8))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        try:
            found = entry(bytes(changed), number := chance.randrange(3))
        except EntryRefusedError as refused:
            outcomes.add(refused.code)
        else:
            assert found == (WORDS if number == 0 else short)
            outcomes.add("given")
    assert outcomes >= {"given", "damaged", "no_entry"}


# --- what it costs


class Store:
    """S3 with one object that is `size` zeros but for the `pieces` at some places. Counts what is read."""

    def __init__(self, size: int, pieces: dict[int, bytes]) -> None:
        self.size, self.pieces, self.read, self.requests = size, pieces, 0, 0

    def get_object(self, **request: Any) -> dict[str, Any]:
        first, last = map(int, request["Range"].removeprefix("bytes=").split("-"))
        self.read, self.requests = self.read + last - first + 1, self.requests + 1
        body = bytearray(last - first + 1)
        for place, piece in self.pieces.items():
            start, end = max(first, place), min(last + 1, place + len(piece))
            if start < end:
                body[start - first : end - first] = piece[start - place : end - place]
        return {"Body": io.BytesIO(bytes(body))}


def large(size: int, body: bytes, others: int, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A ZIP of this size whose first entry is `body`, stored; the others are zeros."""
    first = by_hand(Packed(name=b"wanted", body=body))[: 36 + len(body)]
    room = (size - len(first) - 200 * others) // others
    listed = [archives.Listed(b"wanted", len(body), len(body), method=0, crc=zlib.crc32(body))]
    listed += [
        archives.Listed(b"zeros %d" % number, room - 99, room - 99, len(first) + room * number, method=0)
        for number in range(others)
    ]
    directory = b"".join(each.header() for each in listed)
    tail = directory + archives.end(len(listed), len(directory), len(first) + room * others)
    store = Store(len(first) + room * others + len(tail), {0: first, len(first) + room * others: tail})
    monkeypatch.setattr(aws, "s3", lambda: store)
    return store


@pytest.mark.parametrize(("length", "others"), [(1000, 10), (1000, 5000), (30 * MIB, 5000)])
def test_one_entry_of_a_gigabyte_costs_the_directory_and_the_entry(
    length: int, others: int, monkeypatch: pytest.MonkeyPatch, stage: object
) -> None:
    body = random.Random(2).randbytes(length)
    store = large(1024**3, body, others, monkeypatch)
    data: Any = Ranged("acme/file", "v", store.size, zip_entry.BUDGET)
    assert zip_entry.read(data, store.size, 0) == ("wanted", body)
    directory = others * 60
    assert store.read < length + directory + 4 * BLOCK, store.read
    assert store.requests <= 5 + (length + directory) // (2 * MIB)


def test_an_entry_of_the_largest_size_fits_the_budget(monkeypatch: pytest.MonkeyPatch, stage: object) -> None:
    body = bytes(MAX_BYTES)
    store = large(1024**3, body, 10_000, monkeypatch)
    data: Any = Ranged("acme/file", "v", store.size, zip_entry.BUDGET)
    assert zip_entry.read(data, store.size, 0)[1] == body
    assert store.read < MAX_BYTES + 2 * MIB


def test_a_reader_that_jumps_about_ends(monkeypatch: pytest.MonkeyPatch, stage: object) -> None:
    store = large(1024**3, bytes(20 * MIB), 10, monkeypatch)
    data: Any = Ranged("acme/file", "v", store.size, 10 * MIB)
    with pytest.raises(EntryRefusedError, match="more reading"):
        zip_entry.read(data, store.size, 0)
    assert issubclass(TooMuchReadError, OSError)


def test_bytes_that_do_not_come_are_no_fault_of_the_archive(monkeypatch: pytest.MonkeyPatch, stage: object) -> None:
    store = large(1024**3, bytes(20 * MIB), 10, monkeypatch)
    data: Any = Ranged("acme/file", "v", store.size, zip_entry.BUDGET)
    whole = store.get_object

    def short(**request: Any) -> dict[str, Any]:
        reply = whole(**request)
        return reply if store.requests < 4 else {"Body": io.BytesIO(b"x")}

    monkeypatch.setattr(store, "get_object", short)
    with pytest.raises(OSError, match="came instead"):
        zip_entry.read(data, store.size, 0)


@pytest.mark.parametrize("method", ["ZIP_STORED", "ZIP_DEFLATED", "ZIP_BZIP2", "ZIP_LZMA"])
def test_the_largest_entry_takes_a_bounded_time_and_memory(method: str) -> None:
    """In a process of its own, whose memory at its peak is known. The function has 1,769 MB and 28 seconds."""
    code = f"""
import io, random, resource, time, zipfile
from chalicelib.processing.archive import zip_entry
from chalicelib.renditions.entry_names import MAX_BYTES
chance = random.Random(3)
out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.{method}, compresslevel=1) as archive:
    archive.writestr("a", b"".join(chance.randbytes(99_000) + bytes(901_000) for _ in range(MAX_BYTES // 1_000_000)))
data = out.getvalue()
before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
assert len(zip_entry.read(io.BytesIO(data), len(data), 0)[1]) == MAX_BYTES
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.process_time() - began)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kibibytes, seconds = map(float, done.stdout.split())
    assert kibibytes < 330 * 1024
    assert seconds < 15
