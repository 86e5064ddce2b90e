"""The bench of films: what it measures with is right, so that its figures can be believed."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from bench.media import clips, figures, quality, timeline
from bench.media.figures import Cost, Figure
from bench.media.repeated import Repeated
from tests.browser import films_report

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


def test_the_timeline_tells_what_was_made_ahead() -> None:
    run = timeline.Run(
        processed=(0.0, 2.0),
        made={"v240-0": (3.1, 4.0), "a0-0": (3.2, 3.5), "v240-1": (3.3, 5.0), "v360-1": (3.4, 5.0)},
        asked={"v240-0": 3.0, "a0-0": 3.0, "v240-1": 6.0},
        shown={"v240-0": (4.5, 10.5), "a0-0": (4.5, 10.5), "v240-1": (10.5, 16.5)},
    )
    drawn = timeline.picture(run)
    rows = [
        line.partition(">")[2].removesuffix("</text>") for line in drawn.splitlines() if 'text-anchor="end"' in line
    ]
    assert rows == ["upload is ready", "picture 1, v240", "sound 1, a0", "picture 2, v240", "picture 2, v360"]
    colors = [line.partition('fill="')[2][:7] for line in drawn.splitlines()[2:] if line.startswith("<rect")]
    legend, bars = colors[: len(timeline.COLORS)], colors[len(timeline.COLORS) :]
    names = {color: name for name, color in timeline.COLORS.items()}
    assert [names[each] for each in legend] == list(timeline.WORDS)
    expected = ["processed", "played", "asked", "played", "asked", "played", "ahead", "ahead"]
    assert [names[each] for each in bars] == expected


def test_a_segment_is_shown_from_when_to_when() -> None:
    notes = [(10.0, 0.0), (10.1, 0.0), (10.2, 0.1), (11.0, 0.9), (15.0, 0.9), (16.2, 2.1), (16.4, 2.2)]
    assert timeline._shown(notes, (0.0, 1.0)) == (10.2, 16.2)
    assert timeline._shown(notes, (1.0, 9.0)) == (16.2, 16.4)


def test_films_in_players_are_a_row_and_a_picture_each(tmp_path: Path) -> None:
    shot = io.BytesIO()
    Image.new("RGB", (640, 360), "red").save(shot, "PNG")
    said = {"outcome": "ended", "frames": 300, "dropped": 2, "corrupted": 0, "errors": ["x"], "ranges": [[0, 13.0]]}
    rows = [films_report.Row(f"film {n}", "hls.js", said | {"first": 1200}, shot.getvalue()) for n in range(9)]
    films_report.write(rows, tmp_path / "films.md")
    page = (tmp_path / "films.md").read_text()
    assert "| film 0 | hls.js | ended | 300 | 2 | 0 | 0.00–13.00 | 1 | 1.2 s |" in page  # noqa: RUF001
    assert page.count("| film ") == 9 + 1
    with Image.open(tmp_path / "films.jpg") as sheet:
        assert sheet.size == (8 * 160, 2 * 104)
        assert [sheet.convert("RGB").getpixel((80, y)) != (255, 255, 255) for y in (60, 160)] == [True, True]
