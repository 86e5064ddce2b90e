"""The strings of every body and query: how long a hostile one takes, and which characters none may have.

The fields are found in the models, so these tests try a new one by themselves. `STRINGS` is the number of strings for
each field; besides those that are always tried; by default 50.
"""

from __future__ import annotations

import os
import random
from contextlib import suppress
from itertools import chain
from typing import Any

import pytest
from pydantic import BaseModel

from chalicelib.api.errors import Problem
from chalicelib.api.parsing import Query
from tests import strings
from tests.strings import BOUND, LENGTHS, Path

COUNT = int(os.environ.get("STRINGS", "50"))

PLACES = [(model, path, most) for model in strings.models() for path, most in strings.places(model)]
IDS = [f"{model.__name__}.{'.'.join(map(str, path))}" for model, path, _ in PLACES]


def test_the_fields_of_the_api_are_found() -> None:
    assert {
        *("CreateFile.filename", "CreateFile.content_type", "CreateFile.tags.0", "CreateFile.metadata.some name"),
        *("ListFiles.cursor", "ListFiles.tag.0", "Search.q", "GetFile.fields.0", "UppyParts.parts.0.ETag"),
        *("SignRequest.key", "UppyParams.metadata.some name", "CreateUploadToken.content_types.0", "BatchGet.ids.0"),
    } <= set(IDS)
    assert len(IDS) >= 50


@pytest.mark.parametrize(("model", "path", "most"), PLACES, ids=IDS)
def test_a_hostile_string_is_read_within_the_bound(model: type[BaseModel], path: Path, most: int) -> None:
    chosen = random.Random(repr(path))
    lengths = (*LENGTHS, most) if most else LENGTHS

    def read(value: str) -> None:
        with suppress(Problem):
            strings.parsed(model, path, value)

    read("warm")
    for value in chain(strings.attacks_on(model, path, most), strings.attacks(lengths, chosen, COUNT)):
        took = strings.cpu(lambda value=value: read(value))  # type: ignore[misc]
        assert took < BOUND, (took, value[:80], len(value))


def test_the_type_that_once_took_half_a_minute_is_refused_at_once() -> None:
    from chalicelib.api.routes.creation import CreateFile

    for unit in (';a=""', ';a="b"', '; a=""', ';a="";'):
        value = strings.attack("image/jpeg", unit, '"', 254)
        assert strings.cpu(lambda value=value: refused(CreateFile, ("content_type",), value)) < 0.005  # type: ignore[misc]


# --- Control characters

CONTROLS = ("\x00", "\x07", "\r\n", "\n", "\x0b", "\x1b", "\x7f", "\x85", "\x9f", "\u2028", "\u2029")


def refused(model: type[BaseModel], path: Path, value: str) -> Problem:
    with pytest.raises(Problem) as raised:
        strings.parsed(model, path, value)
    return raised.value


@pytest.mark.parametrize(("model", "path", "most"), PLACES, ids=IDS)
def test_no_string_may_have_control_characters(model: type[BaseModel], path: Path, most: int) -> None:
    text = path[0] == "metadata" or (model.__name__, path) == ("AddCaptions", ("text",))
    for control in (*CONTROLS, "\ud800", "\udfff"):
        if text and control in ("\n", "\r\n"):
            continue
        for value in (f"a{control}b", f"{control}b", f"a{control}"):
            problem = refused(model, path, value)
            assert problem.code == "invalid_field"
            assert problem.field
            assert problem.field.partition(".")[0].partition("[")[0] == path[0]
            assert "control characters" in problem.detail


@pytest.mark.parametrize("model", strings.models(), ids=lambda model: str(model.__name__))
def test_no_name_of_a_field_may_have_control_characters(model: type[BaseModel]) -> None:
    problem = refused(model, ("a\r\nb",), "x")
    assert (problem.code, problem.field) == ("invalid_field", "query" if issubclass(model, Query) else "body")


def test_a_text_of_the_clients_own_may_have_lines() -> None:
    from chalicelib.api.routes.creation import CreateFile

    kept: Any = strings.parsed(CreateFile, ("metadata", "caption"), "one\r\n\ttwo\n")
    assert kept.metadata["caption"] == "one\r\n\ttwo\n"
    assert refused(CreateFile, ("metadata", "a\nb"), "x").field == "metadata"


NAMES = [
    "\uff0e\uff0e\uff0f\uff0e\uff0e\uff0fetc\uff0fpasswd",  # full-width dots and slashes
    "invoice\u202egpj.exe",
    "\u2066a\u2069.txt",
    "\ufdfa" * 255,
    "👩\u200d👩\u200d👧.png",
    "\ufeffa\uffff.txt",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_may_have_all_other_characters_and_is_not_changed(name: str) -> None:
    from chalicelib.api.routes.creation import CreateFile

    made: Any = strings.parsed(CreateFile, ("filename",), name)
    assert made.filename == name
