"""The seeds of fuzzing by kind: small sound files, words of their formats, and changes behind their compression.

The files point at a file of the machine in every way that their formats have.
"""

from __future__ import annotations

import gzip
import io
import lzma
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from backports import zstd

from tests import archives, avis, films, fonts, hostile_films, images, odd_films, offices, pdfs, svgs, transports
from tests.fuzzing import mutated

CANARY = "@canary@"
"""Stands in seeds and words for the path of a file of ours. Its contents must never come out."""

Seeds = Mapping[str, tuple[str, bytes]]
Inside = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


@dataclass(frozen=True)
class Subject:
    """The seeds of a kind by name, each with its content type; words of its format; a change behind its compression.

    `refusals` are the exceptions of a child that the processor knows: by them a damaged file is told.
    """

    seeds: Callable[[str], Seeds]
    words: Sequence[bytes] = ()
    inside: Inside | None = None
    refusals: frozenset[str] = frozenset()


def changed(data: bytes, generator: random.Random, other: bytes, words: Sequence[bytes]) -> bytes:
    """`mutated`, or with some of the format's own words put into it, in place of other bytes or between them."""
    if not words or not data or generator.random() < 0.5:
        return mutated(data or b"\0", generator, other or b"\0")
    out = bytearray(data)
    for _ in range(generator.choice((1, 1, 2, 4))):
        at, word = generator.randrange(len(out) + 1), generator.choice(words)
        out[at : at + generator.choice((0, 0, len(word), 20))] = word
    return bytes(out)


# --- PDF


def _rich_pdf(canary: str) -> bytes:
    """Scripts, a launch action, a form, an attachment, a link to a file, and a content in the clear."""
    objects: list[str | bytes] = [
        "<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F (@canary@) >> /AcroForm << /Fields [7 0 R] >> "
        "/Names << /JavaScript << /Names [(a) << /S /JavaScript /JS (app.alert\\(1\\)) >>] >> "
        "/EmbeddedFiles << /Names [(b) << /F (b) /EF << /F 8 0 R >> >>] >> >> "
        "/AA << /WC << /S /URI /URI (file://@canary@) >> >> >>",
        "<< /Type /Pages /Count 2 /Kids [3 0 R 4 0 R] >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 5 0 R /Annots [7 0 R 9 0 R] "
        "/Resources << /Font << /F1 6 0 R >> /ExtGState << /G << /SMask << /S /Alpha /G 10 0 R >> >> >> "
        "/Shading << /S << /ShadingType 2 /ColorSpace /DeviceRGB /Coords [0 0 9 9] /Function << /FunctionType 2 "
        "/Domain [0 1] /C0 [0 0 0] /C1 [1 1 1] /N 1 >> >> >> /XObject << /X 10 0 R /I 11 0 R >> >> >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Rotate 90 /Contents 5 0 R >>",
        _plain_stream(b"q /G gs BT /F1 24 Tf 10 100 Td (Some words) Tj ET /S sh /X Do /I Do 9 9 99 99 re S Q"),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Differences [65 /a /b] >> >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (value) /Rect [9 9 50 50] "
        "/A << /S /SubmitForm /F (http://example.com/) >> /AP << /N 10 0 R >> >>",
        _plain_stream(b"an attachment", "/Type /EmbeddedFile"),
        "<< /Type /Annot /Subtype /FileAttachment /Rect [0 0 9 9] /FS << /F (@canary@) >> >>",
        _plain_stream(b"1 0 0 rg 0 0 9 9 re f", "/Type /XObject /Subtype /Form /BBox [0 0 200 200]"),
        _plain_stream(
            bytes(range(48)),
            "/Type /XObject /Subtype /Image /Width 4 /Height 4 /BitsPerComponent 8 /ColorSpace /DeviceRGB",
        ),
        # The bytes of this one stand in another file, which nobody may open.
        "<< /Length 0 /F (@canary@) /FFilter /FlateDecode >>\nstream\n\nendstream",
    ]
    return pdfs.document([each.replace(CANARY, canary) if isinstance(each, str) else each for each in objects])


def _plain_stream(content: bytes, more: str = "") -> bytes:
    return f"<< /Length {len(content)} {more} >>\nstream\n".encode() + content + b"\nendstream"


def _packed_image(data: bytes, filter: str, more: str = "") -> bytes:
    picture = _plain_stream(data, f"/Type /XObject /Subtype /Image /Width 48 /Height 32 /Filter /{filter} {more}")
    return pdfs.document(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources << /XObject "
            "<< /I 5 0 R >> >> >>",
            _plain_stream(b"200 0 0 200 0 0 cm /I Do"),
            picture,
        ]
    )


