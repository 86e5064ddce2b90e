"""The records that answers hold, and lists of them: models for the OpenAPI document and the tests.

No answer is built from a model. An answer that only one route gives stands beside that route. The models refuse unknown
fields, so that a test finds a field too many. The document allows them, since more may come.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from chalicelib.facts import (
    ArchiveInfo,
    AudioInfo,
    DocumentInfo,
    EmailInfo,
    FontInfo,
    PdfInfo,
    PresentationInfo,
    SpreadsheetInfo,
    TextInfo,
    VideoInfo,
)
from chalicelib.model import FILE_ID_PATTERN, ErrorCode, Kind, ScanStatus, ServiceStatus, Status, Visibility

FileId = Annotated[str, Field(pattern=f"^{FILE_ID_PATTERN.pattern}$", examples=["file_01KAP3Y5ZD4Q8R2V7W9XABCDEF"])]
Time = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        json_schema_extra={"format": "date-time"},
        description="UTC, RFC 3339, milliseconds",
        examples=["2026-11-22T12:00:00.000Z"],
    ),
]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Url = Annotated[str, Field(json_schema_extra={"format": "uri"})]
Bytes = Annotated[int, Field(ge=0, description="Bytes")]
Pixels = Annotated[int, Field(ge=1, description="Pixels")]


class Resource(BaseModel):
    """Base of the models of answers."""

    # Built when it is used, which is never in the function.
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class ActorResource(Resource):
    """The one who made the change: an API key or an upload token by its id, or a function of Filemill by its name."""

    type: Literal["key", "token", "user", "system"]
    id: str


class FileErrorResource(Resource):
    """Why a file could not be processed."""

    code: Annotated[ErrorCode, Field(strict=False)]
    message: str


class ScanResource(Resource):
    """The finding of the malware scan. Missing if the stage scans nothing, or if the file is older than its scan."""

    status: Annotated[ScanStatus, Field(strict=False)]
    signature: str | None = Field(description="The scanner's name for the malware; null where it tells none")
    scanned_at: Time | None


class ImageResource(Resource):
    """Facts about an image. A field is null if the version that processed the image did not know it."""

    width: Pixels
    height: Pixels
    format: str
    thumbhash: str = Field(description="base64")
    dominant_color: str = Field(pattern="^#[0-9a-f]{6}$")
    exif: dict[str, Any]
    frames: int = Field(ge=1)
    duration: float | None = Field(None, description="Seconds that all frames are seen for, once; only of an animation")
    megapixels: float | None
    color_space: str | None
    has_alpha: bool | None
    blurhash: str | None
    palette: list[str]
    phash: str | None
    sharpness: float | None
    artist: str | None
    copyright: str | None
    caption: str | None
    title: str | None = Field(None, description="Only of an image whose file says one")
    keywords: list[str] | None = Field(None, description="Only of an image whose file says some; at most 100")


class PreviewResource(Resource):
    """The picture that was made of a file which is no image; width and height are the largest that can be had."""

    width: Pixels
    height: Pixels
    thumbhash: str = Field(description="base64")
    dominant_color: str = Field(pattern="^#[0-9a-f]{6}$")
    blurhash: str | None
    has_alpha: bool | None


class WarningResource(Resource):
    """Something that could not be made or read of a sound file."""

    code: str
    message: str


class ServiceErrorResource(Resource):
    """Why the last job of a service brought nothing."""

    code: str
    message: str


class ServiceResource(Resource):
    """How far a service is with the file. `result` is that of the last job that was done, whatever the status is."""

    status: Annotated[ServiceStatus, Field(strict=False)]
    version: int = Field(ge=1, description="The version of the service that was asked")
    started_at: Time | None
    ended_at: Time | None
    error: ServiceErrorResource | None
    result: dict[str, Any] | None


class CaptionResource(Resource):
    """Captions of a film or a sound in one language.

    Their address is `delivery.base_url` and `name`; for a private file, `?` and `delivery.query` follow.
    """

    language: str = Field(description="BCP 47")
    label: str
    default: bool
    name: str


class RenditionResource(Resource):
    """One file that was made of the original. `name` and `format` together are unique in a record."""

    name: str
    format: str
    content_type: str
    width: Pixels | None = Field(description="Pixels; null for what is no picture")
    height: Pixels | None
    duration: float | None = Field(None, description="Seconds; only where something moves or sounds")
    size: Bytes
    url: Url


class DeliveryResource(Resource):
    """How a page shows a picture or plays a film or a sound: the addresses of its renditions, and ready markup.

    An address is `base_url` and a rendition's name: `w640.webp`, or `w640` for the best format that the browser
    accepts. For a private file, `?` and `query` follow; for a public file, `query` is empty. `srcset` is by format,
    the best first; AVIF is made when it is first asked for. `sizes` is for a picture as wide as the page: write your
    own for another layout. `placeholder` is a blurred preview.

    `video` and `audio` are whole elements that play the file, and `hls` is JavaScript that has hls.js play that element
    in browsers that do not know HLS. Only a file that plays has them.
    """

    base_url: Url
    query: str
    expires_at: Time | None
    srcset: dict[str, str]
    sizes: str
    picture: str
    placeholder: Annotated[str, Field(pattern="^data:image/png;base64,")]
    video: str | None = Field(None)
    audio: str | None = Field(None)
    hls: str | None = Field(None)


class FocusResource(Resource):
    """The point that crops keep in the picture: fractions of its width and height as seen, (0, 0) is top left."""

    x: float = Field(ge=0, le=1)
    y: float = Field(ge=0, le=1)


class PosterResource(Resource):
    """The second of a film that its poster should show. `video.poster_time` is that of the frame that it shows."""

    time: float = Field(ge=0)


class FileResource(Resource):
    """A file's record."""

    id: FileId
    status: Annotated[Status, Field(strict=False)]
    kind: Annotated[Kind, Field(strict=False)] | None
    filename: str
    content_type: str
    size: Bytes | None
    sha256: Sha256 | None
    visibility: Annotated[Visibility, Field(strict=False)]
    recipe: str
    tags: list[str]
    metadata: dict[str, Any]
    focus: FocusResource | None
    revision: int = Field(ge=1)
    created_at: Time
    updated_at: Time
    expires_at: Time | None
    error: FileErrorResource | None
    image: ImageResource | None
    source_url: str | None
    renditions: list[RenditionResource]
    delivery: DeliveryResource | None = Field(
        None, description="Only if it is asked for, by `include=delivery`; null while there is nothing to show"
    )
    # Facts of the other kinds, each only where it is known.
    video: VideoInfo | None = Field(None)
    audio: AudioInfo | None = Field(None)
    pdf: PdfInfo | None = Field(None)
    document: DocumentInfo | None = Field(None)
    spreadsheet: SpreadsheetInfo | None = Field(None)
    presentation: PresentationInfo | None = Field(None)
    text: TextInfo | None = Field(None)
    archive: ArchiveInfo | None = Field(None)
    email: EmailInfo | None = Field(None)
    font: FontInfo | None = Field(None)
    preview: PreviewResource | None = Field(None)
    poster: PosterResource | None = Field(None)
    scan: ScanResource | None = Field(None)
    warnings: list[WarningResource] | None = Field(None)
    captions: list[CaptionResource] | None = Field(None)
    services: dict[str, ServiceResource] | None = Field(None, description="By the services' names")
    owner: str | None = Field(None, max_length=128, description="The end user whose file it is; only if there is one")
    expires_after: int | None = Field(None, description="Seconds after its creation, as its client said")
    delete_at: Time | None = Field(None, description="When the file is deleted by itself")
    legal_hold: Literal[True] | None = Field(None, description="The file can't be deleted until it is released")


