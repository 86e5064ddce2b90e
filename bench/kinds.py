"""CPU, memory and bytes read of each kind, by sizes: one file a process, which has the process function's imports.

The files are made here. CPU and memory have the child's beside them; a file that its processor does not want in memory
is read by ranges of a store that counts. Hashing and uploads are not measured, nor is the time of S3.

`python -m bench kinds` fails if a goal is missed. It takes some minutes, and 500 MB below the temporary folder.
"""

from __future__ import annotations

import base64
import datetime
import io
import itertools
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import Image

from tests import archives, fonts, images, offices, pdfs, svgs
from tests.stage import ROOT, STAGE

MIB = 1024**2
MB = 1000**2
MEMORY = 1769  # MiB of the function
MARGIN = 200  # MiB that stay free
ROUNDS = 7  # of a case with a goal below a second, of which the best counts: other programs only add to it

RESULT = ROOT / "bench" / "results" / "kinds.md"

_WORDS = ("the", "pipeline", "takes", "files", "and", "describes", "each", "of", "them", "in", "a", "record", "once")


@dataclass(frozen=True)
class Goal:
    """The most that a case may take; None where only the function's memory is the bound.

    `seconds` of CPU of the process and its child, `memory` in MB above that of a tiny file of the kind, `read` in
    bytes.
    """

    seconds: float | None = None
    memory: float | None = None
    read: int | None = None


@dataclass(frozen=True)
class Case:
    """`make` writes the file, which ends as one of the `outcomes`: `ready`, or the code of a warning or error.

    `read_alone`: without the pictures that are made of the page or card.
    """

    kind: str
    name: str
    content_type: str
    make: Callable[[Path], None]
    goal: Goal = field(default_factory=Goal)
    read_alone: bool = False
    outcomes: tuple[str, ...] = ("ready",)


