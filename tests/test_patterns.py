"""Every regular expression of the functions is linear: no repeated text makes it try the same characters again."""

from __future__ import annotations

import ast
import os
import pkgutil
import random
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from re import _constants as constants
from re import _parser as parser
from typing import Any

import pytest

import chalicelib
from tests.strings import BOUND, cpu

# A pattern that is exponential shows it at 24 characters, one that is cubic or quadratic at 2,000 or 10,000.
LENGTHS = (20, 40, 80, 120, 250, 2_000, 10_000)
SHAPES = int(os.environ.get("STRINGS", "12"))  # texts for each repetition and length

REPETITIONS = (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT)


def patterns() -> dict[str, re.Pattern[Any]]:
    """Every compiled pattern in chalicelib's modules, by module and name."""
    found: dict[str, re.Pattern[Any]] = {}
    for info in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        for name, value in vars(import_module(info.name)).items():
            if isinstance(value, re.Pattern):
                found[f"{info.name}:{name}"] = value
    return found


PATTERNS = patterns()


def texts(pattern: re.Pattern[Any], chosen: random.Random, length: int) -> Iterator[str]:
    """Texts that nearly match a pattern: one of its repetitions is repeated until the text is long, then it breaks off.

    Each repetition is chosen in turn, and its parts are chosen at random.
    """
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(source, pattern.flags & ~re.UNICODE)
    repetitions = [node for node in _nodes(tree) if node[1][1] > 1]
    for pumped in repetitions:
        for _ in range(SHAPES):
            text = _text(tree, pumped, chosen, length)
            yield from (text + end for end in ("", "\x00", "!", '"', " "))


def _nodes(tree: Any) -> Iterator[Any]:
    """The repetitions in a pattern's tree."""
    for node in tree:
        operation, argument = node
        if operation in REPETITIONS:
            yield node
            yield from _nodes(argument[2])
        elif operation is constants.BRANCH:
            for option in argument[1]:
                yield from _nodes(option)
        elif operation is constants.SUBPATTERN:
            yield from _nodes(argument[-1])
        elif operation is constants.ATOMIC_GROUP:
            yield from _nodes(argument)


def _text(tree: Any, pumped: Any, chosen: random.Random, length: int) -> str:
    """A text that the tree matches, with about `length` characters for the repetition `pumped`."""
    made = ""
    for node in tree:
        operation, argument = node
        if operation is constants.LITERAL:
            made += chr(argument)
        elif operation is constants.IN:
            made += chosen.choice(_members(argument))
        elif operation in (constants.ANY, constants.NOT_LITERAL):
            made += "~"
        elif operation is constants.BRANCH:
            options = [option for option in argument[1] if pumped in list(_nodes(option))] or argument[1]
            made += _text(chosen.choice(options), pumped, chosen, length)
        elif operation is constants.SUBPATTERN:
            made += _text(argument[-1], pumped, chosen, length)
        elif operation is constants.ATOMIC_GROUP:
            made += _text(argument, pumped, chosen, length)
        elif operation in REPETITIONS:
            least, most, inner = argument
            once = _text(inner, pumped, chosen, length)
            if node is pumped:
                made += once * min(most, max(1, length // max(1, len(once))))
            else:
                inside = pumped in list(_nodes(inner))
                made += once * (max(least, 1) if inside else min(most, chosen.choice((least, least + 1))))
    return made


def _members(options: Any) -> list[str]:
    """Characters of a set."""
    found: list[str] = []
    for operation, argument in options:
        if operation is constants.LITERAL:
            found.append(chr(argument))
        elif operation is constants.RANGE:
            found += [
                chr(argument[0]),
                chr(argument[1]),
                *(c for c in '"; =,a0' if argument[0] <= ord(c) <= argument[1]),
            ]
        elif operation is constants.CATEGORY:
            found.append({"DIGIT": "0", "SPACE": " ", "WORD": "a"}.get(str(argument).rpartition("_")[2], "~"))
    return found or ["~"]


@pytest.mark.parametrize("name", PATTERNS)
def test_no_repetition_takes_more_than_linear_time(name: str) -> None:
    assert_linear(PATTERNS[name])


def assert_linear(pattern: re.Pattern[Any]) -> None:
    chosen = random.Random(str(pattern.pattern))
    for length in LENGTHS:
        for text in texts(pattern, chosen, length):
            took = cpu(lambda text=text: tried(pattern, text))  # type: ignore[misc]
            assert took < BOUND, (pattern.pattern, took, text[:60], length)


def tried(pattern: re.Pattern[Any], text: str) -> None:
    subject: Any = text if isinstance(pattern.pattern, str) else text.encode("utf-8", "surrogatepass")
    pattern.fullmatch(subject)
    pattern.match(subject)


@pytest.mark.parametrize(
    "slow",
    [
        r'a/a((?:\s*;\s*[a-z]+=(?:[a-z]+|"[\x20-\x7e]*"))*)',
        r"(a|aa)+b",
        r"\s*\s*\s*b",
    ],
)
def test_this_test_finds_patterns_that_are_not(slow: str) -> None:
    with pytest.raises(AssertionError):
        assert_linear(re.compile(slow))


def test_every_pattern_has_a_name_so_that_it_is_tried() -> None:
    """A pattern that stands inside a function would not be found above."""
    inside: list[str] = []
    for path in sorted(Path(chalicelib.__path__[0]).rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
                inside += [f"{path.name}:{node.lineno}" for node in calls if _of_re(node)]
    assert inside == []


def _of_re(node: ast.Call) -> bool:
    called = node.func
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "re"
