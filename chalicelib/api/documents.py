"""Reads JSON and query strings of strangers: bounded before they are parsed, and without values that nothing can store.

These checks hold for every body and every query, so that no model needs to repeat them. They refuse deep nesting, names
that stand twice, numbers that DynamoDB or a double can't hold, and control characters (`text.py`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.api.errors import Problem
from chalicelib.text import has_controls

# Objects and lists in one another. The deepest that a model allows is seven: a body, its metadata, and five levels.
MAX_DEPTH = 64
# Characters of a number. A double needs 25 at most.
MAX_NUMBER = 100
# DynamoDB's numbers have this many digits. The client's own document may have longer ones: it is stored as text.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
MAX_DIGITS = 38

# The field that holds the client's own document. Its strings are texts, which may have several lines.
OWN_DOCUMENT = "metadata"
# The fields with such texts: that one, and captions (routes/captions.py).
_TEXTS = frozenset({OWN_DOCUMENT, "text"})

MAX_SHOWN = 100  # characters of a client's own name that an error repeats

# A bracket, or a string with all that is in it. A string that never ends goes to the end of the text.
_TOKEN = re.compile(r'[\[\]{}]|"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)

_CONTROLS = "must not contain control characters or line breaks."
_TOO_LONG = f"must have no number of more than {MAX_NUMBER} characters, or out of the range of a double."
_CONTROLS_IN_A_TEXT = "must not contain control characters, except tabs and line breaks."


class _Wrong:
    """Stands in a document for a value that is refused, until its place is known."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence


class _Twice(dict[str, Any]):
    """An object with a name that stands twice."""


def read(raw: bytes, whole: str = "body") -> Any:
    """The document in a request's body, or in a message of a socket. Errors call the document by its name, `whole`.

    Raises Problem: `invalid_json` for bytes that are not JSON in UTF-8; `invalid_field` with the first wrong field, or
    with `whole` if it is nested too deeply.
    """
    if not raw:
        raise Problem("invalid_json", f"The {whole} is empty. Send a JSON object: {{}} if you set nothing.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _no_json(whole) from None
    _check_depth(text, whole)
    try:
        document = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
        )
    except ValueError:
        raise _no_json(whole) from None
    _check(document, "", whole=whole)
    return document


def check_query(values: Mapping[str, str | list[str]]) -> None:
    """Raises Problem `invalid_field` for a query with control characters."""
    for name, value in values.items():
        if has_controls(name):
            raise wrong_field("query", "must have names without control characters.")
        _check(value, name, own=name.startswith(f"{OWN_DOCUMENT}["))


def wrong_field(field: str, sentence: str) -> Problem:
    """Problem `invalid_field`. A name that the client made up is cut, so that no error repeats a long one."""
    shown = field if len(field) <= MAX_SHOWN else field[:MAX_SHOWN] + "…"
    return Problem("invalid_field", f"`{shown}`: {sentence}", field=shown)


def _no_json(whole: str) -> Problem:
    return Problem("invalid_json", f"The {whole} is not JSON.")


def _check_depth(text: str, whole: str) -> None:
    """Counts brackets before anything is parsed, because parsers call themselves for each level."""
    depth = 0
    for token in _TOKEN.finditer(text):
        bracket = text[token.start()]
        if bracket in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                detail = f"The {whole} is nested too deeply: at most {MAX_DEPTH} objects and lists in one another."
                raise Problem("invalid_field", detail, field=whole)
        elif bracket in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Twice(found)


def _integer(digits: str) -> int | _Wrong:
    return int(digits) if len(digits) <= MAX_NUMBER else _Wrong(_TOO_LONG)


def _float(digits: str) -> float | _Wrong:
    number = float(digits) if len(digits) <= MAX_NUMBER else math.inf
    return number if math.isfinite(number) else _Wrong(_TOO_LONG)


def _constant(name: str) -> _Wrong:
    return _Wrong(f"must not have {name}, which is no JSON.")


def _check(value: Any, field: str, *, own: bool = False, whole: str = "body") -> None:
    """Raises Problem `invalid_field` for the first wrong value at or below `field`, which is dotted; "" is the top."""
    where = field or whole
    if isinstance(value, str):
        if has_controls(value, lines=own):
            raise wrong_field(where, _controls_in(value) if own else _CONTROLS)
    elif isinstance(value, _Wrong):
        raise wrong_field(where, value.sentence)
    elif isinstance(value, int) and not own:
        if abs(value) >= 10**MAX_DIGITS:
            raise wrong_field(where, f"must have no number of more than {MAX_DIGITS} digits.")
    elif isinstance(value, dict):
        if isinstance(value, _Twice):
            raise wrong_field(where, "must have each name once.")
        if any(has_controls(name) for name in value):
            raise wrong_field(where, "must have names without control characters.")
        _check_each(value.items(), field, own)
    elif isinstance(value, list):
        _check_each(enumerate(value), field, own)


def _controls_in(text: str) -> str:
    lines = text.split("\n")
    if len(lines) == 1:
        return _CONTROLS_IN_A_TEXT
    number = next(n for n, line in enumerate(lines, 1) if has_controls(line, lines=True))
    return f"{_CONTROLS_IN_A_TEXT} The first is in line {number}."


def _check_each(children: Iterable[tuple[Any, Any]], field: str, own: bool) -> None:
    for name, child in children:
        inner = field if own else f"{field}.{name}" if field else str(name)
        _check(child, inner, own=own or inner in _TEXTS)
