"""Uppy's words and ours: what Uppy sends becomes a new file, and its key for an upload leads to the record."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from chalicelib.api import parsing, uploads
from chalicelib.api.errors import Problem
from chalicelib.api.fields import MAX_COMPLETE_BYTES, MAX_CONTENT_TYPE, ContentType, Filename, Metadata
from chalicelib.api.ownership import find_own_file
from chalicelib.api.parsing import Body, Query
from chalicelib.api.routing import Call
from chalicelib.catalog.new_files import NewFile
from chalicelib.media_types import OCTETS
from chalicelib.model import File, now, original_key, parse_original_key
from chalicelib.settings import MAX_PARTS, settings
from chalicelib.text import is_number

# The codes of problems that beginning an upload, going on with it, and completing it can answer.
BEGINNING = ("type_not_allowed", "token_spent")
GOING_ON = ("not_found", "already_uploaded", "not_multipart", "upload_expired")
COMPLETING = ("part_missing", "part_order", "part_too_small", "etag_mismatch", "size_mismatch")

# Uppy's default key: a random UUID, a hyphen, and the file's name.
_RANDOM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-(?=.)", re.DOTALL)
_METADATA = re.compile(r"metadata\[(.+)\]", re.DOTALL)


# --- Fields


def _strings(value: Any) -> Any:
    """Uppy's metadata as ours: every value a string, as it is in Uppy's queries anyway.

    `name` and `type` are left out: Uppy repeats there what it sends as the file's name and type.
    """
    if not isinstance(value, dict):
        return value
    return {
        name: text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
        for name, text in value.items()
        if name not in ("name", "type") and text is not None
    }


def _unknown(value: Any) -> Any:
    """None for what browsers and Uppy send if they do not know a file's type."""
    return None if value in ("", OCTETS) else value


UppyMetadata = Annotated[Metadata, BeforeValidator(_strings)]
UppyType = Annotated[
    ContentType | None,
    BeforeValidator(_unknown),
    WithJsonSchema(
        {
            "type": ["string", "null"],
            "maxLength": MAX_CONTENT_TYPE,
            "pattern": "^$|^[^/* ]+/([^/* ]+|\\*)|^\\*/\\*",
            "examples": ["image/jpeg"],
        }
    ),
]


# --- Requests


class UppyBody(Body):
    """Base of Uppy's bodies. Unknown fields are ignored: Uppy sends more than is needed, and may send more later."""

    model_config = ConfigDict(extra="ignore", strict=True)


class UppyQuery(Query):
    model_config = ConfigDict(extra="ignore")


class UppyParams(UppyQuery):
    """A new file. Metadata is sent as `metadata[name]=value`."""

    filename: Filename
    type: UppyType = None
    metadata: UppyMetadata = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _collect_metadata(cls, values: dict[str, str]) -> dict[str, Any]:
        # Uppy makes "null" and "undefined" of fields that are not set (`String(null)`, `String(undefined)`).
        sent = {m[1]: v for k, v in values.items() if (m := _METADATA.fullmatch(k)) and v not in ("null", "undefined")}
        return {**values, "metadata": sent}

    def new(self) -> NewFile:
        return NewFile(self.filename, self.type, None, metadata=self.metadata)


class UppyKey(UppyQuery):
    """Which upload: the `key` (`tenant/file id`) that the answer to its beginning had."""

    key: Annotated[str, Field(min_length=1, max_length=256)]


class UppyBatch(UppyKey):
    numbers: Annotated[
        str,
        Field(
            alias="partNumbers",
            max_length=4000,
            description="Part numbers, comma-separated",
            json_schema_extra={"pattern": "^[1-9][0-9]{0,4}(,[1-9][0-9]{0,4})*$"},
        ),
    ]


class UppyFile(UppyBody):
    """A new file."""

    filename: Filename
    type: UppyType = None
    metadata: UppyMetadata = Field(default_factory=dict)

    def new(self) -> NewFile:
        return NewFile(self.filename, self.type, None, metadata=self.metadata)


class UppyPart(UppyBody):
    number: int = Field(alias="PartNumber", ge=1, le=MAX_PARTS)
    etag: str = Field(alias="ETag", min_length=1, max_length=128)


class UppyParts(UppyBody):
    """The body of `POST /s3/multipart/{upload_id}/complete`."""

    MAX_BYTES = MAX_COMPLETE_BYTES

    parts: list[UppyPart] = Field(min_length=1, max_length=MAX_PARTS)


class SignRequest(UppyBody):
    """The arguments of `signRequest`, and what an app may add to them for a new file.

    Without the additions only a new file's key is known (Uppy's default: a UUID and the file's name) and, if it is sent
    in one piece, its type.
    """

    method: Literal["GET", "PUT", "POST", "DELETE"]
    key: str = Field(min_length=1, max_length=2048)
    upload_id: str | None = Field(None, alias="uploadId", min_length=1, max_length=2048)
    part_number: int | None = Field(None, alias="partNumber")
    content_type: UppyType = Field(None, alias="contentType")
    filename: Filename | None = None
    size: int | None = Field(None, ge=0)
    part_size: int | None = Field(None, alias="partSize", description="Bytes of each part, as `getChunkSize` says")
    metadata: UppyMetadata = Field(default_factory=dict)

    def new(self) -> NewFile:
        """Raises Problem `invalid_field` if the key, which must tell the name, does not end in a valid one."""
        name = self.filename
        if name is None:
            last = self.key.rpartition("/")[2]
            document = {"filename": _RANDOM.sub("", last, count=1)}
            name = parsing.parse(UppyFile, json.dumps(document).encode()).filename
        return NewFile(name, self.content_type, self.size, metadata=self.metadata)


def part_numbers(text: str) -> list[int]:
    """Comma-separated part numbers. Raises Problem `part_out_of_range` for any other text.

    The file's own bounds are checked later, when the parts are signed.
    """
    words = text.split(",")
    if not all(is_number(word, 9) for word in words):
        raise no_part_number()
    return [int(word) for word in words]


def no_part_number() -> Problem:
    return Problem("part_out_of_range", f"Parts are numbered from 1 to {MAX_PARTS}.", field="partNumber")


# --- The record


def place(file: File) -> dict[str, Any]:
    """The address of the file's original, in the form that Uppy expects."""
    return {"key": original_key(file.tenant, file.id), "bucket": settings().originals_bucket}


def file_of(call: Call, key: str) -> File:
    """The caller's file by its key, `tenant/file id`. Raises Problem `not_found`, with one message for every reason."""
    tenant, file_id = parse_original_key(key) or ("", "")
    file = find_own_file(call, file_id) if tenant == call.tenant else None
    if file is None:
        raise Problem("not_found", "There is no upload of this key.")
    return file


def seconds_left(file: File) -> int:
    """For how many seconds addresses that are signed now work."""
    return int((uploads.until(file) - now()).total_seconds())