def _with_font(data: bytes) -> bytes:
    return pdfs.document(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources << /Font << "
            "/F 5 0 R >> >> >>",
            _plain_stream(b"BT /F 30 Tf 9 99 Td (Words) Tj ET"),
            "<< /Type /Font /Subtype /TrueType /BaseFont /A /FirstChar 0 /LastChar 255 /FontDescriptor 6 0 R "
            "/ToUnicode 8 0 R >>",
            "<< /Type /FontDescriptor /FontName /A /Flags 32 /FontFile2 7 0 R >>",
            _plain_stream(data, f"/Length1 {len(data)}"),
            _plain_stream(b"1 beginbfrange <00> <ff> <0041> endbfrange 1 beginbfchar <41> <d83dde00> endbfchar"),
        ]
    )


def _pdfs(canary: str) -> Seeds:
    packed = zlib.compress(bytes(range(256)) * 18)
    found = {
        "pages": pdfs.pages(["some words", "more words", ""], info="/Title (A title) /CreationDate (D:2026)"),
        "rich": _rich_pdf(canary),
        "object streams": pdfs.object_streams(),
        "encrypted": pdfs.encrypted(),
        "jpeg": _packed_image(images.jpeg(48, 32), "DCTDecode", "/ColorSpace /DeviceRGB /BitsPerComponent 8"),
        "jpx": _packed_image(images.encoded(images.picture(48, 32), "JPEG2000"), "JPXDecode"),
        "predictor": _packed_image(
            packed,
            "FlateDecode",
            "/ColorSpace /DeviceRGB /BitsPerComponent 8 /DecodeParms << /Predictor 15 /Colors 3 /Columns 48 >>",
        ),
        "fax": _packed_image(
            bytes(range(200)), "CCITTFaxDecode", "/ImageMask true /DecodeParms << /K -1 /Columns 48 >>"
        ),
        "jbig2": _packed_image(
            bytes.fromhex("0000000030000100000013000000300000002000000000000000000100 00".replace(" ", "")),
            "JBIG2Decode",
            "/ColorSpace /DeviceGray /BitsPerComponent 1",
        ),
        "font": _with_font(fonts.pillows()),
    }
    return {name: ("application/pdf", data) for name, data in found.items()}


_PDF_WORDS = (
    *(b"/FlateDecode", b"/ASCII85Decode", b"/ASCIIHexDecode", b"/LZWDecode", b"/RunLengthDecode", b"/CCITTFaxDecode"),
    *(b"/DCTDecode", b"/JPXDecode", b"/JBIG2Decode", b"/Crypt", b"/Predictor 15 /Columns 2147483647", b"/JavaScript"),
    *(b"/Launch", b"/GoToR", b"/F (@canary@)", b"(file://@canary@)", b"2147483647", b"-2147483648", b"99999999999"),
    *(b"1e38", b"-1", b"0", b"1 0 R", b"2 0 R", b"4 0 R", b"5 0 R", b"65535 0 R", b"/Type /ObjStm", b"/Type /XRef"),
    *(
        b"/Extends 1 0 R",
        b"/Kids [2 0 R]",
        b"/Parent 3 0 R",
        b"<<",
        b">>",
        b"[",
        b"]",
        b"(",
        b")",
        b"endobj",
        b"stream\n",
    ),
    *(b"endstream", b"/Rotate 90", b"/MediaBox [0 0 1e9 1e9]", b"/Subtype /Type3", b"/Subtype /Type0", b"/Indexed"),
    *(b"/ICCBased 5 0 R", b"/Separation", b"/Pattern", b"/ShadingType 7", b"/FunctionType 4", b"/SMask 5 0 R", b"null"),
    *(b" Do ", b" sh ", b" Tj ", b" cm ", b" q ", b" Q ", b" BI /W 99 /H 99 ID ", b" EI ", b" d0 ", b"/Width 65535"),
)


# --- Office


_VALUE = re.compile(rb'="[^"<]*"')
_EMPTY = re.compile(rb"<[a-zA-Z][^<>]*/>")
_NAME = re.compile(rb"<([a-zA-Z][\w:.-]*)")


