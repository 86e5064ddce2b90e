"""Small files of the kinds that processing knows by what is inside them; and changes of them, for fuzzing."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import time
import zipfile
from collections import Counter
from uuid import UUID

from chalicelib.processing import sniff
from chalicelib.processing.content_types import contradicts, is_one_of, settled
from chalicelib.processing.kinds import processor_of
from tests.fuzzing import mutated

OOXML = "application/vnd.openxmlformats-officedocument."
ODF = "application/vnd.oasis.opendocument."

MAX_SECONDS = 1.0
"""CPU time to find out the type of one file of some kilobytes. A sound one takes 0.0005."""


def zipped(*entries: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def office(part: str, main: str, *more: tuple[str, bytes]) -> bytes:
    """An Office document: the name of its main part, and that part's content type without `application/`."""
    types = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xlsx" ContentType="{OOXML}spreadsheetml.sheet"/>
<Override PartName="/{part}" ContentType="application/{main}"/></Types>"""
    return zipped(("[Content_Types].xml", types.encode()), ("_rels/.rels", b"<a/>"), *more, (part, b"<b/>" * 50))


def docx() -> bytes:
    return office("word/document.xml", "vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml")


def opendocument(mimetype: str, *, first: bool = True) -> bytes:
    """`mimetype` as the first entry and stored, as it should be; or neither."""
    if not first:
        return zipped(("content.xml", b"<a/>"), ("mimetype", mimetype.encode()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", mimetype, zipfile.ZIP_STORED)
        archive.writestr("content.xml", "<a/>" * 100, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tarred(*entries: tuple[str, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


NONE = 0xFFFFFFFF
END = 0xFFFFFFFE


def ole(*names: str, inner: tuple[str, ...] = (), class_id: str = "", directory: int = 1, large: bool = False) -> bytes:
    """A compound file with these streams at the top, and `inner` ones in a storage.

    `directory` is the sector where the directory begins; it goes on in the sectors after it, in a chain.
    """
    size = 4096 if large else 512
    entries = [("Root Entry", 5, NONE, NONE, 1 if names else NONE)]
    for number, name in enumerate(names, 1):
        entries.append((name, 2, NONE, number + 1 if number < len(names) else NONE, NONE))
    if inner:
        first = len(entries)
        last = entries[-1]
        entries[-1] = (*last[:3], first, last[4])
        entries.append(("ObjectPool", 1, NONE, NONE, first + 1))
        for number, name in enumerate(inner, first + 1):
            entries.append((name, 2, NONE, number + 1 if number < first + len(inner) else NONE, NONE))
    block = b"".join(_entry(*each, class_id=class_id if not n else "") for n, each in enumerate(entries))
    sectors = -(-len(block) // size)
    table = [NONE] * (size // 4)
    table[0] = 0xFFFFFFFD
    for number in range(directory, directory + sectors):
        table[number] = number + 1 if number < directory + sectors - 1 else END
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(24, b"\0") + _header(large, directory)
    body = struct.pack(f"<{size // 4}I", *table)
    body = body.ljust(directory * size, b"\0") + block.ljust(sectors * size, b"\0")
    return header.ljust(size, b"\0") + body


def _header(large: bool, directory: int) -> bytes:
    """The header from byte 24 on: one sector of allocation table, which is the first."""
    version, shift = (4, 12) if large else (3, 9)
    fixed = struct.pack("<HHHHH6x", 62, version, 0xFFFE, shift, 6)
    numbers = struct.pack("<IIIIIIIII", 0, 1, directory, 0, 4096, END, 0, END, 0)
    return fixed + numbers + struct.pack("<109I", 0, *[NONE] * 108)


def _entry(name: str, kind: int, left: int, right: int, child: int, *, class_id: str = "") -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    numbers = struct.pack("<HBBIII", len(encoded), kind, 1, left, right, child)
    own = UUID(class_id).bytes_le if class_id else bytes(16)
    return (encoded.ljust(64, b"\0") + numbers + own).ljust(128, b"\0")


def sfnt(magic: bytes = b"\0\1\0\0", tables: int = 9) -> bytes:
    return magic + struct.pack(">HHHH", tables, 128, 3, 16) + b"OS/2" + bytes(300)


MAIL = b"""Return-Path: <a@example.com>
Received: from x by y;
\tThu, 26 Nov 2026 05:00:00 +0000
From: A <a@example.com>
To: b@example.com
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Thu, 26 Nov 2026 05:00:00 +0000

