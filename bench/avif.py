"""`python -m bench avif`: compares speeds and qualities of AVIF with the recipes' WebP. Writes bench/results/avif.md.

The reference is the rendition's own pixels, so only the encoders are compared. CPU is a process's, one thread, the
lower of two runs. Likeness is SSIMULACRA2 at one width (it is slow, and not for small pictures), SSIM at all of them.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import PIL
from PIL import Image, ImageDraw, ImageFont, features

from bench.images import photos, tools
from chalicelib.processing.image.color import on_paper
from chalicelib.processing.image.decode import decode
from chalicelib.processing.image.encoders import encode
from chalicelib.processing.image.resize import first_resize, resized
from chalicelib.renditions.recipes import RECIPES, Encoding

WIDTHS = (160, 320, 640, 1280, 1920)
MIDDLE = 640  # the width at which speeds are compared
SPEEDS = (6, 8, 9)  # 10 gives the bytes of 9
QUALITIES = (50, 60, 70)
PAGE_QUALITIES = (65, 75, 85)
RESULT = Path(__file__).parent / "results" / "avif.md"


@dataclass(frozen=True)
class Made:
    """One encoding of one picture: its pixels, CPU in seconds, bytes, and its similarity to the picture."""

    pixels: int
    cpu: float
    size: int
    score: float


Pictures = dict[tuple[str, int], Image.Image]
Results = dict[tuple[str, int, Encoding], Made]


def run() -> None:
    if sys.platform != "linux":
        raise SystemExit("The AVIF bench needs what the image bench needs: Linux.")
    tools.ensure()
    photo, document = RECIPES["photo"], RECIPES["document"]
    (avif,), (page_avif,) = photo.on_demand, document.on_demand
    webp, page_webp = photo.encodings[0], document.encodings[0]
    pictures = {(file.name, width): image for file in photos.default() for width, image in _renditions(file)}
    pages: Pictures = {("page", 960): _page()}
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        text = _conditions(len({name for name, _ in pictures}))
        middle = {key: image for key, image in pictures.items() if key[1] == MIDDLE}
        speeds = _made(middle, webp, _each(avif, SPEEDS, QUALITIES), folder, "ssimulacra2")
        text += _shown(_speed_table(speeds, webp, avif))
        widths = _made(pictures, webp, _each(avif, [avif.effort], QUALITIES), folder, "ssim")
        text += _shown(_width_table(widths, webp, avif))
        read = _made(pages, page_webp, _each(page_avif, [page_avif.effort], PAGE_QUALITIES), folder, "ssimulacra2")
        text += _shown(_page_table(read, page_webp, page_avif))
    RESULT.write_text("\n".join(text).rstrip() + "\n")


def _shown(lines: list[str]) -> list[str]:
    print("\n".join(lines), flush=True)
    return lines


def _renditions(file: Path) -> Iterable[tuple[int, Image.Image]]:
    """The photo's pixels at each width up to its own, as the pipeline makes them."""
    largest = WIDTHS[-1]
    wanted: Callable[[int, int], tuple[int, int]] = lambda w, h: (min(w, largest), max(1, h * min(w, largest) // w))  # noqa: E731
    decoded = decode(file.read_bytes(), memory=1769 * 1024**2, wanted=wanted)
    with ThreadPoolExecutor(1) as pool:
        target = wanted(decoded.width, decoded.height)
        image = first_resize(decoded.pixels, decoded.orientation, decoded.profile, target, pool)
    image = on_paper(image) if image.mode == "RGBA" else image.convert("RGB")
    for width in reversed(WIDTHS):
        if width <= image.width:
            image = resized(image, (width, max(1, round(image.height * width / image.width))))
            yield width, image


def _page() -> Image.Image:
    """A page of text in black, red and blue on white, like a scan: slightly soft, with a little grain."""
    page = Image.new("RGB", (960, 1242), "white")
    draw = ImageDraw.Draw(page)
    for line in range(49):
        color = ("#111111", "#111111", "#b00020", "#0b3d91")[line % 4]
        draw.text(
            (80, 60 + line * 23), "Paragraph 7, 1.5 % of 1,204.80 € is due. " * 2, color, ImageFont.load_default(15)
        )
    return photos.grained(page.rotate(0.3, Image.Resampling.BICUBIC, fillcolor="white"))


def _each(encoding: Encoding, speeds: Iterable[int], qualities: Iterable[int]) -> list[Encoding]:
    return [replace(encoding, effort=speed, quality=quality) for speed in speeds for quality in qualities]


def _made(pictures: Pictures, webp: Encoding, encodings: list[Encoding], folder: Path, metric: str) -> Results:
    """Every picture in every encoding. They are made one after the other, for exact times, and scored in parallel."""
    measured: dict[tuple[str, int, Encoding], tuple[float, int, Path]] = {}
    references = {}
    for (name, width), image in pictures.items():
        references[name, width] = folder / f"{name}-{width}.png"
        image.save(references[name, width], compress_level=1)
        for encoding in [webp, *encodings]:
            best, data = math.inf, b""
            for _ in range(2):
                begun = time.process_time()
                data = encode(image, encoding)
                best = min(best, time.process_time() - begun)
            path = folder / f"{name}-{width}-{encoding.format}-{encoding.effort}-{encoding.quality}.png"
            with Image.open(BytesIO(data)) as decoded:
                decoded.convert("RGB").save(path, compress_level=1)
            measured[name, width, encoding] = best, len(data), path
    keys = list(measured)
    jobs = [{"reference": str(references[key[:2]]), "made": str(measured[key][2]), "metric": metric} for key in keys]
    halves = [slice(n, None, 2) for n in range(2)]
    with ThreadPoolExecutor(2) as pool:
        scored = dict(
            pair
            for half, scores in zip(halves, pool.map(_scores, [jobs[half] for half in halves]), strict=True)
            for pair in zip(keys[half], scores, strict=True)
        )
    return {key: Made(math.prod(pictures[key[:2]].size), *measured[key][:2], scored[key]) for key in keys}


def _scores(jobs: list[dict[str, str]]) -> list[float]:
    done = subprocess.run(
        [str(tools.PYTHON), "-m", "bench.images.compare"],
        input="\n".join(map(json.dumps, jobs)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=tools.ROOT,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _speed_table(results: Results, webp: Encoding, avif: Encoding) -> list[str]:
    lines = [
        f"Speeds at width {MIDDLE}, against WebP q{webp.quality}, method {webp.effort}: where AVIF reaches WebP's "
        "SSIMULACRA2, by interpolation between qualities; and SSIMULACRA2 less WebP's at some.",
        "",
        "| speed | CPU to WebP's | bytes to WebP's, as like | quality for that: lowest, median, highest | "
        + " | ".join(f"q{quality}: mean, worst photo" for quality in QUALITIES)
        + " |",
        "|--:|--:|--:|--:|" + "--:|" * len(QUALITIES),
    ]
    names = sorted({name for name, _, _ in results})
    base = {name: results[name, MIDDLE, webp] for name in names}
    for speed in SPEEDS:
        each = {
            name: [results[name, MIDDLE, replace(avif, effort=speed, quality=quality)] for quality in QUALITIES]
            for name in names
        }
        cpu = statistics.median(made.cpu / base[name].cpu for name in names for made in each[name])
        points = [_as_like(each[name], base[name]) for name in names]
        needed = sorted(quality for _, quality in points)
        better = [[made[n].score - base[name].score for name, made in each.items()] for n in range(len(QUALITIES))]
        lines.append(
            f"| {speed} | {cpu:.2f} | {statistics.geometric_mean(size for size, _ in points):.2f} "
            f"| {needed[0]:.0f}, {statistics.median(needed):.0f}, {needed[-1]:.0f} | "
            + " | ".join(f"{statistics.mean(values):+.1f}, {min(values):+.1f}" for values in better)
            + " |"
        )
    return [*lines, ""]


def _as_like(each: list[Made], base: Made) -> tuple[float, float]:
    """The bytes (as a share of WebP's) and the quality at which AVIF scores like WebP. Beyond the qualities that were
    tried, the line is continued."""
    points = [(made.score, made.size, quality) for made, quality in zip(each, QUALITIES, strict=True)]
    pairs = list(pairwise(points))
    low, high = next((pair for pair in pairs if pair[1][0] >= base.score), pairs[-1])
    part = (base.score - low[0]) / (high[0] - low[0])
    return low[1] * (high[1] / low[1]) ** part / base.size, low[2] + part * (high[2] - low[2])


def _width_table(results: Results, webp: Encoding, avif: Encoding) -> list[str]:
    lines = [
        f"Widths, at speed {avif.effort}, against WebP q{webp.quality}.",
        "",
        "| width | quality | bytes to WebP's | SSIM less WebP's: mean, worst photo | CPU to WebP's | CPU, ms a MP |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for width in WIDTHS:
        for quality in QUALITIES:
            chosen = replace(avif, quality=quality)
            pairs = [
                (made, results[name, width, webp])
                for (name, of_width, encoding), made in results.items()
                if (of_width, encoding) == (width, chosen)
            ]
            better = [made.score - base.score for made, base in pairs]
            lines.append(
                f"| {width} | {quality} "
                f"| {statistics.geometric_mean(made.size / base.size for made, base in pairs):.2f} "
                f"| {statistics.mean(better):+.4f}, {min(better):+.4f} "
                f"| {statistics.median(made.cpu / base.cpu for made, base in pairs):.2f} "
                f"| {statistics.median(made.cpu / made.pixels for made, _ in pairs) * 1e9:.0f} |"
            )
    return [*lines, ""]


def _page_table(results: Results, webp: Encoding, avif: Encoding) -> list[str]:
    (base,) = (made for (_, _, encoding), made in results.items() if encoding == webp)
    lines = [
        f"A drawn page of text, 960 wide, speed {avif.effort}, {avif.subsampling}, against WebP q{webp.quality}.",
        "",
        "| quality | bytes to WebP's | SSIMULACRA2, less WebP's | CPU to WebP's |",
        "|--:|--:|--:|--:|",
    ]
    for (_, _, encoding), made in results.items():
        if encoding.format == "avif":
            lines.append(
                f"| {encoding.quality} | {made.size / base.size:.2f} "
                f"| {made.score - base.score:+.1f} | {made.cpu / base.cpu:.2f} |"
            )
    return [*lines, ""]


def _conditions(count: int) -> list[str]:
    return [
        "Conditions of this run:",
        "",
        f"- photographs: {count}, of and from {photos.PACKAGE} (Debian)",
        f"- Pillow {PIL.__version__}, libavif {features.version('avif')} with aom, WebP {features.version('webp')}; "
        "one thread",
        f"- Python {sys.version.split()[0]}, {os.cpu_count()} cores, load average before "
        f"{os.getloadavg()[0]:.1f} (a shared machine: CPU times are ratios within one run)",
        "",
    ]