def _well_formed(data: bytes, generator: random.Random, words: Sequence[bytes]) -> bytes:
    """XML with other values, other names and other places of its elements, that is mostly well-formed all the same."""
    for _ in range(generator.choice((1, 1, 2, 4))):
        values, empty, names = _VALUE.findall(data), _EMPTY.findall(data), sorted({*_NAME.findall(data)})
        safe = [word for word in words if not any(mark in word for mark in b'<>&"')] or [b"1e9"]
        match generator.randrange(5):
            case 0 | 1 if values:
                new = generator.choice((b'="%s"' % generator.choice(safe), generator.choice(values)))
                data = _replaced_once(data, generator.choice(values), new, generator)
            case 2 if len(names) > 1:
                old, new = generator.sample(names, 2)
                data = re.sub(rb"(</?)" + re.escape(old) + rb"(?=[\s/>])", rb"\g<1>" + new, data)
            case 3 if empty:
                place = generator.choice(empty)
                data = _replaced_once(
                    data, place, place + generator.choice(empty) * generator.choice((1, 1, 40)), generator
                )
            case _:
                data = data.replace(b">", b">" + generator.choice(safe), 1 + generator.randrange(3))
    return data


def _replaced_once(data: bytes, old: bytes, new: bytes, generator: random.Random) -> bytes:
    places = [match.start() for match in re.finditer(re.escape(old), data)]
    at = generator.choice(places)
    return data[:at] + new + data[at + len(old) :]


def _xml(data: bytes, generator: random.Random, words: Sequence[bytes]) -> bytes:
    return _well_formed(data, generator, words) if b"<" in data[:5] else changed(data, generator, data, words)


def _zip_part(data: bytes, generator: random.Random, words: Sequence[bytes]) -> bytes:
    """The archive with one of its parts changed, so that its checksum is right all the same."""
    if not data.startswith(b"PK"):
        return changed(data, generator, data, words)
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        parts: dict[str, str | bytes] = {name: package.read(name) for name in package.namelist()}
    name = generator.choice([*parts])
    body = bytes(parts[name])  # type: ignore[arg-type]
    if body.lstrip().startswith(b"<") and generator.random() < 0.7:
        return offices.archive(parts | {name: _well_formed(body, generator, words)})
    return offices.archive(parts | {name: changed(body, generator, body or data, words)})


_ENTITY = '<!DOCTYPE x [<!ENTITY i SYSTEM "file://@canary@">]>'


def _entity(canary: str) -> str:
    return _ENTITY.replace(CANARY, canary)


def _both(parts: offices.Parts, content_type: str, name: str) -> Iterator[tuple[str, tuple[str, bytes]]]:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield f"{name}{method}", (content_type, offices.archive(parts, method=method))


def _documents(canary: str) -> Seeds:
    docx = offices.docx_parts(offices.paragraph("some words", "berschrift1"), title="A title")
    linked = docx | {
        "word/_rels/document.xml.rels": offices.relations(
            ("s", "styles", f"file://{canary}"), ("f", "footnotes", f"../../../../../..{canary}")
        )
    }
    odt = offices.odf_parts(
        offices.ODT,
        "<office:text><text:h>A heading</text:h><text:p>x<text:s/>y</text:p></office:text>",
        meta="<dc:title>x</dc:title>",
    ) | {"Thumbnails/thumbnail.png": images.png(24, 16)}
    epub = offices.epub_parts(["<h1>One</h1><p>words</p>"], "<dc:title>A book</dc:title>")
    summary = offices.properties({2: "A title", 4: "An Author", 12: bytes(6) + b"\xdc\1", 14: 3})
    rtf = (
        rb"{\rtf1\ansi\ansicpg1252{\info{\title x}{\creatim\yr2026\mo1}}words \u8364?\'e4{\*\x y}\bin3 abc\par"
        rb"{\field{\*\fldinst INCLUDETEXT @canary@}{\fldrslt x}}{\object\objdata 0105}}"
    )
    return {
        **dict(_both(docx, offices.DOCX, "docx")),
        **dict(_both(odt, offices.ODT, "odt")),
        **dict(_both(epub, offices.EPUB, "epub")),
        "linked docx": (offices.DOCX, offices.archive(linked)),
        "docx with an entity": (offices.DOCX, offices.archive(offices.docx_parts("&i;", _entity(canary)))),
        "odt with an entity": (offices.ODT, offices.odf(offices.ODT, "<text:p>&i;</text:p>", doctype=_entity(canary))),
        "rtf": (offices.RTF, rtf.replace(CANARY.encode(), canary.encode())),
        "doc": (offices.DOC, offices.ole({"WordDocument": bytes(600), "\5SummaryInformation": summary})),
        "encrypted": (offices.DOCX, offices.ole({"EncryptedPackage": bytes(600), "EncryptionInfo": bytes(40)})),
    }


