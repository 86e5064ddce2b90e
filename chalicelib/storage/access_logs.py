"""CloudFront's access logs in S3: their names, and their lines.

Standard logs, both legacy ones and those of version 2 in the format `w3c`, are named
`{prefix}{distribution}.{YYYY-MM-DD-HH}.{unique}.gz`, compressed, and say in a line `#Fields:` which columns there are:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib import aws
from chalicelib.observability import logger
from chalicelib.settings import settings

# Bounds of one log. CloudFront's own have some megabytes: what is beyond is not counted.
MAX_BYTES = 512 * 1024**2
MAX_LINE = 64 * 1024
CHUNK = 1024**2

GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Line:
    """A request: the path as CloudFront writes it, and the bytes of its answer with the headers."""

    path: str
    bytes: int


def names(day: str, after: str, count: int) -> list[str]:
    """The keys of a day's next logs behind `after`, in their order: one ListObjectsV2."""
    bucket, _, prefix = settings().access_logs.partition("/")
    beginning = f"{prefix}{settings().distribution_id}.{day}-"
    more: Any = {"StartAfter": after} if after else {}
    reply = aws.s3().list_objects_v2(Bucket=bucket, Prefix=beginning, MaxKeys=count, **more)
    return [each["Key"] for each in reply.get("Contents", [])]


def lines(key: str) -> Iterator[Line]:
    """The requests of one log: one GetObject.

    A log that is cut short or damaged gives what can be read. Lines that are no requests are left out.
    """
    bucket = settings().access_logs.partition("/")[0]
    body: Any = aws.s3().get_object(Bucket=bucket, Key=key)["Body"]
    columns: tuple[int, int] | None = None
    with body:
        for raw in _raw_lines(body, key):
            if raw.startswith(b"#"):
                columns = _columns(raw) or columns
            elif columns and (line := _line(raw, columns)):
                yield line


def _columns(raw: bytes) -> tuple[int, int] | None:
    """Where the path and the bytes stand in the lines after this one; None if it does not say."""
    name, _, rest = raw.partition(b":")
    fields = rest.split()
    if name != b"#Fields" or b"cs-uri-stem" not in fields or b"sc-bytes" not in fields:
        return None
    return fields.index(b"cs-uri-stem"), fields.index(b"sc-bytes")


def _line(raw: bytes, columns: tuple[int, int]) -> Line | None:
    values = raw.rstrip(b"\r").split(b"\t")
    if len(values) <= max(columns):
        return None
    path, size = values[columns[0]], values[columns[1]]
    if not size.isdigit() or len(size) > 15 or not path.isascii():
        return None
    return Line(path.decode("ascii"), int(size))


def _raw_lines(body: Any, key: str) -> Iterator[bytes]:
    """The lines of a compressed text. Lines of more than 64 KiB are left out."""
    rest, skip, total = b"", False, 0
    for piece in _unpacked(body, key):
        total += len(piece)
        if total > MAX_BYTES:
            logger.warning("an access log is too large, so its end is not counted", extra={"log": key})
            return
        *whole, rest = (rest + piece).split(b"\n")
        if skip and whole:
            whole, skip = whole[1:], False
        yield from (line for line in whole if len(line) <= MAX_LINE)
        if len(rest) > MAX_LINE:
            rest, skip = b"", True
    if rest and not skip:
        yield rest


def _unpacked(body: Any, key: str) -> Iterator[bytes]:
    """The text in pieces of at most a mebibyte. Several gzip members may follow each other."""
    unpacker = zlib.decompressobj(GZIP)
    try:
        while packed := body.read(CHUNK):
            while packed:
                yield unpacker.decompress(packed, CHUNK)
                packed = unpacker.unconsumed_tail
                if unpacker.eof:
                    packed, unpacker = unpacker.unused_data, zlib.decompressobj(GZIP)
    except zlib.error:
        logger.warning("an access log is damaged, so its end is not counted", extra={"log": key})
        return
