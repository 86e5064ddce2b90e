"""Real files of every kind, as (name, content type, bytes), and the way to have them in a stage."""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from tests import archives, films, fonts, images, offices, pdfs
from tests.e2e.stack import finished, store
from tests.local import Api

Sample = tuple[str, str, bytes]

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
"""HTML that would say so if any part of it was executed."""

RIGHT_TO_LEFT = "تقرير المبيعات السنوي ٢٠٢٦.pdf"
LONG = "a very long name " * 14 + ".txt"


def photo(seed: int = 7, title: str = "", size: tuple[int, int] = (1800, 1200)) -> bytes:
    """A JPEG with EXIF: camera, exposure, artist, and a title."""
    exif: dict[int, Any] = {
        0x010F: "Acme",
        0x0110: "Pathfinder 2",
        0x013B: title or "Ada Lovelace",
        0x010E: title or "By the lake",
    }
    more: dict[int, Any] = {0x829A: (1, 250), 0x829D: (28, 10), 0x8827: 400, 0x920A: (35, 1)}
    block = images.exif_block(exif, more=more)
    return images.encoded(images.scene(seed, *size), "JPEG", quality=88, exif=block)


@functools.cache
def film(seconds: int = 12) -> bytes:
    """H.264 and AAC, 640 x 360, with two chapters. A clock moves in it."""

    def paint(time: int) -> av.VideoFrame:
        image = Image.new("RGB", (640, 360), (24 + time % 90, 60, 120))
        draw = ImageDraw.Draw(image)
        draw.ellipse((220 + time % 160, 80, 420 + time % 160, 280), fill=(240, 190, 80))
        draw.rectangle((0, 340, 640 * time // (seconds * 25), 360), fill=(255, 255, 255))
        frame: av.VideoFrame = av.VideoFrame.from_image(image)  # type: ignore[no-untyped-call]
        return frame

    chapters = [(0, "The beginning"), (seconds // 2, "The end")]
    return films.film(
        size=(640, 360), times=range(seconds * 25), rate=Fraction(25), paint=paint, chapters=chapters, loud=True,
        tags={"title": "A day at the sea"},
    )  # fmt: skip


def sound(seconds: float = 20, title: str = "Waves") -> bytes:
    waves = "0.5*sin(2*PI*220*t)*(0.3+0.7*abs(sin(t*0.9)))*(0.5+0.5*sin(t*5))"
    return films.tone("wav", "pcm_s16le", seconds=seconds, wave=waves, tags={"title": title, "artist": "Ada"})


def message(
    subject: str = "Minutes of Monday", body: str = "Hello Grace,\n\nthe minutes are attached.\n\nAda"
) -> bytes:
    from email.message import EmailMessage

    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Ada <ada@example.com>", "Grace <grace@example.com>", subject
    made["Date"] = "Mon, 23 Nov 2026 10:00:00 +0000"
    made["Message-ID"] = "<1@example.com>"
    made.set_content(body)
    made.add_attachment(b"1;2;3\n" * 200, maintype="text", subtype="csv", filename="minutes.csv")
    return made.as_bytes()


def sheet(header: str = "Amount") -> bytes:
    rows: list[tuple[str | float, ...]] = [
        ("Month", header, "Region"),
        *((f"2026-{month:02}", month * 1250.5, "North") for month in range(1, 13)),
    ]
    return offices.xlsx(
        {"Sales": rows, "Empty": [], "Notes": [("Note",), ("All amounts in euro",)]}, title="Sales 2026"
    )


def book(pages: int = 24) -> bytes:
    return pdfs.pages([f"Page {page} of the report" for page in range(1, pages + 1)])


def zip_of_folders(names: list[str]) -> bytes:
    return archives.zip_of({name: f"This is {name}\n".encode() for name in names})


KINDS: dict[str, Callable[[], Sample]] = {
    "image": lambda: ("lake.jpg", "image/jpeg", photo()),
    "video": lambda: ("sea.mp4", "video/mp4", film()),
    "audio": lambda: ("waves.wav", "audio/wav", sound()),
    "pdf": lambda: ("report.pdf", "application/pdf", book()),
    "document": lambda: (
        "letter.docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        offices.docx(
            *(f"Paragraph {number} of a letter that says a little." for number in range(1, 40)), title="A letter"
        ),
    ),
    "presentation": lambda: (
        "talk.pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        offices.pptx(("Welcome", ["to our talk"]), ("The end", ["Thank you"])),
    ),
    "spreadsheet": lambda: (
        "sales.xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        sheet(),
    ),
    "text": lambda: ("notes.md", "text/markdown", b"# Notes\n\n" + b"One line of these notes.\n" * 60),
    "archive": lambda: (
        "photos.zip",
        "application/zip",
        zip_of_folders(["read me.txt", "2026/lake.txt", "2026/alps/summit.txt", "2026/alps/hut.txt", "2025/sea.txt"]),
    ),
    "email": lambda: ("minutes.eml", "message/rfc822", message()),
    "font": lambda: ("typeface.ttf", "font/ttf", fonts.pillows()),
    "other": lambda: ("firmware.bin", "application/octet-stream", bytes(range(256)) * 40),
}
"""A file of each kind."""


def created(api: Api, sample: Sample, **more: Any) -> str:
    """The id of a file whose bytes are stored; it is not processed yet."""
    name, content_type, data = sample
    body = {"filename": name, "content_type": content_type, "size": len(data), **more}
    answer = api("POST", "/v1/files", json=body)
    assert answer.status_code == 201, answer.text
    store(answer.json()["upload"], data)
    return str(answer.json()["id"])


def uploaded(api: Api, sample: Sample, **more: Any) -> dict[str, Any]:
    """The record of a file that is `ready` or `failed`."""
    return finished(api, created(api, sample, **more))


def key_of(api: Api, *scopes: str) -> str:
    """A key of the same tenant that has these scopes only."""
    answer = api("POST", "/v1/keys", json={"name": "for a test", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


def opened(console: Callable[..., Page], record: dict[str, Any], **more: Any) -> Page:
    """The file's page, once it shows the file."""
    page = console(f"#/files/{record['id']}", **more)
    expect(page.get_by_role("heading", level=1)).to_have_text(record["filename"])
    return page
