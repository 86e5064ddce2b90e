"""Nothing remains after the end: random lives of files, and then a look at everything that is stored.

A program is a list of steps, made up by Hypothesis: uploads by forms and in parts, begun twice, overwritten, too large
or of another type, imports, edits, deletes, restores, and a key that is revoked. Every field that a client gives has a
word of its own in it. In the end no word may stand anywhere.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from chalicelib import settings
from chalicelib.api import uploads
from chalicelib.catalog import idempotency
from chalicelib.catalog.transitions import DELETE, DELETE_AS_READ, PURGE
from chalicelib.model import File
from chalicelib.observability import logger
from tests.faults import harness
from tests.faults.clock import Clock
from tests.faults.lives import MIB, WINDOW, Lives, Promise, Step, overheard
from tests.faults.signed import signing_at
from tests.faults.world import world_at

pytestmark = pytest.mark.usefixtures("broken_stage")

ANY = st.integers(0, 5)
PART = st.tuples(st.sampled_from([1, 2, 3, 9_999]), st.sampled_from([0, 0, 1, 11 * MIB]))
STEPS = st.one_of(
    st.tuples(st.sampled_from(["form", "form", "parts", "mint", "revoke"]), ANY, st.none()),
    st.tuples(st.just("fetched"), ANY, st.sampled_from(["answers", "is gone"])),
    st.tuples(st.just("uppy"), ANY, st.sampled_from(["PUT", "POST"])),
    st.tuples(st.just("send"), ANY, st.sampled_from(["right", "right", "another", "more"])),
    st.tuples(st.sampled_from(["part", "part_again"]), ANY, PART),
    st.tuples(st.sampled_from(["begin", "complete", "replay", "view", "again"]), ANY, st.none()),
    st.tuples(st.sampled_from(["delete", "abort", "restore", "work", "work", "sweep"]), ANY, st.none()),
    st.tuples(st.just("change"), ANY, st.sampled_from(["public", "private"])),
    st.tuples(st.just("wait"), ANY, st.sampled_from([timedelta(seconds=61), WINDOW + timedelta(seconds=70)])),
)
PROGRAMS = st.lists(STEPS, min_size=4, max_size=24)
BEGIN: list[Step] = [("mint", 1, None), ("form", 0, None), ("parts", 0, None)]


def broken(program: list[Step], *, window: bool) -> dict[Promise, str]:
    """Lives through a program to the very end. Gives the promises that do not hold then."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FILEMILL_DELETE_WINDOW", str(int(WINDOW.total_seconds())) if window else "0")
        settings.settings.cache_clear()
        with world_at(clock) as world, signing_at(clock), overheard() as log:
            lives = Lives(world, log)
            for step in [*BEGIN, *program]:
                lives.step(step)
            found = lives.broken()
    settings.settings.cache_clear()
    return found


@given(program=PROGRAMS, window=st.booleans())
@examples(
    max_examples=harness.PROGRAMS or 5,
    deadline=None,
    derandomize=not harness.PROGRAMS,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.generate, Phase.shrink] if harness.PROGRAMS else [Phase.generate],
)
def test_nothing_remains_after_the_end(program: list[Step], window: bool) -> None:
    found = broken(program, window=window)
    assert found == {}, found


# --- lives of one kind each

WAIT: Step = ("wait", 0, WINDOW + timedelta(seconds=70))
LIVES: dict[str, list[Step]] = {
    "ready, edited and deleted": [
        *(("send", 0, "right"), ("work", 0, None), ("change", 0, "private"), ("again", 0, None), ("work", 0, None)),
        *(("view", 0, None), ("delete", 0, None), ("replay", 0, None)),
    ],
    "deleted, restored and deleted": [
        *(("send", 0, "right"), ("work", 0, None), ("delete", 0, None), ("restore", 0, None), ("work", 0, None)),
        *(("change", 0, "public"), ("delete", 0, None), WAIT, ("restore", 0, None)),
    ],
    "refused for its type": [("send", 0, "another"), ("work", 0, None), ("replay", 0, None)],
    "sent after its end": [("delete", 0, None), ("send", 0, "right"), ("work", 0, None)],
    "expired": [WAIT, ("sweep", 0, None), ("send", 0, "right"), ("replay", 0, None)],
    "an import that comes": [("fetched", 0, "answers"), ("work", 0, None)],
    "an import that fails": [("fetched", 0, "is gone"), ("work", 0, None), ("sweep", 0, None)],
    "in parts": [("part", 1, (1, 0)), ("part", 1, (2, 0)), ("complete", 1, None), ("work", 0, None)],
    "in parts, aborted": [("part", 1, (1, 0)), ("abort", 1, None), ("part_again", 1, (1, 0)), ("sweep", 0, None)],
    "of a token": [("form", 2, None), ("send", 2, "right"), ("work", 0, None), ("delete", 2, None)],
    "of Uppy, as a form": [("uppy", 2, "PUT"), ("send", 2, "right"), ("work", 0, None), ("abort", 2, None)],
    "of a key that is revoked": [("form", 1, None), ("revoke", 1, None), ("send", 2, "right"), ("work", 0, None)],
}
STRANGERS: dict[Promise, list[Step]] = {
    Promise.BYTES: [("part", 1, (1, 11 * MIB))],
    Promise.UPLOADS: [
        ("uppy", 2, "POST"),
        ("begin", 2, None),
        ("begin", 2, None),
        ("delete", 2, None),
        ("begin", 2, None),
    ],
    Promise.TOKENS: [("revoke", 1, None)],
}


# Each with and without a delete window; in `make test`, which has less time, in turn.
BOTH = [(name, window) for name in LIVES for window in (False, True)]
IN_TURN = [(name, number % 2 == 1) for number, name in enumerate(LIVES)]


@pytest.mark.parametrize(("name", "window"), BOTH if harness.PROGRAMS else IN_TURN)
def test_a_life_that_ends(name: str, window: bool) -> None:
    found = broken(LIVES[name], window=window)
    assert found == {}, found


@pytest.mark.parametrize("promise", STRANGERS, ids=[promise.name for promise in STRANGERS])
def test_a_stranger_who_goes_beyond_it(promise: Promise) -> None:
    found = broken(STRANGERS[promise], window=False)
    assert promise not in found, found[promise]


# --- the look itself can fail

READY: list[Step] = [("send", 0, "right"), ("work", 0, None)]


def answers_remembered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(idempotency, "forget", lambda *_: None)


def kept_in_the_record(patch: pytest.MonkeyPatch) -> None:
    for transition in (DELETE, DELETE_AS_READ, PURGE):
        patch.setitem(vars(transition), "removes", tuple(n for n in transition.removes if n != "metadata"))


def names_logged(patch: pytest.MonkeyPatch) -> None:
    write = uploads.write

    def chatty(call: Any, file: File, *more: Any) -> None:
        logger.info("file created", extra={"sent": file.filename})
        write(call, file, *more)

    patch.setattr(uploads, "write", chatty)


@pytest.mark.parametrize(
    ("plant", "promise"),
    [
        (answers_remembered, Promise.TEXT),
        (kept_in_the_record, Promise.TEXT),
        (names_logged, Promise.LOGS),
    ],
)
def test_what_remains_is_found(plant: Any, promise: Promise, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert promise in broken(READY, window=False)
