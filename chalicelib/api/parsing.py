"""Request bodies and query strings become models, and the first wrong field becomes the answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from chalicelib.api import documents
from chalicelib.api.documents import wrong_field
from chalicelib.api.errors import Problem

MAX_BODY_BYTES = 64 * 1024

# How pydantic's messages begin.
_SUBJECT = re.compile(r"^\w+ should ")

# Constants of Python in pydantic's messages, outside of quotation marks.
_CONSTANT = re.compile(r"(?<!['\w])(?:True|False|None)(?!['\w])")
_IN_JSON = {"True": "true", "False": "false", "None": "null"}

# The error type of our own checks (fields.py), whose messages are sentences already.
CHECK = "filemill"


class Body(BaseModel):
    """Base of all request bodies. Unknown fields are refused, and strings are not converted to numbers."""

    MAX_BYTES: ClassVar[int] = MAX_BODY_BYTES
    # The words by which errors name the whole of it, and the thing that has the fields.
    WHOLE: ClassVar[str] = "body"
    OWNER: ClassVar[str] = "request"

    # Built when it is first used: there are some twenty models, and a request needs one.
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class Query(BaseModel):
    """Base of all query strings. Text is converted to numbers and dates, and unknown parameters are refused.

    A field that is a list takes a repeated parameter; any other parameter may be given once.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)


def parse[Model: Body](model: type[Model], raw: bytes) -> Model:
    """Reads a request body.

    Raises Problem: `invalid_field` with the first wrong field, or with the model's WHOLE for one that is too long or no
    object; and what `documents.read` raises.
    """
    if len(raw) > model.MAX_BYTES:
        raise Problem("invalid_field", f"The {model.WHOLE} must be at most {model.MAX_BYTES} bytes.", field=model.WHOLE)
    document = documents.read(raw, model.WHOLE)
    if not isinstance(document, dict):
        raise Problem("invalid_field", f"The {model.WHOLE} must be a JSON object.", field=model.WHOLE)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _problem(error, model.WHOLE, f"field of this {model.OWNER}") from None


def parse_query[Model: Query](model: type[Model], parameters: Mapping[str, list[str]]) -> Model:
    """Reads a query string. Raises Problem `invalid_field` with the first wrong parameter."""
    values: dict[str, Any] = {}
    for name, sent in parameters.items():
        field = model.model_fields.get(name)
        if field and get_origin(field.annotation) is list:
            values[name] = sent
        elif len(sent) > 1:
            raise wrong_field(name, "may be given once.")
        else:
            values[name] = sent[0]
    documents.check_query(values)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _problem(error, "query", "parameter of this request") from None


def _problem(error: ValidationError, whole: str, noun: str) -> Problem:
    """The first error. Its field is dotted if it is nested; `whole` if the error is none of one field."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or whole
    return wrong_field(field, _sentence(first["type"], first["msg"], noun))


def _sentence(kind: str, message: str, noun: str) -> str:
    """Pydantic's message as the rest of a sentence that begins with the field's name."""
    if kind == "missing":
        return "is required."
    if kind == "extra_forbidden":
        return f"is not a {noun}."
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "must be an object."  # pydantic's own message names our class
    if kind != CHECK:
        # "Input should be …", "String should have …"; of a list also how many items were left after our checks.
        message = _SUBJECT.sub("must ", message)
        message = message.partition(" after validation")[0]
    if kind == "literal_error":
        # As JSON has it. A text that is allowed stands in quotation marks, and so stays as it is.
        message = _CONSTANT.sub(lambda found: _IN_JSON[found[0]], message)
    return message.rstrip(".") + "."
