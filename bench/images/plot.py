"""`python -m bench.images.plot RESULT.json PICTURE.png`, in the bench's venv: the run as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

from bench.images.report import GOALS, NAMES, geometric_mean

COLORS = {
    "filemill": "#0b6e4f",
    "sharp_best": "#5b8db8",
    "sharp_usual": "#8fb3d1",
    "thumbor": "#d9a066",
    "naive_pillow": "#c9c2b8",
}
BARS = {
    "CPU, one core": ("cpu_ratio", GOALS["cpu_vs_sharp_usual"]),
    "wall time, two cores": ("wall2_ratio", GOALS["wall2_vs_sharp_usual"]),
    "peak memory": ("peak_mib", GOALS["peak_memory_vs_sharp"]),
}


def draw(result: dict[str, Any], picture: Path) -> None:
    figure, (bars, quality) = pyplot.subplots(
        1, 2, figsize=(12.5, 5.2), gridspec_kw={"width_ratios": [1.55, 1]}, layout="constrained"
    )
    by_photo = result["by_photo"].values()
    for group, (key, goal) in enumerate(BARS.values()):
        usual = geometric_mean(row["sharp_usual"][key] for row in by_photo)
        for number, engine in enumerate(COLORS):
            value = geometric_mean(row[engine][key] for row in by_photo) / usual
            x = group + (number - 2) * 0.165
            bars.bar(x, value, 0.15, color=COLORS[engine], label=NAMES[engine] if not group else None)
            bars.text(x, value + 0.015, f"{value:.2f}", ha="center", fontsize=8)
        bars.plot(
            [group - 0.42, group - 0.24], [goal, goal], color="black", lw=1.5, label="goal" if not group else None
        )
    bars.set_xticks(range(len(BARS)), BARS)
    bars.set_ylabel("to sharp as usual (= 1); less is better")
    bars.set_title(f"{len(by_photo)} photographs, {result['conditions']['renditions']}", fontsize=10)
    bars.legend(frameon=False, fontsize=9)
    widths = []
    for engine, color in COLORS.items():
        rows = [row for row in result["by_size"] if row["format"] == "webp" and row["photos"] > 2]
        widths = [row["width"] for row in rows]
        points = [(row["engines"][engine]["bytes"], row["engines"][engine]["ssim"]) for row in rows]
        quality.plot(*zip(*points, strict=True), color=color, marker="o", lw=1, label=NAMES[engine])
        if engine == "filemill":
            for width, point in zip(widths, points, strict=True):
                quality.annotate(str(width), point, xytext=(4, 4), textcoords="offset points", fontsize=8)
    quality.set_xlabel("bytes, to sharp as usual (= 1)")
    quality.set_ylabel("SSIM")
    quality.set_title("WebP at each width: bytes and likeness", fontsize=10)
    for axes in (bars, quality):
        axes.spines[["top", "right"]].set_visible(False)
    conditions = result["conditions"]
    figure.suptitle(
        f"Filemill's `make bench`, {conditions['date']}: {conditions['processor']}", fontsize=9, x=0.01, ha="left"
    )
    figure.savefig(picture, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
