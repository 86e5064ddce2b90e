"""Where a track's samples are, by times that are rounded."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.processing.media.hls.waves import Waves


@dataclass
class Frame:
    pts: int | None
    samples: int


class Stream:
    time_base = Fraction(1, 1000)


class Container:
    format = SimpleNamespace(name="matroska,webm")


@pytest.mark.parametrize("rounded", [round, floor])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_the_first_frame_of_vorbis_has_its_place_whatever_its_time_is_rounded_to(rounded: Any, rate: int) -> None:
    """WebM has milliseconds: some writers round them, others cut them off. A grid of 64 samples is little more."""
    chance = random.Random(1)
    settings = {"own_rate": rate, "channels": 1, "frame_size": 1024, "first": [0, 1], "grid": 64}
    waves = Waves(Container(), Stream(), settings, Fraction(0), Fraction(0))  # type: ignore[arg-type]
    place, frames = 0, []
    for _ in range(2000):
        frames.append((place, Frame(rounded(Fraction(place * 1000, rate)), chance.choice((1024, 1024, 576, 128)))))
        place += frames[-1][1].samples
    for begin in range(0, 1900, 7):
        assert waves._anchored([frame for _, frame in frames[begin : begin + 48]]) == frames[begin][0]


def test_a_gap_behind_the_first_frames_does_not_move_them() -> None:
    settings = {"own_rate": 48000, "channels": 1, "frame_size": 0, "first": [0, 1], "grid": 64}
    waves = Waves(Container(), Stream(), settings, Fraction(0), Fraction(0))  # type: ignore[arg-type]
    early = [Frame(1024 * number * 1000 // 48000, 1024) for number in range(5)]
    late = [Frame(9000 + 1024 * number * 1000 // 48000, 1024) for number in range(43)]
    assert waves._anchored([*early, *late]) == 0
    assert waves._anchored([*early[:3], Frame(None, 1024), *early[4:]]) == 0