def _decks(canary: str) -> Seeds:
    pptx = offices.pptx_parts([("A slide", ["words"]), ("Another", ["more", "lines"])], title="A deck")
    slides = (
        '<office:presentation><draw:page><draw:frame presentation:class="title"><text:p>A title</text:p></draw:frame>'
        "<presentation:notes><text:p>say</text:p></presentation:notes></draw:page></office:presentation>"
    )
    odp = offices.odf_parts(offices.ODP, slides, meta="<dc:title>x</dc:title>")
    summary = offices.properties({2: "A title", 4: "An Author"})
    return {
        **dict(_both(pptx, offices.PPTX, "pptx")),
        **dict(_both(odp, offices.ODP, "odp")),
        "odp with an entity": (
            offices.ODP,
            offices.odf(offices.ODP, slides.replace("say", "&i;"), doctype=_entity(canary)),
        ),
        "ppt": (offices.PPT, offices.ole({"PowerPoint Document": bytes(600), "\5SummaryInformation": summary})),
    }


def _workbooks(canary: str) -> Seeds:
    rows: list[list[offices.Value]] = [["name", "when", "much"], ["a", 45000, True], ["b", 1.5, None]]
    xlsx = offices.xlsx_parts({"One": "".join(offices.sheet_rows(rows)), "Two": ""}, title="A title")
    linked = xlsx | {
        "xl/_rels/workbook.xml.rels": offices.relations(
            ("r1", "worksheet", "worksheets/sheet1.xml"), ("r2", "worksheet", f"file://{canary}")
        )
    }
    summary = offices.properties({2: "A title", 4: "An Author"})
    return {
        **dict(_both(xlsx, offices.XLSX, "xlsx")),
        "linked xlsx": (offices.XLSX, offices.archive(linked)),
        "xlsx with an entity": (
            offices.XLSX,
            offices.archive(offices.xlsx_parts({"One": '<row><c t="str"><v>&i;</v></c></row>'}, _ENTITY)),
        ),
        "ods": (offices.ODS, offices.ods([["a", "b"], ["1", "2"]])),
        "xls": (offices.XLS, offices.ole({"Workbook": offices.biff(), "\5SummaryInformation": summary})),
        "xlsb": (offices.XLSB, offices.xlsb()),
    }


_XML_WORDS = (
    *(b"&lt;", b"&#x41;", b"&i;", b"<!DOCTYPE x [<!ENTITY i 'x'>]>", _ENTITY.encode(), b"<![CDATA[", b"]]>", b"<!--"),
    *(
        b"-->",
        b"<?x?>",
        b'xmlns="x"',
        b'xml:space="preserve"',
        b"</",
        b"/>",
        b"<w:p>",
        b"<w:t>",
        b"<text:p>",
        b"<text:s/>",
    ),
    *(b'text:c="2147483647"', b'table:number-columns-repeated="2147483647"', b'table:number-rows-repeated="1048576"'),
    *(
        b'r="XFD1048576"',
        b't="s"',
        b't="e"',
        b"<v>99999999</v>",
        b'<c r="A1" t="inlineStr">',
        b"<mergeCell/>",
        b"<xi:include",
    ),
    *(
        b'Target="file://@canary@"',
        b'TargetMode="External"',
        b"../../../..@canary@",
        b"\\field",
        b"\\bin99999999 ",
        b"\\u-1 ",
    ),
    *(b"\xff\xfe", b"\0", b"\xed\xa0\x80", b"1e999", b"-1", b"2147483648", b"mimetype", b"\x1f\xff"),
)


# --- archives


def _unpacked(data: bytes, generator: random.Random, words: Sequence[bytes]) -> bytes:
    """A compressed tar with a change behind its compression; in most cases the headers' checksums are right."""
    zipped, packed = data.startswith(b"\x1f\x8b"), data.startswith(b"\xfd7z")
    inner = gzip.decompress(data) if zipped else lzma.decompress(data) if packed else data
    inner = changed(inner, generator, inner, words)
    if inner[257:262] == b"ustar" and generator.random() < 0.8:
        inner = _mended(inner)
    return gzip.compress(inner, mtime=0) if zipped else lzma.compress(inner) if packed else inner


