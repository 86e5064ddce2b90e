"""How a request to another host fails, beside `PermanentFault`."""

from __future__ import annotations

from chalicelib.model import ErrorCode, PermanentFault


class RefusedError(PermanentFault):
    """The URL leads to a place that nothing may be fetched from."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.SOURCE_REFUSED, message)


class UnreachableError(Exception):
    """The source can't be fetched just now; a later try may succeed. The message is for a person."""


def source_fault(message: str) -> PermanentFault:
    """The error for a source that fails in a way that a later try would not change."""
    return PermanentFault(ErrorCode.SOURCE_UNREACHABLE, message)
