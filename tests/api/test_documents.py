"""JSON of strangers: whatever a body holds, it is read or refused, and never breaks anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from chalicelib.api import documents, parsing
from chalicelib.api.documents import MAX_DEPTH, MAX_NUMBER
from chalicelib.api.errors import Problem, response
from chalicelib.api.parsing import Body
from chalicelib.api.routing import OPERATIONS
from chalicelib.catalog.values import serialize
from tests import strings
from tests.client import Client
from tests.stage import Calls

BODIES = [model for model in strings.models() if issubclass(model, Body)]


def fault(text: str) -> tuple[str, str | None]:
    with pytest.raises(Problem) as raised:
        documents.read(text.encode("utf-8", "surrogatepass"))
    return raised.value.code, raised.value.field


def test_a_document_is_read_as_it_was_sent() -> None:
    text = '{"a": [1, -0, 0.1, 1e300, true, null], "metadata": {"n": %s, "text": "one\\n\\ttwo", "": {}}}' % ("9" * 40)
    assert documents.read(text.encode()) == json.loads(text)
    assert documents.read(b"\xef\xbb\xbf{}") == {}  # with a byte order mark


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"size": %s}' % ("9" * 39), "size"),
        ('{"size": -%s}' % ("9" * 39), "size"),
        ('{"size": %s}' % ("9" * 5000), "size"),
        ('{"a": [1, {"b": 1e400}]}', "a.1.b"),
        ('{"a": -1e400}', "a"),
        ('{"a": 1e99999999999999999999}', "a"),
        ('{"a": 0.%s}' % ("1" * 60_000), "a"),
        ('{"a": NaN}', "a"),
        ('{"a": [Infinity]}', "a.0"),
        ('{"a": -Infinity}', "a"),
        ('{"a": 1, "a": 2}', "body"),
        ('{"b": {"a": 1, "a": 1}}', "b"),
        ('{"metadata": {"x": {"a": 1, "a": 1}}}', "metadata"),
        ('{"metadata": {"x": NaN}}', "metadata"),
        ('{"metadata": {"x": %s}}' % ("9" * (MAX_NUMBER + 1)), "metadata"),
        ('{"a": "\\ud800"}', "a"),
        ('{"metadata": {"x": ["\\udc00"]}}', "metadata"),
        ('{"\\ud800": 1}', "body"),
        ('{"b": {"\\u0000": 1}}', "b"),
        ('{"a": "\\u0000"}', "a"),
        ('{"metadata": {"x": "\\u0000"}}', "metadata"),
        ('{"metadata": {"x\\n": 1}}', "metadata"),
        ('{"a": ' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}", "body"),
        ("[" * 60_000, "body"),
        ('{"a":' * 12_000, "body"),
        ('{"a": "\\"", "b": %s' % ("[" * MAX_DEPTH), "body"),
    ],
    ids=lambda text: str(text)[:30],
)
def test_a_wrong_value_is_refused_with_its_field(text: str, field: str) -> None:
    assert fault(text) == ("invalid_field", field)


@pytest.mark.parametrize(
    "text", ["", "{", "}", "]" * 60_000, '"', '{"a": "\x01"}', "{'a': 1}", '{"a": 01}', '{"a": \ud800}']
)
def test_no_json_is_no_json(text: str) -> None:
    assert fault(text) == ("invalid_json", None)


def test_brackets_in_a_string_are_no_depth() -> None:
    text = {"a": "[" * 1000, "b": '\\"[[[["' * 100, "[[[[": "{" * 1000}
    assert documents.read(json.dumps(text).encode()) == text
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert documents.read(deepest.encode())
    assert fault(f"[{deepest}]") == ("invalid_field", "body")


UNITS = (
    '"',
    '\\"',
    '"\\',
    "\\",
    "[",
    "[]",
    "{}",
    '{"a":',
    "[1,",
    '"a",',
    "1",
    "1e",
    "-",
    " ",
    "\ufeff",
    '"\\ud800',
    "\\u00",
)


@pytest.mark.parametrize("unit", UNITS)
def test_the_time_for_a_body_grows_with_its_length_only(unit: str) -> None:
    for beginning in ("", '{"a": "', '{"a": ['):
        raw = (beginning + unit * (60_000 // len(unit))).encode()

        def read(raw: bytes = raw) -> None:
            with pytest.raises(Problem):
                documents.read(raw)

        assert strings.cpu(read) < strings.BOUND


def test_a_long_name_is_cut_in_the_error() -> None:
    with pytest.raises(Problem) as raised:
        parsing.parse(BODIES[0], json.dumps({"a" * 50_000: 1}).encode())
    assert len(str(raised.value.field)) < 110
    assert len(raised.value.detail) < 300


def test_an_error_can_be_sent_whatever_it_repeats() -> None:
    text = response(Problem("invalid_field", "`\ud800é`: no.", field="\ud800"), "r").body
    assert str(text).isascii()
    assert json.loads(str(text))["detail"] == "`\ud800é`: no."


# --- Any JSON

TEXTS = st.text(st.characters(), max_size=20)
NUMBERS = st.one_of(
    st.integers(),
    st.integers(min_value=10**36, max_value=10**60),
    st.floats(),
    st.sampled_from([10**38, -(10**40), 1e308, -0.0, 5e-324]),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), NUMBERS, TEXTS, st.sampled_from(["\ud800", "a\r\nb", "x" * 300, "image/*"])
)
NAMES = st.one_of(TEXTS, st.sampled_from(["", "k" * 10_000, "metadata", "tags", "__proto__"]))


def values(depth: int) -> st.SearchStrategy[Any]:
    inner = values(depth - 1) if depth else LEAVES
    return st.one_of(LEAVES, st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3))


ANY = values(3)


@st.composite
def bodies(draw: st.DrawFn, model: type[BaseModel]) -> str:
    """A sound body with one to three of its fields, or new ones, replaced by any JSON; some of it is sent twice."""
    document = strings.sound(model)
    names = [*model.model_json_schema(by_alias=True).get("properties", {}), "x"]
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)):
        document[name] = draw(ANY)
    text = json.dumps(document)
    if draw(st.booleans()):
        text = text[:-1] + ', "tags": ["a"], "tags": []}'
    return text


@pytest.mark.parametrize("model", BODIES, ids=lambda model: str(model.__name__))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_json_is_taken_or_refused(model: type[Body], data: st.DataObject) -> None:
    text = data.draw(bodies(model))
    try:
        taken = parsing.parse(model, text.encode())
    except Problem as problem:
        assert problem.code == "invalid_field"
        assert problem.field
        json.dumps(problem.detail, ensure_ascii=False).encode()
        return
    kept = taken.model_dump(mode="json", exclude={"metadata"})
    serialize(json.loads(json.dumps(kept), parse_float=str))  # DynamoDB takes every number
    json.dumps(taken.model_dump(mode="json"), ensure_ascii=False, allow_nan=False).encode()


ROUTES = [(each.method, each.path, each.body) for each in OPERATIONS if each.body]


@pytest.mark.parametrize(("method", "path", "model"), ROUTES, ids=lambda part: str(part))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_route_answers_any_json_with_an_error_of_ours(
    client: Client, method: str, path: str, model: type[Body], data: st.DataObject
) -> None:
    path = path.replace("{file_id}", "file_01KAP3Y5ZD4Q8R2V7W9XABCDEF").replace("{upload_id}", "u")
    answer = client(method, path, data.draw(bodies(model)))
    assert answer.status < 500, (path, answer.text)


EXTREMES = (
    "9" * 38,
    "9" * 39,
    "9" * 40,
    "9" * 5000,
    "-1",
    "-0",
    "1e5",
    "1e400",
    "1E99999",
    "NaN",
    "0.5",
    "true",
    '"\\ud800"',
)


@pytest.mark.parametrize("model", BODIES, ids=lambda model: str(model.__name__))
def test_no_number_of_any_field_breaks_a_route(client: Client, stage: Calls, model: type[Body]) -> None:
    """Each number of each body is replaced by each extreme one."""
    (method, path) = next((method, path) for method, path, body in ROUTES if body is model)
    created = client("POST", "/v1/files", {"filename": "a.mov", "content_type": "video/mp4", "size": 200_000_000})
    path = path.replace("{file_id}", created.json["id"]).replace("{upload_id}", "u")
    usual = strings.sound(model)
    fields = model.model_json_schema(by_alias=True)["properties"]
    for name in fields:
        for extreme in EXTREMES:
            for text in (f'"{name}": {extreme}', f'"{name}": [{extreme}]', f'"{name}": {{"x": {extreme}, "y": 0}}'):
                rest = {key: value for key, value in usual.items() if key != name}
                raw = json.dumps(rest)[:-1] + (", " if rest else "") + text + "}"
                answer = client(method, path, raw)
                assert answer.status < 500, (raw[:300], answer.text)