def _mended(tar: bytes) -> bytes:
    """The tar with the right checksum in every block that looks like a header."""
    out = bytearray(tar)
    for at in range(0, len(out) - 511, 512):
        if out[at + 257 : at + 262] == b"ustar":
            out[at + 148 : at + 156] = b" " * 8
            out[at + 148 : at + 156] = b"%06o\0 " % (sum(out[at : at + 512]) & 0o777777)
    return bytes(out)


def _archives(canary: str) -> Seeds:
    zipped, tar = "application/zip", "application/x-tar"
    field = struct.pack("<HHQQ", 1, 16, 2**40, 2**40)
    large = archives.Listed(b"large", size=0xFFFFFFFF, packed=0xFFFFFFFF, extra=field)
    link = archives.tar_header("link", kind=b"2", link=canary) + bytes(1024)
    return {
        "zip": (zipped, archives.zip_of({f"folder/{n}.txt": b"word" * n for n in range(5)})),
        "names": (zipped, archives.zip_of({f"../../..{canary}": b"x", "/etc/passwd": b"y", "a\u202etxt": b""})),
        "zip64": (zipped, archives.directory([large, archives.Listed(b"b", bits=1)], bytes(40), claimed=70_000)),
        "zip of zips": (zipped, archives.zip_of({"a.zip": archives.zip_of({"b.zip": archives.zip_of({"c": b"d"})})})),
        "jar": ("application/java-archive", archives.zip_of({"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n"})),
        "tar": (tar, archives.tar_of({"a": b"x", "d" * 120: b"y" * 700, "ü": b""})),
        "gnu tar": (tar, archives.tar_of({"a": b"x", "d" * 120: b"y" * 700}, format=1)),
        "sparse": (tar, archives.sparse_tar(1000)),
        "link": (tar, link),
        "tar.gz": ("application/gzip", gzip.compress(archives.tar_of({"a": b"x" * 3000, "b": b""}), mtime=0)),
        "tar.bz2": ("application/x-bzip2", archives.tar_of({"a": b"x" * 3000, "b": b""}, "bz2")),
        "tar.xz": ("application/x-xz", archives.tar_of({"a": b"x" * 3000, "b": b""}, "xz")),
        "gz": ("application/gzip", gzip.compress(b"words " * 100, mtime=0)),
        "xz": ("application/x-xz", lzma.compress(b"words " * 100)),
        "zst": ("application/zstd", zstd.compress(b"words " * 100)),
        "7z": ("application/x-7z-compressed", b"7z\xbc\xaf\x27\x1c\0\4" + bytes(100)),
        "rar": ("application/vnd.rar", b"Rar!\x1a\7\1\0" + bytes(100)),
    }


_ARCHIVE_WORDS = (
    *(
        b"PK\1\2",
        b"PK\3\4",
        b"PK\5\6",
        b"PK\6\6",
        b"PK\6\7",
        b"\xff\xff\xff\xff",
        b"\xff" * 8,
        b"\1\0\x1c\0",
        b"ustar\0",
        b"ustar  \0",
    ),
    *(
        b"77777777777\0",
        b"\x80" + b"\xff" * 11,
        b"../../..@canary@",
        b"/etc/passwd\0",
        b"27 GNU.sparse.size=99999999\n",
    ),
    *(
        b"30 GNU.sparse.map=0,1,9999999\n",
        b"22 GNU.sparse.major=1\n",
        b"12 path=a/b\n",
        b"99999999 path=",
        b"L",
        b"K",
        b"x",
        b"g",
        b"S",
    ),
    *(b"\0\0", b"\xe2\x80\xae", b"C:\\", b"\1\0\x08\0", b"\x1f\x8b\x08\x1f", b"BZh9", b"\xfd7zXZ\0"),
)


# --- messages, fonts and SVG


