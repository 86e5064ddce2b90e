"""The parts of a file of any size are within S3's bounds, and together are the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filemill import _plan
from filemill._plan import MAX_PART, MAX_PARTS, MAX_SIZE, MIB, MIN_PART, part_count, part_size, span

SIZES = st.integers(0, MAX_SIZE) | st.builds(
    lambda parts, each, off: max(0, min(MAX_SIZE, parts * each * MIB + off)),
    st.integers(0, MAX_PARTS),
    st.integers(1, 5 * 1024),
    st.integers(-1, 1),
)


@given(SIZES)
def test_parts_are_within_the_bounds_of_s3(size: int) -> None:
    each = part_size(size)
    count = part_count(size, each)
    assert MIN_PART <= each <= MAX_PART
    assert 1 <= count <= MAX_PARTS


@given(SIZES, st.data())
def test_parts_follow_each_other_and_end_with_the_file(size: int, data: st.DataObject) -> None:
    each = part_size(size)
    count = part_count(size, each)
    number = data.draw(st.integers(1, count))
    start, length = span(size, each, number)
    assert start == (number - 1) * each
    assert length == each if number < count else start + length == size
    assert 0 <= length <= each and (length > 0 or size == 0)
    assert span(size, each, count + 1)[1] == 0


@given(SIZES, st.integers(0, MAX_PART + 1))
def test_a_size_that_the_caller_chooses_is_kept_or_refused(size: int, wanted: int) -> None:
    try:
        each = part_size(size, wanted)
    except ValueError:
        assert wanted < MIN_PART or wanted > MAX_PART or part_count(size, wanted) > MAX_PARTS
    else:
        assert each == wanted and MIN_PART <= each <= MAX_PART and part_count(size, each) <= MAX_PARTS


@pytest.mark.parametrize("size", [-1, MAX_SIZE + 1])
def test_a_size_that_s3_does_not_store_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="bytes"):
        part_size(size)


def test_files_of_usual_sizes_have_parts_of_usual_sizes() -> None:
    sizes = [40 * MIB, 1024 * MIB, 2 * 1024 * MIB, 50 * 1024 * MIB, 1024 * 1024 * MIB]
    assert [part_size(size) // MIB for size in sizes] == [16, 16, 32, 64, 105]
    assert _plan.THRESHOLD == 32 * MIB