class FileReceipt(Resource):
    """The answer to a key that may change files but not read them."""

    id: FileId
    status: Annotated[Status, Field(strict=False)]
    revision: int = Field(ge=1)


class ChangedFile(RootModel[FileResource | FileReceipt]):
    """The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only."""

    model_config = ConfigDict(defer_build=True)


class SignedPart(Resource):
    part_number: int = Field(ge=1, le=10_000)
    url: Url


class FormUpload(Resource):
    """A form for S3: POST the `fields`, and after them the bytes as `file`, to `url`.

    An answer that AWS X-Ray traces also has `headers`: send them with the upload to keep its processing in the same
    trace.
    """

    method: Literal["POST"]
    url: Url
    fields: dict[str, str]
    expires_at: Time
    headers: dict[str, str] = Field(default_factory=dict)


class MultipartUpload(Resource):
    """PUT each part to its address. `POST /v1/files/{file_id}/parts` signs more addresses."""

    method: Literal["MULTIPART"]
    part_size: Bytes
    part_count: int = Field(ge=1, le=10_000)
    parts: list[SignedPart]
    expires_at: Time


class CreatedFileResource(FileResource):
    """A new file's record, and how its bytes are uploaded. A file that is fetched from a URL has no `upload`."""

    upload: Annotated[FormUpload | MultipartUpload, Field(discriminator="method")] | None = None


class CreatedFile(RootModel[CreatedFileResource | FileReceipt]):
    """The new file's record, and how its bytes are uploaded.

    A request that is sent again with its Idempotency-Key when the bytes have come gets the record as it is, without
    `upload`; a key without the scope `files:read` then gets `id`, `status` and `revision` only.
    """

    model_config = ConfigDict(defer_build=True)


