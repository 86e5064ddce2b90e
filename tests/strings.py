"""Strings that a stranger may send, the places where the API takes one, and the CPU time that a refusal costs.

The places come from the routes and their models, so a new field or route is tried by itself.
"""

from __future__ import annotations

import copy
import json
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from chalicelib.api import application  # noqa: F401 - mounts the routes, which fills OPERATIONS
from chalicelib.api.parsing import Body, Query
from chalicelib.api.routing import OPERATIONS, Operation
from ops.openapi.examples import BODIES

Path = tuple[str | int, ...]

BOUND = 0.050  # seconds of CPU
GIVE_UP = 0.4  # seconds of CPU after which a test stops waiting for a pattern
LENGTHS = (200, 1_000, 10_000)

# What is repeated. The beginnings lead a string past the first check of a field.
UNITS = (
    *(" ", "\t", "\u00a0", "\u3000", "\n", "\\", '"', "'", '\\"', '""', '","', ",", ", ", ",,", ";", "; "),
    *(";;", "=", "a=", ";a=", ';a="', ';a=""', ';a="b"', ';a=b', '; a="\\""', ' ;a="', "/", "//", "a/"),
    *("../", ".", "..", "a.", "-", "a-", "_", ":", "::", "@", "#", "?", "&", "a&", "%", "%2", "%25", "%00"),
    *("%c0%af", "+", "*", "*/", "<", "<!--", "-->", "(", "((", "[", "]", "{", "}", '{"a":', "[[", '"a",'),
    *('W/"', 'W/"a",', '"a" ', ', "', "0", "9", "1,", "0x", "-1", "1e9", "٣", "a", "A", "aA", "ab", "w1 "),
    *("a\t", "é", "e\u0301", "\u0301", "\u0316\u0301", "\u0344", "\ufb03", "\ufdfa", "\u202e", "\u200d"),
    *("\uff0f", "\u2044", "ß", "İ", "👩\u200d👩\u200d👧", "🏳️\u200d🌈", "🇩🇪", "\ud83d", "\x00", "\x0b", "\x7f"),
    *("\x85", "\u2028", "\ufeff", "\uffff", "\u1100\u1161\u11a8", "xn--", "xn--a.", "фы.", "。", "metadata["),
    *("metadata[a]", "file_", "fm_", "fmu_0", "acme/", "https://", "a@", "2026-", "T00:"),
)  # fmt: skip
BEGINNINGS = (
    *("", " ", "a", '"', "image/jpeg", "image/jpeg;", 'image/jpeg;a="', "image/", "https://", "https://example.com/"),
    *(
        "https://example.com/?",
        "file_",
        "acme/file_",
        "2026-11-22T12:00:00.",
        "metadata[",
        "*",
        '"7-0123456789abcdef",',
    ),
    "3f0f6d53-8f0b-4d0c-9e83-",
)
ENDS = ("", "!", '"', "\\", "é", "/")


