"""Small archives, sound and hostile ones. The hostile ZIPs are written by hand: zipfile would refuse to write them."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from backports import zstd

MOMENT = (2026, 11, 22, 13, 0, 0)


def zip_of(files: Mapping[str, bytes], prefix: bytes = b"") -> bytes:
    """A ZIP as everybody writes it. `prefix` are bytes that stand before it, as in one that unpacks itself."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name, MOMENT), body, zipfile.ZIP_DEFLATED)
    return prefix + out.getvalue()


def zip_of_zips(levels: int, copies: int) -> bytes:
    """Each level has so many copies of the archive below it: copies ** levels files of a megabyte of zeros."""
    inner = zip_of({"zeros": bytes(1024**2)})
    for level in range(levels):
        inner = zip_of({f"{level}-{number}.zip": inner for number in range(copies)})
    return inner


@dataclass(frozen=True)
class Listed:
    """An entry of a directory that is written by hand."""

    name: bytes
    size: int = 0
    packed: int = 0
    offset: int = 0
    bits: int = 0x800
    attributes: int = 0
    extra: bytes = b""
    method: int = 8
    crc: int = 0

    def header(self) -> bytes:
        facts = (0x0314, 20, self.bits, self.method, 0x6800, 0x5D76, self.crc, self.packed, self.size)
        lengths = (len(self.name), len(self.extra))
        numbers = (*facts, *lengths, 0, 0, 0, self.attributes, self.offset)
        return struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *numbers) + self.name + self.extra


def directory(entries: Sequence[Listed], before: bytes = b"", claimed: int | None = None) -> bytes:
    """A ZIP of a directory alone, behind some bytes. `claimed` is the count that its end record tells."""
    headers = b"".join(entry.header() for entry in entries)
    count = len(entries) if claimed is None else claimed
    return before + headers + end(count, len(headers), len(before))


@dataclass(frozen=True)
class Packed:
    """A member as it stands in a ZIP, written by hand. `lies` are what the directory says instead of the truth.

    `data` are its packed bytes; without them it is stored. `own_name`, `own_bits` and `own_extra` stand in its own
    header. With a `descriptor` its sizes stand behind it, and its own header has none.
    """

    name: bytes = b"a.txt"
    body: bytes = b"words"
    method: int = 0
    data: bytes | None = None
    own_name: bytes | None = None
    own_bits: int | None = None
    own_extra: bytes = b""
    descriptor: bool = False
    lies: Mapping[str, Any] = field(default_factory=dict)


def by_hand(*members: Packed, prefix: bytes = b"", told: int = 0) -> bytes:
    """A whole ZIP behind a prefix, by whose first `told` bytes the offsets are too small."""
    out, listed = bytearray(prefix), []
    for each in members:
        data = each.body if each.data is None else each.data
        crc, bits = zlib.crc32(each.body), 0x800 | 8 * each.descriptor
        sizes = (0, 0, 0) if each.descriptor else (crc, len(data), len(each.body))
        truth = Listed(each.name, len(each.body), len(data), len(out) - told, bits, method=each.method, crc=crc)
        listed.append(replace(truth, **each.lies))
        name = each.name if each.own_name is None else each.own_name
        own_bits = bits if each.own_bits is None else each.own_bits
        out += struct.pack(
            "<4s5H3L2H",
            b"PK\x03\x04",
            20,
            own_bits,
            each.method,
            0x6800,
            0x5D76,
            *sizes,
            len(name),
            len(each.own_extra),
        )
        out += name + each.own_extra + data
        out += struct.pack("<4s3L", b"PK\x07\x08", crc, len(data), len(each.body)) if each.descriptor else b""
    headers = b"".join(each.header() for each in listed)
    return bytes(out) + headers + end(len(listed), len(headers), len(out) - told)


def end(count: int, length: int, offset: int) -> bytes:
    """The end record; the one for large archives, too, if the numbers need it."""
    small = (min(count, 0xFFFF), min(length, 0xFFFFFFFF), min(offset, 0xFFFFFFFF))
    record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, small[0], *small, 0)
    if (count, length, offset) == small:
        return record
    large = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, length, offset)
    return large + struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + length, 1) + record


def tar_of(files: Mapping[str, bytes], packing: str = "", format: int = tarfile.PAX_FORMAT) -> bytes:
    if packing == "zst":
        return zstd.compress(tar_of(files, "", format))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{packing}", format=format) as archive:  # type: ignore[call-overload]
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(body), 1795352400
            archive.addfile(member, io.BytesIO(body))
    return out.getvalue()


def tar_header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """One header of 512 bytes, with whatever it claims."""
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = size, kind, link
    return member.tobuf(tarfile.GNU_FORMAT)


def sparse_tar(size: int) -> bytes:
    """A tar with a sparse file that claims so many bytes and stores none (GNU's format 1.0)."""
    records = b"".join(
        _pax(name, value)
        for name, value in (
            ("GNU.sparse.major", "1"),
            ("GNU.sparse.minor", "0"),
            ("GNU.sparse.name", "sparse"),
            ("GNU.sparse.realsize", str(size)),
        )
    )
    padded = records + bytes(-len(records) % 512)
    sparse_map = b"0\n".ljust(512, b"\0")
    header = tar_header("x", len(records), tarfile.XHDTYPE)
    return header + padded + tar_header("sparse", 512) + sparse_map + bytes(1024)


def endless_sparse_map(fields: int) -> bytes:
    """A tar whose sparse map claims to have so many fields, and has them."""
    records = _pax("GNU.sparse.major", "1") + _pax("GNU.sparse.minor", "0")
    padded = records + bytes(-len(records) % 512)
    sparse_map = f"{fields}\n".encode() + b"9\n" * fields * 2
    header = tar_header("x", len(records), tarfile.XHDTYPE)
    return header + padded + tar_header("s", len(sparse_map)) + sparse_map + bytes(-len(sparse_map) % 512 + 1024)


def long_name_chain(links: int) -> bytes:
    """A tar of so many headers that each give a long name for the next header."""
    name = b"n".ljust(512, b"\0")
    return (tar_header("././@LongLink", 2, tarfile.GNUTYPE_LONGNAME) + name) * links + tar_header("end") + bytes(1024)


def _pax(name: str, value: str) -> bytes:
    rest = f" {name}={value}\n".encode()
    length = len(rest) + 2
    return f"{length if len(str(length)) == 2 else length + 1}".encode() + rest
