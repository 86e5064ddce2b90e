"""`/v1/files/{id}/parts` and `…/complete`: an upload in parts."""

from __future__ import annotations

from typing import Annotated

from chalice import Blueprint, Response
from pydantic import Field

from chalicelib.api import parts, uploads
from chalicelib.api.answers import Bytes, ChangedFile, Resource, SignedPart, Time
from chalicelib.api.auth.callers import Scope
from chalicelib.api.errors import Problem
from chalicelib.api.fields import MAX_COMPLETE_BYTES, MAX_SIGNED, PartNumber, Sha256
from chalicelib.api.ownership import own_file
from chalicelib.api.parsing import Body
from chalicelib.api.routing import Call, json_response, route
from chalicelib.api.wire import record
from chalicelib.model import timestamp
from chalicelib.settings import MAX_PARTS
from chalicelib.storage import bounds

routes = Blueprint(__name__)


class PartToSign(Body):
    part_number: PartNumber
    sha256: Sha256


class SignParts(Body):
    """The body of `POST /v1/files/{id}/parts`: part numbers, or parts with the hex SHA-256 that each must have."""

    part_numbers: Annotated[list[PartNumber], Field(min_length=1, max_length=MAX_SIGNED)] | None = None
    parts: Annotated[list[PartToSign], Field(min_length=1, max_length=MAX_SIGNED)] | None = None


class CompletedPart(Body):
    part_number: PartNumber
    etag: Annotated[str, Field(min_length=1, max_length=128)]


class CompleteUpload(Body):
    """The body of `POST /v1/files/{id}/complete`: every part, with the ETag that S3 answered to it."""

    MAX_BYTES = MAX_COMPLETE_BYTES

    parts: Annotated[list[CompletedPart], Field(min_length=1, max_length=MAX_PARTS)]


class SignedParts(Resource):
    parts: list[SignedPart]
    expires_at: Time


class HeldPart(Resource):
    part_number: int = Field(ge=1, le=10_000)
    etag: str
    size: Bytes


class HeldParts(Resource):
    """The parts that S3 has received."""

    part_size: Bytes
    part_count: int = Field(ge=1, le=10_000)
    parts: list[HeldPart]


_ANY_PART = ("already_uploaded", "not_multipart", "part_out_of_range", "upload_expired")


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/parts",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    body=SignParts,
    returns={200: SignedParts},
    problems=_ANY_PART,
)
def sign_parts(call: Call, body: SignParts, file_id: str) -> Response:
    """Get signed addresses for the parts of an upload.

    Costs one DynamoDB read.
    """
    file = own_file(call, file_id)
    if (body.part_numbers is None) == (body.parts is None):
        raise Problem("invalid_field", "Send either `part_numbers` or `parts`.", field="part_numbers")
    checksums = {part.part_number: part.sha256 for part in body.parts or []}
    if file.part_checksums != bool(checksums):
        detail = "`parts`: this upload's parts " + ("need a sha256." if file.part_checksums else "carry no sha256.")
        raise Problem("invalid_field", detail, field="parts")
    signed = parts.sign(file, body.part_numbers or checksums, checksums=checksums)
    return json_response({"parts": parts.addresses(signed), "expires_at": timestamp(uploads.until(file))})


@route(
    routes,
    "GET",
    "/v1/files/{file_id}/parts",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    returns={200: HeldParts},
    problems=("already_uploaded", "not_multipart", "upload_expired"),
)
def list_parts(call: Call, file_id: str) -> Response:
    """List the parts that S3 has received.

    Costs one DynamoDB read, and a call to S3 for each thousand parts.
    """
    file = own_file(call, file_id)
    held = parts.held(file)
    return json_response(
        {
            "part_size": file.part_size,
            "part_count": bounds.last_part(file),
            "parts": [{"part_number": p.part_number, "etag": p.etag, "size": p.size} for p in held],
        }
    )


@route(
    routes,
    "POST",
    "/v1/files/{file_id}/complete",
    scope=Scope.FILES_WRITE,
    tokens=True,
    own=True,
    body=CompleteUpload,
    returns={200: ChangedFile},
    problems=(*_ANY_PART, "part_order", "part_missing", "etag_mismatch", "part_too_small", "size_mismatch"),
    headers=("ETag",),
)
def complete_upload(call: Call, body: CompleteUpload, file_id: str) -> Response:
    """Complete an upload in parts; processing begins by itself.

    A client that lost the answer may send the same list again, and gets the record. Another list is 409. Costs one
    DynamoDB read, a list of the parts from S3, and a call to S3 that completes the upload.
    """
    file = own_file(call, file_id)
    parts.complete(file, [(part.part_number, part.etag) for part in body.parts])
    return record(call, file)
