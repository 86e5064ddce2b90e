"""The words that every room uses: File, Rendition, and their parts. Knows neither Chalice nor AWS."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator
from ulid import ULID

_FACTS = (
    *("ArchiveInfo", "AudioInfo", "DocumentInfo", "EmailInfo", "FontInfo"),
    *("PdfInfo", "PresentationInfo", "SpreadsheetInfo", "TextInfo", "VideoInfo"),
)

if TYPE_CHECKING:
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
else:
    # A class of facts is imported when the first file of its kind comes: all functions import this module, and the
    # classes would add 7 ms to each start.
    def _when_used(name: str) -> Any:
        def validated(value: Any) -> Any:
            return getattr(import_module("chalicelib.facts"), name).model_validate(value)

        return Annotated[Any, BeforeValidator(validated)]

    globals().update({name: _when_used(name) for name in _FACTS})


def now() -> datetime:
    """The present time, UTC, in whole milliseconds, which is the resolution of the API."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def timestamp(moment: datetime) -> str:
    """`2026-11-22T12:00:00.000Z`: RFC 3339, UTC, milliseconds. Sorted as text, such times are in order."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"


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


class Worker(StrEnum):
    """The functions that work on files, by their names in app.py."""

    PROCESS = "process"
    MEDIA = "media"


class Kind(StrEnum):
    """The sort of thing that a file is. Its facts stand in the record under this name."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    PDF = "pdf"
    DOCUMENT = "document"
    SPREADSHEET = "spreadsheet"
    PRESENTATION = "presentation"
    TEXT = "text"
    ARCHIVE = "archive"
    EMAIL = "email"
    FONT = "font"
    OTHER = "other"


KNOWN_BEFORE = frozenset({Kind.IMAGE, Kind.OTHER})
"""The kinds that the release before this one knows. It could not read a record with another one."""


class ErrorCode(StrEnum):
    """Why a file is `failed`. Clients depend on these codes: never rename one."""

    CHECKSUM_MISMATCH = "checksum_mismatch"
    CORRUPT = "corrupt"
    EMPTY = "empty"
    INFECTED = "infected"
    INTERNAL = "internal"
    SIZE_MISMATCH = "size_mismatch"
    SOURCE_REFUSED = "source_refused"
    SOURCE_UNREACHABLE = "source_unreachable"
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    TYPE_MISMATCH = "type_mismatch"
    UNSCANNABLE = "unscannable"
    UNSUPPORTED_TYPE = "unsupported_type"


QUARANTINED = frozenset({ErrorCode.INFECTED, ErrorCode.UNSCANNABLE})
"""The codes of files whose bytes nobody may read, because of what the malware scan said, or because it said nothing.

The release before this one could not read a record with one of them (`FileError.stored`).
"""


class PermanentFault(Exception):  # noqa: N818 - a fault of the file, not an error of ours
    """The file itself is at fault. A later try would end the same way, so there is none."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class FileError(BaseModel):
    code: ErrorCode
    message: str

    @model_validator(mode="before")
    @classmethod
    def _with_its_newer_code(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("newer_code"):
            return {**values, "code": values["newer_code"]}
        return values

    def stored(self) -> dict[str, str]:
        """The error as the table has it. A code that the release before this one does not know stands in `newer_code`.

        `code` is then one that no release tries again.
        """
        if self.code in QUARANTINED:
            return {"code": ErrorCode.UNSUPPORTED_TYPE, "newer_code": self.code, "message": self.message}
        return {"code": self.code, "message": self.message}


class ScanStatus(StrEnum):
    """The verdict of the malware scan. A later one counts more than an earlier one, in whatever order they arrive."""

    PENDING = "pending"
    UNSCANNABLE = "unscannable"
    CLEAN = "clean"
    INFECTED = "infected"

    @property
    def rank(self) -> int:
        return tuple(ScanStatus).index(self)


UNPROVEN = "application/octet-stream"


class ImageInfo(BaseModel):
    """Facts about an image. Width and height in pixels, as seen: with the orientation applied.

    docs/images.md explains the fields. Those with defaults may be missing from older records.
    """

    width: int
    height: int
    format: str
    thumbhash: str
    dominant_color: str
    exif: dict[str, Any] = Field(default_factory=dict)
    frames: int = 1
    duration: float | None = Field(default=None, exclude_if=lambda seconds: seconds is None)
    """Missing where it is None, so that the answers and the tags of older records stay as they are."""
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
    title: str | None = Field(default=None, exclude_if=lambda title: title is None)
    keywords: list[str] | None = Field(default=None, exclude_if=lambda words: words is None)
    """These two are missing where they are None, too."""


class Preview(BaseModel):
    """The picture that was made of a file which is no image: its first page, a drawn card, a specimen.

    Width and height in pixels: the largest that can be made of it.
    """

    width: int
    height: int
    thumbhash: str
    dominant_color: str
    blurhash: str | None = None
    has_alpha: bool | None = None


class FileWarning(BaseModel):
    """Something that could not be made or read of a sound file. `code` is a word that never changes."""

    code: str
    message: str


class ServiceStatus(StrEnum):
    """How far a service is with a file (docs/add-a-service.md has the diagram)."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


