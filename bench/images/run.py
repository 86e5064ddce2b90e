"""`python -m bench images [--photos DIR] [--json FILE] [--rounds N]`."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import PIL
from PIL import features

from bench.images import measure, photos, report, tools
from bench.images.measure import Rendition
from chalicelib.renditions.engine import HAS_RESIZER

ROUNDS = 5
SSIMULACRA2_WIDTHS = [640]


def run(folder: Path | None = None, json_file: Path | None = None, count: int = ROUNDS) -> None:
    """Measures, and prints the table. Writes `json_file`, and the table (.md) and the picture (.png) next to it."""
    if sys.platform != "linux":
        raise SystemExit("The image bench pins processes to cores and reads their memory's peak: it needs Linux.")
    tools.ensure()
    files = photos.in_folder(folder) if folder else photos.default()
    made = tools.HOME / "made"
    shutil.rmtree(made, ignore_errors=True)
    print("bench: making all renditions once", file=sys.stderr)
    jobs, peaks = measure.make_all(files, made)
    files = [file for file in files if jobs[file.name]]
    load_before = os.getloadavg()[0]
    samples = measure.rounds(files, jobs, count)
    print("bench: scoring", file=sys.stderr)
    scores = _scores(files, jobs, made)
    figures = report.summary(samples, peaks, scores, jobs)
    conditions = _conditions(files, folder, jobs, count, load_before)
    text = report.table(figures, conditions)
    print(text)
    if json_file:
        rounded = json.loads(json.dumps(figures | {"conditions": conditions}), parse_float=lambda x: round(float(x), 4))
        json_file.write_text(json.dumps(rounded, indent=1, ensure_ascii=False) + "\n")
        json_file.with_suffix(".md").write_text(text)
        picture = str(json_file.with_suffix(".png"))
        subprocess.run(
            [str(tools.PYTHON), "-m", "bench.images.plot", str(json_file.resolve()), picture],
            check=True,
            cwd=tools.ROOT,
        )


def _scores(files: list[Path], jobs: dict[str, list[Rendition]], made: Path) -> report.Scores:
    def score(file: Path) -> dict[str, Any]:
        sizes = sorted({(rendition["width"], rendition["height"]) for rendition in jobs[file.name]})
        job = {"photo": str(file.resolve()), "folder": str(made / file.name), "sizes": sizes}
        done = subprocess.run(
            [str(tools.PYTHON), "-m", "bench.images.score"],
            input=json.dumps(job | {"widths": SSIMULACRA2_WIDTHS}),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=tools.ROOT,
        )
        scored: dict[str, dict[str, dict[str, Any]]] = json.loads(done.stdout)
        for engine, of_files in scored.items():
            for name, of_file in of_files.items():
                of_file["bytes"] = (made / file.name / engine / name).stat().st_size
        return scored

    with ThreadPoolExecutor(2) as pool:
        return dict(zip([file.name for file in files], pool.map(score, files), strict=True))


def _conditions(
    files: list[Path], folder: Path | None, jobs: dict[str, list[Rendition]], count: int, load: float
) -> dict[str, Any]:
    versions = json.loads(
        tools.output_of(
            "node", "-p", f"JSON.stringify(require({str(tools.HOME / 'node_modules' / 'sharp')!r}).versions)"
        )
    )
    thumbor = tools.output_of(
        str(tools.PYTHON), "-c", "import thumbor, PIL; print(thumbor.__version__, 'with Pillow', PIL.__version__)"
    )
    widths = sorted({rendition["width"] for renditions in jobs.values() for rendition in renditions})
    formats = sorted({rendition["format"] for renditions in jobs.values() for rendition in renditions})
    steps = ", ".join(map(str, widths)) if len(widths) < 9 else f"{widths[0]} to {widths[-1]}"
    pillow = {name: features.version(name) for name in ("webp", "libjpeg_turbo", "avif")}
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "photographs": f"{len(files)}, {'of a folder given' if folder else f'of and from {photos.PACKAGE} (Debian)'}",
        "renditions": f"widths {steps} px in {' and '.join(formats)}",
        "rounds": f"{count}; medians of the ratios within a round",
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {platform.machine()}",
        "load average before": f"{load:.1f} (a shared machine: wall times are noisier than CPU)",
        "Filemill": f"Python {platform.python_version()}, Pillow {PIL.__version__}, "
        + ", ".join(f"{name} {found}" for name, found in pillow.items())
        + f"; resizes by {f'cykooz-resizer {version("cykooz-resizer")}' if HAS_RESIZER else 'Pillow'}",
        "sharp": f"{versions['sharp']}, libvips {versions['vips']}, libwebp {versions.get('webp')}, "
        f"Node.js {tools.output_of('node', '--version')}; without metadata and ThumbHash",
        "thumbor": f"{thumbor}; renditions only, no conversion to sRGB",
        "system": f"{platform.system()} {platform.release()}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown processor"
