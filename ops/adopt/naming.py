"""The name, type and metadata that a file gets from its object. Pure.

S3 takes nearly everything in a key and a header, the API does not: a file's name has no control characters and no
slashes of either sort, and all metadata together has 8 KB at most. What does not fit is changed or left out, and the
whole key stays in `adopted_from`.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from pydantic import TypeAdapter, ValidationError

from chalicelib.api import fields, guessing
from chalicelib.media_types import OCTETS, says_nothing
from chalicelib.model import timestamp
from chalicelib.text import CONTROLS
from ops.adopt.source import Details, Object

_NOT_IN_A_NAME = re.compile(rf"[{CONTROLS}\\/]")
_NOT_IN_A_TEXT = re.compile(f"[{CONTROLS}]")

_TYPE: TypeAdapter[str] = TypeAdapter(fields.ContentType)
_METADATA: TypeAdapter[dict[str, Any]] = TypeAdapter(fields.Metadata)


def filename(key: str) -> str:
    """The last part of a key as a file's name; empty for a key that ends in a slash.

    A character that no name may have becomes `_`. A name that is too long loses its middle, and keeps its extension.
    """
    name = _NOT_IN_A_NAME.sub("_", key.rpartition("/")[2])
    if name in (".", "..") or (name and not name.strip()):
        return "_" * len(name)
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 32:
        stem, dot, extension = name, "", ""
    end = dot + extension
    while stem and (len(stem + end) > fields.MAX_FILENAME or len((stem + end).encode()) > fields.MAX_FILENAME_BYTES):
        stem = stem[:-1]
    return stem + end


def content_type(name: str, told: str | None) -> tuple[str, bool]:
    """The type to declare, and True if it is a guess: the object's own, unless that says nothing or is none."""
    try:
        stated = _TYPE.validate_python(told) if told and len(told) <= fields.MAX_CONTENT_TYPE else None
    except ValidationError:
        stated = None
    if stated and not says_nothing(stated) and stated != "binary/octet-stream":
        return stated, False
    guess = guessing.type_of(name)
    return guess or OCTETS, guess is not None


def metadata(bucket: str, found: Object, details: Details) -> dict[str, Any]:
    """The object's own metadata as far as it fits, and where the file comes from."""
    ours: dict[str, Any] = {
        "adopted_from": _text(f"s3://{bucket}/{found.key}"),
        "adopted_last_modified": timestamp(found.modified),
        **({"adopted_version": details.version_id} if details.version_id else {}),
        **({"adopted_encoding": _text(details.content_encoding)} if details.content_encoding else {}),
    }
    kept: dict[str, Any] = {}
    for name, value in details.metadata.items():
        wider = {**kept, _text(name): _text(_decoded(value))}
        if _fits({**wider, **ours}):
            kept = wider
    return {**kept, **ours}


def _text(text: str) -> str:
    return _NOT_IN_A_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)


def _decoded(value: str) -> str:
    """S3 gives values that are not ASCII as RFC 2047 says: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html"""
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def _fits(metadata: dict[str, Any]) -> bool:
    try:
        _METADATA.validate_python(metadata)
    except ValidationError:
        return False
    return True