Hello
"""


def seeds() -> dict[str, bytes]:
    """One small file of each type that its bytes tell."""
    excel, word = "vnd.ms-excel.sheet.binary.macroEnabled.main", docx()
    return {
        "docx": word,
        "xlsb": office("xl/workbook.bin", excel),
        "pptx": office("ppt/presentation.xml", f"{OOXML[12:]}presentationml.presentation.main+xml"),
        "odt": opendocument(f"{ODF}text"),
        "ods": opendocument(f"{ODF}spreadsheet", first=False),
        "epub": opendocument("application/epub+zip"),
        "jar": zipped(("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\n")),
        "zip": zipped(("a.txt", b"a" * 500), ("b.txt", b"b")),
        "doc": ole("WordDocument", "1Table", "Data"),
        "xls": ole("Workbook", inner=("WordDocument",)),
        "ppt": ole("PowerPoint Document", large=True),
        "tar": tarred(("a.txt", b"a" * 300), ("b", b"")),
        "tar.gz": gzip.compress(tarred(("a", b"b")), mtime=0),
        "bz2": bz2.compress(b"a" * 500),
        "xz": lzma.compress(b"a" * 500),
        "ttf": sfnt(),
        "otf": sfnt(b"OTTO"),
        "eml": MAIL,
        "rtf": rb"{\rtf1\ansi Hello \b world\b0.}",
        "json": b'{"a": [1, 2, {"b": null}], "c": "\\u00e9"}\n',
        "ndjson": b'{"a": 1}\n{"a": 2}\n',
        "csv": b'id;name;price\n1;"a; b";2.5\n2;c;3\n',
        "xml": b'<?xml version="1.0"?>\n<?xml-stylesheet href="a.xsl"?>\n<a><b/></a>',
        "html": b"<!-- a --><!doctype html><html><body><svg></svg></body></html>",
        "svg": b"<?xml version='1.0'?><!DOCTYPE svg><svg xmlns='http://www.w3.org/2000/svg'><g/></svg>",
        "utf-16": '<?xml version="1.0"?><svg/>'.encode("utf-16"),
        "markdown": b"# Title\n\nSome *text*, `code`.\n\n- a\n- b\n\n## More\n\n[a](https://example.com)\n",
        "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
        "mp4": (24).to_bytes(4) + b"ftypM4A \0\0\0\0M4A mp42" + bytes(40),
    }


def look(data: bytes) -> tuple[str | None, str | None]:
    """What the bytes prove, and the sort of text that they look like."""
    head = data[: sniff.SNIFF_BYTES]
    found = sniff.inside(sniff.sniff(head), head, io.BytesIO(data))
    return found, sniff.text_type(head, whole=len(data) <= len(head))


def fuzz(seed: int, count: int | None = None, seconds: float = 0) -> tuple[Counter[str], list[tuple[str, bytes, str]]]:
    """Finds out the types of `count` changed files, or of as many as `seconds` allow.

    Returns how many had each type, and the bad cases: name, bytes and what happened.
    """
    generator, sound = random.Random(seed), seeds()
    names, found, bad = sorted(sound), Counter[str](), list[tuple[str, bytes, str]]()
    known = sniff.DETECTABLE | sniff.INSIDE | {"audio/mp4"}
    until, tries = time.monotonic() + seconds, 0
    while tries < count if count is not None else time.monotonic() < until:
        name = names[tries % len(names)]
        tries += 1
        data = mutated(sound[name], generator, sound[generator.choice(names)])
        begun = time.process_time()
        try:
            proven, text = look(data)
            recorded = settled("", proven, text)
            contradicts(recorded, proven)
            is_one_of(["image/*", "application/pdf"], recorded, data[: sniff.SNIFF_BYTES], proven)
            found[str(processor_of(recorded).kind)] += 1
            problem = "" if proven is None or proven in known else f"unknown type {proven}"
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if problem or time.process_time() - begun > MAX_SECONDS:
            bad.append((name, data, problem or f"{time.process_time() - begun:.1f} s"))
    return found, bad