def _messages(canary: str) -> Seeds:
    inner = b"From: x@example.com\nSubject: inner\n\nwords\n"
    parts = (
        b'From: =?utf-8?q?A_B?= <a@example.com>\nTo: b@example.com, "C, D" <c@example.com>\n'
        b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\n"
        b"Date: Thu, 26 Nov 2026 05:00:00 +0100\nMIME-Version: 1.0\nContent-Type: multipart/mixed; "
        b'boundary="b"\n\n--b\n'
        b"Content-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain; charset=iso-8859-1\n"
        b"Content-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n--c\nContent-Type: text/html\n\n<p>Gr&uuml;&szlig;e"
        b'<script>x</script><img src="file://@canary@">\n--c--\n--b\nContent-Type: image/png; '
        b"name*0*=utf-8''a%C3%BC; "
        b"name*1=b.png\nContent-Disposition: attachment; "
        b'filename="../..@canary@"\nContent-Transfer-Encoding: base64\n\n'
        b"iVBORw0KGgo=\n--b\nContent-Type: message/rfc822\n\n" + inner + b"--b\nContent-Type: message/external-body; "
        b'access-type=local-file; name="@canary@"\n\n--b\nContent-Transfer-Encoding: x-uuencode\n\nbegin '
        b"644 a\n#86)C\n`\nend\n--b--\n"
    )
    found = {
        "plain": b"Return-Path: <a@example.com>\nFrom: A <a@example.com>\nSubject: x\nDate: Thu, 26 Nov "
        b"2026 05:00:00 +0000\n\nHello\n",
        "parts": parts,
        "crlf": parts.replace(b"\n", b"\r\n"),
        "html": b"From: a@example.com\nSubject: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\nContent-Type: "
        b"text/html; charset=utf-16\n\n" + "<h1>One</h1><p>two".encode("utf-16"),
    }
    return {name: ("message/rfc822", data.replace(CANARY.encode(), canary.encode())) for name, data in found.items()}


_MAIL_WORDS = (
    *(
        b"\n--b\n",
        b"\n--b--\n",
        b"\n--c\n",
        b"\n\n",
        b"boundary=",
        b'boundary=""',
        b"Content-Type: multipart/mixed; boundary=b\n",
    ),
    *(
        b"Content-Type: message/rfc822\n\n",
        b"Content-Type: message/delivery-status\n\n",
        b"charset=utf-7",
        b"charset=\xff",
    ),
    *(
        b"charset=unknown-8bit",
        b"charset=idna",
        b"charset=punycode",
        b"charset=unicode_escape",
        b"charset=zlib_codec",
        b"base64",
    ),
    *(
        b"quoted-printable",
        b"x-uuencode",
        b"=?utf-8?q?",
        b"=?utf-8?b?////?=",
        b"?=",
        b"name*0*=utf-8''",
        b"name*99999999999=x",
    ),
    *(
        b"(" * 50,
        b'"' * 3,
        b"<@a,@b:c@d>",
        b"Date: 99 Foo 99999 99:99:99 +9999\n",
        b"Subject: ",
        b"\r",
        b"\0",
        b"&#1114112;",
        b"<![CDATA[",
    ),
    *(b"<!DOCTYPE [", b"<?", b"filename=@canary@", b"@canary@"),
)


def _table_of_a_font(data: bytes, generator: random.Random, words: Sequence[bytes]) -> bytes:
    """The font with one of its tables changed and the others in place, as WOFF or WOFF2 in half of the cases."""
    parts = fonts.tables(fonts.pillows())
    tag = generator.choice(sorted(parts))
    font = fonts.sfnt(parts | {tag: changed(parts[tag], generator, parts[tag], words)}, fonts.pillows()[:4])
    return generator.choice((fonts.woff, fonts.woff2, bytes, bytes))(font)


def _fonts(canary: str) -> Seeds:
    plain = fonts.pillows()
    return {
        "ttf": ("font/ttf", plain),
        "woff": ("font/woff", fonts.woff(plain)),
        "woff2": ("font/woff2", fonts.woff2(plain)),
        "ttc": ("font/collection", fonts.collection(plain, plain)),
        "name": ("font/ttf", fonts.renamed("Ünïcödé \u202e\0 name")),
        "empty": ("font/ttf", fonts.of_empty_glyphs(500)),
    }


