"""Small PDFs, sound and hostile ones, written by hand."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher

_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
_FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def document(objects: Sequence[bytes | str], trailer: str = "") -> bytes:
    """A PDF of these objects, of which the first is the catalog."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        text = body.encode("latin-1") if isinstance(body, str) else body
        out += f"{number} 0 obj\n".encode() + text + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{at:010d} 00000 n \n".encode() for at in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def stream(content: bytes, more: str = "") -> bytes:
    packed = zlib.compress(content, 9)
    return f"<< /Length {len(packed)} /Filter /FlateDecode {more} >>\nstream\n".encode() + packed + b"\nendstream"


def pages(texts: Sequence[str], size: tuple[float, float] = (595, 842), **catalog: str) -> bytes:
    """One page for each text. `catalog` has more entries of the catalog and, as `info`, the information dictionary."""
    info = catalog.pop("info", "")
    extra = " ".join(f"/{name} {value}" for name, value in catalog.items())
    count = len(texts)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects: list[bytes | str] = [
        f"<< /Type /Catalog /Pages 2 0 R {extra} >>",
        f"<< /Type /Pages /Count {count} /Kids [{kids}] >>",
        _FONT,
    ]
    for number, text in enumerate(texts):
        shown = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(stream(f"BT /F1 24 Tf 60 {size[1] / 2} Td ({shown}) Tj ET".encode("latin-1")))
    if info:
        objects.append(f"<< {info} >>")
        return document(objects, f"/Info {len(objects)} 0 R")
    return document(objects)


