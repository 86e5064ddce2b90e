"""Peak resident memory of processing one image in a new process, by its megapixels and format.

What one 24 MP JPEG may take is a goal: 110 MiB. The rest shows what the estimate in decode.py keeps out of a function.
The `photo` recipe on two cores, the file's bytes in memory, no AWS clients. Files are made of one of the bench's
photographs, so that encoders have something to do.
"""

from __future__ import annotations

import datetime
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import PIL
from PIL import Image

from bench.images import photos
from chalicelib.renditions.engine import ENGINE_VERSION
from tests.stage import ROOT

MEGAPIXELS = (1, 3, 8, 12, 24, 50, 100)
FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 88},
    "JPEG, progressive": {"quality": 88, "progressive": True},
    "PNG": {"compress_level": 1},
    "WebP": {"quality": 80, "method": 0},
}
MEMORY = 1769  # MiB of the function
GOAL = ("JPEG", 24, 110)  # MiB
RESULT = ROOT / "bench" / "results" / "memory.md"

# On Linux VmHWM is the peak of the process itself; getrusage would include the parent's.
CHILD = """
import sys
from pathlib import Path
from chalicelib.model import PermanentFault
from chalicelib.processing.image.cascade import process_image
from chalicelib.renditions.recipes import RECIPES
try:
    if sys.argv[1:]:
        data = Path(sys.argv[1]).read_bytes()
        process_image(data, RECIPES["photo"], memory=int(sys.argv[2]) * 1024**2, emit=lambda *_: None)
    status = Path("/proc/self/status").read_text()
    print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
except PermanentFault as fault:
    print(fault.code.value)
"""


def run() -> None:
    if sys.platform != "linux":
        raise SystemExit("This bench reads a process's peak from /proc: it needs Linux.")
    with Image.open(next(photo for photo in photos.default() if photo.name.startswith("p24"))) as opened:
        photo = opened.convert("RGB")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in MEGAPIXELS:
            files = _files(photo, megapixels, Path(folder))
            rows.append([f"{megapixels} MP", *(_peak(file) for file in files)])
            for file in files:
                file.unlink()
    text = _table(rows)
    print(text)
    RESULT.write_text(text)


def _files(photo: Image.Image, megapixels: int, folder: Path) -> list[Path]:
    scale = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5
    image = photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BILINEAR)
    files: list[Path] = []
    for name, options in FORMATS.items():
        files.append(folder / f"{megapixels}.{len(files)}")
        image.save(files[-1], name.split(",")[0], **options)
    return files


def _peak(*file: Path) -> str:
    """The peak in MiB, or the error's code."""
    arguments = [*map(str, file), str(MEMORY)] if file else []
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.strip()


def _table(rows: list[list[str]]) -> str:
    lines = [f"| Peak resident memory of a new process, MiB | {' | '.join(FORMATS)} |"]
    lines.append("|---|" + "--:|" * len(FORMATS))
    lines += [f"| {' | '.join(row)} |" for row in rows]
    format, megapixels, bound = GOAL
    lines += [
        "",
        f"Goal: a {format} of {megapixels} MP within {bound}. `too_many_pixels`: refused before decoding, by the "
        f"estimate (decode.py) for a function of {MEMORY} MiB.",
        "",
        f"Without an image, with all modules imported: {_peak()} MiB.",
        "",
        f"{datetime.datetime.now(datetime.UTC).date().isoformat()}, Python {platform.python_version()}, "
        f"Pillow {PIL.__version__}, engine {ENGINE_VERSION}, {platform.machine()}",
    ]
    return "\n".join(lines) + "\n"