class ServiceError(BaseModel):
    """Why the last try of a service brought nothing. `code` is a word that never changes."""

    code: str
    message: str


class ServiceState(BaseModel):
    """The state of one service in a record. `result` is that of the last run that was done.

    The fields after `result` are internal: the API never shows them.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    status: ServiceStatus
    version: int
    started_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    error: ServiceError | None = None
    result: dict[str, Any] | None = None

    # Words of the result, by which search finds the file.
    words: list[str] = Field(default_factory=list)
    # The job that runs. Whoever answers must know it.
    job: str | None = None
    # Jobs that were started since the service was asked, and how many may be.
    attempts: int = 0
    tries: int = 1
    # When the sweep must look at it: a job's time is over, or nobody has started the one that waits.
    due_at: Timestamp | None = None

    @property
    def is_open(self) -> bool:
        """True if something is still to come."""
        return self.status in (ServiceStatus.WAITING, ServiceStatus.RUNNING)


PUBLIC_OF_SERVICE = frozenset({"status", "version", "started_at", "ended_at", "error", "result"})


class Focus(BaseModel):
    """The most important point of an image, in fractions of width and height as seen. (0, 0) is top left."""

    x: float
    y: float


class Poster(BaseModel):
    """The second of a film that its poster should show."""

    time: float


EXTENSIONS = {format: format for format in ("webp", "avif", "png", "svg", "txt", "json", "vtt", "m4s")}
EXTENSIONS |= {"jpeg": "jpg", "hls": "m3u8"}
PICTURES = ("avif", "webp", "png", "jpeg")
"""The formats of pictures, best first: a browser takes the first one that it can show."""


_RUNG = re.compile(r"w[1-9][0-9]*")


class Rendition(BaseModel):
    """One derived file. `name` and `format` together are unique; `size` in bytes.

    Width and height in pixels; None for what is no picture. Only what moves or sounds has a `duration`, in seconds.
    """

    name: str
    format: str
    content_type: str
    width: int | None = None
    height: int | None = None
    duration: float | None = Field(default=None, exclude_if=lambda seconds: seconds is None)
    size: int
    tag: str | None = Field(default=None, exclude_if=lambda tag: tag is None)
    """Part of the address of a rendition that was made anew within one version of the file, as 16 hex digits.

    Only the master playlist has one, once the file has captions. A release that does not know the field leads to the
    playlist without captions, which is still there.
    """

    @property
    def is_picture(self) -> bool:
        return self.format in PICTURES

    @property
    def is_rung(self) -> bool:
        """True for a picture of the ladder, which pages choose from. `poster` and `preview` are none."""
        return self.is_picture and _RUNG.fullmatch(self.name) is not None

    @property
    def basename(self) -> str:
        """The last part of its address, such as `w640.webp`, or `hls-0123456789abcdef.m3u8` with a tag."""
        stem = f"{self.name}-{self.tag}" if self.tag else self.name
        return f"{stem}.{EXTENSIONS[self.format]}"


# Formats that the release before does not know: it could not even say the address.
_NEWER_FORMATS = frozenset({"hls", "vtt"})


def stored_beside_ladder(renditions: Iterable[Rendition]) -> dict[str, list[dict[str, Any]] | None]:
    """The renditions that are not in the ladder, as attributes of the table."""
    found: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for each in renditions:
        found[each.format in _NEWER_FORMATS].append(each.model_dump(mode="json"))
    return {"other_renditions": found[False] or None, "newer_renditions": found[True] or None}


class Caption(BaseModel):
    """The captions of a film or a sound in one language. `name` follows the file's base address.

    `language` is a BCP 47 tag in its usual case, such as `en` or `pt-BR`. `sha256` is of the WebVTT text, by which a
    repeated request is known; the API does not show it.
    """

    language: str
    label: str
    default: bool = False
    name: str
    sha256: str


class ChangeType(StrEnum):
    """How a change of a record is told to others. Consumers depend on these words: never rename one."""

    CREATED = "created"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"


class Actor(BaseModel):
    """The one who made a change: an API key or an upload token by its id, or a function of ours by its name."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    type: Literal["key", "token", "user", "system"]
    id: str


