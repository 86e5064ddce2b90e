"""The fields that requests share: their types and their bounds."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from chalicelib.api.answers import FileResource
from chalicelib.api.errors import Problem
from chalicelib.api.parsing import Body
from chalicelib.model import Visibility
from chalicelib.renditions.recipes import RECIPES
from chalicelib.settings import MAX_PARTS, settings

# Ten thousand parts with their ETags, some 80 bytes each; Uppy's own bound is about as large.
MAX_COMPLETE_BYTES = 1024 * 1024
MAX_SIGNED = 1000
MAX_FILENAME_BYTES = 1024
MAX_METADATA_BYTES = 8 * 1024
MAX_METADATA_DEPTH = 5
MAX_METADATA_KEYS = 100
MAX_METADATA_KEY = 128
MAX_TAGS = 20

# RFC 9110 §8.3.1: type/subtype and parameters, tokens or quoted strings; RFC 6838 bounds the names.
_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_CONTENT_TYPE = re.compile(rf'({_NAME})/({_NAME})((?:\s*;\s*{_NAME}=(?:{_NAME}|"[\x20-\x7e]*"))*)')


def wrong(message: str) -> PydanticCustomError:
    return PydanticCustomError("filemill", "{message}", {"message": message})


def _no_control_characters(text: str) -> str:
    # Cc: controls; Cs: lone surrogates, which no UTF-8 can carry; Zl, Zp: line and paragraph separators.
    if any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text):
        raise wrong("must not contain control characters or line breaks")
    return text


def _filename(name: str) -> str:
    if len(name.encode("utf-8", "surrogatepass")) > MAX_FILENAME_BYTES:
        raise wrong(f"must be at most {MAX_FILENAME_BYTES} bytes of UTF-8")
    if not name.strip() or name in {".", ".."}:
        raise wrong("must be a file's name")
    if "/" in name or "\\" in name:
        raise wrong("must be a name without a path: no / and no \\")
    return name


def _content_type(text: str) -> str:
    match = _CONTENT_TYPE.fullmatch(text)
    if not match:
        raise wrong("must be a media type such as image/jpeg")
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
        raise wrong(f"must be nested at most {MAX_METADATA_DEPTH} deep")
    keys = list(_keys(value))
    if len(keys) > MAX_METADATA_KEYS:
        raise wrong(f"must have at most {MAX_METADATA_KEYS} keys, nested ones included")
    if not all(1 <= len(key) <= MAX_METADATA_KEY for key in keys):
        raise wrong(f"must have keys of 1 to {MAX_METADATA_KEY} characters")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        raise wrong("must be plain JSON: no NaN, no Infinity, no half of a surrogate pair") from None
    if len(text) > MAX_METADATA_BYTES:
        raise wrong(f"must be at most {MAX_METADATA_BYTES} bytes of JSON")
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


def _known_recipe(name: str) -> str:
    if name not in RECIPES:
        raise wrong(f"must be one of {', '.join(sorted(RECIPES))}")
    return name


def _rounded(fraction: float) -> float:
    return round(fraction, 4)  # finer than any crop


def _digits(text: Any) -> Any:
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10):
        raise wrong("must be a whole number")
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
        raise wrong("must be a moment such as 2026-11-22T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
WholeNumber = Annotated[int, BeforeValidator(_digits)]
FieldName = Annotated[str, Field(max_length=64, json_schema_extra={"enum": list(FileResource.model_fields)})]


def _known_fields(names: list[str]) -> list[str]:
    if unknown := sorted(set(names) - set(FileResource.model_fields)):
        raise wrong(f"{unknown[0]!r} is no field of a record")
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


MAX_IDS = 100


def check_expires_in(seconds: int) -> None:
    """Raises Problem `invalid_field` for what the stage does not allow."""
    if seconds > settings().max_url_expiry:
        detail = f"`expires_in`: should be less than or equal to {settings().max_url_expiry} on this stage."
        raise Problem("invalid_field", detail, field="expires_in")
