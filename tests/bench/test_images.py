"""The image bench's arithmetic, on figures made up: the runs themselves need Node.js, a network and minutes."""

from __future__ import annotations

import pytest

from bench.images import report
from bench.images.measure import ENGINES, Rendition, Samples

JOBS: dict[str, list[Rendition]] = {
    photo: [{"width": width, "height": width, "format": "webp"} for width in (160, 320)] for photo in ("a.jpg", "b.jpg")
}


def samples(filemill: list[float], others: list[float]) -> dict[str, Samples]:
    times = {engine: filemill if engine == "filemill" else others for engine in ENGINES}
    return {engine: Samples(cpu=seconds, wall=seconds, peak=[report.MIB] * 3) for engine, seconds in times.items()}


def scores(ssim: float, second: float | None, size: int) -> dict[str, dict[str, object]]:
    return {f"{width}.webp": {"ssim": ssim, "ssimulacra2": second, "bytes": size} for width in (160, 320)}


@pytest.fixture
def figures() -> dict[str, object]:
    half, eighth = samples([1, 2, 3], [2, 4, 6]), samples([1, 1, 1], [8, 8, 8])
    return report.summary(
        {("a.jpg", 1): half, ("b.jpg", 1): eighth, ("a.jpg", 2): half, ("b.jpg", 2): half},
        {photo: {engine: (1 if engine == "filemill" else 2) * report.MIB for engine in ENGINES} for photo in JOBS},
        {
            photo: {
                engine: scores(0.98, 80.0, 104) if engine == "filemill" else scores(0.97, 79.5, 100)
                for engine in ENGINES
            }
            for photo in JOBS
        },
        JOBS,
    )


def test_a_ratio_is_the_median_of_ratios_within_a_round() -> None:
    assert report.ratio([1.0, 50.0, 3.0], [2.0, 100.0, 3.0]) == 0.5


def test_ratios_are_geometric_means_over_the_photos(figures: dict[str, object]) -> None:
    assert figures["cpu_vs_sharp_usual"] == pytest.approx(0.25)  # of 1/2 and 1/8
    assert figures["wall2_vs_sharp_usual"] == pytest.approx(0.5)
    assert figures["peak_memory_fresh_vs_sharp"] == pytest.approx(0.5)
    assert figures["bytes_vs_sharp_usual"] == pytest.approx(1.04)
    assert figures["ssim_difference"] == pytest.approx(0.01)
    assert figures["ssimulacra2_difference"] == pytest.approx(0.5)


def test_the_figures_asked_for_are_all_there(figures: dict[str, object]) -> None:
    of_formats = {"wall2_vs_sharp_best_png", "wall2_vs_sharp_best_webp"}
    assert set(report.MEANINGS) - of_formats <= set(figures)
    assert set(report.GOALS) <= set(report.MEANINGS)
    assert {"cpu_vs_sharp_best", "wall2_vs_sharp_best", "cpu_vs_thumbor", "cpu_vs_naive_pillow"} <= set(figures)


def test_the_figures_of_a_format_are_those_of_its_photos() -> None:
    photos = ("a.jpg", "b.png", "c.png", "d.webp")
    ours = {"a.jpg": [1.0], "b.png": [2.0], "c.png": [8.0], "d.webp": [3.0]}
    figures = report.summary(
        {(photo, cores): samples(ours[photo], [4.0]) for photo in photos for cores in (1, 2)},
        {photo: dict.fromkeys(ENGINES, report.MIB) for photo in photos},
        {photo: {engine: scores(0.98, 80.0, 100) for engine in ENGINES} for photo in photos},
        dict.fromkeys(photos, JOBS["a.jpg"]),
    )
    assert figures["wall2_vs_sharp_best_png"] == pytest.approx(1.0)  # of 1/2 and 2
    assert figures["wall2_vs_sharp_best_webp"] == pytest.approx(0.75)


def test_the_table_has_a_row_a_photo_and_a_size(figures: dict[str, object]) -> None:
    table = report.table(figures, {"date": "2026-01-02"})
    assert "| a.jpg | 0.50 | 1.00 |" in table
    assert "| webp 320 (2 photos) | 1.04 · 0.9800 · 80.0 | 1.00 · 0.9700 · 79.5 |" in table
    assert "- date: 2026-01-02" in table