class LastChange(BaseModel):
    """The change that gave a record its present revision. `at` is the record's `updated_at` of that moment.

    `address` is the network address that the request came from, and `request_id` is the request's or the function's.
    Both are missing from records of earlier releases, and clients never see them in a record or an event.
    """

    type: ChangeType
    at: Timestamp
    actor: Actor
    address: str | None = None
    request_id: str | None = None


class LegalHold(BaseModel):
    """The one who put a file under legal hold, and the time. While a record has it, nothing deletes the file."""

    since: Timestamp
    actor: Actor


class Scan(BaseModel):
    """The finding of the malware scan. `signature` is the scanner's name for the malware."""

    status: ScanStatus
    signature: str | None = None
    scanned_at: Timestamp | None = None


class File(BaseModel):
    """One uploaded file: the record in the table. `size` in bytes, None while unknown; times in UTC.

    The fields after `renditions` are internal: the API never shows them.
    """

    # An error tells which field is wrong, and not what is in it: errors are logged, and logs keep no client's text.
    model_config = ConfigDict(validate_assignment=True, hide_input_in_errors=True)

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
    poster: Poster | None = None
    revision: int
    created_at: Timestamp
    updated_at: Timestamp
    expires_at: Timestamp | None = None
    kind: Kind | None = None
    sha256: str | None = None
    error: FileError | None = None
    scan: Scan | None = None
    image: ImageInfo | None = None
    video: VideoInfo | None = None
    audio: AudioInfo | None = None
    pdf: PdfInfo | None = None
    document: DocumentInfo | None = None
    spreadsheet: SpreadsheetInfo | None = None
    presentation: PresentationInfo | None = None
    text: TextInfo | None = None
    archive: ArchiveInfo | None = None
    email: EmailInfo | None = None
    font: FontInfo | None = None
    preview: Preview | None = None
    warnings: list[FileWarning] = Field(default_factory=list)
    captions: list[Caption] = Field(default_factory=list)
    services: dict[str, ServiceState] = Field(default_factory=dict)
    renditions: list[Rendition] = Field(default_factory=list)

    # Renditions that are not in the ladder: `text.txt`, `entries.json`, `poster.webp`. Earlier releases would put them
    # into the markup, or could not read them.
    other_renditions: list[Rendition] = Field(default_factory=list)
    # In the table those in a format that the release before does not know; here they are among `other_renditions`.
    newer_renditions: list[Rendition] = Field(default_factory=list)
    # The kind, where the release before does not know it. `kind` is then `other` in the table.
    newer_kind: Kind | None = None
    # Words that were found inside the file, by which search finds it.
    words: list[str] = Field(default_factory=list)
    # Missing from records that the release before wrote, and older than `updated_at` where it changed them since.
    last_change: LastChange | None = None
    declared_sha256: str | None = None
    max_bytes: int | None = None
    source_url: str | None = None
    upload_id: str | None = None
    part_size: int | None = None
    part_checksums: bool = False
    # The client decides how large its parts are (Uppy), so their lengths can't be signed.
    client_parts: bool = False
    token_id: str | None = None
    # The end user whose file it is, from its creation to its end. The API shows it, if there is one.
    owner: str | None = None
    # A keyed hash of the owner (`catalog/owners.py`). It stays when the file is deleted, so that the owner hears of it.
    owner_mark: str | None = None
    # Seconds after its creation when it is to be deleted, as its client said. The stage's rules may be earlier.
    expires_after: int | None = None
    # The API shows only that there is one.
    legal_hold: LegalHold | None = None
    # The types that the upload token allows. Processing checks that the bytes are of one of them.
    allowed_types: list[str] = Field(default_factory=list)
    # True if the client told no type, so that `content_type` is only what the name's extension stands for.
    type_guessed: bool = False
    version_id: str | None = None
    sequencer: str | None = None
    # The content type that the bytes prove (`content_type` may be the client's word); UNPROVEN if they prove none. None
    # while nobody has looked at them.
    proven_type: str | None = None
    source_version: str | None = None
    # The fingerprint of the recipe that made the renditions at `source_version`.
    made_with: str | None = None
    # Raised whenever the renditions get a new address, so that no address is used a second time.
    generation: int = 0
    # The `source_version` of which all parts were made that the recipe asks for before anybody watches (`eager`).
    eager_version: str | None = None
    # The recipe that `reprocess` asked for, until it is done.
    wanted_recipe: str | None = None
    # Prefixes in the derived bucket that the file no longer uses, but that may still have objects.
    leftovers: list[str] = Field(default_factory=list)
    # For a deleted file that can still be restored: until when, and the status that it then gets.
    restore_until: Timestamp | None = None
    restore_to: Status | None = None
    # The bytes are not what was declared or allowed, and must be removed. Gone from the record when that is done.
    refused: bool | None = None
    claim_id: str | None = None
    lease_until: Timestamp | None = None
    attempts: int = 0
    # The function that goes on with the file, if it is not `process`. Gone from the record when the file is finished.
    handed_to: str | None = None
    correlation_id: str | None = None
    # The version that `scan` is about, and the verdict's rank. Missing while there is no verdict.
    scan_version: str | None = None
    scan_rank: int = 0
    # How often the scanner was asked again.
    scan_asked: int = 0
    # The version that may be read although it could not be scanned.
    accepted_version: str | None = None
    # Where the answer to the request that made the file is remembered, if it had an Idempotency-Key.
    remembered_as: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_what_is_newer(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("newer_kind"):
            values = {**values, "kind": values["newer_kind"]}
        if isinstance(values, dict) and values.get("newer_renditions"):
            others = [*(values.get("other_renditions") or []), *values["newer_renditions"]]
            values = {**values, "other_renditions": others, "newer_renditions": []}
        return values

    @property
    def all_renditions(self) -> list[Rendition]:
        """Those of the ladder, and the others. Whoever moves, checks or removes renditions needs both."""
        return [*self.renditions, *self.other_renditions]

    @property
    def is_quarantined(self) -> bool:
        """True if nobody may read the file, and nothing that was made of it."""
        return self.error is not None and self.error.code in QUARANTINED

    @property
    def picture(self) -> ImageInfo | Preview | None:
        """The picture that the ladder is made of: the image itself, or the preview of another file."""
        return self.image or self.preview


class UploadToken(BaseModel):
    """Lets one browser upload at most `max_files` files of at most `max_bytes` bytes each, of the allowed types.

    `content_types` may have `image/*`; an empty list allows any type. The token, not the browser, decides the fields
    after it. The token ends with the API key that made it, `key_id`. Tokens of earlier releases do not name theirs, and
    those that a user made have none.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

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
    key_id: str | None = None
    owner: str | None = None
    revoked_at: Timestamp | None = None

    def allows_type(self, content_type: str) -> bool:
        name = content_type.partition(";")[0].strip()
        main = name.partition("/")[0]
        return not self.content_types or name in self.content_types or f"{main}/*" in self.content_types


FILE_ID_PATTERN = re.compile(r"file_[0-9A-HJKMNP-TV-Z]{26}")
TENANT_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def new_file_id() -> str:
    """`file_` and a ULID: the time of creation to the millisecond, so that ids are in order, and 80 random bits."""
    return f"file_{ULID()}"


def original_key(tenant: str, file_id: str) -> str:
    """The original's key: `tenant/file id`. Both are ids that we made, so nothing that a client sent is in it."""
    return f"{tenant}/{file_id}"


def parse_original_key(key: str) -> tuple[str, str] | None:
    """The (tenant, file id) in an original's key; None for a key that is not ours."""
    tenant, _, file_id = key.partition("/")
    if TENANT_PATTERN.fullmatch(tenant) and FILE_ID_PATTERN.fullmatch(file_id):
        return tenant, file_id
    return None


def source_version(version_id: str, recipe_fingerprint: str, generation: int = 0, processor: int = 1) -> str:
    """16 hex digits that name the renditions of one version of the bytes, under one recipe, in one generation.

    They are part of the renditions' addresses. So the same work done twice writes the same keys with the same bytes,
    and other bytes or another recipe never get an address that is in a cache. An address is never used again after its
    renditions were removed: each removal raises the file's `generation`, so that late deletions and old cache entries
    do not touch the renditions of today. `processor` is the version of the code that makes them.
    """
    words = [version_id, recipe_fingerprint]
    words += [str(generation)] if generation else []
    words += [f"processor {processor}"] if processor > 1 else []
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


def rendition_prefix(visibility: Visibility, file_id: str, version: str) -> str:
    """The prefix of one version's renditions: of their paths at the front door and of their keys. Ends in `/`."""
    return f"f/{visibility}/{file_id}/{version}/"


def rendition_key(visibility: Visibility, file_id: str, version: str, rendition: Rendition) -> str:
    """A rendition's key in the derived bucket; with a leading slash, its path at the front door."""
    return rendition_prefix(visibility, file_id, version) + rendition.basename
