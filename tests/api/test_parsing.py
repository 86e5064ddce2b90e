"""What a client reads about a wrong field: one sentence, whose subject is the field's name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from pydantic import BaseModel

from chalicelib.api import parsing
from chalicelib.api.errors import Problem
from chalicelib.api.routes.creation import CreateFile
from chalicelib.api.routes.finding import ListFiles
from chalicelib.api.routes.uppy.translation import UppyFile

RIGHT = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 1}


@pytest.mark.parametrize(
    ("more", "detail"),
    [
        ({"size": -1}, "`size`: must be greater than or equal to 0."),
        ({"size": "12"}, "`size`: must be a valid integer."),
        ({"filename": "x" * 256}, "`filename`: must have at most 255 characters."),
        ({"filename": ".."}, "`filename`: must not be empty, `.` or `..`."),
        ({"tags": ["x"] * 21}, "`tags`: must have at most 20 items."),
        ({"tags": ["a", ""]}, "`tags.1`: must have at least 1 character."),
        ({"metadata": []}, "`metadata`: must be an object."),
        ({"visibility": "secret"}, "`visibility`: must be 'public' or 'private'."),
        ({"sha256": "abc"}, "`sha256`: must be 64 lower-case hexadecimal digits."),
        ({"sha256": "0" * 65}, "`sha256`: must be 64 lower-case hexadecimal digits."),
        ({"focus": 5}, "`focus`: must be an object."),
        ({"focus": {"x": 0}}, "`focus.y`: is required."),
        ({"sizee": 1}, "`sizee`: is not a field of this request."),
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_wrong_field_of_a_body_is_told_in_a_sentence(more: dict[str, Any], detail: str) -> None:
    with pytest.raises(Problem) as raised:
        parsing.parse(CreateFile, json.dumps(RIGHT | more).encode())
    assert (raised.value.code, raised.value.detail) == ("invalid_field", detail)
    assert raised.value.field == detail.split("`")[1]


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        ({"limit": ["ten"]}, "`limit`: must be a whole number."),
        ({"limit": ["0"]}, "`limit`: must be greater than or equal to 1."),
        ({"limit": ["1", "2"]}, "`limit`: may be given once."),
        ({"colour": ["red"]}, "`colour`: is not a parameter of this request."),
        ({"fields": ["id,x"]}, "`fields`: 'x' is no field of a record."),
        (
            {"created_after": ["2026-13-41T00:00:00Z"]},
            "`created_after`: must be a valid datetime or date, month value is outside expected range of 1-12.",
        ),
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_wrong_parameter_of_a_query_is_told_in_a_sentence(parameters: dict[str, list[str]], detail: str) -> None:
    with pytest.raises(Problem) as raised:
        parsing.parse_query(ListFiles, parameters)
    assert (raised.value.code, raised.value.detail) == ("invalid_field", detail)


@pytest.mark.parametrize(("size", "refused"), [(64 * 1024, False), (64 * 1024 + 1, True)])
def test_a_body_may_have_64_kib(size: int, refused: bool) -> None:
    body = json.dumps(RIGHT).encode()
    body += b" " * (size - len(body))
    if refused:
        with pytest.raises(Problem, match="at most 65536 bytes"):
            parsing.parse(CreateFile, body)
    else:
        assert parsing.parse(CreateFile, body).size == 1


# Uppy's metadata is kept as text, however it is nested.
@pytest.mark.parametrize(
    ("model", "depth"), [(CreateFile, n) for n in (6, 900, 2_000, 9_000)] + [(UppyFile, n) for n in (2_000, 9_000)]
)
def test_a_body_that_is_nested_too_deeply_is_refused_and_breaks_nothing(model: type[parsing.Body], depth: int) -> None:
    nested = '{"a":' * depth + "1" + "}" * depth
    raw = json.dumps(RIGHT).encode()[:-1] + b', "metadata": ' + nested.encode() + b"}"
    with pytest.raises(Problem) as raised:
        parsing.parse(model, raw)
    assert raised.value.code in ("invalid_field", "invalid_json")


def test_metadata_may_be_nested_five_deep() -> None:
    deepest = {"a": {"b": [{"c": {"d": 1}}]}}
    assert parsing.parse(CreateFile, json.dumps(RIGHT | {"metadata": deepest}).encode()).metadata == deepest
    with pytest.raises(Problem, match="nested at most 5 deep"):
        parsing.parse(CreateFile, json.dumps(RIGHT | {"metadata": {"z": deepest}}).encode())


def _models(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _has_pattern(schema: Any) -> bool:
    if isinstance(schema, dict):
        return (schema.get("type") == "str" and "pattern" in schema) or any(map(_has_pattern, schema.values()))
    return isinstance(schema, (list, tuple)) and any(map(_has_pattern, schema))


@pytest.mark.parametrize("base", [parsing.Body, parsing.Query])
def test_no_refusal_shows_a_client_a_regular_expression(base: type[BaseModel]) -> None:
    """`fields.matching` has a sentence in its place."""
    import_module("chalicelib.api.application")  # and with it every route and its models
    models = [model for model in _models(base) if model.__module__.startswith("chalicelib.")]
    assert len(models) > 4
    for model in models:
        model.model_rebuild()
        assert not _has_pattern(model.__pydantic_core_schema__), model
