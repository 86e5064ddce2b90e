"""The fields that requests share: for each its bounds, what it checks, and the type that models use.

A check that fails raises `wrong(…)`: its sentence comes after the field's name in the answer, as in "`filename`: must
be a file's name." Patterns in `json_schema_extra` are for the OpenAPI document, as near as a pattern comes to a check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from chalicelib.api.answers import FileResource
from chalicelib.api.errors import Problem
from chalicelib.api.parsing import CHECK, Body
from chalicelib.catalog.webhooks import TYPES
from chalicelib.model import Visibility
from chalicelib.renditions.recipes import RECIPES
from chalicelib.settings import MAX_PARTS, MAX_RETENTION, MIN_RETENTION, settings
from chalicelib.text import is_number


def wrong(message: str) -> PydanticCustomError:
    """The error of a check. `message` is a sentence without its subject and its full stop."""
    return PydanticCustomError(CHECK, "{message}", {"message": message})


def matching(pattern: re.Pattern[str], otherwise: str) -> AfterValidator:
    """The check of a string against a pattern, whose message people can read. `otherwise` is `wrong`'s.

    The OpenAPI document gets the pattern by `json_schema_extra`, as with the other checks.
    """

    def check(value: str) -> str:
        # `match` and `$` would let a line break through at the end.
        if not pattern.fullmatch(value):
            raise wrong(otherwise)
        return value

    return AfterValidator(check)


# For the OpenAPI document: documents.py refuses control characters in every string of every request.
_PLAIN = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"

# --- A file's name and type

MAX_FILENAME = 255  # characters
MAX_FILENAME_BYTES = 1024  # of UTF-8
_PLAIN_NAME = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029/\\]*$"


def _check_filename(name: str) -> str:
    if len(name.encode("utf-8", "surrogatepass")) > MAX_FILENAME_BYTES:
        raise wrong(f"must be at most {MAX_FILENAME_BYTES} bytes of UTF-8")
    if not name.strip() or name in {".", ".."}:
        raise wrong("must not be empty, `.` or `..`")
    if "/" in name or "\\" in name:
        raise wrong("must be a name without a path: no / and no \\")
    return name


Filename = Annotated[
    str,
    Field(
        max_length=MAX_FILENAME,
        json_schema_extra={"pattern": _PLAIN_NAME, "minLength": 1, "examples": ["IMG 1.jpg"]},
    ),
    AfterValidator(_check_filename),
]

MAX_CONTENT_TYPE = 255  # characters
# RFC 9110 §8.3.1 and 5.6: type/subtype and parameters, whose values are tokens or quoted strings. No repetition gives
# back what it took (`*+`, `++`), so a text is read once, whatever it is.
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105
_NAME = _TOKEN.replace("*", "")
_TYPE_PATTERN = rf"^(\*/\*|{_NAME}/(\*|{_NAME}))"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*+"'
_ONE_OR_A_FAMILY = re.compile(r"\*/\*|[^*]+/(\*|[^*]+)")
_CONTENT_TYPE = re.compile(rf"({_TOKEN}+)/({_TOKEN}+)((?: *+; *+{_TOKEN}+=(?:{_TOKEN}+|{_QUOTED}))*+)")


def _in_lower_case(text: str) -> str:
    """A media type with type and subtype in lower case; its parameters stay as they are."""
    match = _CONTENT_TYPE.fullmatch(text)
    if not match:
        raise wrong("must be a media type such as image/jpeg")
    if not _ONE_OR_A_FAMILY.fullmatch(f"{match[1]}/{match[2]}"):
        raise wrong("must be one type, or a family such as image/*")
    return f"{match[1]}/{match[2]}".lower() + match[3]


ContentType = Annotated[
    str,
    Field(
        max_length=MAX_CONTENT_TYPE,
        json_schema_extra={"pattern": _TYPE_PATTERN, "examples": ["image/jpeg"]},
    ),
    AfterValidator(_in_lower_case),
]


# --- Tags

MAX_TAGS = 20
MAX_TAG = 64  # characters


def each_once[Item](items: list[Item]) -> list[Item]:
    """The items in their order, each once."""
    return list(dict.fromkeys(items))


Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_TAG, strip_whitespace=True),
    Field(json_schema_extra={"pattern": _PLAIN, "examples": ["cats"]}),
]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(each_once)]


# --- The owner of a file

MAX_OWNER = 128  # characters

Owner = Annotated[
    str,
    Field(min_length=1, max_length=MAX_OWNER, json_schema_extra={"pattern": _PLAIN, "examples": ["auth0|5f7c8ec7"]}),
]


# --- Metadata

MAX_METADATA_BYTES = 8 * 1024  # as JSON
MAX_METADATA_DEPTH = 5  # objects and lists in one another; the metadata itself is the first
MAX_METADATA_KEYS = 100  # of all objects together
MAX_METADATA_KEY = 128  # characters


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []


def _is_deeper(node: Any, levels: int) -> bool:
    """Looks no deeper than that, so that no client's JSON can exhaust the stack."""
    if not isinstance(node, dict | list):
        return False
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in _children(node))


