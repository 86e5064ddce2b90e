"""Where each format keeps XMP, IPTC and texts: the blocks of metadata as they are, before anybody reads them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image, JpegImagePlugin, TiffImagePlugin

from chalicelib.processing.image import jp2

MAX_XMP = 1024**2
"""Bytes of a packet that are read. Most have a few KiB; long ones tell their document's history at the end."""

_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION_HEAD = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
_PROFILE = "raw profile type "  # of a PNG by ImageMagick; then a name
_GIF_HEAD = b"\x21\xff\x0bXMP DataXMP"
_TAGS = (33723, 34377)
"""IPTC and Photoshop's resources in a TIFF."""
_UUIDS = {
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "iptc",
    b"JpgTiffExif->JP2": "exif",
    bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb"): "resources",
}
"""The blocks of a JPEG 2000, by the identifiers of their boxes."""
_MAX_BLOCK = 4 * 1024**2
_PIECE = 1024**2  # bytes of a GIF that are searched at a time


@dataclass
class Packets:
    """`xmp` may have a second packet, which goes on where the first one ends.

    `iptc` is IPTC-IIM, and `resources` are Photoshop's, which may hold IPTC-IIM, too. `texts` are those of PNG by their
    keywords in lower case: bytes in an unknown encoding, or decoded ones. `exif` is one that Pillow does not look at.
    """

    xmp: list[bytes] = field(default_factory=list)
    iptc: bytes = b""
    resources: bytes = b""
    texts: dict[str, bytes | str] = field(default_factory=dict)
    exif: bytes = b""


def of_image(image: Image.Image, source: BinaryIO | None = None) -> Packets:
    """The blocks of an image that is loaded. `source` is its file, for formats whose blocks Pillow does not keep.

    Hostile blocks raise nothing. Keeps the position of `source`.
    """
    found = Packets()
    for read in (_of_info, _of_jpeg, _of_tiff, _of_png):
        with suppress(Exception):
            read(image, found)
    if source and image.format in ("GIF", "JPEG2000"):
        position = source.tell()
        with suppress(Exception):
            (_of_gif if image.format == "GIF" else _of_jp2)(source, found)
        source.seek(position)
    return found


def _of_info(image: Image.Image, found: Packets) -> None:
    """XMP as Pillow gives it: of JPEG, PNG, WebP, AVIF, TIFF, and of HEIF through our own process."""
    packet = image.info.get("xmp")
    if isinstance(packet, tuple) and len(packet) == 1:
        packet = packet[0]
    if isinstance(packet, str):
        packet = packet.encode("utf-8", "ignore")
    if isinstance(packet, bytes) and packet:
        found.xmp.append(packet[:MAX_XMP])


def _of_jpeg(image: Image.Image, found: Packets) -> None:
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return
    resources = [content for name, content in image.applist if name == "APP13" and content.startswith(_PHOTOSHOP_HEAD)]
    found.resources = b"".join(content[len(_PHOTOSHOP_HEAD) :] for content in resources)[:_MAX_BLOCK]
    if found.xmp and b"HasExtendedXMP" in found.xmp[0]:
        found.xmp += _extension([content for name, content in image.applist if name == "APP1"], found.xmp[0])


def _extension(segments: list[bytes], packet: bytes) -> Iterator[bytes]:
    """The packet's second part. Its pieces have its name, the length of all, and their place (XMP part 3)."""
    whole, length = bytearray(), -1
    for segment in segments:
        if not segment.startswith(_EXTENSION_HEAD):
            continue
        at = len(_EXTENSION_HEAD)
        name, head = segment[at : at + 32], segment[at + 32 : at + 40]
        if len(head) < 8 or name not in packet:
            continue
        length, place = struct.unpack(">2I", head)
        piece = segment[at + 40 :]
        if length > MAX_XMP or place + len(piece) > length:
            return
        whole = whole or bytearray(length)
        whole[place : place + len(piece)] = piece
    if whole:
        yield bytes(whole)


def _of_tiff(image: Image.Image, found: Packets) -> None:
    if image.format != "TIFF":
        return
    # Not by `get`: programs write IPTC as numbers of four bytes, of which Pillow gives one.
    tags: Any = image.tag_v2._tagdata if isinstance(image, TiffImagePlugin.TiffImageFile) else image.info
    found.iptc, found.resources = (tags.get(tag, b"")[:_MAX_BLOCK] for tag in _TAGS)


def _of_png(image: Image.Image, found: Packets) -> None:
    """Texts by their keywords. ImageMagick writes other formats' blocks as texts of hexadecimal digits."""
    if image.format != "PNG":
        return
    for keyword, text in getattr(image, "text", {}).items():
        name, is_decoded = keyword.lower(), type(text) is not str
        if name.startswith(_PROFILE):
            _take_profile(name.removeprefix(_PROFILE), _unhexed(text), found)
        elif name == "xml:com.adobe.xmp" and not found.xmp:
            found.xmp.append(str(text).encode("utf-8" if is_decoded else "latin-1", "ignore")[:MAX_XMP])
        elif name not in found.texts:
            found.texts[name] = str(text) if is_decoded else text.encode("latin-1", "ignore")


def _take_profile(name: str, content: bytes, found: Packets) -> None:
    if content.startswith(_XMP_HEAD):
        name, content = "xmp", content[len(_XMP_HEAD) :]
    if name == "xmp" and not found.xmp:
        found.xmp.append(content[:MAX_XMP])
    elif name in ("iptc", "8bim") and content.startswith((b"8BIM", _PHOTOSHOP_HEAD)):
        found.resources = found.resources or content.removeprefix(_PHOTOSHOP_HEAD)
    elif name == "iptc":
        found.iptc = found.iptc or content


def _unhexed(text: str) -> bytes:
    """The content of `\\nNAME\\n   LENGTH\\nDIGITS`; b"" for anything else."""
    with suppress(ValueError):
        _, length, digits = text.lstrip("\n").split("\n", 2)
        return bytes.fromhex(digits[: 3 * _MAX_BLOCK])[: int(length[:20])]
    return b""


def _of_gif(source: BinaryIO, found: Packets) -> None:
    """XMP stands in a GIF as it is, without blocks. Behind it are bytes that lead block readers to its end."""
    at, kept = 0, b""
    source.seek(0)
    while piece := source.read(_PIECE):
        joined = kept + piece
        if (place := joined.find(_GIF_HEAD)) >= 0:
            source.seek(at - len(kept) + place + len(_GIF_HEAD))
            packet = source.read(MAX_XMP)
            found.xmp.append(packet.partition(b"\x01\xff\xfe\xfd")[0])
            return
        at += len(piece)
        kept = joined[-len(_GIF_HEAD) :]


def _of_jp2(source: BinaryIO, found: Packets) -> None:
    for name, content in jp2.extras(source, _MAX_BLOCK):
        match _UUIDS.get(name):
            case "xmp":
                found.xmp.append(content[:MAX_XMP])
            case "exif":
                found.exif = content
            case "iptc":
                found.iptc = content
            case "resources":
                found.resources = content
