"""What clients send: one model a request body, its bounds, and the problem that a wrong one becomes."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from chalicelib.api.errors import Problem
from chalicelib.model import Visibility
from chalicelib.processing.recipes import DEFAULT_RECIPE, RECIPES
from chalicelib.settings import settings

MAX_BODY_BYTES = 64 * 1024
MAX_FILENAME_BYTES = 1024
MAX_METADATA_BYTES = 8 * 1024
MAX_METADATA_DEPTH = 5
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


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    def depth(node: Any) -> int:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        return 1 + max(map(depth, children), default=0) if isinstance(node, dict | list) else 0

    if depth(value) > MAX_METADATA_DEPTH:
        raise _wrong(f"must be nested at most {MAX_METADATA_DEPTH} deep")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        raise _wrong("must be plain JSON: no NaN, no Infinity, no half of a surrogate pair") from None
    if len(text) > MAX_METADATA_BYTES:
        raise _wrong(f"must be at most {MAX_METADATA_BYTES} bytes of JSON")
    return value


Filename = Annotated[str, Field(max_length=255), AfterValidator(_no_control_characters), AfterValidator(_filename)]
ContentType = Annotated[str, Field(max_length=255), AfterValidator(_content_type)]
Tag = Annotated[
    str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True), AfterValidator(_no_control_characters)
]


class CreateFile(BaseModel):
    """The body of `POST /v1/files`. `size` in bytes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    filename: Filename
    content_type: ContentType
    size: int = Field(ge=0)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    tags: list[Tag] = Field(default_factory=list, max_length=MAX_TAGS)
    metadata: Annotated[dict[str, Any], AfterValidator(_metadata)] = Field(default_factory=dict)
    visibility: Annotated[Visibility, Field(strict=False)] = Visibility.PRIVATE
    recipe: str = DEFAULT_RECIPE

    @field_validator("size")
    @classmethod
    def _within_the_stage_bound(cls, size: int) -> int:
        bound = settings().max_upload_bytes
        if size > bound:
            raise _wrong(f"must be at most {bound} bytes")
        return size

    @field_validator("recipe")
    @classmethod
    def _known_recipe(cls, name: str) -> str:
        if name not in RECIPES:
            raise _wrong(f"must be one of {', '.join(sorted(RECIPES))}")
        return name

    @field_validator("tags")
    @classmethod
    def _each_tag_once(cls, tags: list[str]) -> list[str]:
        return list(dict.fromkeys(tags))


def parse[Body: BaseModel](model: type[Body], raw: bytes) -> Body:
    """A request body as its model.

    Raises Problem: `invalid_json` for what is no JSON object; `invalid_field` naming the first wrong field.
    """
    if len(raw) > MAX_BODY_BYTES:
        raise Problem("invalid_field", f"The body must be at most {MAX_BODY_BYTES} bytes.", field="body")
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise Problem("invalid_json", "The body is not JSON.") from None
    if not isinstance(document, dict):
        raise Problem("invalid_field", "The body must be a JSON object.", field="body")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise Problem("invalid_field", f"`{field}`: {_sentence(first['type'], first['msg'])}", field=field) from None


def _sentence(kind: str, message: str) -> str:
    if kind == "missing":
        return "is required."
    if kind == "extra_forbidden":
        return "is not a field of this request."
    message = message.removeprefix("Input should be ").removeprefix("Value error, ")
    if kind != "filemill":
        message = f"should be {message[0].lower()}{message[1:]}"
    return message.rstrip(".") + "."
