"""Tar archives: by the checksum of their first header, which archives without the mark `ustar` have, too."""

from __future__ import annotations

_HEADER = 512
_SUM = slice(148, 156)  # an octal number, ended by NUL or space


def tar(head: bytes) -> str | None:
    """https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06"""
    header = head[:_HEADER]
    if len(header) < _HEADER or not header[0]:
        return None
    said = header[_SUM].strip(b"\0 ").lstrip(b"0")
    # The sum is counted as if its own field were spaces. Some old programs added signed bytes.
    rest = header[: _SUM.start] + b" " * 8 + header[_SUM.stop :]
    sums = (sum(rest), sum(byte - 256 * (byte > 127) for byte in rest))
    return "application/x-tar" if said in [f"{each:o}".encode() for each in sums] else None
