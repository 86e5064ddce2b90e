"""What clients send: one model a request body, its bounds, and the problem that a wrong one becomes."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, get_origin

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from pydantic_core import PydanticCustomError

from chalicelib.api.errors import Problem
from chalicelib.api.resources import FileResource
from chalicelib.model import Visibility
from chalicelib.renditions.recipes import RECIPES
from chalicelib.settings import MAX_PARTS, MAX_URL_EXPIRY, MIN_URL_EXPIRY, settings

MAX_BODY_BYTES = 64 * 1024
# Ten thousand parts with their ETags, some 80 bytes each; Uppy's own bound is about as large.
MAX_COMPLETE_BYTES = 1024 * 1024
MAX_SIGNED = 1000
MAX_WAIT = 25  # seconds: API Gateway gives up after 29
MAX_FILENAME_BYTES = 1024
MAX_METADATA_BYTES = 8 * 1024
MAX_METADATA_DEPTH = 5
MAX_METADATA_KEYS = 100
MAX_METADATA_KEY = 128
MAX_TAGS = 20

# RFC 9110 §8.3.1: type/subtype and parameters, tokens or quoted strings; RFC 6838 bounds the names.
_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_CONTENT_TYPE = re.compile(rf'({_NAME})/({_NAME})((?:\s*;\s*{_NAME}=(?:{_NAME}|"[\x20-\x7e]*"))*)')


def _wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("filemill", "{message}", {"message": message})


def _no_control_characters(text: str) -> str:
    # Cc: controls; Cs: lone surrogates, which no UTF-8 can carry; Zl, Zp: line and paragraph separators.
    if any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text):
        raise _wrong("must not contain control characters or line breaks")
    return text


def _filename(name: str) -> str:
    if len(name.encode("utf-8", "surrogatepass")) > MAX_FILENAME_BYTES:
        raise _wrong(f"must be at most {MAX_FILENAME_BYTES} bytes of UTF-8")
    if not name.strip() or name in {".", ".."}:
        raise _wrong("must be a file's name")
    if "/" in name or "\\" in name:
        raise _wrong("must be a name without a path: no / and no \\")
    return name


def _content_type(text: str) -> str:
    match = _CONTENT_TYPE.fullmatch(text)
    if not match:
        raise _wrong("must be a media type such as image/jpeg")
    return f"{match[1]}/{match[2]}".lower() + match[3]


def _keys(node: Any) -> Iterator[str]:
    """Of every object in a JSON value; of any depth that JSON was read from."""
    if isinstance(node, dict):
        yield from node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _keys(child)


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    def depth(node: Any) -> int:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        return 1 + max(map(depth, children), default=0) if isinstance(node, dict | list) else 0

    if depth(value) > MAX_METADATA_DEPTH:
        raise _wrong(f"must be nested at most {MAX_METADATA_DEPTH} deep")
    keys = list(_keys(value))
    if len(keys) > MAX_METADATA_KEYS:
        raise _wrong(f"must have at most {MAX_METADATA_KEYS} keys, nested ones included")
    if not all(1 <= len(key) <= MAX_METADATA_KEY for key in keys):
        raise _wrong(f"must have keys of 1 to {MAX_METADATA_KEY} characters")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        raise _wrong("must be plain JSON: no NaN, no Infinity, no half of a surrogate pair") from None
    if len(text) > MAX_METADATA_BYTES:
        raise _wrong(f"must be at most {MAX_METADATA_BYTES} bytes of JSON")
    return value


# For the OpenAPI document, as near as a pattern comes to what the validators below it check.
_PLAIN = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
_PLAIN_NAME = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029/\\]*$"

Filename = Annotated[
    str,
    Field(max_length=255, json_schema_extra={"pattern": _PLAIN_NAME, "minLength": 1, "examples": ["IMG 1.jpg"]}),
    AfterValidator(_no_control_characters),
    AfterValidator(_filename),
]
control_free = AfterValidator(_no_control_characters)
ContentType = Annotated[
    str,
    Field(max_length=255, json_schema_extra={"pattern": f"^{_NAME}/{_NAME}", "examples": ["image/jpeg"]}),
    AfterValidator(_content_type),
]
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64, strip_whitespace=True),
    Field(json_schema_extra={"pattern": _PLAIN, "examples": ["cats"]}),
    AfterValidator(_no_control_characters),
]


class Body(BaseModel):
    """Of every request: an unknown field is a typing error, and text is no number."""

    MAX_BYTES: ClassVar[int] = MAX_BODY_BYTES

    # Built when first used: a request needs one of some twenty.
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Query(BaseModel):
    """Of every query string: text becomes numbers and dates; an unknown parameter is a typing error.

    A field that is a list takes a repeated parameter; any other takes one only.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)


def _known_recipe(name: str) -> str:
    if name not in RECIPES:
        raise _wrong(f"must be one of {', '.join(sorted(RECIPES))}")
    return name


def _rounded(fraction: float) -> float:
    return round(fraction, 4)  # finer than any crop


def _digits(text: Any) -> Any:
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10):
        raise _wrong("must be a whole number")
    return int(text)


