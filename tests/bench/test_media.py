"""The bench of films: what it measures with is right, so that its figures can be believed."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from bench.media import clips, figures, quality
from bench.media.figures import Cost, Figure
from bench.media.repeated import Repeated

pytestmark = pytest.mark.pure

SMALL = replace(clips.PHONE, size=(320, 180), seconds=4, bits=0)


def test_a_repeated_clip_is_a_film_of_that_many_pictures_and_samples_without_a_gap() -> None:
    film = Repeated(clips.made(SMALL), 3, SMALL.seconds)
    data = film.read(0, film.size)
    assert len(data) == film.size
    with av.open(io.BytesIO(data)) as container:
        assert isinstance(container, av.container.InputContainer)
        assert container.duration == 12 * av.time_base
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([number / 30 for number in range(360)])
    first, samples = quality.samples(data)
    assert (first, len(samples)) in {(0, 12 * clips.SAMPLES - 1024), (0, 12 * clips.SAMPLES)}


def test_ranges_of_it_are_those_of_the_whole() -> None:
    film = Repeated(clips.made(SMALL), 3, SMALL.seconds)
    data = film.read(0, film.size)
    for first in (0, 10, film.size // 3, film.size // 2 + 7, film.size - 100, film.size):
        for length in (0, 1, 300_000, film.size):
            assert film.read(first, length) == data[first : first + length]


@pytest.mark.parametrize(
    ("value", "goal", "bound", "met"),
    [
        (0.5, 0.5, "at most", True),
        (0.51, 0.5, "at most", False),
        (-0.1, -0.2, "at least", True),
        (-0.3, -0.2, "at least", False),
        (0.81, 0.2, "within", True),
        (1.21, 0.2, "within", False),
        (9, None, "at most", None),
    ],
)
def test_a_goal_is_met_or_missed(value: float, goal: float | None, bound: Any, met: bool | None) -> None:
    assert Figure("", "", value, "", goal, bound).met is met


def test_the_page_says_each_figure_with_its_goal(tmp_path: Path) -> None:
    found = [Figure("Group", "one", 0.6, "s", 0.5), Figure("Group", "two", 3, "MB", 10)]
    costs = [Cost("v360", 640, 360, 4.0, 1.0, 1.2, 200_000)]
    text = figures.write(found, costs, {"date": "today"}, tmp_path / "media.json")
    assert "**1 of 2 goals are met.**" in text
    assert "| one | 0.600 s | ≤ 0.500 s | **missed** |" in text
    assert "| two | 3 MB | ≤ 10 MB | met |" in text
    assert json.loads((tmp_path / "media.json").read_text())["figures"][0]["met"] is False


def test_pictures_that_are_lost_or_doubled_are_counted() -> None:
    assert quality.missing_and_doubled([0, 1 / 30, 2 / 30], 30, 3) == (0, 0)
    assert quality.missing_and_doubled([0, 2 / 30, 2 / 30], 30, 3) == (1, 1)
