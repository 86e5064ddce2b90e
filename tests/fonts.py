"""Small fonts, made of the one that Pillow brings, and hostile ones."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageFont

Tables = dict[str, bytes]
TRUETYPE = b"\0\1\0\0"


def pillows() -> bytes:
    """Aileron Regular: some Latin letters, 12 kB."""
    font: Any = ImageFont.load_default(10)
    data: bytes = font.path.getvalue()
    return data


def tables(font: bytes) -> Tables:
    found = {}
    for number in range(int.from_bytes(font[4:6])):
        tag, _, offset, length = struct.unpack_from(">4sLLL", font, 12 + 16 * number)
        found[tag.decode()] = font[offset : offset + length]
    return found


def sfnt(parts: Tables, flavor: bytes = TRUETYPE, shift: int = 0) -> bytes:
    """A font of these tables. `shift` is how many bytes stand before it in a collection."""
    header = flavor + struct.pack(">4H", len(parts), 0, 0, 0)
    at = len(header) + 16 * len(parts)
    directory, body = b"", b""
    for tag, part in sorted(parts.items()):
        directory += struct.pack(">4sLLL", tag.encode(), 0, shift + at + len(body), len(part))
        body += part + bytes(-len(part) % 4)
    return header + directory + body


def woff(font: bytes) -> bytes:
    """https://www.w3.org/TR/WOFF/"""
    parts = tables(font)
    at = 44 + 20 * len(parts)
    directory, body = b"", b""
    for tag, part in sorted(parts.items()):
        packed = zlib.compress(part)
        packed = packed if len(packed) < len(part) else part
        directory += struct.pack(">4s4L", tag.encode(), at + len(body), len(packed), len(part), 0)
        body += packed + bytes(-len(packed) % 4)
    whole = 12 + sum(16 + len(part) + -len(part) % 4 for part in parts.values())
    numbers = (at + len(body), len(parts), 0, whole, 1, 0, 0, 0, 0, 0, 0)
    return b"wOFF" + font[:4] + struct.pack(">L2H L2H 5L", *numbers) + directory + body


def woff2(font: bytes) -> bytes:
    """https://www.w3.org/TR/WOFF2/, its tables as they are, in blocks that Brotli does not compress."""
    directory, body = b"", b""
    for tag, part in sorted(tables(font).items()):
        # An unknown tag is written out (63). `glyf` and `loca` are left as they are, which is version 3 for them.
        version = 3 if tag in ("glyf", "loca") else 0
        directory += bytes([version << 6 | 63]) + tag.encode() + _base128(len(part))
        body += part
    packed = _stored(body)
    size = 48 + len(directory) + len(packed)
    numbers = (size, len(tables(font)), 0, len(font), len(packed), 1, 0, 0, 0, 0, 0, 0)
    return b"wOF2" + font[:4] + struct.pack(">L2H 2L 2H 5L", *numbers) + directory + packed


def _base128(number: int) -> bytes:
    digits = [number & 127]
    while number := number >> 7:
        digits.append(number & 127 | 128)
    return bytes(reversed(digits))


def _stored(body: bytes) -> bytes:
    """https://www.rfc-editor.org/rfc/rfc7932, section 9.2: blocks of at most 65,536 bytes, and an empty last one."""
    out = b""
    for at in range(0, len(body), 65536):
        piece = body[at : at + 65536]
        # ISLAST 0, MNIBBLES 4, MLEN - 1 in 16 bits, ISUNCOMPRESSED 1; before the first one, WBITS 16 (one bit, 0).
        bits, width = (len(piece) - 1) << 3 | 1 << 19, 20
        if at == 0:
            bits, width = bits << 1, width + 1
        out += bits.to_bytes(-(-width // 8), "little") + piece
    return out + b"\x03"


def collection(*parts: bytes) -> bytes:
    """A collection of fonts."""
    start = 12 + 4 * len(parts)
    offsets, body = [], b""
    for part in parts:
        offsets.append(start + len(body))
        body += sfnt(tables(part), part[:4], start + len(body))
    return b"ttcf\0\1\0\0" + struct.pack(f">L{len(parts)}L", len(parts), *offsets) + body


def of_empty_glyphs(count: int) -> bytes:
    """A font of so many glyphs, all of them empty."""
    parts = tables(pillows())
    parts = {
        tag: part for tag, part in parts.items() if tag in ("cmap", "head", "hhea", "maxp", "name", "OS/2", "post")
    }
    parts |= {"glyf": b"\0\0", "loca": bytes(4 * (count + 1)), "hmtx": bytes(4 + 2 * (count - 1))}
    maxp, head, hhea = bytearray(parts["maxp"]), bytearray(parts["head"]), bytearray(parts["hhea"])
    maxp[4:6], head[50:52], hhea[34:36] = count.to_bytes(2), (1).to_bytes(2), (1).to_bytes(2)
    if len(maxp) < 32:  # a font of PostScript outlines has the short form
        maxp = bytearray(b"\0\1\0\0" + count.to_bytes(2) + bytes(26))
    return sfnt(parts | {"maxp": bytes(maxp), "head": bytes(head), "hhea": bytes(hhea)})


def renamed(name: str) -> bytes:
    """The font with another name of its family."""
    text = name.encode("utf-16-be")
    record = struct.pack(">6H", 3, 1, 0x409, 1, len(text), 0)
    return sfnt(tables(pillows()) | {"name": struct.pack(">3H", 0, 1, 18) + record + text}, pillows()[:4])


def of_letters(letters: str) -> bytes:
    """The font with these letters alone: each looks as one of its own."""
    return sfnt(tables(pillows()) | {"cmap": _cmap(letters, first=40)})


def _cmap(letters: str, first: int) -> bytes:
    """https://learn.microsoft.com/typography/opentype/spec/cmap, format 12; `first` is the number of a glyph."""
    groups = b"".join(struct.pack(">3L", ord(each), ord(each), first + at) for at, each in enumerate(sorted(letters)))
    body = struct.pack(">2H3L", 12, 0, 16 + len(groups), 0, len(letters)) + groups
    return struct.pack(">4HL", 0, 1, 3, 10, 12) + body


def of_emoji(size: int) -> bytes:
    """A font of one red picture, which has no other size than this (pixels, at most 127).

    https://learn.microsoft.com/typography/opentype/spec/cbdt
    """
    out = BytesIO()
    Image.new("RGBA", (size, size), (255, 0, 0, 255)).save(out, "PNG")
    picture = struct.pack(">2B2bBL", size, size, 0, size, size, out.tell()) + out.getvalue()
    line = struct.pack(">2bB9b", size, 0, size, *bytes(9))
    index = struct.pack(">2HL", 1, 1, 8) + struct.pack(">2HL2L", 1, 17, 4, 0, len(picture))
    strike = struct.pack(">4L", 56, len(index), 1, 0) + line * 2 + struct.pack(">2H3Bb", 1, 1, size, size, 32, 1)
    kept = {tag: part for tag, part in tables(pillows()).items() if tag not in ("glyf", "loca", "GPOS", "GSUB", "GDEF")}
    colour = {"CBLC": struct.pack(">2HL", 3, 0, 1) + strike + index, "CBDT": struct.pack(">2H", 3, 0) + picture}
    return sfnt(kept | colour | {"cmap": _cmap("\N{GRINNING FACE}", first=1)})