def _split(values: Any) -> Any:
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return [name for value in values for name in value.split(",")]
    return values


def _each_once(items: list[str]) -> list[str]:
    return list(dict.fromkeys(items))


Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_each_once)]
Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
AnyVisibility = Annotated[Visibility, Field(strict=False)]
RecipeName = Annotated[str, Field(json_schema_extra={"enum": sorted(RECIPES)}), AfterValidator(_known_recipe)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PartNumber = Annotated[int, Field(ge=1, le=MAX_PARTS)]


Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), AfterValidator(_rounded)]
# RFC 3339, and not the numbers that pydantic takes for seconds since 1970.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def _moment(value: Any) -> Any:
    if not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        raise _wrong("must be a moment such as 2026-11-22T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
WholeNumber = Annotated[int, BeforeValidator(_digits)]
FieldName = Annotated[str, Field(max_length=64, json_schema_extra={"enum": list(FileResource.model_fields)})]


def _known_fields(names: list[str]) -> list[str]:
    if unknown := sorted(set(names) - set(FileResource.model_fields)):
        raise _wrong(f"{unknown[0]!r} is no field of a record")
    return names


Fields = Annotated[
    list[FieldName],
    BeforeValidator(_split),
    AfterValidator(_known_fields),
    Field(max_length=100, description="Only these fields of a record, and `id`; repeatable, or comma-separated"),
]


class FocalPoint(Body):
    """The point that crops keep in the picture: fractions of width and height as seen, (0, 0) top left."""

    x: Fraction
    y: Fraction


# What the view checks beyond the fields themselves.
_TO_UPLOAD_OR_TO_FETCH: list[Any] = [
    {
        "required": ["filename", "content_type", "size"],
        "properties": {
            "filename": {"type": "string"},
            "content_type": {"type": "string"},
            "size": {"type": "integer"},
            "source_url": {"type": "null"},
        },
    },
    {"required": ["source_url"], "properties": {"source_url": {"type": "string", "pattern": "^https?://"}}},
]


class CreateFile(Body):
    """The body of `POST /v1/files`. Sizes in bytes. With `source_url` nothing else is required.

    Without a `recipe` it is the tenant's default.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": _TO_UPLOAD_OR_TO_FETCH})

    filename: Filename | None = None
    content_type: ContentType | None = None
    size: Annotated[int, Field(ge=0)] | None = None
    sha256: Sha256 | None = None
    tags: Tags = Field(default_factory=list)
    metadata: Metadata = Field(default_factory=dict)
    visibility: AnyVisibility = Visibility.PRIVATE
    recipe: RecipeName | None = None
    upload: Literal["post", "multipart"] | None = None
    part_size: int | None = None
    part_checksums: bool = False
    on_duplicate: Literal["keep", "reuse"] = "keep"
    focus: FocalPoint | None = None
    source_url: Annotated[str, Field(min_length=1, max_length=2048)] | None = None

    @field_validator("size")
    @classmethod
    def _within_the_stage_bound(cls, size: int | None) -> int | None:
        bound = settings().max_upload_bytes
        if size is not None and size > bound:
            raise _wrong(f"must be at most {bound} bytes")
        return size


class PartToSign(Body):
    part_number: PartNumber
    sha256: Sha256


class SignParts(Body):
    """The body of `POST /v1/files/{id}/parts`: numbers, or parts with the hex SHA-256 that each must have."""

    part_numbers: Annotated[list[PartNumber], Field(min_length=1, max_length=MAX_SIGNED)] | None = None
    parts: Annotated[list[PartToSign], Field(min_length=1, max_length=MAX_SIGNED)] | None = None


class CompletedPart(Body):
    part_number: PartNumber
    etag: Annotated[str, Field(min_length=1, max_length=128)]


class CompleteUpload(Body):
    """The body of `POST /v1/files/{id}/complete`: every part with the ETag that S3 answered."""

    MAX_BYTES = MAX_COMPLETE_BYTES

    parts: Annotated[list[CompletedPart], Field(min_length=1, max_length=MAX_PARTS)]


class CreateUploadToken(Body):
    """The body of `POST /v1/upload-tokens`. `expires_in` in seconds; `max_bytes` a file; types may be `image/*`."""

    expires_in: Annotated[int, Field(ge=60, le=24 * 3600)] = 3600
    max_files: Annotated[int, Field(ge=1, le=10_000)] = 1
    max_bytes: Annotated[int, Field(ge=1)]
    content_types: Annotated[
        list[Annotated[str, Field(pattern=r"^[a-z0-9.+-]+/(\*|[a-z0-9.+-]+)$", max_length=127)]], Field(max_length=50)
    ] = Field(default_factory=list)
    tags: Tags = Field(default_factory=list)
    visibility: AnyVisibility = Visibility.PRIVATE
    recipe: RecipeName | None = None


class PatchFile(Body):
    """The body of `PATCH /v1/files/{id}`: what is to change. `metadata` is merged (RFC 7396), the rest replaced."""

    filename: Filename = Field(default_factory=str)
    tags: Tags | None = None
    metadata: Metadata | None = None
    visibility: AnyVisibility = Field(default_factory=lambda: Visibility.PRIVATE)
    focus: FocalPoint | None = None


class Reprocess(Body):
    """The body of `POST /v1/files/{id}/reprocess`. `force`: also when the renditions are what the recipe makes."""

    recipe: RecipeName | None = None
    force: bool = False


MAX_IDS = 100
MAX_ORIGINAL_EXPIRY = 3600


class GetFile(Query):
    """The query of `GET /v1/files/{id}`. `wait` in seconds."""

    wait: WholeNumber = Field(0, le=MAX_WAIT)
    expires_in: (
        Annotated[
            WholeNumber,
            Field(
                ge=MIN_URL_EXPIRY,
                le=MAX_URL_EXPIRY,
                description="How many seconds a private file's addresses are to be good for; a stage may allow less",
            ),
        ]
        | None
    ) = None
    fields: Fields = Field(default_factory=list)


class GetOriginal(Query):
    """The query of `GET /v1/files/{id}/original`."""

    disposition: Annotated[
        Literal["inline", "attachment"],
        Field(description="`attachment`: a browser saves it; `inline`: it may show images, audio and video"),
    ] = "inline"
    redirect: Annotated[Literal["true", "false"], Field(description="`false`: the address as JSON, with 200")] = "true"
    expires_in: Annotated[WholeNumber, Field(ge=MIN_URL_EXPIRY, le=MAX_ORIGINAL_EXPIRY, description="Seconds")] = 300


# A host's name, lower case; a single label (`com`) is refused by browsers.
_DOMAIN = r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$"


class CreateGrant(Body):
    """The body of `POST /v1/files/{id}/grant`: `expires_in` in seconds; the domain that cookies are to be for."""

    expires_in: Annotated[int, Field(ge=MIN_URL_EXPIRY, le=MAX_URL_EXPIRY)] = 3600
    cookie_domain: Annotated[str, Field(max_length=253, pattern=_DOMAIN, examples=["example.com"])] | None = None


class CreateGrants(CreateGrant):
    """The body of `POST /v1/grants`: several files at once."""

    ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=MAX_IDS)]


def check_expires_in(seconds: int) -> None:
    """Raises Problem `invalid_field` for what the stage does not allow."""
    if seconds > settings().max_url_expiry:
        detail = f"`expires_in`: should be less than or equal to {settings().max_url_expiry} on this stage."
        raise Problem("invalid_field", detail, field="expires_in")


_METADATA = TypeAdapter(Metadata, config=ConfigDict(defer_build=True))


def merged_metadata(present: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """A record's metadata with a merge patch on it (RFC 7396): objects merge, null removes, all else replaces.

    Raises Problem `invalid_field` when the outcome is out of bounds.
    """

    def merge(target: Any, patch: Any) -> Any:
        if not isinstance(patch, dict):
            return patch
        merged = dict(target) if isinstance(target, dict) else {}
        for name, value in patch.items():
            if value is None:
                merged.pop(name, None)
            else:
                merged[name] = merge(merged.get(name), value)
        return merged

    try:
        return _METADATA.validate_python(merge(present, patch))
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"]
        raise Problem("invalid_field", f"`metadata`: {message}, merged.", field="metadata") from None


def parse[Model: Body](model: type[Model], raw: bytes) -> Model:
    """A request body as its model.

    Raises Problem: `invalid_json` for what is no JSON object; `invalid_field` naming the first wrong field.
    """
    if len(raw) > model.MAX_BYTES:
        raise Problem("invalid_field", f"The body must be at most {model.MAX_BYTES} bytes.", field="body")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise Problem("invalid_json", "The body is not JSON.") from None
    if not isinstance(document, dict):
        raise Problem("invalid_field", "The body must be a JSON object.", field="body")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _problem(error, "body", "field of this request") from None


def parse_query[Model: Query](model: type[Model], parameters: Mapping[str, list[str]]) -> Model:
    """A query string's values as their model. Raises Problem `invalid_field` naming the first wrong parameter."""
    values: dict[str, Any] = {}
    for name, sent in parameters.items():
        field = model.model_fields.get(name)
        if field and get_origin(field.annotation) is list:
            values[name] = sent
        elif len(sent) > 1:
            raise Problem("invalid_field", f"`{name}`: may be given once.", field=name)
        else:
            values[name] = sent[0]
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _problem(error, "query", "parameter of this request") from None


def _problem(error: ValidationError, whole: str, what: str) -> Problem:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or whole
    return Problem("invalid_field", f"`{field}`: {_sentence(first['type'], first['msg'], what)}", field=field)


def _sentence(kind: str, message: str, what: str) -> str:
    if kind == "missing":
        return "is required."
    if kind == "extra_forbidden":
        return f"is not a {what}."
    message = message.removeprefix("Input should be ").removeprefix("Value error, ")
    if kind != "filemill":
        message = f"should be {message[0].lower()}{message[1:]}"
    return message.rstrip(".") + "."
