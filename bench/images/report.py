"""Turns samples and scores into ratios, a table and a JSON file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from statistics import mean, median
from typing import Any

from bench.images.measure import ENGINES, Rendition, Samples

MIB = 1024 * 1024
NAMES = {
    "filemill": "Filemill",
    "sharp_usual": "sharp, as usual",
    "sharp_best": "sharp, at its best",
    "thumbor": "thumbor's engine",
    "naive_pillow": "Pillow, as usual",
}
GOALS = {
    "cpu_vs_sharp_usual": 0.19,
    "wall2_vs_sharp_usual": 0.24,
    "cpu_vs_sharp_best": 0.70,
    "wall2_vs_sharp_best": 0.65,
    "wall2_vs_sharp_best_png": 0.90,
    "wall2_vs_sharp_best_webp": 0.90,
    "cpu_vs_thumbor": 0.18,
    "cpu_vs_naive_pillow": 0.50,
    "peak_memory_vs_sharp": 0.25,
    "bytes_vs_sharp_usual": 1.04,
}
MEANINGS = {
    "cpu_vs_sharp_usual": "CPU on one core, to sharp as usual",
    "wall2_vs_sharp_usual": "wall time on two cores, to sharp as usual",
    "cpu_vs_sharp_best": "CPU on one core, to sharp at its best",
    "wall2_vs_sharp_best": "wall time on two cores, to sharp at its best",
    "wall2_vs_sharp_best_png": "the same, PNG input",
    "wall2_vs_sharp_best_webp": "the same, WebP input",
    "cpu_vs_thumbor": "CPU on one core, to thumbor's engine",
    "cpu_vs_naive_pillow": "CPU on one core, to Pillow as usual",
    "peak_memory_vs_sharp": "peak memory of a process that stays up, to sharp as usual",
    "peak_memory_fresh_vs_sharp": "peak memory of a new process, to sharp as usual",
    "bytes_vs_sharp_usual": "bytes, to sharp as usual",
    "ssim_difference": "SSIM, less that of sharp as usual (mean)",
    "ssimulacra2_difference": "SSIMULACRA2 of WebP, less that of sharp as usual (mean)",
}
Scores = dict[str, dict[str, dict[str, dict[str, Any]]]]  # photo, engine, file: ssim, ssimulacra2, bytes


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(value) for value in values]
    return math.exp(mean(logs))


def ratio(mine: list[float], others: list[float]) -> float:
    """The median over rounds of the ratio within a round."""
    return median(one / other for one, other in zip(mine, others, strict=True))


def summary(
    samples: dict[tuple[str, int], dict[str, Samples]],
    peaks: dict[str, dict[str, int]],
    scores: Scores,
    jobs: dict[str, list[Rendition]],
) -> dict[str, Any]:
    """All figures: the geometric means by name, then what they are made of."""
    photos = list(jobs)

    def over_photos(cores: int, other: str, what: str, photos: list[str] = photos) -> float:
        return geometric_mean(
            ratio(
                getattr(samples[photo, cores]["filemill"], what),
                getattr(samples[photo, cores][other], what),
            )
            for photo in photos
        )

    figures: dict[str, Any] = {}
    for engine in ENGINES:
        if engine != "filemill":
            figures[f"cpu_vs_{engine}"] = over_photos(1, engine, "cpu")
            figures[f"cpu2_vs_{engine}"] = over_photos(2, engine, "cpu")
            figures[f"wall1_vs_{engine}"] = over_photos(1, engine, "wall")
            figures[f"wall2_vs_{engine}"] = over_photos(2, engine, "wall")
            figures[f"peak_memory_vs_{engine}"] = over_photos(2, engine, "peak")
            figures[f"peak_memory_fresh_vs_{engine}"] = geometric_mean(
                peaks[photo]["filemill"] / peaks[photo][engine] for photo in photos
            )
            figures[f"bytes_vs_{engine}"] = geometric_mean(
                _of(scores, photo, "filemill", "bytes", sum) / _of(scores, photo, engine, "bytes", sum)
                for photo in photos
            )
    for format in ("png", "webp"):
        if of_format := [photo for photo in photos if photo.endswith(f".{format}")]:
            figures[f"wall2_vs_sharp_best_{format}"] = over_photos(2, "sharp_best", "wall", of_format)
    figures["peak_memory_vs_sharp"] = figures["peak_memory_vs_sharp_usual"]
    figures["peak_memory_fresh_vs_sharp"] = figures["peak_memory_fresh_vs_sharp_usual"]
    for what in ("ssim", "ssimulacra2"):
        figures[f"{what}_difference"] = mean(
            _of(scores, photo, "filemill", what, mean) - _of(scores, photo, "sharp_usual", what, mean)
            for photo in photos
            if any(score[what] is not None for score in scores[photo]["filemill"].values())
        )
    return figures | {
        "by_photo": {photo: _photo(photo, samples, peaks, scores) for photo in photos},
        "by_size": _by_size(scores, jobs),
    }


def _of(scores: Scores, photo: str, engine: str, what: str, by: Callable[[list[float]], float]) -> float:
    return by([score[what] for score in scores[photo][engine].values() if score[what] is not None])


def _photo(
    photo: str,
    samples: dict[tuple[str, int], dict[str, Samples]],
    peaks: dict[str, dict[str, int]],
    scores: Scores,
) -> dict[str, Any]:
    """Each engine's medians: seconds, MiB, bytes."""
    return {
        engine: {
            "cpu1_s": round(median(samples[photo, 1][engine].cpu), 4),
            "wall1_s": round(median(samples[photo, 1][engine].wall), 4),
            "cpu2_s": round(median(samples[photo, 2][engine].cpu), 4),
            "wall2_s": round(median(samples[photo, 2][engine].wall), 4),
            "cpu_ratio": round(ratio(samples[photo, 1][engine].cpu, samples[photo, 1]["sharp_usual"].cpu), 4),
            "wall2_ratio": round(ratio(samples[photo, 2][engine].wall, samples[photo, 2]["sharp_usual"].wall), 4),
            "peak_mib": round(median(samples[photo, 2][engine].peak) / MIB, 1),
            "peak_fresh_mib": round(peaks[photo][engine] / MIB, 1),
            "bytes": _of(scores, photo, engine, "bytes", sum),
        }
        for engine in ENGINES
    }