def attack(beginning: str, unit: str, end: str, length: int) -> str:
    """A string of `length` characters that repeats `unit`."""
    room = max(0, length - len(beginning) - len(end))
    return (beginning + (unit * (room // len(unit) + 1))[:room] + end)[:length]


def attacks(lengths: tuple[int, ...], chosen: random.Random, count: int) -> Iterator[str]:
    """`count` attacks of these lengths that `chosen` picks."""
    for _ in range(count):
        parts = (chosen.choice(BEGINNINGS), chosen.choice(UNITS), chosen.choice(ENDS))
        yield attack(*parts, chosen.choice(lengths))


def attacks_on(model: type[BaseModel], path: Path, most: int) -> Iterator[str]:
    """Every unit behind a sound value of this place, as long as the place allows and far longer.

    A string that is too long is refused before any pattern sees it, so one that just fits tries more.
    """
    node: Any = sound(model)
    for name in path:
        node = dict(enumerate(node)) if isinstance(node, list) else node
        node = node.get(name) if isinstance(node, dict) else None
    for beginning in {"", node if isinstance(node, str) else ""}:
        for unit in UNITS:
            for end in ('"', "!"):
                yield attack(beginning, unit, end, max(2, (most or 250) - 1))
            yield attack(beginning, unit, "!", 10_000)


# --- The places for strings


def models() -> list[type[BaseModel]]:
    """The models of every body and query, each once."""
    found = [model for each in OPERATIONS for model in (each.body, each.query) if model]
    return list(dict.fromkeys(found))


def places(model: type[BaseModel]) -> list[tuple[Path, int]]:
    """Where a model takes a string, and the most characters that it may have (0 if nothing says so)."""
    schema = model.model_json_schema(by_alias=True)
    return sorted(dict(_places(schema, schema.get("$defs", {}), ())).items(), key=str)


def _places(node: Any, definitions: dict[str, Any], path: Path) -> Iterator[tuple[Path, int]]:
    if not isinstance(node, dict):
        return
    if "$ref" in node:
        yield from _places(definitions[node["$ref"].rpartition("/")[2]], definitions, path)
    for option in (*node.get("anyOf", []), *node.get("oneOf", []), *node.get("allOf", [])):
        yield from _places(option, definitions, path)
    kinds = node.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if "string" in kinds and path:
        yield path, node.get("maxLength", 0)
    if "array" in kinds:
        yield from _places(node.get("items"), definitions, (*path, 0))
    if "object" in kinds:
        for name, inner in node.get("properties", {}).items():
            yield from _places(inner, definitions, (*path, name))
        if node.get("additionalProperties") is True:
            yield (*path, "some name"), 0


def sound(model: type[BaseModel]) -> dict[str, Any]:
    """A body that the model takes."""
    return copy.deepcopy(next(iter(BODIES.get(model.__name__, {"": {}}).values())))


def with_value(document: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The document with the value in one place."""
    document = copy.deepcopy(document)
    node: Any = document
    for name, following in pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(node, list):
            if not node or not isinstance(node[0], type(empty)):
                node[:1] = [empty]
            node = node[0]
        else:
            if not isinstance(node.get(name), type(empty)):
                node[name] = empty
            node = node[name]
    last = path[-1]
    if isinstance(node, list):
        node[:1] = [value]
    else:
        node[last] = value
    return document


def parsed(model: type[BaseModel], path: Path, value: str) -> Any:
    """Reads a request that has the value in this place. Raises Problem if it is refused."""
    from chalicelib.api import parsing

    if issubclass(model, Query):
        return parsing.parse_query(model, {_parameter(path): [value]})
    assert issubclass(model, Body)
    return parsing.parse(model, json.dumps(with_value(sound(model), path, value)).encode())


def _parameter(path: Path) -> str:
    """`metadata[some name]` for a place below `metadata`; otherwise the parameter's own name."""
    return f"{path[0]}[{path[1]}]" if len(path) > 1 and isinstance(path[1], str) else str(path[0])


# --- Whole requests

# Headers that the code reads itself, besides those that an operation names.
READ = ("Authorization", "Cookie", "Origin", "Accept", "Content-Type", "Sec-Fetch-Site", "X-Filemill-Edge")
ANSWERED = {"ETag", "Location", "Retry-After", "Idempotency-Replayed"}


def requests() -> list[tuple[str, str, str, Callable[[str], dict[str, Any]]]]:
    """Each place of each route: (method, path, name of the place, value → what is put into the request)."""
    found: list[tuple[str, str, str, Callable[[str], dict[str, Any]]]] = []
    for each in OPERATIONS:
        names = re.findall(r"{(\w+)}", each.path)
        found += [(each.method, each.path, f"path {name}", _in_path(each, name)) for name in names]
        headers = [*READ, *(name for name in each.headers if name not in ANSWERED)]
        found += [(each.method, each.path, f"header {name}", _in_header(each, name)) for name in headers]
        if each.cookies:
            found.append((each.method, each.path, "cookie", _in_cookie(each)))
        for path, _ in places(each.query) if each.query else []:
            found.append((each.method, each.path, f"query {path}", _in_query(each, path)))
        for path, _ in places(each.body) if each.body else []:
            found.append((each.method, each.path, f"body {path}", _in_body(each, path)))
    return found


def _request(each: Operation, **parts: Any) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", each.path)
    request: dict[str, Any] = {
        "parameters": dict.fromkeys(names, "file_01KAP3Y5ZD4Q8R2V7W9XABCDEF"),
        "body": sound(each.body) if each.body else None,
        "query": {},
        "headers": {},
    }
    return request | parts


def _in_path(each: Operation, name: str) -> Callable[[str], dict[str, Any]]:
    given = _request(each)["parameters"]
    return lambda value: _request(each, parameters=given | {name: value})


def _in_header(each: Operation, name: str) -> Callable[[str], dict[str, Any]]:
    return lambda value: _request(each, headers={name: value})


def _in_cookie(each: Operation) -> Callable[[str], dict[str, Any]]:
    return lambda value: _request(each, headers={"Cookie": f"filemill_upload={value}", "Authorization": ""})


def _in_query(each: Operation, path: Path) -> Callable[[str], dict[str, Any]]:
    return lambda value: _request(each, query={_parameter(path): value})


def _in_body(each: Operation, path: Path) -> Callable[[str], dict[str, Any]]:
    assert each.body
    usual = sound(each.body)
    return lambda value: _request(each, body=with_value(usual, path, value))


# --- Time


class TookTooLong(BaseException):
    """The work was stopped after so many seconds of CPU. No code under test may catch it as an error of its own."""


def cpu(work: Callable[[], Any], *, apart: Callable[[], float] = lambda: 0.0, give_up: float = GIVE_UP) -> float:
    """Seconds of CPU that the work took, without those that `apart` counts. The best of three if it was long.

    `give_up` seconds, all counted, end the work.
    """

    def stop(*_: Any) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGPROF, stop)
    try:
        best = give_up
        for _ in range(3):
            signal.setitimer(signal.ITIMER_PROF, give_up)
            began, began_apart = time.process_time(), apart()
            try:
                work()
            except TookTooLong:
                return give_up
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            best = min(best, time.process_time() - began - (apart() - began_apart))
            if best < BOUND:
                break
        return best
    finally:
        signal.signal(signal.SIGPROF, before)