def _svgs(canary: str) -> Seeds:
    body = (
        '<defs><filter id="f"><feGaussianBlur stdDeviation="2"/><feImage href="file://@canary@.png"/></filter>'
        '<linearGradient id="l"><stop offset="0" stop-color="red"/></linearGradient><clipPath '
        'id="c"><circle r="9"/></clipPath>'
        '<pattern id="p" width="4" height="4"><path d="M0 0h2v2z"/></pattern><mask id="m"><rect '
        'width="9" height="9"/></mask>'
        "<marker id='k'><path d='M0 0h1'/></marker><style>.a{fill:url(#l)} @import 'file://@canary@';</style></defs>"
        '<a href="http://e/"><use xlink:href="#g"/></a><g id="g" class="a" filter="url(#f)"><path d="M0 0h9v9z"/></g>'
        '<image href="@canary@.png" width="40" height="20"/><image xlink:href="file://@canary@.png" '
        'width="40" height="20"/>'
        '<image href="data:image/svg+xml;base64,PHN2Zy8+" width="9" height="9"/><foreignObject><b>x</b></foreignObject>'
        '<rect width="9" height="9" fill="url(#p)" clip-path="url(#c)" mask="url(#m)" marker-start="url(#k)"/>'
        '<script>x</script><text onclick="x" font-size="9"><tspan x="1 2 3">words</tspan><textPath '
        'href="#g">on</textPath></text>'
    )
    body = body.replace(CANARY, canary)
    entity = '<!DOCTYPE svg [<!ENTITY a "words"><!ENTITY i SYSTEM "file://@canary@">]>'.replace(CANARY, canary)
    found = {
        "rich": svgs.svg(body),
        "entities": svgs.svg("<text>&a;</text>" + svgs.RED, before=entity),
        "external": svgs.svg("<text>&i;</text>" + svgs.RED, before=entity),
        "nested": svgs.nested(20),
        "uses": svgs.doubling_uses(3),
        "utf-16": svgs.svg(body).decode().encode("utf-16"),
        "gzip": gzip.compress(svgs.svg(body), mtime=0),
    }
    return {name: ("image/svg+xml", data) for name, data in found.items()}


_SVG_WORDS = (
    *(
        b'href="@canary@.png"',
        b'href="file://@canary@.png"',
        b'<image href="@canary@.png" width="40" height="20"/>',
        b"url(@canary@.png)",
    ),
    *(
        b"&#x66;ile:",
        b"&i;",
        b"&a;",
        b"<script>",
        b"<foreignObject>",
        b"<feImage",
        b"<use href='#g'/>",
        b"url(#f)",
        b"url(#g)",
        b'id="g"',
    ),
    *(
        b"1e38",
        b"-1e38",
        b"1e-38",
        b"NaN",
        b"99999999",
        b"-1",
        b"0",
        b"M0 0",
        b"A1 1 0 0 1 9 9",
        b"matrix(1e9 0 0 1e9 0 0)",
        b"scale(0)",
    ),
    *(
        b'stdDeviation="199"',
        b'baseFrequency=".9" numOctaves="9999999"',
        b'radius="9999"',
        b'order="99"',
        b'width="1e9"',
        b'viewBox="0 0 0 0"',
    ),
    *(
        b"<g>",
        b"</g>",
        b"<text>",
        b"<tspan>",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"-->",
        b"<?xml-stylesheet href='@canary@'?>",
        b"xmlns='x'",
    ),
    *(
        b"font-family='a'",
        b"font-size='1e9'",
        b"letter-spacing='1e9'",
        "אב".encode(),
        "\U0001f600".encode(),
        b"\xed\xa0\x80",
        b"@import ",
    ),
)

# --- films and sounds


def _films(canary: str) -> Seeds:
    reference = f"file://{canary}\0".encode()
    return {
        "mp4": ("video/mp4", films.faststart(hostile_films.plain())),
        "index last": ("video/mp4", hostile_films.plain()),
        "fragments": ("video/mp4", films.film(options={"movflags": "frag_keyframe+empty_moov"})),
        "reference": ("video/quicktime", hostile_films.changed(hostile_films.reference(b"url ", reference))),
        "alias": ("video/quicktime", hostile_films.changed(hostile_films.reference(b"alis", reference))),
        "matroska": ("video/x-matroska", hostile_films.matroska()),
        "webm": ("video/webm", films.film("webm", codec="libvpx", sound_codec="libopus", times=range(25))),
        "avi": ("video/x-msvideo", films.film("avi", codec="mpeg4", sound_codec="libmp3lame", times=range(25))),
        "hevc": ("video/mp4", films.film(codec="libx265", times=range(25), picture=odd_films.hevc("hev1"))),
        "prores": ("video/quicktime", odd_films.film("mov", 1, codec="prores_ks", pixels="yuv422p10le")),
        "vp9": ("video/webm", films.film("webm", codec="libvpx-vp9", sound_codec="libopus", times=range(25))),
        "av1": ("video/mp4", films.film(codec="libsvtav1", sound_codec="libopus", times=range(25))),
        "3gp": ("video/3gpp", films.film("3gp", codec="mpeg4", times=range(25))),
        "two headers": ("video/mp4", odd_films.two_descriptions()),
        "avi of parts": ("video/x-msvideo", avis.Long(avis.short(1), 3, 1).whole()),
        "transport": ("video/mp2t", transports.with_times(transports.film(2))),
        "flash": ("video/x-flv", films.film("flv", codec="flv", sound_codec="aac", times=range(25))),
        "wmv": ("video/x-ms-wmv", films.film("asf", codec="wmv2", sound_codec="wmav2", times=range(25))),
        "program": (
            "video/mpeg",
            transports.film(form="vob", codec="mpeg2video", sound_codec="mp2", rate=25, times=range(25)),
        ),
    }


