"""Which frames are worth showing, and how many bytes are read to find them."""

from __future__ import annotations

import io

import pytest

from chalicelib.processing.media.pictures_child import BLOCK, Budget, NoMoreBytesError, judged

BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (120, 120, 120)


def frame(*parts: tuple[tuple[int, int, int], float]) -> bytes:
    """1,000 pixels: colours, and the part of each."""
    return b"".join(bytes(color) * round(1000 * part) for color, part in parts)


@pytest.mark.parametrize(
    ("pixels", "worth"),
    [
        (frame((BLACK, 1.0)), False),
        (frame((BLACK, 0.98), (WHITE, 0.02)), False),  # a title on black
        (frame((WHITE, 0.98), (BLACK, 0.02)), False),
        (frame((GREY, 0.99), ((126, 120, 120), 0.01)), False),  # nearly one colour
        (frame((BLACK, 0.9), (WHITE, 0.1)), True),  # lights at night
        (frame((WHITE, 0.9), (GREY, 0.1)), True),
        (frame((GREY, 0.5), ((120, 120, 160), 0.5)), True),  # of one brightness, nearly
    ],
)
def test_a_frame_is_worth_showing(pixels: bytes, worth: bool) -> None:
    assert judged(pixels)[1] is worth


def test_of_two_dull_frames_there_is_more_to_see_in_one() -> None:
    assert judged(frame((BLACK, 0.98), (WHITE, 0.02)))[0] > judged(frame((GREY, 1.0)))[0]


def test_blocks_count_once_and_those_of_the_index_not_at_all() -> None:
    budget = Budget(io.BytesIO(bytes(10 * BLOCK)))
    budget.read(BLOCK + 1)  # two blocks
    budget.begin(2 * BLOCK)
    budget.seek(0)
    budget.read(2 * BLOCK)
    budget.read(1)
    budget.seek(5 * BLOCK)
    budget.read(10)
    budget.read(BLOCK - 10)
    with pytest.raises(NoMoreBytesError):
        budget.read(1)
    assert budget.tell() == 6 * BLOCK
