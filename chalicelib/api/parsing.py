"""Request bodies and query strings to models, and what a wrong one is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
)

from chalicelib.api.errors import Problem

MAX_BODY_BYTES = 64 * 1024


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