def _sounds(canary: str) -> Seeds:
    tags = {"title": "A song", "artist": "Somebody"}
    return {
        "mp3": ("audio/mpeg", films.sound("mp3", "libmp3lame", tags=tags, cover=images.png(8, 8))),
        "flac": ("audio/flac", films.sound("flac", "flac", tags=tags)),
        "wav": ("audio/wav", films.sound("wav", "pcm_s16le", seconds=0.2)),
        "ogg": ("audio/ogg", films.sound("ogg", "libopus", tags=tags)),
        "m4a": ("audio/mp4", films.sound("ipod", "aac", tags=tags)),
        "adts": ("audio/aac", films.sound("adts", "aac")),
        "aiff": ("audio/aiff", films.sound("aiff", "pcm_s16be", seconds=0.2, tags=tags)),
        "caf": ("audio/x-caf", films.sound("caf", "alac", tags=tags)),
        "amr": ("audio/amr", films.amr("nb", seconds=1)),
    }


_FILM_WORDS = (
    *(b"moov", b"trak", b"mdat", b"free", b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"co64", b"stss", b"elst"),
    *(b"moof", b"traf", b"trun", b"tfhd", b"sidx", b"dref", b"url file://@canary@\0", b"avc1", b"hvc1", b"mp4a"),
    *(
        b"\xff\xff\xff\xff",
        b"\x80\0\0\0",
        b"\0\0\0\1",
        b"\1\xff\xff\xff\xff\xff\xff\xff",
        b"\x1c\x53\xbb\x6b",
        b"\x1f\x43\xb6\x75",
    ),
    *(
        b"#EXTM3U\nfile://@canary@\n",
        b"ffconcat version 1.0\nfile '@canary@'\n",
        b"ID3\4\0\0\x7f\x7f\x7f\x7f",
        b"APIC",
        b"RIFF",
    ),
)


def _box_of_a_film(data: bytes, generator: random.Random, words: Sequence[bytes]) -> bytes:
    """A film whose boxes are changed, doubled, dropped or moved; any other file with bytes changed all over it."""
    if data[4:8] != b"ftyp":
        out = bytearray(data)
        for _ in range(max(1, len(out) // 100)):
            out[generator.randrange(len(out))] = generator.randrange(256)
        return bytes(out)
    root = hostile_films.parsed(data)
    for _ in range(generator.choice((1, 1, 2, 4))):
        hostile_films.disturb(root, generator, lambda body: changed(body, generator, body, words))
    return hostile_films.written(root)


# The errors of FFmpeg, by which PyAV names what a damaged file is, and what our children say of one.
# OverflowError is a figure out of range: the warning `not_read`, too.
# UndefinedError is an error of AAC that FFmpeg has no name for.
# PatchWelcomeError is what FFmpeg says of what it does not read, such as an encryption: the warning `not_read`.
_FFMPEG = frozenset(
    (
        *("InvalidDataError", "EOFError", "PermissionError", "ArgumentError", "ValueError", "LyingIndexError"),
        *("OSError", "PatchWelcomeError", "OverflowError", "UndefinedError"),
    )
)

SUBJECTS: Mapping[str, Subject] = {
    "pdf": Subject(_pdfs, _PDF_WORDS, refusals=frozenset({"PdfiumError"})),
    "document": Subject(_documents, _XML_WORDS, _zip_part),
    "presentation": Subject(_decks, _XML_WORDS, _zip_part),
    "spreadsheet": Subject(_workbooks, _XML_WORDS, _zip_part),
    "archive": Subject(_archives, _ARCHIVE_WORDS, _unpacked),
    "email": Subject(_messages, _MAIL_WORDS),
    "font": Subject(_fonts, inside=_table_of_a_font, refusals=frozenset({"OSError"})),
    "svg": Subject(_svgs, _SVG_WORDS, _xml, frozenset({"ValueError"})),
    "video": Subject(_films, _FILM_WORDS, _box_of_a_film, _FFMPEG),
    "audio": Subject(_sounds, _FILM_WORDS, _box_of_a_film, _FFMPEG),
}