def _by_size(scores: Scores, jobs: dict[str, list[Rendition]]) -> list[dict[str, Any]]:
    """Of each size and format, over the photos: bytes to sharp as usual (geometric mean), SSIM and SSIMULACRA2."""
    common: dict[tuple[int, str], list[str]] = {}
    for photo, renditions in jobs.items():
        for rendition in renditions:
            common.setdefault((rendition["width"], rendition["format"]), []).append(photo)
    rows = []
    for (width, format), photos in sorted(common.items()):
        file = f"{width}.{format}"
        engines: dict[str, dict[str, float | None]] = {}
        for engine in ENGINES:
            of = [scores[photo][engine][file] for photo in photos]
            usual = [scores[photo]["sharp_usual"][file] for photo in photos]
            second = [score["ssimulacra2"] for score in of if score["ssimulacra2"] is not None]
            engines[engine] = {
                "bytes": geometric_mean(one["bytes"] / other["bytes"] for one, other in zip(of, usual, strict=True)),
                "ssim": mean(score["ssim"] for score in of),
                "ssimulacra2": mean(second) if second else None,
            }
        rows.append({"width": width, "format": format, "photos": len(photos), "engines": engines})
    return rows


def table(figures: dict[str, Any], conditions: dict[str, Any]) -> str:
    lines = ["| Filemill's ratios, geometric means over the photos | | goal |", "|---|--:|--:|"]
    for name, meaning in MEANINGS.items():
        if name not in figures:  # no photo of this format
            continue
        signed = "+.4f" if name.endswith("_difference") else ".2f"
        goal = f"≤ {GOALS[name]:.2f}" if name in GOALS else ""
        lines.append(f"| {meaning} (`{name}`) | {figures[name]:{signed}} | {goal} |")
    engines = list(ENGINES)
    titles = " | ".join(NAMES[engine] for engine in engines)
    for key, title in (
        ("cpu_ratio", "CPU on one core; sharp as usual is 1"),
        ("wall2_ratio", "Wall time on two cores; sharp as usual is 1"),
        ("peak_mib", "Peak memory of a process that stays up, MiB"),
        ("peak_fresh_mib", "Peak memory of a new process, MiB"),
    ):
        digits = ".2f" if key.endswith("ratio") else ".0f"
        lines += ["", f"| {title} | {titles} |", "|---" + "|--:" * len(engines) + "|"]
        for photo, row in figures["by_photo"].items():
            lines.append(f"| {photo} | " + " | ".join(f"{row[engine][key]:{digits}}" for engine in engines) + " |")
        overall = [geometric_mean(row[engine][key] for row in figures["by_photo"].values()) for engine in engines]
        lines.append("| **geometric mean** | " + " | ".join(f"{value:{digits}}" for value in overall) + " |")
    lines += ["", f"| Bytes to sharp as usual · SSIM · SSIMULACRA2 | {titles} |", "|---" + "|--:" * len(engines) + "|"]
    for row in figures["by_size"]:
        if row["photos"] < 2:
            continue
        cells = []
        for engine in engines:
            score = row["engines"][engine]
            second = "" if score["ssimulacra2"] is None else f" · {score['ssimulacra2']:.1f}"
            cells.append(f"{score['bytes']:.2f} · {score['ssim']:.4f}{second}")
        lines.append(f"| {row['format']} {row['width']} ({row['photos']} photos) | " + " | ".join(cells) + " |")
    lines += ["", "Conditions of this run:", ""]
    lines += [f"- {name}: {value}" for name, value in conditions.items()]
    return "\n".join(lines) + "\n"
