"""How a file is cut into parts. Pure.

S3's bounds: at most 10,000 parts, each from 5 MiB to 5 GiB, and only the last one may be smaller.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""

from __future__ import annotations

from typing import Any

MIB = 1024**2
MAX_PARTS = 10_000
MIN_PART = 5 * MIB
MAX_PART = 5 * 1024 * MIB
MAX_SIZE = MAX_PARTS * MAX_PART

# Up to this size a file is sent in one piece: it takes fewer requests, and little is lost if it breaks off.
THRESHOLD = 32 * MIB
# The usual size of a part. A larger file has larger parts, so that signing them takes few requests.
_USUAL = 16 * MIB
_LARGEST_USUAL = 64 * MIB
_USUAL_COUNT = 64


def part_size(size: int, wanted: int | None = None) -> int:
    """Bytes of each part but the last for a file of `size` bytes. `wanted` is the caller's choice.

    Raises ValueError if the file or the choice is out of S3's bounds.
    """
    if not 0 <= size <= MAX_SIZE:
        raise ValueError(f"A file has 0 to {MAX_SIZE} bytes, and not {size}.")
    least = max(MIN_PART, _whole(-(-size // MAX_PARTS)))
    if wanted is None:
        usual = min(_LARGEST_USUAL, max(_USUAL, _whole(-(-size // _USUAL_COUNT))))
        return min(MAX_PART, max(usual, least))
    exact = max(MIN_PART, -(-size // MAX_PARTS))
    if not exact <= wanted <= MAX_PART:
        raise ValueError(f"part_size must be from {exact} to {MAX_PART} bytes for a file of {size} bytes.")
    return wanted


def announced(size: int, each: Any) -> int:
    """The size of parts that a service announces for a file of `size` bytes. Raises ValueError if S3 can't take it."""
    if type(each) is not int or not MIN_PART <= each <= MAX_PART or part_count(size, each) > MAX_PARTS:
        raise ValueError(f"The service announced parts of {each!r:.40} bytes, in which a file of {size} can't be sent.")
    return each


def part_count(size: int, each: int) -> int:
    """Number of parts; an empty file has one."""
    return max(1, -(-size // each))


def span(size: int, each: int, number: int) -> tuple[int, int]:
    """Offset and length in bytes of a part; the first has number 1."""
    start = (number - 1) * each
    return start, max(0, min(each, size - start))


def _whole(size: int) -> int:
    """`size`, rounded up to whole MiB."""
    return -(-size // MIB) * MIB
