"""Makes pictures with words in every place that formats have for them: XMP, IPTC, PNG's texts, Photoshop's blocks."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import Any

from PIL import Image, TiffImagePlugin

from tests import images, pngs

NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
}
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_ARRAYS = {"dc:creator": "Seq", "dc:subject": "Bag", "dc:title": "Alt", "dc:description": "Alt", "dc:rights": "Alt"}
_JP2_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_JP2_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")


def xmp(properties: dict[str, Any], *, inside: str = "", head: str = "") -> bytes:
    """A packet. A list is an array, a dict has languages; a text is an attribute. `inside` is more RDF, as it is."""
    attributes = "".join(f' {k}="{escape(v)}"' for k, v in properties.items() if isinstance(v, str))
    elements = "".join(_element(name, value) for name, value in properties.items() if not isinstance(value, str))
    declared = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    return (
        f'{head}<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about=""{declared}{attributes}>'
        f'{elements}{inside}</rdf:Description></rdf:RDF></x:xmpmeta>{" " * 200}<?xpacket end="w"?>'
    ).encode()


def _element(name: str, value: Sequence[str] | dict[str, str]) -> str:
    languages = value if isinstance(value, dict) else dict.fromkeys(value, "")
    pairs = languages.items() if isinstance(value, dict) else [("", text) for text in value]
    items = "".join(
        f"<rdf:li{f' xml:lang={chr(34)}{lang}{chr(34)}' if lang else ''}>{escape(text)}</rdf:li>"
        for lang, text in pairs
    )
    array = _ARRAYS.get(name, "Bag")
    return f"<{name}><rdf:{array}>{items}</rdf:{array}></{name}>"


def iim(fields: Sequence[tuple[int, bytes]], charset: bytes = b"") -> bytes:
    """IPTC-IIM: the envelope's charset, if any, and fields of record 2 by their numbers."""
    records = [(1, 90, charset)] if charset else []
    records += [(2, number, value) for number, value in fields]
    return b"".join(struct.pack(">3BH", 0x1C, record, n, len(value)) + value for record, n, value in records)


def resources(block: bytes, digest_of: bytes | None = None) -> bytes:
    """Photoshop's resources: IPTC-IIM, and the checksum that an XMP-aware program made of `digest_of`."""
    found = [(0x0404, block)]
    if digest_of is not None:
        found.append((0x0425, hashlib.md5(digest_of, usedforsecurity=False).digest()))
    return b"".join(
        b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) % 2) for number, data in found
    )


def jpeg(
    *, exif: dict[int, Any] | None = None, more_exif: dict[int, Any] | None = None, **segments: bytes | Sequence[bytes]
) -> bytes:
    """`segments`: xmp, 8bim (as `photoshop`), and `extension` (whole segments)."""
    data = images.jpeg(24, 16, exif=exif, more_exif=more_exif)
    added = b""
    if packet := segments.get("xmp"):
        added += segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(packet))  # type: ignore[arg-type]
    for piece in segments.get("extension", ()):
        added += segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(piece))
    if block := segments.get("photoshop"):
        added += segment(0xED, b"Photoshop 3.0\0" + bytes(block))  # type: ignore[arg-type]
    return data[:2] + added + data[2:]


def segment(code: int, content: bytes) -> bytes:
    return b"\xff" + bytes([code]) + struct.pack(">H", len(content) + 2) + content


def extension(packet: bytes, name: bytes, size: int = 300) -> list[bytes]:
    """An extended packet in pieces, the last one first."""
    pieces = [(at, packet[at : at + size]) for at in range(0, len(packet), size)]
    return [name + struct.pack(">2I", len(packet), at) + piece for at, piece in reversed(pieces)]


def png(*chunks: bytes, behind: bytes = b"", exif: bytes = b"") -> bytes:
    return pngs.png(8, 2, lambda *_: (9, 99, 199), before=b"".join(chunks), after=behind)


def text_chunk(keyword: str, text: str | bytes, sort: str = "tEXt") -> bytes:
    """A text of PNG. `tEXt` and `zTXt` are Latin-1, unless bytes are given; `iTXt` is UTF-8."""
    key = keyword.encode("latin-1") + b"\0"
    content = (
        text if isinstance(text, bytes) else text.encode("utf-8" if sort in ("iTXt", "packed iTXt") else "latin-1")
    )
    match sort:
        case "tEXt":
            return pngs.chunk(b"tEXt", key + content)
        case "zTXt":
            return pngs.chunk(b"zTXt", key + b"\0" + zlib.compress(content))
        case "iTXt":
            return pngs.chunk(b"iTXt", key + bytes(4) + content)
        case _:
            return pngs.chunk(b"iTXt", key + b"\1" + bytes(3) + zlib.compress(content))


def raw_profile(name: str, content: bytes) -> bytes:
    """A block as ImageMagick writes it into a PNG."""
    whole = content.hex()
    digits = "\n".join(whole[n : n + 72] for n in range(0, len(whole), 72))
    return text_chunk(f"Raw profile type {name}", f"\n{name}\n{len(content):8}\n{digits}\n", "zTXt")


def tiff(*, xmp: bytes = b"", iptc: bytes = b"", photoshop: bytes = b"", order: str = "<", deep: bool = False) -> bytes:
    """IPTC as numbers of four bytes, as Photoshop writes it. With `deep`, the pixels are of a sort that we read."""
    tags = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0" if order == "<" else b"MM\0*\0\0\0\0")
    if xmp:
        tags.tagtype[700], tags[700] = 1, xmp
    if iptc:
        iptc += bytes(-len(iptc) % 4)
        tags.tagtype[33723], tags[33723] = 7, iptc
    if photoshop:
        tags.tagtype[34377], tags[34377] = 1, photoshop
    image = Image.new("I;16", (8, 8), 900) if deep else images.picture(8, 8)
    data = images.encoded(image, "TIFF", tiffinfo=tags)
    if iptc:
        data = data.replace(
            struct.pack(f"{order}HHI", 33723, 7, len(iptc)), struct.pack(f"{order}HHI", 33723, 4, len(iptc) // 4)
        )
    if deep:  # white is zero
        at = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
        data = data[:at] + b"\0\0" + data[at + 2 :]
    return data


def gif(packet: bytes) -> bytes:
    data = images.encoded(images.picture(8, 8), "GIF")
    at = 13 + (3 << (data[10] & 7) + 1)
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    return data[:at].replace(b"GIF87a", b"GIF89a") + b"\x21\xff\x0bXMP DataXMP" + packet + trailer + data[at:]


def webp(packet: bytes) -> bytes:
    return images.encoded(images.picture(8, 8), "WEBP", xmp=packet)


def avif(packet: bytes) -> bytes:
    return images.encoded(images.picture(16, 16), "AVIF", speed=10, xmp=packet)


def jp2(*, xmp: bytes = b"", iptc: bytes = b"", exif: bytes = b"") -> bytes:
    data = BytesIO(images.encoded(images.picture(16, 16), "JPEG2000"))
    boxes = [(_JP2_XMP, xmp), (_JP2_IPTC, iptc), (b"JpgTiffExif->JP2", exif)]
    added = [struct.pack(">I4s", len(content) + 24, b"uuid") + name + content for name, content in boxes if content]
    return data.getvalue() + b"".join(added)