def _keys(node: Any) -> Iterator[str]:
    """The keys of every object in a JSON value."""
    if isinstance(node, dict):
        yield from node
    for child in _children(node):
        yield from _keys(child)


def _check_metadata(value: dict[str, Any]) -> dict[str, Any]:
    if _is_deeper(value, MAX_METADATA_DEPTH):
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


Metadata = Annotated[dict[str, Any], AfterValidator(_check_metadata)]


# --- Recipe, visibility and focal point

AnyVisibility = Annotated[Visibility, Field(strict=False)]


def _check_recipe(name: str) -> str:
    if name not in RECIPES:
        raise wrong(f"must be one of {', '.join(sorted(RECIPES))}")
    return name


RecipeName = Annotated[str, Field(json_schema_extra={"enum": sorted(RECIPES)}), AfterValidator(_check_recipe)]

FRACTION_DIGITS = 4  # finer than any crop


def _rounded(fraction: float) -> float:
    return round(fraction, FRACTION_DIGITS)


def _to_milliseconds(seconds: float) -> float:
    return round(seconds, 3)


Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), AfterValidator(_rounded)]


class FocalPoint(Body):
    """The point that crops keep in the picture: fractions of its width and height as seen, (0, 0) is top left."""

    x: Fraction
    y: Fraction


Seconds = Annotated[float, Field(ge=0, le=3_600_000, allow_inf_nan=False), AfterValidator(_to_milliseconds)]


class PosterTime(Body):
    """The second of a film that its poster should show."""

    time: Seconds


# --- Parts of an upload

# Bytes of a body that lists 10,000 parts with their ETags, some 80 bytes each. Uppy's own bound is about as large.
MAX_COMPLETE_BYTES = 1024 * 1024
MAX_SIGNED = 1000  # parts that one request signs

PartNumber = Annotated[int, Field(ge=1, le=MAX_PARTS)]
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
Sha256 = Annotated[
    str,
    Field(json_schema_extra={"pattern": _SHA256.pattern}),
    matching(_SHA256, "must be 64 lower-case hexadecimal digits"),
]


# --- Query parameters

MAX_IDS = 100  # files that one request names

# RFC 3339. Pydantic alone would also take numbers, as seconds since 1970.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _check_moment(value: Any) -> Any:
    if not (isinstance(value, str) and _MOMENT.fullmatch(value)):
        raise wrong("must be a moment such as 2026-11-22T12:00:00Z")
    return value


def _whole_number(text: Any) -> Any:
    if not (isinstance(text, str) and is_number(text, 9)):
        raise wrong("must be a whole number")
    return int(text)


MAX_CURSOR = 4096  # characters

Cursor = Annotated[str, Field(min_length=1, max_length=MAX_CURSOR, description="The `next_cursor` of the page before")]
Moment = Annotated[AwareDatetime, BeforeValidator(_check_moment)]
ExpiresAfter = Annotated[
    int,
    Field(
        ge=MIN_RETENTION,
        le=MAX_RETENTION,
        description="Seconds after its creation when the file is deleted by itself. It is not, before it is `ready` or "
        "`failed`, and while it is under legal hold",
    ),
]
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]


def check_expires_in(seconds: int) -> None:
    """Raises Problem `invalid_field` for addresses that would live longer than this stage allows."""
    if seconds > settings().max_url_expiry:
        detail = f"`expires_in`: must be less than or equal to {settings().max_url_expiry} on this stage."
        raise Problem("invalid_field", detail, field="expires_in")


# --- Events


def _check_event_type(name: str) -> str:
    if name not in TYPES:
        raise wrong(f"must be one of {', '.join(TYPES)}")
    return name


EventType = Annotated[
    str,
    Field(max_length=64, json_schema_extra={"enum": [*TYPES]}),
    AfterValidator(_check_event_type),
]
EventTypes = Annotated[list[EventType], Field(max_length=len(TYPES)), AfterValidator(each_once)]


# --- The fields of a record that an answer is to have


def _split(values: Any) -> Any:
    """Each value may hold several names, comma-separated."""
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return [name for value in values for name in value.split(",")]
    return values


def _check_fields(names: list[str]) -> list[str]:
    if unknown := sorted(set(names) - set(FileResource.model_fields)):
        raise wrong(f"{unknown[0]!r} is no field of a record")
    return names


FieldName = Annotated[str, Field(max_length=64, json_schema_extra={"enum": list(FileResource.model_fields)})]
Fields = Annotated[
    list[FieldName],
    BeforeValidator(_split),
    AfterValidator(_check_fields),
    Field(max_length=100, description="Only these fields of a record, and `id`; repeatable, or comma-separated"),
]
Include = Annotated[
    list[Literal["delivery"]],
    BeforeValidator(_split),
    Field(max_length=100, description="`delivery` adds that block to the whole record"),
]
IncludeInList = Annotated[
    list[Literal["delivery", "details"]],
    BeforeValidator(_split),
    Field(
        max_length=100,
        description="`delivery` adds that block to each record; `details` adds what a list leaves out of it. "
        "Repeatable, or comma-separated",
    ),
]