def pages_of_lines(pages: Sequence[Sequence[str]]) -> bytes:
    """Pages of A4 with lines of text of 9 points."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects: list[bytes | str] = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>",
        _FONT,
    ]
    for number, lines in enumerate(pages):
        shown = "".join(f"({line}) Tj T* " for line in lines)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(stream(f"BT /F1 9 Tf 14 TL 60 780 Td {shown} ET".encode("latin-1")))
    return document(objects)


def scans(pictures: Sequence[bytes], width: int, height: int) -> bytes:
    """A page of A4 for each JPEG, which fills it. All have the same size in pixels."""
    kids = " ".join(f"{3 + 3 * n} 0 R" for n in range(len(pictures)))
    objects: list[bytes | str] = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pictures)} /Kids [{kids}] >>",
    ]
    for number, picture in enumerate(pictures):
        at = 3 + 3 * number
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {at + 1} 0 R "
            f"/Resources << /XObject << /I {at + 2} 0 R >> >> >>"
        )
        objects.append(stream(b"595 0 0 842 0 0 cm /I Do"))
        head = (
            f"<< /Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB "
            f"/BitsPerComponent 8 /Filter /DCTDecode /Length {len(picture)} >>\nstream\n"
        )
        objects.append(head.encode() + picture + b"\nendstream")
    return document(objects)


def encrypted(user: bytes = b"secret") -> bytes:
    """A document that opens with a password only: the standard security handler, revision 2, 40 bits of RC4."""
    identity = bytes(16)
    key_of_owner = hashlib.md5((user + _PADDING)[:32], usedforsecurity=False).digest()[:5]
    owner = _rc4(key_of_owner, (user + _PADDING)[:32])
    rights = (-4).to_bytes(4, "little", signed=True)
    key = hashlib.md5((user + _PADDING)[:32] + owner + rights + identity, usedforsecurity=False).digest()[:5]
    entry = _rc4(key, _PADDING)
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] >>",
        f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{owner.hex()}> /U <{entry.hex()}> >>",
    ]
    return document(objects, f"/Encrypt 4 0 R /ID [<{identity.hex()}> <{identity.hex()}>]")


def _rc4(key: bytes, data: bytes) -> bytes:
    return Cipher(ARC4(key), mode=None).encryptor().update(data)


def object_streams(extends: str = "", first: str = "5 0 R") -> bytes:
    """A document of one page, whose objects stand in a stream, and whose table of places is a stream, too.

    `extends` is another stream that the stream of objects names as its base; `first` is the content of the page.
    """
    inner = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents {first} "
        "/Resources << /Font << /F1 6 0 R >> >> >>".encode(),
    ]
    at, places = 0, []
    for number, body in enumerate(inner, 1):
        places.append(f"{number} {at}")
        at += len(body) + 1
    head = " ".join(places).encode() + b" "
    base = f"/Extends {extends}" if extends else ""
    bodies = {
        4: stream(head + b" ".join(inner), f"/Type /ObjStm /N {len(inner)} /First {len(head)} {base}"),
        5: stream(b"BT /F1 24 Tf 10 99 Td (words) Tj ET"),
        6: _FONT.encode(),
    }
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    rows = {0: (0, 0, 65535), **{number: (2, 4, number - 1) for number in (1, 2, 3)}}
    for number, body in bodies.items():
        rows[number] = (1, len(out), 0)
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    rows[7] = (1, len(out), 0)
    table = b"".join(
        kind.to_bytes(1) + place.to_bytes(4) + index.to_bytes(2) for _, (kind, place, index) in sorted(rows.items())
    )
    start = len(out)
    out += b"7 0 obj\n" + stream(table, "/Type /XRef /Size 8 /W [1 4 2] /Root 1 0 R") + b"\nendobj\n"
    return bytes(out + f"startxref\n{start}\n%%EOF\n".encode())


# --- hostile ones


def loop_of_object_streams() -> bytes:
    """The stream of objects says that it stands in itself, and has itself as its base."""
    data = object_streams(extends="4 0 R")
    own = stream(b"4 0 << >>", "/Type /ObjStm /N 1 /First 4 /Extends 4 0 R")
    places = {number: data.find(f"{number} 0 obj".encode()) for number in (4, 5, 6)}
    rows = [(0, 0, 65535), (2, 4, 0), (2, 4, 1), (2, 4, 2), (2, 4, 0), (1, places[5], 0), (1, places[6], 0), (2, 7, 0)]
    table = b"".join(kind.to_bytes(1) + place.to_bytes(4) + index.to_bytes(2) for kind, place, index in rows)
    body = data[: data.find(b"7 0 obj")]
    start = len(body)
    index = b"7 0 obj\n" + stream(table, "/Type /XRef /Size 8 /W [1 4 2] /Root 1 0 R") + b"\nendobj\n"
    return body + b"4 0 obj\n" + own + b"\nendobj\n" + index + f"startxref\n{start}\n%%EOF\n".encode()


def ring_of_object_streams() -> bytes:
    """Two streams of objects that each extend the other, and are each said to stand in the other."""
    streams = [
        stream(b"1 0 << /Type /Catalog /Pages 2 0 R >>", "/Type /ObjStm /N 1 /First 4 /Extends 3 0 R"),
        stream(b"2 0 << /Type /Pages /Count 1 /Kids [1 0 R] >>", "/Type /ObjStm /N 1 /First 4 /Extends 2 0 R"),
    ]
    out = bytearray(b"%PDF-1.7\n")
    for number, body in enumerate(streams, 3):
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    rows = [(0, 0, 65535), (2, 3, 0), (2, 4, 0), (2, 4, 0), (2, 3, 0), (1, len(out), 0)]
    table = b"".join(kind.to_bytes(1) + place.to_bytes(4) + index.to_bytes(2) for kind, place, index in rows)
    start = len(out)
    out += b"5 0 obj\n" + stream(table, "/Type /XRef /Size 6 /W [1 4 2] /Root 1 0 R") + b"\nendobj\n"
    return bytes(out + f"startxref\n{start}\n%%EOF\n".encode())


def form_bomb(depth: int = 12, times: int = 12) -> bytes:
    """Each form draws the next one `times` times: times ** depth drawings in 2 kB."""
    objects: list[bytes | str] = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R "
        "/Resources << /XObject << /X 5 0 R >> >> >>",
        stream(b"/X Do"),
    ]
    for level in range(depth):
        inner = f"/Resources << /XObject << /X {6 + level} 0 R >> >>" if level < depth - 1 else ""
        content = b"/X Do " * times if level < depth - 1 else b"0 0 9 9 re f " * times
        objects.append(stream(content, f"/Type /XObject /Subtype /Form /BBox [0 0 200 200] {inner}"))
    return document(objects)


def form_of_itself() -> bytes:
    """A form that draws itself, on a page whose content is a list that has itself."""
    return document(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 5 0 R "
            "/Resources << /XObject << /X 4 0 R >> >> >>",
            stream(
                b"/X Do /X Do", "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 4 0 R >> >>"
            ),
            "[6 0 R 5 0 R 6 0 R]",
            stream(b"/X Do"),
        ]
    )


def stream_bomb(size: int = 1 << 31) -> bytes:
    """A page whose content is a few MB packed and 2 GB unpacked."""
    packer, block = zlib.compressobj(9), b"0 0 1 1 re f\n" * 80_000
    packed = b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()
    body = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n".encode() + packed + b"\nendstream"
    return document(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R >>",
            body,
        ]
    )


def many_pages(count: int = 100_000) -> bytes:
    """One page object, named so many times."""
    kids = "3 0 R " * count
    return document(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            f"<< /Type /Pages /Count {count} /Kids [{kids}] >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
        ]
    )


def loop_of_pages() -> bytes:
    """The page tree is its own child."""
    return document(
        ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 2 /Kids [2 0 R 2 0 R] /Parent 2 0 R >>"]
    )
