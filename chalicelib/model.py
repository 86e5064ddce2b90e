"""The words everyone uses: File, Rendition and what they are made of. Knows neither Chalice nor boto3."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from ulid import ULID


def now() -> datetime:
    """The present, UTC, in whole milliseconds (the wire's resolution)."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def timestamp(moment: datetime) -> str:
    """`2026-11-22T12:00:00.000Z`: RFC 3339, UTC, milliseconds; sorts as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


Timestamp = Annotated[datetime, PlainSerializer(timestamp, when_used="json")]


class Status(StrEnum):
    """Where a file is in its life (docs/api.md has the diagram)."""

    AWAITING_UPLOAD = "awaiting_upload"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"
    DELETED = "deleted"


class Visibility(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"


class Kind(StrEnum):
    IMAGE = "image"
    OTHER = "other"


class ErrorCode(StrEnum):
    """Why a file ended as `failed`. Clients branch on these: never rename one."""

    CHECKSUM_MISMATCH = "checksum_mismatch"
    CORRUPT = "corrupt"
    EMPTY = "empty"
    INTERNAL = "internal"
    SIZE_MISMATCH = "size_mismatch"
    SOURCE_REFUSED = "source_refused"
    SOURCE_UNREACHABLE = "source_unreachable"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TYPE_MISMATCH = "type_mismatch"
    UNSUPPORTED_TYPE = "unsupported_type"


class PermanentFault(Exception):  # noqa: N818 - a fault of the file, not an error of ours
    """The file itself is at fault: processing it again would end the same way, so it is never retried."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class FileError(BaseModel):
    code: ErrorCode
    message: str


class ImageInfo(BaseModel):
    """What is known of an image. Width and height in pixels, as seen (orientation applied).

    docs/images.md has the fields' meanings. Those with defaults may be missing from older records.
    """

    width: int
    height: int
    format: str
    thumbhash: str
    dominant_color: str
    exif: dict[str, Any] = Field(default_factory=dict)
    frames: int = 1
    megapixels: float | None = None
    color_space: str | None = None
    has_alpha: bool | None = None
    blurhash: str | None = None
    palette: list[str] = Field(default_factory=list)
    phash: str | None = None
    sharpness: float | None = None
    artist: str | None = None
    copyright: str | None = None
    caption: str | None = None


class Focus(BaseModel):
    """The point of an image that matters most: fractions of width and height as seen, (0, 0) top left."""

    x: float
    y: float


EXTENSIONS = {"jpeg": "jpg", "webp": "webp", "avif": "avif", "png": "png"}


class Rendition(BaseModel):
    """One derived file. `name` is unique with `format`; `size` in bytes; width and height in pixels."""

    name: str
    format: str
    content_type: str
    width: int
    height: int
    size: int

    @property
    def basename(self) -> str:
        """The last part of its address: `w640.webp`."""
        return f"{self.name}.{EXTENSIONS[self.format]}"


class File(BaseModel):
    """One uploaded file: the record in the table. `size` in bytes (None while unknown), times in UTC.

    The fields after `renditions` are ours alone and never leave by the API.
    """

    model_config = ConfigDict(validate_assignment=True)

    id: str
    tenant: str
    status: Status
    filename: str
    content_type: str
    size: int | None = None
    visibility: Visibility
    recipe: str
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)
    focus: Focus | None = None
    revision: int
    created_at: Timestamp
    updated_at: Timestamp
    expires_at: Timestamp | None = None
    kind: Kind | None = None
    sha256: str | None = None
    error: FileError | None = None
    image: ImageInfo | None = None
    renditions: list[Rendition] = Field(default_factory=list)

    declared_sha256: str | None = None
    max_bytes: int | None = None
    source_url: str | None = None
    upload_id: str | None = None
    part_size: int | None = None
    part_checksums: bool = False
    token_id: str | None = None
    version_id: str | None = None
    sequencer: str | None = None
    source_version: str | None = None
    # The fingerprint of the recipe that the renditions at `source_version` were made by.
    made_with: str | None = None
    # Counts the addresses that renditions were ever given: none is used a second time.
    generation: int = 0
    # What `reprocess` asked for, until it is done.
    wanted_recipe: str | None = None
    # Prefixes in the derived bucket that are no longer this file's, but may still hold objects.
    leftovers: list[str] = Field(default_factory=list)
    # Of a deleted file that can still be restored: until when, and what it then is.
    restore_until: Timestamp | None = None
    restore_to: Status | None = None
    claim_id: str | None = None
    lease_until: Timestamp | None = None
    attempts: int = 0
    correlation_id: str | None = None


class UploadToken(BaseModel):
    """What a backend lets one browser upload: at most `max_files` files of `max_bytes` bytes each, of these types.

    `content_types` may hold `image/*`; empty allows any. Everything after it is the token's to say, not the browser's.
    """

    id: str
    hash: str
    tenant: str
    created_at: Timestamp
    expires_at: Timestamp
    max_files: int
    max_bytes: int
    used: int = 0
    content_types: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    visibility: Visibility
    recipe: str

    def allows_type(self, content_type: str) -> bool:
        name = content_type.partition(";")[0].strip()
        main = name.partition("/")[0]
        return not self.content_types or name in self.content_types or f"{main}/*" in self.content_types


FILE_ID_PATTERN = re.compile(r"file_[0-9A-HJKMNP-TV-Z]{26}")
TENANT_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def new_file_id() -> str:
    """`file_` and a ULID: ordered by creation time to the millisecond, 80 random bits beside it."""
    return f"file_{ULID()}"


def original_key(tenant: str, file_id: str) -> str:
    """Where the original is stored: `tenant/file id`, ids that we made and nothing of the client's."""
    return f"{tenant}/{file_id}"


def parse_original_key(key: str) -> tuple[str, str] | None:
    """(tenant, file id) of an original's key, or None for a key that is not ours."""
    tenant, _, file_id = key.partition("/")
    if TENANT_PATTERN.fullmatch(tenant) and FILE_ID_PATTERN.fullmatch(file_id):
        return tenant, file_id
    return None


def source_version(version_id: str, recipe_fingerprint: str, generation: int = 0) -> str:
    """16 hex digits that name one version of the bytes under one recipe, the `generation`th time that it is needed.

    Renditions are addressed by it, so the same work written twice lands on the same keys with the same bytes, and
    other bytes or another recipe never land on a cached address. Nor does anything come back to an address that has
    ended: what ends it raises the file's generation, so that late deletions and old cache entries hit nothing alive.
    """
    words = (version_id, recipe_fingerprint, *([str(generation)] if generation else []))
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def rendition_prefix(visibility: Visibility, file_id: str, version: str) -> str:
    """Path below the front door, and key prefix in the derived bucket, of one version's renditions; ends in `/`."""
    return f"f/{visibility}/{file_id}/{version}/"


def rendition_key(visibility: Visibility, file_id: str, version: str, rendition: Rendition) -> str:
    """Key in the derived bucket; with a leading slash, the path below the front door."""
    return rendition_prefix(visibility, file_id, version) + rendition.basename