def optional(field: FieldInfo) -> tuple[Any, FieldInfo]:
    """The field of another model that need not have it."""
    other = copy(field)
    other.default = PydanticUndefined
    other.default_factory = lambda: None  # the field may be missing; it does not become nullable
    return field.annotation, other


if TYPE_CHECKING:
    PartialFile = FileResource
else:
    PartialFile = create_model(
        "PartialFile",
        __base__=Resource,
        __doc__="The fields of a record that were asked for with `fields`.",
        id=(FileId, ...),
        **{name: optional(field) for name, field in FileResource.model_fields.items() if name != "id"},
    )


if TYPE_CHECKING:
    ListedFile = FileResource
else:

    def _listed(model: type[Resource], fields: Mapping[str, Any], doc: str) -> type[Resource]:
        """The model of a part of a record as lists have it: with these fields in place of its own."""
        name = f"Listed{model.__name__.removesuffix('Resource')}"
        return create_model(name, __base__=model, __doc__=doc, **fields)

    def _brief(model: type[Resource], *left_out: str) -> type[Resource]:
        doc = f"{(model.__doc__ or '').partition(chr(10))[0]} Lists leave its details out."
        return _listed(model, {name: optional(model.model_fields[name]) for name in left_out}, doc)

    _IMAGE = _brief(
        ImageResource,
        *("exif", "megapixels", "color_space", "blurhash", "palette", "phash", "sharpness"),
        *("artist", "copyright", "caption", "title", "keywords"),
    )
    ListedFile = _listed(
        FileResource,
        {
            "image": (_IMAGE | None, ...),
            "preview": (_brief(PreviewResource, "blurhash") | None, Field(None)),
            "services": (dict[str, _brief(ServiceResource, "result")] | None, Field(None)),
            "renditions": (list[_brief(RenditionResource, "content_type")], ...),
            **{name: optional(FileResource.model_fields[name]) for name in ("focus", "source_url")},
        },
        "A record in a list, without its details. `include=details` adds them.",
    )


class FilePage(Resource):
    items: list[FileResource | ListedFile | PartialFile]
    next_cursor: str | None = Field(description="Send it as `cursor` to get the next page; null on the last page")


Omitted = Annotated[
    list[FileId], Field(description="Files that did not fit into this answer: ask for them with batch-get")
]


class FileList(Resource):
    items: list[FileResource | PartialFile]
    omitted: Omitted


class FoundFile(Resource):
    matched_words: int = Field(ge=1, le=8)
    found_in: list[Literal["filename", "tags", "image", "text", "services"]] = Field(
        description="The parts of the file that have a word: `image` is artist, title, keywords or caption, `text` is "
        "inside the file, `services` is what a service answered"
    )
    file: FileResource | ListedFile | PartialFile


class FoundFiles(Resource):
    items: list[FoundFile]
    omitted: Omitted


class FileChangeResource(Resource):
    """The newest record of a file; `file` is null if the file is deleted."""

    id: FileId
    revision: int = Field(ge=1)
    deleted: bool
    file: FileResource | PartialFile | None


class ChangesPage(Resource):
    items: list[FileChangeResource]
    next_after: str = Field(description="Send it as `after` in the next request")
    more: bool = Field(description="True if there were more changes when this page was read")


class CountResource(Resource):
    files: int = Field(ge=0)
    bytes: Bytes


class StatsResource(Resource):
    """Counts by status and by kind. Those without files are left out. Files not processed yet are `unknown`."""

    files: int = Field(ge=0)
    bytes: Bytes
    by_status: dict[str, CountResource]
    by_kind: dict[str, CountResource]


class QuotaResource(Resource):
    """A quota of your tenant. `used` is null for the requests of this minute, which no single process knows."""

    limit: int = Field(ge=0)
    used: int | None = Field(ge=0)
    resets_at: Time | None = Field(description="When it begins anew; null if time alone gives nothing back")


class DayResource(Resource):
    """One day (UTC). `requests` is null without a quota of requests, `delivered_*` without access logs."""

    day: str = Field(description="Such as `2026-11-26`")
    uploaded_files: int = Field(ge=0)
    uploaded_bytes: Bytes
    deleted_files: int = Field(ge=0)
    deleted_bytes: Bytes
    renders: int = Field(ge=0, description="Renditions that were made on demand")
    requests: int | None = Field(ge=0)
    delivered_requests: int | None = Field(ge=0)
    delivered_bytes: int | None = Field(ge=0)


class UsageResource(Resource):
    """Your tenant's usage. `files` and `bytes` are those that count: expired and deleted files do not."""

    files: int = Field(ge=0)
    bytes: Bytes
    by_kind: dict[str, CountResource]
    quotas: dict[str, QuotaResource]
    days: list[DayResource] = Field(description="The last 90 days on which you used anything, the oldest first")
