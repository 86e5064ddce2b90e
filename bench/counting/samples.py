"""One ordinary file of each kind, the same bytes in every run, so that the counts are the same, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from tests import archives, films, fonts, images, offices, pdfs, svgs


@dataclass(frozen=True)
class Sample:
    """`said` describes the file on the page."""

    kind: str
    said: str
    filename: str
    content_type: str
    make: Callable[[], bytes]

    @property
    def body(self) -> bytes:
        return _made(self)


@cache
def _made(sample: Sample) -> bytes:
    return sample.make()


def _lines(count: int) -> list[str]:
    return [f"Line {number} of an ordinary text about figure {number * 7 % 1000}." for number in range(count)]


def _pdf() -> bytes:
    return pdfs.pages_of_lines([_lines(40)] * 10)


def _film() -> bytes:
    return films.film(size=(640, 480), times=tuple(range(150)))


def _mail() -> bytes:
    head = b"From: a@example.com\nTo: b@example.com\nSubject: Figures\nContent-Type: text/plain\n\n"
    return head + "\n".join(_lines(200)).encode()


# The photo of operations that do not depend on how large it is.
SMALL = Sample("photo", "a JPEG, three widths wide", "a.jpg", "image/jpeg", lambda: images.jpeg(700, 500))

SAMPLES = {
    each.kind: each
    for each in (
        Sample("photo", "a JPEG, six widths wide", "a.jpg", "image/jpeg", lambda: images.jpeg(2000, 1500)),
        Sample("pdf", "10 pages of text", "a.pdf", "application/pdf", _pdf),
        Sample("video", "a film of six seconds", "a.mp4", "video/mp4", _film),
        Sample(
            "audio", "a sound of four seconds", "a.flac", "audio/flac", lambda: films.sound("flac", "flac", seconds=4)
        ),
        Sample("document", "a docx of 10 pages", "a.docx", offices.DOCX, lambda: offices.docx(*_lines(400))),
        Sample("spreadsheet", "an xlsx of 1,000 rows", "a.xlsx", offices.XLSX, lambda: offices.many_rows(1000)),
        Sample(
            "presentation",
            "a pptx of 20 slides",
            "a.pptx",
            offices.PPTX,
            lambda: offices.pptx(*[("Title", _lines(9))] * 20),
        ),
        Sample(
            "archive",
            "a zip of 100 entries",
            "a.zip",
            "application/zip",
            lambda: archives.zip_of({f"{number}.txt": b"x" * 100 for number in range(100)}),
        ),
        Sample("text", "a CSV of 1,000 lines", "a.csv", "text/csv", lambda: "\n".join(_lines(1000)).encode()),
        Sample("email", "a message of 200 lines", "a.eml", "message/rfc822", _mail),
        Sample("font", "a Latin font", "a.ttf", "font/ttf", fonts.pillows),
        Sample("svg", "100 paths", "a.svg", "image/svg+xml", lambda: svgs.svg('<path d="M1 0l1 1l2 9z"/>' * 100)),
        Sample("other", "bytes of no known kind", "a.bin", "application/octet-stream", lambda: bytes(range(256)) * 4),
    )
}
