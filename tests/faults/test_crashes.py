"""Every operation is stopped at every AWS call that it makes. `make faults` does so in all ways at each call."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib import aws
from chalicelib.model import Status
from tests.faults import harness
from tests.faults.harness import REPORT, crash_everywhere, quiet, world_of
from tests.faults.killing import FAULTS, Point, Process, clients, run
from tests.faults.looking import records
from tests.faults.operations import OPERATIONS, PHOTO, Operation, created, import_, surroundings
from tests.faults.world import World

pytestmark = pytest.mark.usefixtures("broken_stage")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_an_operation_that_is_stopped_anywhere_ends_as_if_it_was_not(operation: Operation) -> None:
    report = crash_everywhere([operation], in_turn=not harness.PROGRAMS)

    REPORT.add(report)
    assert report.calls[operation.name]
    assert not report.broken, "\n".join(report.lines())


@pytest.mark.skipif(not harness.PROGRAMS, reason="`make faults` has the time for twelve renditions")
def test_the_real_recipe_leaves_nothing_half_done_either() -> None:
    chosen = [operation for operation in OPERATIONS if operation.name == "process an image"]
    with surroundings(small=False):
        report = crash_everywhere(chosen)

    assert not report.broken, "\n".join(report.lines())


def test_every_client_of_the_code_is_watched() -> None:
    found = {client.meta.service_model.service_name for client in clients()}

    made = {name for name, value in vars(aws).items() if hasattr(value, "cache_info")}
    made -= {"_session", "functions", "connections"}
    assert found == made | {"lambda", "apigatewaymanagementapi"} >= {"s3", "dynamodb", "sqs", "cloudfront", "ssm"}


def test_one_of_many_workers_at_once_does_the_work() -> None:
    """Real threads, and one event that is delivered several times."""
    operation = OPERATIONS[0]
    for _ in range(3):
        with quiet(), world_of(operation) as world:
            _race(world)
            world.drain()
            world.settled(swept=True)
            assert Counter(file.status for file in records()) == {Status.READY: 1}


def _race(world: World) -> None:
    world.put(created(world), PHOTO)
    world.notify()
    for _ in range(3):
        world.ingest.send(world.ingest.waiting()[0].body)
    waiting, gate = world.ingest.waiting(), threading.Barrier(4)

    def deliver(message: object) -> bool:
        gate.wait(10)
        return world.ingest.deliver(message)

    with ThreadPoolExecutor(4) as workers:
        done = list(workers.map(deliver, waiting))
    assert any(done)
    assert sum(file.attempts for file in records()) == 1


def test_calls_that_other_threads_had_sent_are_carried_out() -> None:
    """The process is killed while it stores renditions. No later call is sent, in whatever thread."""
    with quiet(), world_of(OPERATIONS[0]) as world:
        world.put(created(world), PHOTO)
        world.notify()
        process = run(lambda: world.ingest.deliver(world.ingest.waiting()[0]), Process(kill_at=Point(4, "before")))
        assert process.dead
        assert len(process.calls) == 5
        world.drain()
        world.settled(swept=True)


def test_a_repeated_create_sends_the_import_that_the_first_did_not() -> None:
    with quiet(), world_of(OPERATIONS[0]) as world:
        process = Process(fault=lambda name, _: FAULTS["sqs"][0] if name == "sqs.SendMessage" else None)
        refused: list[int] = []
        run(lambda: refused.append(import_(world, "a.txt", key="k").status), process)
        assert refused[0] >= 500
        assert not world.imports.waiting()

        assert import_(world, "a.txt", key="k").status == 201
        assert len(world.imports.waiting()) == 1

        world.drain()
        assert [file.status for file in records()] == [Status.READY]
        assert import_(world, "a.txt", key="k").status == 201
        assert not world.imports.waiting()
