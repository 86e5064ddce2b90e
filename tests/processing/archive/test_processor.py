"""Archives: facts and lists of sound ones, and hostile ones that cost no more than the bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import resource
import stat
import tarfile
import time
import zlib
from typing import Any

import pytest
from backports import zstd

from chalicelib import aws
from chalicelib.facts import ArchiveInfo
from chalicelib.model import PermanentFault
from chalicelib.processing import entries
from chalicelib.processing.archive import processor, tars, unpacking
from chalicelib.processing.kinds import Made, Order, Source
from chalicelib.renditions.recipes import RECIPES
from chalicelib.storage.ranged import Ranged
from tests import archives
from tests.archives import Listed

ORDER = Order(RECIPES["photo"], 1769 * 1024**2)
MIB = 1024**2
ZIP, TAR = "application/zip", "application/x-tar"


def processed(data: Any, content_type: str = ZIP, size: int | None = None, name: str = "a.zip") -> tuple[Made, Any]:
    """The findings, and the entries of the list."""
    emitted: dict[str, bytes] = {}
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    source = Source(content_type, len(data) if size is None else size, file, name)
    made = processor.process(source, ORDER, lambda rendition, body: emitted.update({rendition.basename: body}))
    assert emitted.keys() <= {"entries.json"}
    return made, json.loads(emitted["entries.json"])["entries"] if emitted else None


def info_of(made: Made) -> ArchiveInfo:
    assert isinstance(made.info, ArchiveInfo)
    return made.info


def flags_of(data: bytes, content_type: str = ZIP) -> list[str]:
    return info_of(processed(data, content_type)[0]).flags


def test_a_zip_is_listed() -> None:
    made, listed = processed(archives.zip_of({"a/": b"", "a/b.txt": b"word" * 100, "ü.txt": b"x"}))
    assert info_of(made) == ArchiveInfo(format="zip", entries=3, unpacked_size=401)
    assert [entry["name"] for entry in listed] == ["a/", "a/b.txt", "ü.txt"]
    assert listed[1] == {
        "name": "a/b.txt",
        "size": 400,
        "packed_size": listed[1]["packed_size"],
        "modified_at": "2026-11-22T13:00:00.000Z",
        "directory": False,
        "encrypted": False,
        "flags": [],
    }
    assert 0 < listed[1]["packed_size"] < 40
    assert listed[0]["directory"]
    assert made.text == "a/\na/b.txt\nü.txt"
    assert made.warnings == ()


@pytest.mark.parametrize(
    ("content_type", "format"),
    [("application/java-archive", "jar"), ("application/vnd.android.package-archive", "apk")],
)
def test_archives_that_are_zips_have_a_name_of_their_own(content_type: str, format: str) -> None:
    assert info_of(processed(archives.zip_of({"a": b""}), content_type)[0]).format == format


def test_a_zip_behind_a_program_that_unpacks_it_is_listed() -> None:
    made, listed = processed(archives.zip_of({"a": b"x"}, prefix=b"#!/bin/sh\n" * 10_000))
    assert [entry["name"] for entry in listed] == ["a"]
    assert info_of(made).flags == []


def test_an_empty_zip_has_no_entries() -> None:
    assert processed(archives.zip_of({}))[1] == []


PACKED = {
    "gz": "application/gzip",
    "bz2": "application/x-bzip2",
    "xz": "application/x-xz",
    "zst": "application/zstd",
}


@pytest.mark.parametrize("packing", ["", "gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_is_listed_however_it_is_packed(packing: str, format: int) -> None:
    long = "/".join(["d" * 50] * 3) + "/f"
    data = archives.tar_of({"a.txt": b"x" * 1000, long: b"", "ü": b"yy"}, packing, format)
    made, listed = processed(data, TAR if not packing else PACKED[packing])
    assert info_of(made) == ArchiveInfo(format=f"tar.{packing}" if packing else "tar", entries=3, unpacked_size=1002)
    assert [entry["name"] for entry in listed] == ["a.txt", long, "ü"]
    assert (listed[0]["size"], listed[0]["packed_size"]) == (1000, None)
    assert listed[0]["modified_at"] == "2026-11-22T13:00:00.000Z"


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz", "zst"])
def test_a_file_that_is_only_compressed_has_one_entry(packing: str) -> None:
    packers: dict[str, Any] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd.compress}
    packed = packers[packing](b"words " * 1000)
    made, listed = processed(packed, PACKED[packing], name=f"a.log.{packing}")
    assert info_of(made) == ArchiveInfo(format=packing, entries=1, unpacked_size=6000)
    assert [(entry["name"], entry["size"], entry["packed_size"]) for entry in listed] == [("a.log", 6000, len(packed))]


def test_compressed_files_one_behind_the_other_are_one() -> None:
    data = gzip.compress(b"a" * 1000) + gzip.compress(b"b" * 10)
    assert info_of(processed(data, "application/gzip")[0]).unpacked_size == 1010
    assert info_of(processed(data + bytes(512), "application/gzip")[0]).unpacked_size == 1010


@pytest.mark.parametrize(
    ("content_type", "format"),
    [("application/x-7z-compressed", "7z"), ("application/x-rar-compressed", "rar")],
)
def test_formats_that_nobody_reads_here_are_recognised(content_type: str, format: str) -> None:
    made, listed = processed(b"whatever", content_type)
    assert (info_of(made), listed) == (ArchiveInfo(format=format), None)
    assert [warning.code for warning in made.warnings] == ["not_listed"]


# --- dangers


@pytest.mark.parametrize(
    ("name", "shown", "flags"),
    [
        ("/etc/passwd", "/etc/passwd", ["absolute"]),
        ("C:\\boot.ini", "C:\\boot.ini", ["absolute"]),
        ("\\\\host\\x", "\\\\host\\x", ["absolute"]),
        ("a/../../b", "a/../../b", ["parent"]),
        ("..\\b", "..\\b", ["parent"]),
        ("a..b/...", "a..b/...", []),
        ("a\0.txt", "a.txt", ["controls"]),
        ("photo\u202egpj.exe", "photogpj.exe", ["controls"]),
        ("a\nb", "ab", ["controls"]),
        ("👩\u200d👩 שלום", "👩\u200d👩 שלום", []),
        ("n" * 5000, "n" * 1000, []),
    ],
)
def test_a_name_is_shown_as_it_is_but_for_what_nobody_sees(name: str, shown: str, flags: list[str]) -> None:
    made, listed = processed(archives.directory([Listed(name.encode())], bytes(6000)))
    assert (listed[0]["name"], listed[0]["flags"], info_of(made).flags) == (shown, flags, flags)


def test_names_without_a_mark_are_read_as_their_writers_meant_them() -> None:
    unicode_name = b"\x01" + zlib.crc32(b"?").to_bytes(4, "little") + "ж".encode()
    field = (0x7075).to_bytes(2, "little") + len(unicode_name).to_bytes(2, "little") + unicode_name
    listed = processed(
        archives.directory(
            [Listed("ü".encode(), bits=0), Listed(b"\x81", bits=0), Listed(b"?", bits=0, extra=field)], bytes(999)
        )
    )[1]
    assert [entry["name"] for entry in listed] == ["ü", "ü", "ж"]


def test_links_encryption_and_ratios_are_flagged() -> None:
    links = [Listed(b"l", attributes=(stat.S_IFLNK | 0o777) << 16)]
    assert flags_of(archives.directory(links, bytes(99))) == ["links"]
    encrypted, listed = processed(archives.directory([Listed(b"e", bits=1), Listed(b"f")], bytes(999)))
    assert info_of(encrypted).encrypted
    assert [entry["encrypted"] for entry in listed] == [True, False]
    assert flags_of(archives.directory([Listed(b"z", size=2000 * MIB, packed=2 * MIB)], bytes(3 * MIB))) == ["ratio"]
    assert flags_of(archives.directory([Listed(b"z", size=9 * MIB, packed=9)], bytes(999))) == []


def test_entries_that_share_bytes_are_flagged() -> None:
    apart = [Listed(b"a", packed=10, offset=0), Listed(b"b", packed=10, offset=41)]
    assert flags_of(archives.directory(apart, bytes(82))) == []
    same = [Listed(b"a", packed=10, offset=0), Listed(b"b", packed=10, offset=0)]
    assert flags_of(archives.directory(same, bytes(82))) == ["overlap"]
    assert flags_of(archives.directory(apart, bytes(81))) == ["overlap"], "the last one and the directory"


def test_links_and_devices_of_a_tar_are_flagged() -> None:
    data = (
        archives.tar_header("l", kind=tarfile.SYMTYPE, link="/etc/passwd")
        + archives.tar_header("../d", kind=tarfile.CHRTYPE)
        + bytes(1024)
    )
    made, listed = processed(data, TAR)
    assert [entry["flags"] for entry in listed] == [["links"], ["parent", "devices"]]
    assert info_of(made).flags == ["devices", "links", "parent"]


def test_an_entry_of_more_than_four_gigabytes_is_listed() -> None:
    field = (1).to_bytes(2, "little") + (16).to_bytes(2, "little") + (5 * 1024**3).to_bytes(8, "little") * 2
    large = Listed(b"film", size=0xFFFFFFFF, packed=0xFFFFFFFF, extra=field)
    listed = processed(archives.directory([large], bytes(99)))[1]
    assert (listed[0]["size"], listed[0]["packed_size"]) == (5 * 1024**3, 5 * 1024**3)


# --- damage


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"PK\x03\x04" + bytes(100), ZIP),
        (archives.zip_of({"a": b"words"})[:-1], ZIP),
        (archives.zip_of({"a": b"words"}).replace(b"PK\x01\x02", b"PK\x01\x03"), ZIP),
        (archives.end(5, 10_000, 0), ZIP),
        (archives.directory([Listed(b"a")], bytes(99))[:-22] + archives.end(1, 40, 99), ZIP),
        (gzip.compress(b"words" * 9999)[:-9], "application/gzip"),
        (gzip.compress(b"words" * 9999)[:-8] + bytes(8), "application/gzip"),
        (b"BZh9" + bytes(100), "application/x-bzip2"),
        (lzma.compress(b"words" * 99)[:40], "application/x-xz"),
        (zstd.compress(b"words" * 99)[:20], "application/zstd"),
        (
            zstd.compress(b"words" * 99, options={zstd.CompressionParameter.checksum_flag: 1})[:-4] + bytes(4),
            "application/zstd",
        ),
        (b"no tar" * 200, TAR),
        (archives.tar_of({"a": b"x" * 5000})[:2000], TAR),
        (archives.tar_header("a", -5000) * 2 + bytes(1024), TAR),
    ],
    ids=[
        "no-end",
        "cut",
        "wrong",
        "end-alone",
        "cut-entry",
        "gz-cut",
        "gz-sum",
        "bz2",
        "xz",
        "zst-cut",
        "zst-sum",
        "no-tar",
        "tar",
        "back",
    ],
)
def test_a_damaged_archive_is_corrupt(data: bytes, content_type: str) -> None:
    with pytest.raises(PermanentFault) as fault:
        processed(data, content_type)
    assert fault.value.code == "corrupt"
    assert fault.value.message.endswith(".")


# --- bounds


def test_a_zip_that_claims_billions_of_entries_costs_nothing() -> None:
    made, listed = processed(archives.directory([Listed(b"a")], bytes(99), claimed=2**32))
    assert (info_of(made).entries, len(listed)) == (1, 1)


def test_a_zip_of_zips_is_one_list_and_nothing_in_it_is_opened() -> None:
    data = archives.zip_of_zips(6, 10)
    began = time.process_time()
    made, listed = processed(data)
    assert time.process_time() - began < 1
    assert [entry["name"] for entry in listed] == [f"5-{number}.zip" for number in range(10)]
    assert made.text.split() == [f"5-{number}.zip" for number in range(10)]
    assert info_of(made).unpacked_size < 20 * len(data), "that of the ten archives, and not of what is in them"  # type: ignore[operator]


def test_of_many_entries_the_first_are_listed_and_all_are_counted() -> None:
    many = [Listed(b"%d" % number, offset=40 * number) for number in range(60_000)]
    began = time.process_time()
    made, listed = processed(archives.directory(many, bytes(40 * 60_000)))
    assert time.process_time() - began < 3
    assert (info_of(made).entries, len(listed), info_of(made).flags) == (60_000, 10_000, [])
    assert [warning.code for warning in made.warnings] == ["entries_cut"]


def test_a_directory_that_is_too_long_is_read_in_part() -> None:
    many = [Listed(b"n" * 1000 + b"%d" % number) for number in range(10_000)]
    made, listed = processed(archives.directory(many, bytes(99)))
    assert info_of(made).entries == 10_000
    assert info_of(made).unpacked_size is None
    assert len(listed) < 4500, "the list has a bound, too"
    assert [warning.code for warning in made.warnings] == ["entries_cut"]


class Store:
    """S3 with one object of `size` bytes, which are zeros but for what stands at its end. Counts what is read."""

    def __init__(self, size: int, tail: bytes) -> None:
        self.size, self.tail, self.read = size, tail, 0

    def get_object(self, **request: Any) -> dict[str, Any]:
        first, last = map(int, request["Range"].removeprefix("bytes=").split("-"))
        self.read += last - first + 1
        start = self.size - len(self.tail)
        zeros = bytes(max(0, min(last + 1, start) - first))
        return {"Body": io.BytesIO(zeros + self.tail[max(0, first - start) : max(0, last + 1 - start)])}


def test_a_zip_of_five_gigabytes_is_listed_by_its_directory_alone(
    monkeypatch: pytest.MonkeyPatch, stage: object
) -> None:
    size = 5 * 1024**3
    field = (1).to_bytes(2, "little") + (8).to_bytes(2, "little")
    places = [number * (size // 25_000) for number in range(20_000)]
    headers = b"".join(
        Listed(
            b"folder/film %d.mov" % number,
            size=1000,
            packed=1000,
            offset=min(at, 0xFFFFFFFF),
            extra=field + at.to_bytes(8, "little") if at >= 0xFFFFFFFF else b"",
        ).header()
        for number, at in enumerate(places)
    )
    start = size - len(headers) - 98
    tail = headers + archives.end(20_000, len(headers), start)
    store = Store(size, tail)
    assert len(tail) == len(headers) + 98
    monkeypatch.setattr(aws, "s3", lambda: store)
    began = time.process_time()
    made, listed = processed(Ranged("acme/file", "v", size, 256 * MIB), size=size)
    assert time.process_time() - began < 3
    assert (info_of(made).entries, len(listed), info_of(made).flags) == (20_000, 10_000, [])
    assert store.read < 10_000_000, store.read


def test_a_compressed_file_is_unpacked_to_its_bound_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED", 20 * MIB)
    bomb = gzip.compress(bytes(50 * MIB))
    made, listed = processed(bomb, "application/gzip", name="a.gz")
    assert info_of(made) == ArchiveInfo(format="gz", entries=1, unpacked_size=None, flags=["ratio"])
    assert listed[0]["size"] is None
    assert [warning.code for warning in made.warnings] == ["entries_cut"]


def test_a_tar_that_unpacks_to_more_than_the_bound_is_listed_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED", 20 * MIB)
    data = archives.tar_of({"first": b"x", "zeros": bytes(50 * MIB), "last": b""}, "gz")
    made, listed = processed(data, "application/gzip")
    assert [entry["name"] for entry in listed] == ["first", "zeros"]
    assert (info_of(made).entries, info_of(made).flags) == (None, ["ratio"])
    assert [warning.code for warning in made.warnings] == ["entries_cut"]


def test_an_xz_file_that_asks_for_much_memory_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_MEMORY", 16 * MIB)
    made, _ = processed(lzma.compress(b"x", preset=9), "application/x-xz")
    assert info_of(made).unpacked_size is None
    assert [warning.code for warning in made.warnings] == ["entries_cut"]


def test_a_zst_file_that_asks_for_much_memory_is_not_unpacked() -> None:
    packer = zstd.ZstdCompressor(options={int(zstd.CompressionParameter.window_log): 28})
    made, _ = processed(packer.compress(b"x") + packer.flush(), "application/zstd")
    assert info_of(made).unpacked_size is None
    assert [warning.code for warning in made.warnings] == ["entries_cut"]


def test_a_sparse_file_of_gigabytes_is_a_number_and_a_flag() -> None:
    made, listed = processed(archives.sparse_tar(500 * 1024**3), TAR)
    assert listed[0]["size"] == 500 * 1024**3
    assert info_of(made).flags == ["ratio"]


@pytest.mark.parametrize(
    "data",
    [
        archives.endless_sparse_map(5 * MIB),
        archives.tar_header("x", 900 * MIB, tarfile.XHDTYPE) + bytes(1024),
        archives.tar_header("x", 900 * MIB, tarfile.GNUTYPE_LONGNAME) + bytes(1024),
    ],
    ids=["sparse", "pax", "name"],
)
def test_headers_without_end_end_the_list(data: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made, listed = processed(data, TAR)
    assert (listed, [warning.code for warning in made.warnings]) == ([], ["entries_cut"])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024, "kilobytes"


def test_a_chain_of_headers_does_not_overflow() -> None:
    with pytest.raises(PermanentFault) as fault:
        processed(archives.long_name_chain(1000), TAR)
    assert fault.value.code == "corrupt"


def test_a_tar_of_many_entries_is_listed_up_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "MAX_ENTRIES", 5)
    made, listed = processed(archives.tar_of({str(n): b"" for n in range(9)}), TAR)
    assert (info_of(made).entries, len(listed)) == (None, 5)
    assert [warning.code for warning in made.warnings] == ["entries_cut"]


def test_a_list_says_how_many_entries_it_has() -> None:
    long = [entries.Entry("n" * 1000)] * 9000
    rendition, body, listed = entries.rendition(long)
    assert len(body) == rendition.size <= entries.MAX_BYTES
    assert len(json.loads(body)["entries"]) == listed < 9000


SAMPLES = [
    (archives.zip_of({f"folder/{n}.txt": b"word" * n for n in range(5)}), ZIP),
    (archives.tar_of({"a": b"x", "d" * 120: b"y" * 700}), TAR),
    (archives.sparse_tar(1000), TAR),
    (archives.tar_of({"a": b"x" * 3000, "b": b""}, "gz"), "application/gzip"),
    (archives.tar_of({"a": b"x" * 3000, "b": b""}, "xz"), "application/x-xz"),
    (bz2.compress(b"words" * 100), "application/x-bzip2"),
]


@pytest.mark.parametrize("seed", range(60))
def test_damage_anywhere_never_does_more_than_fail(seed: int) -> None:
    chance = random.Random(seed)
    for sample, content_type in SAMPLES:
        data = bytearray(sample)
        for _ in range(chance.choice((1, 3, 30))):
            data[chance.randrange(len(data))] = chance.choice((0, 255, chance.randrange(256)))
        if chance.random() < 0.2:
            del data[chance.randrange(len(data)) :]
        try:
            made, listed = processed(bytes(data), content_type)
        except PermanentFault as fault:
            assert fault.code == "corrupt"
        else:
            assert len(info_of(made).model_dump_json()) < 16 * 1024
            assert listed is not None
