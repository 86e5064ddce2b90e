"""The answers to Uppy: one model for each, for the OpenAPI document and the tests (see api/answers.py)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, RootModel

from chalicelib.api.answers import Bytes, Resource, Time, Url


class UppyForm(Resource):
    """A form for S3. `expires` is in seconds."""

    method: Literal["POST"]
    url: Url
    fields: dict[str, str]
    expires: int


class UppyUpload(Resource):
    key: str
    bucket: str
    uploadId: str  # noqa: N815 - Uppy's word


class UppySignedPart(Resource):
    """A signed address. `expires` is in seconds."""

    url: Url
    expires: int


class UppySignedParts(Resource):
    """Signed addresses by part number."""

    presignedUrls: dict[str, Url]  # noqa: N815 - Uppy's word


class UppyHeldPart(Resource):
    PartNumber: int = Field(ge=1, le=10_000)
    ETag: str
    Size: Bytes


class UppyHeldParts(RootModel[list[UppyHeldPart]]):
    """The parts that S3 has received."""


class UppyLocation(Resource):
    key: str
    bucket: str
    location: Url


class UppyNothing(Resource):
    """An empty object."""


class UppySignedRequest(Resource):
    """A signed request to S3. For a new file it has our `key`; if the file is sent as a form, it has `fields`."""

    url: Url
    expires: int
    key: str | None = None
    fields: dict[str, str] | None = None


class UppyBegun(RootModel[str]):
    """S3's `InitiateMultipartUploadResult`, with the upload's id."""

    MEDIA_TYPES: ClassVar[tuple[str, ...]] = ("application/xml",)


class UppySession(Resource):
    expires_at: Time
