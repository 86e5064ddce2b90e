"""Two processes at once: one runs as a whole in the middle of the other, at each of the other's calls."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import keyring
from chalicelib.model import Status
from chalicelib.storage import derived as derived_objects
from chalicelib.upkeep import sweep
from tests.faults import harness
from tests.faults.harness import Allowed, healer_of, overlaps, quiet, undisturbed, world_of
from tests.faults.killing import Point, Process, run
from tests.faults.looking import derived_keys, record_of
from tests.faults.operations import OPERATIONS, PRIVATE, PUBLIC, WINDOW, Operation, address_of, ask, ready, view
from tests.faults.promises import BrokenError
from tests.faults.world import World

pytestmark = pytest.mark.usefixtures("broken_stage")

IN_TURN = not harness.PROGRAMS
NAMED = {operation.name: operation for operation in OPERATIONS}
Asked = tuple[str, str]

# --- two sweeps


@pytest.mark.parametrize("name", ["sweep", "sweep, the walk"])
def test_a_sweep_in_the_middle_of_another_does_nothing_twice(name: str) -> None:
    operation = NAMED[name]
    with quiet():
        soon, late = undisturbed(operation, operation.run)
        with world_of(operation) as world:
            operation.prepare(world)
            alone = world.sweep()
    done: Counter[str] = Counter()

    def prepare(world: World) -> None:
        operation.prepare(world)
        done.clear()

    counted = replace(operation, prepare=prepare, run=lambda world, _: done.update(world.sweep()))
    for world, _ in overlaps(counted, lambda world, _: done.update(world.sweep()), in_turn=IN_TURN):
        # Each of these is one conditional write. A message may be sent twice, and an object be deleted twice.
        assert (done["Expired"], done["GivenUp"]) == (alone["Expired"], alone["GivenUp"])
        world.drain()
        healer_of(operation, world, Allowed([soon], [late]))


@pytest.mark.parametrize("name", ["sweep", "sweep, the walk"])
def test_sweeps_in_threads_end_as_one_does(name: str) -> None:
    operation = NAMED[name]
    with quiet():
        soon, late = undisturbed(operation, operation.run)
        for _ in range(1 if IN_TURN else 3):
            with world_of(operation) as world:
                operation.prepare(world)
                gate = threading.Barrier(3)

                def swept(gate: threading.Barrier = gate) -> Counter[str]:
                    gate.wait(10)
                    return sweep.run(workers=2)

                with ThreadPoolExecutor(3) as pool:
                    done = sum((run.result() for run in [pool.submit(swept) for _ in range(3)]), Counter[str]())
                assert not done["SweepErrors"]
                world.drain()
                healer_of(operation, world, Allowed([soon], [late]))


# --- a rendition that is made while its file changes


def _changed(method: str, path: str, body: object = None) -> Callable[[World, Asked], None]:
    def change(world: World, asked: Asked) -> None:
        assert world.request(method, f"/v1/files/{_file_of(asked)}{path}", body).status < 300
        world.drain()

    return change


def _file_of(asked: Asked) -> str:
    return asked[0].split("/")[2]


def _restored(world: World, asked: Asked) -> None:
    _changed("DELETE", "")(world, asked)
    _changed("POST", "/restore")(world, asked)


def _viewed_in_public(world: World) -> Asked:
    return address_of(ready(world, visibility="public")), keyring.edge_secret()


CHANGES = {
    "deleted": _changed("DELETE", ""),
    "restored": _restored,
    "made public": _changed("PATCH", "", PUBLIC),
    "made private": _changed("PATCH", "", PRIVATE),
    "processed again": _changed("POST", "/reprocess", {"force": True}),
    "asked for by another": ask,
    "viewed by another": view,
}


@pytest.mark.parametrize("operation", ["render", "render, the function", "render, by its URL"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_rendition_is_where_its_file_is_and_nowhere_else(operation: str, change: str) -> None:
    render = NAMED[operation]
    if change == "made private":
        render = replace(render, prepare=_viewed_in_public)
    if change == "restored":
        render = replace(render, environ=WINDOW)
    for world, asked in overlaps(render, CHANGES[change], in_turn=IN_TURN):
        world.drain()
        world.settled(swept=True)  # at once: no sweep had to come
        _check_asked_again(world, asked)


def _check_asked_again(world: World, asked: Asked) -> None:
    file = record_of(_file_of(asked))
    there = file.status is Status.READY and address_of(file.id) == asked[0]
    assert ask(world, asked).status == (200 if there else 404)
    assert (asked[0] in derived_keys()) == there
    if file.status is Status.READY:
        now = (address_of(file.id), asked[1])
        assert ask(world, now).status == 200
        assert now[0] in derived_keys()
    world.settled(swept=True)


def test_a_function_that_leaves_what_it_made_too_late_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived_objects, "delete", lambda key: None)
    monkeypatch.setattr(sys.modules[__name__], "IN_TURN", False)  # each moment: one of them is the one that matters
    with pytest.raises(BrokenError, match="left for ever"):
        test_a_rendition_is_where_its_file_is_and_nowhere_else("render, the function", "deleted")


@pytest.mark.parametrize("change", ["deleted", "restored", "made public", "made private", "processed again"])
def test_the_sweep_removes_what_a_killed_function_left_at_an_old_address(change: str) -> None:
    """The file changes just before the rendition is stored, and the function ends just after."""
    environ = WINDOW if change == "restored" else {}
    with quiet(), world_of(Operation(change, lambda _: None, ask, environ=environ)) as world:
        asked = _viewed_in_public(world) if change == "made private" else NAMED["render"].prepare(world)

        def meanwhile(called: str, point: Point) -> None:
            if called == "s3.PutObject" and point.moment == "before":
                CHANGES[change](world, asked)

        process = Process(role="function", kill_at=Point(4, "after"), meanwhile=meanwhile)
        run(lambda: ask(world, asked), process)
        assert process.dead
        assert asked[0] in derived_keys()
        world.restart()
        world.drain()
        world.clock.forward(timedelta(days=1))
        world.later()
        assert asked[0] not in derived_keys()
        _check_asked_again(world, asked)
