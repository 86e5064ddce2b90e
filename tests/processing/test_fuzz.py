"""Changed files of every kind, each through its whole processor. `python -m bench.fuzz` does more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.model import Kind
from chalicelib.processing import child
from chalicelib.processing.child import ChildDiedError, Limits
from chalicelib.processing.kinds import PROCESSORS, processor_of
from tests import forks, hostile_films, pdfs
from tests.forks import Forks
from tests.fuzz_seeds import SUBJECTS
from tests.processors_fuzzed import CHILDREN, SECRET, around, fuzz, tried

COUNT = 40
SLOW = {"video": 12, "audio": 12}
"""Fewer files of kinds that need several children each."""


@pytest.fixture(scope="module")
def forked() -> Iterator[Forks]:
    with Forks(CHILDREN) as found:
        yield found


def test_every_kind_with_a_processor_is_fuzzed() -> None:
    # The first three have changed files in tests of their own, and the last one reads nothing.
    own = ("image.processor", "raw.processor", "text", "encrypted")
    others = {f"chalicelib.processing.{name}" for name in own}
    modules = {each.module for each in PROCESSORS if each.module} - others
    fuzzed = {processor_of(each).module for subject in SUBJECTS.values() for each, _ in subject.seeds("/x").values()}
    assert fuzzed == modules


@pytest.mark.parametrize("kind", SUBJECTS)
def test_changed_files_end_as_ready_or_corrupt(kind: str, forked: Forks) -> None:
    count = SLOW.get(kind, COUNT)
    report = fuzz(forked, kind, seed=5, count=count)
    assert [(case.name, case.outcome) for case in report.bad] == []
    assert report.outcomes.total() == count
    assert len(report.outcomes) > 1 or kind == Kind.EMAIL, "some are damaged"


@pytest.mark.parametrize("name", sorted(hostile_films.HOSTILE.keys() - hostile_films.SLOW))
def test_films_whose_tables_lie_end_as_ready_or_corrupt(name: str, forked: Forks) -> None:
    content_type, _ = hostile_films.HOSTILE[name]
    with around(forked) as watch:
        watch.begin(drawn=False, refusals=SUBJECTS["video"].refusals)
        outcome = tried(watch, content_type, hostile_films.data(name), again=False)
    assert not outcome.startswith("!"), outcome


@pytest.mark.parametrize("kind", SUBJECTS)
def test_the_sound_files_are_read(kind: str, forked: Forks) -> None:
    with around(forked) as watch:
        found = {}
        for name, (content_type, data) in SUBJECTS[kind].seeds(watch.path).items():
            watch.begin(drawn=False, refusals=SUBJECTS[kind].refusals)
            found[name] = tried(watch, content_type, data, again=True)
    assert sum(outcome == "ready" for outcome in found.values()) >= len(found) / 2, found
    assert [name for name, outcome in found.items() if outcome.startswith("!")] == []


# --- the fuzzer itself sees what it looks for


@pytest.fixture
def naughty(monkeypatch: pytest.MonkeyPatch, forked: Forks) -> Any:
    """Makes the PDF's child return this header and body."""

    def answer(header: dict[str, Any], body: bytes = b"") -> str:
        with around(forked) as watch:
            whole = {"pages": 1, "texts": [], "picture": bool(body)} | header
            monkeypatch.setattr(watch.forks, "run", lambda *_, **__: (whole, body), raising=True)
            watch.begin(drawn=False, refusals=frozenset())
            return tried(watch, "application/pdf", pdfs.pages(["x"]), again=False)

    return answer


@pytest.mark.parametrize(
    ("header", "body", "problem"),
    [
        ({"texts": [SECRET.decode()]}, b"", "!bytes of another file"),
        ({"texts": [forks.STALE.decode()]}, b"", "!bytes of another file"),
        ({"metadata": {"Title": "root:x:0:0:root"}}, b"", "!bytes of another file"),
        ({"sizes": [["a", "b"]]}, b"", "!TypeError"),
    ],
)
def test_what_must_not_be_is_seen(naughty: Any, header: dict[str, Any], body: bytes, problem: str) -> None:
    assert naughty(header, body).startswith(problem)


def test_a_forked_child_gives_what_a_child_gives(forked: Forks) -> None:
    arguments = {"page": 1, "width": 320, "facts": True}
    data, module = pdfs.pages(["some words"]), "chalicelib.processing.pdf_child"
    assert forked.run(module, data, arguments, Limits()) == child.run(module, data, arguments, Limits())
    with pytest.raises(ChildDiedError, match="PdfiumError"):
        forked.run(module, b"x", arguments, Limits())


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.abort()", "it ended with -6"),
        ("while True: pass", "it ended with -24|it took too long"),  # on a busy machine, time ends first
        ("open('/etc/hostname')", f"it ended with {forks.FORBIDDEN}"),
        ("import socket; socket.create_connection(('127.0.0.1', 9))", f"it ended with {forks.FORBIDDEN}"),
        ("bytes(1 << 31)", "MemoryError"),
        ("raise KeyError", "KeyError"),
    ],
)
def test_a_forked_child_dies_of_what_kills_a_child(forked: Forks, code: str, message: str) -> None:
    with pytest.raises(ChildDiedError) as died:
        forked.run("tests.forks", b"", {"code": code}, Limits(memory=1024**3, seconds=1))
    assert re.fullmatch(message, str(died.value))