def _bytes(make: Callable[[], bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(make())

    return write


def _sentences(count: int, seed: int = 1) -> Iterator[str]:
    chance = random.Random(seed)
    return (" ".join(chance.choices(_WORDS, k=12)) for _ in range(count))


def _pdf(pages: int, lines: int = 45) -> bytes:
    """Pages of a book: so many lines of twelve words on each."""
    text = _sentences(pages * lines)
    shown = [itertools.islice(text, lines) for _ in range(pages)]
    return pdfs.pages_of_lines([list(page) for page in shown])


def _csv(size: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("w", encoding="utf-8") as out:
            out.write("id,name,city,price,sold,day\n")
            for number in itertools.count():
                if number % 10_000 == 0 and out.tell() >= size:
                    return
                city = ("Köln", "Paris", '"Washington, D.C."')[number % 3]
                day = f"2026-11-{number % 28 + 1:02d}"
                out.write(f"{number},Name {number % 977},{city},{number * 0.25},{number % 2 == 0},{day}\n")

    return write


def _lines(size: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        block = "\n".join(_sentences(10_000)).encode() + b"\n"
        path.write_bytes((block * (size // len(block) + 1))[:size])

    return write


def _sparse_zip(size: int, entries: int) -> Callable[[Path], None]:
    """A zip of so many bytes, of which only the directory takes place on the disk."""

    def write(path: Path) -> None:
        places = [number * ((size - 10 * MIB) // entries) for number in range(entries)]
        with path.open("wb") as out:
            out.seek(size - 10 * MIB)
            start = out.tell()
            listed = b"".join(
                archives.Listed(
                    b"folder/film %d.mov" % number,
                    size=200_000,
                    packed=200_000,
                    offset=min(at, 0xFFFFFFFF),
                    extra=b"\1\0\x08\0" + at.to_bytes(8, "little") if at >= 0xFFFFFFFF else b"",
                ).header()
                for number, at in enumerate(places)
            )
            out.write(listed + archives.end(entries, len(listed), start))

    return write


def _zeros_packed(path: Path) -> None:
    """1.5 GB of zeros in a tar.gz, which is more than is unpacked to be listed."""

    class Zeros(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(size)

    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        member = tarfile.TarInfo("zeros")
        member.size = 1_500_000_000
        archive.addfile(member, cast(Any, Zeros()))


def _photo_pdf(count: int) -> bytes:
    """Scanned pages: a JPEG of 8 MP on each."""
    scan = images.encoded(images.scene(3, 2480, 3508), "JPEG", quality=85)
    return pdfs.scans([scan] * count, 2480, 3508)


def _mail(size: int) -> bytes:
    body = os.urandom(57) * (size // 78)
    part = base64.encodebytes(body)
    head = b"From: a@example.com\nSubject: large\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
    return (
        head
        + b"\nwords\n--b\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\n"
        + part
        + b"--b--\n"
    )


def _mail_of_parts(count: int) -> bytes:
    head = b"From: a@example.com\nSubject: parts\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    return head + b"".join(b"--b\nContent-Type: image/png; name=%d.png\n\nx\n" % n for n in range(count)) + b"--b--\n"


def _padded_font(size: int) -> bytes:
    return fonts.sfnt(fonts.tables(fonts.pillows()) | {"DSIG": bytes(size)}, fonts.pillows()[:4])


def _svg(elements: int) -> bytes:
    return svgs.svg("".join(f'<path d="M{n % 40} 0l1 1l2 {n % 20}z" fill="#{n % 999:03d}"/>' for n in range(elements)))


def _book(chapters: int) -> bytes:
    text = [f"<p>{line}</p>" for line in _sentences(2000)]
    return offices.epub(*(["".join(text)] * chapters))


def _wide_sheet() -> bytes:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return offices.archive(offices.xlsx_parts({"Far": rows}))


def _photo(path: Path) -> None:
    Image.effect_noise((6000, 4000), 60).convert("RGB").save(path, "JPEG", quality=88)


_ODS = offices.ODS
CASES = [
    Case("image", "JPEG of 24 MP", "image/jpeg", _photo),
    Case("pdf", "26 pages: the first page and all text", "application/pdf", _bytes(lambda: _pdf(26)), Goal(0.15), True),
    Case("pdf", "26 pages: all", "application/pdf", _bytes(lambda: _pdf(26))),
    Case("pdf", "500 pages", "application/pdf", _bytes(lambda: _pdf(500))),
    Case("pdf", "60 scans of 8 MP", "application/pdf", _bytes(lambda: _photo_pdf(60))),
    Case("pdf", "100,000 pages claimed", "application/pdf", _bytes(pdfs.many_pages), outcomes=("text_cut",)),
    Case("pdf", "form bomb", "application/pdf", _bytes(pdfs.form_bomb), outcomes=("too_costly_to_read",)),
    Case("pdf", "stream bomb of 2 GB", "application/pdf", _bytes(pdfs.stream_bomb), outcomes=("too_costly_to_read",)),
    Case("document", "docx of 10 pages", offices.DOCX, _bytes(lambda: offices.docx(*_sentences(400)))),
    Case(
        "document",
        "docx of 200,000 paragraphs",
        offices.DOCX,
        _bytes(lambda: offices.docx(*_sentences(200_000))),
        outcomes=("text_cut",),
    ),
    Case("document", "epub of 300 chapters", offices.EPUB, _bytes(lambda: _book(300)), outcomes=("text_cut",)),
    Case(
        "document",
        "rtf of 50 MB",
        offices.RTF,
        _bytes(lambda: rb"{\rtf1 words" + rb"\par more words" * 3_300_000 + b"}"),
        outcomes=("text_cut",),
    ),
    Case(
        "presentation",
        "pptx of 20 slides",
        offices.PPTX,
        _bytes(lambda: offices.pptx(*[("Title", ["words"] * 9)] * 20)),
    ),
    Case(
        "presentation",
        "pptx of 1,000 slides",
        offices.PPTX,
        _bytes(lambda: offices.pptx(*[("A", list(_sentences(40)))] * 1000)),
        outcomes=("text_cut",),
    ),
    Case("spreadsheet", "xlsx of 1,000 rows", offices.XLSX, _bytes(lambda: offices.many_rows(1000))),
    Case(
        "spreadsheet",
        "xlsx of 200,000 rows",
        offices.XLSX,
        _bytes(lambda: offices.many_rows(200_000)),
        Goal(1.5),
        outcomes=("text_cut",),
    ),
    Case(
        "spreadsheet",
        "xlsx of 1,000,000 rows",
        offices.XLSX,
        _bytes(lambda: offices.many_rows(1_000_000)),
        outcomes=("text_cut",),
    ),
    Case(
        "spreadsheet",
        "ods of 100,000 rows",
        _ODS,
        _bytes(lambda: offices.ods([[f"{n}", "words"] for n in range(100_000)])),
    ),
    Case(
        "spreadsheet",
        "two cells that span a sheet",
        offices.XLSX,
        _bytes(_wide_sheet),
        outcomes=("too_costly_to_read",),
    ),
    Case("text", "CSV of 1 MB", "text/csv", _csv(MB)),
    Case("text", "CSV of 100 MB", "text/csv", _csv(100 * MB), Goal(3, 100)),
    Case("text", "text of 128 MiB", "text/plain", _lines(128 * MIB)),
    Case("text", "one line of 128 MiB", "text/csv", _bytes(lambda: b"a" * (128 * MIB)), outcomes=("rows_not_counted",)),
    Case("text", "CSV of 140 MB", "text/csv", _csv(140 * MB), outcomes=("too_large_to_read",)),
    Case("text", "JSON of 5 million objects", "application/json", _bytes(lambda: b"[" + b"{}," * 5_000_000 + b"{}]")),
    Case(
        "archive",
        "zip of 100 entries",
        "application/zip",
        _bytes(lambda: archives.zip_of({f"{n}": b"x" for n in range(100)})),
    ),
    Case(
        "archive",
        "zip of 5 GB, 20,000 entries",
        "application/zip",
        _sparse_zip(5 * 1000 * MB, 20_000),
        Goal(read=10 * MB),
        outcomes=("entries_cut",),
    ),
    Case(
        "archive",
        "zip of 5 GB, 100,000 entries",
        "application/zip",
        _sparse_zip(5 * 1000 * MB, 100_000),
        Goal(read=10 * MB),
        outcomes=("entries_cut",),
    ),
    Case("archive", "tar.gz of 1.5 GB of zeros", "application/gzip", _zeros_packed, outcomes=("entries_cut",)),
    Case("email", "message of 1 MB", "message/rfc822", _bytes(lambda: _mail(MB))),
    Case("email", "message of 45 MB", "message/rfc822", _bytes(lambda: _mail(45 * MB))),
    Case("email", "10,000 parts", "message/rfc822", _bytes(lambda: _mail_of_parts(10_000))),
    Case("font", "Latin font of 12 kB", "font/ttf", _bytes(fonts.pillows)),
    Case(
        "font",
        "65,535 empty glyphs",
        "font/ttf",
        _bytes(lambda: fonts.of_empty_glyphs(65_535)),
        outcomes=("no_preview",),
    ),
    Case("font", "font of 60 MB", "font/ttf", _bytes(lambda: _padded_font(60 * MB))),
    Case("svg", "SVG of 100 paths", "image/svg+xml", _bytes(lambda: _svg(100))),
    Case("svg", "SVG of 2,000 paths", "image/svg+xml", _bytes(lambda: _svg(2000))),
    Case(
        "svg",
        "filters that never end",
        "image/svg+xml",
        _bytes(lambda: svgs.slow_filters(50, turbulence=True)),
        outcomes=(
            "too_costly_to_read",
            "not_cleaned",
        ),
    ),
]


@dataclass
class Measured:
    """`seconds` of CPU and peak `memory` in MB, of the process and of its largest child; `read` in bytes."""

    seconds: float
    child_seconds: float
    memory: float
    child_memory: float
    size: int
    read: int
    outcome: str


def run() -> None:
    if sys.platform != "linux":
        raise SystemExit("This bench reads a process's peak from /proc: it needs Linux.")
    found: list[tuple[Case, Measured]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for case in CASES:
            case.make(path)
            rounds = ROUNDS if case.goal.seconds and case.goal.seconds < 1 else 1
            best = min(
                (measured(case, path) for _ in range(rounds)), key=lambda each: each.seconds + each.child_seconds
            )
            found.append((case, best))
            print(_row(*found[-1]), flush=True)
            path.unlink()
        empty = path.with_name("tiny")
        empty.write_bytes(b"a,b\n1,2\n")
        tiny = measured(replace(CASES[0], content_type="text/csv"), empty)
    missed = [sentence for each in found for sentence in misses(*each, tiny)]
    text = _page(found, tiny, missed)
    print(text)
    RESULT.write_text(text, encoding="utf-8")
    if missed:
        raise SystemExit("\n".join(missed))


def measured(case: Case, path: Path) -> Measured:
    command = [sys.executable, "-c", "from bench.kinds import measure; measure()", str(path), case.content_type]
    environment = {**os.environ, **STAGE, "AWS_LAMBDA_FUNCTION_NAME": "filemill-test-process"}
    environment |= {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"READ_ALONE": "1"} if case.read_alone else {})
    done = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=600
    )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def misses(case: Case, found: Measured, tiny: Measured) -> list[str]:
    """Sentences that say which goals were missed."""
    checks = [
        (found.seconds + found.child_seconds, case.goal.seconds, "s of CPU"),
        (found.memory - tiny.memory + found.child_memory, case.goal.memory, "MB of memory"),
        (found.read, case.goal.read, "bytes read"),
        ((found.memory + found.child_memory) * MB / MIB, MEMORY - MARGIN, "MiB of the function's memory"),
    ]
    other = [] if found.outcome in case.outcomes else [f"{case.kind}, {case.name}: it ended as {found.outcome}."]
    return other + [
        f"{case.kind}, {case.name}: {value:,.2f} {unit}, of at most {most:,}."
        for value, most, unit in checks
        if most is not None and value > most
    ]


# --- in the process that measures


def measure() -> None:
    """Processes the file that the arguments name, and prints what it took as JSON."""
    import app  # noqa: F401 - all that the function holds
    from chalicelib import aws
    from chalicelib.model import PermanentFault
    from chalicelib.processing import pipeline, texts
    from chalicelib.processing.image import cascade  # noqa: F401
    from chalicelib.processing.kinds import Made, Order, Source, processor_of
    from chalicelib.renditions.recipes import RECIPES
    from chalicelib.storage.ranged import Ranged

    aws.s3(), aws.dynamodb()
    path, content_type = Path(sys.argv[1]), sys.argv[2]
    processor, size = processor_of(content_type), path.stat().st_size
    store = _Store(path)
    aws.s3 = lambda: store  # type: ignore[assignment]
    data: BinaryIO
    if size <= processor.in_memory:
        data = io.BytesIO(path.read_bytes())
    else:
        data = cast(BinaryIO, Ranged("acme/file", "v", size, processor.by_ranges))
    if "READ_ALONE" in os.environ:
        _without_pictures()
    recipe = RECIPES["photo" if content_type.startswith("image/") else "document"]
    peaks = _Peaks()
    peaks.start()
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        made = processor.process(Source(content_type, size, data), Order(recipe, MEMORY * MIB), lambda *_: None)
        outcome = made.warnings[0].code if made.warnings else "ready"
    except PermanentFault as fault:
        made, outcome = Made(), str(fault.code)
    if made.text:
        texts.rendition(made.text)
    pipeline.findings(made)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() - began
    peaks.done = True
    peaks.join()
    seconds -= peaks.seconds
    result = Measured(
        seconds=seconds,
        child_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        memory=_peak(os.getpid()),
        child_memory=peaks.highest,
        size=size,
        read=size if size <= processor.in_memory else store.read,
        outcome=outcome,
    )
    print(json.dumps(result.__dict__))


def _without_pictures() -> None:
    """Leaves out the encoding of the recipe's widths and formats: the page itself is still drawn by the child."""
    from chalicelib.processing import pdf

    setattr(pdf, "emit_pictures", lambda *_: None)  # noqa: B010 - mypy knows the name as one of another module


class _Store:
    """S3 with one object, the file. Counts the bytes that are read."""

    def __init__(self, path: Path) -> None:
        self.path, self.read = path, 0

    def get_object(self, **request: Any) -> dict[str, Any]:
        first, last = map(int, request["Range"].removeprefix("bytes=").split("-"))
        with self.path.open("rb") as file:
            file.seek(first)
            body = file.read(last - first + 1)
        self.read += len(body)
        return {"Body": io.BytesIO(body)}


class _Peaks(threading.Thread):
    """Looks at the children of this process a hundred times a second. `highest` is the peak of the largest in MB.

    `seconds` is the CPU that this took itself.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.highest, self.seconds, self.done = 0.0, 0.0, False

    def run(self) -> None:
        while not self.done:
            for thread in Path("/proc/self/task").iterdir():
                try:
                    children = (thread / "children").read_text().split()
                    self.highest = max([self.highest, *(_peak(int(pid)) for pid in children)])
                except (OSError, IndexError):
                    pass  # it has ended
            self.seconds = time.thread_time()
            time.sleep(0.01)


def _peak(pid: int) -> float:
    """MB. VmHWM is the peak of the process itself; getrusage would include that of the parent before it started."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) * 1024 / MB


# --- the page


def _row(case: Case, found: Measured) -> str:
    whole = (found.memory + found.child_memory) * MB / MIB
    cells = [
        case.kind,
        case.name,
        _size(found.size),
        f"{found.seconds + found.child_seconds:.2f} ({found.child_seconds:.2f})",
        f"{found.memory:.0f} + {found.child_memory:.0f}",
        f"{100 * whole / MEMORY:.0f} %",
        _size(found.read),
        f"`{found.outcome}`",
    ]
    return f"| {' | '.join(cells)} |"


def _size(value: int) -> str:
    for unit, name in ((1000 * MB, "GB"), (MB, "MB"), (1000, "kB")):
        if value >= unit:
            return f"{value / unit:.1f} {name}"
    return f"{value} B"


def _page(found: list[tuple[Case, Measured]], tiny: Measured, missed: list[str]) -> str:
    goals = [f"{case.kind}, {case.name}: {_goal(case.goal)}" for case, _ in found if case.goal != Goal()]
    lines = [
        "# CPU and memory by kind and size",
        "",
        f"The function has {MEMORY} MiB. Memory is the peak of the process, which has all that the function imports,",
        "and of its child; *of the function* is their sum. The child's part of the CPU, its start included, is in",
        "brackets. Hashing and uploads are not measured.",
        "",
        "| kind | file | size | CPU s (child) | memory MB: process + child | of the function | read | outcome |",
        "|---|---|--:|--:|--:|--:|--:|---|",
        *(_row(*each) for each in found),
        "",
        f"A table of two lines takes {tiny.memory:.0f} MB.",
        "",
        f"Goals: {'; '.join(goals)}. Every file leaves {MARGIN} MiB of the function.",
        f"Missed: {' '.join(missed) or 'none'}.".replace("..", "."),
        "",
        f"{datetime.datetime.now(datetime.UTC).date().isoformat()}, Python {platform.python_version()}, "
        f"{platform.machine()}, a shared machine",
    ]
    return "\n".join(lines) + "\n"


def _goal(goal: Goal) -> str:
    parts = [
        f"{goal.seconds} s of CPU" if goal.seconds else "",
        f"{goal.memory} MB above a tiny file" if goal.memory else "",
        f"{goal.read // MB} MB read" if goal.read else "",
    ]
    return " and ".join(filter(None, parts))
