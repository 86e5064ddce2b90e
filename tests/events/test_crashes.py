"""`publish` and `deliver` are stopped before and after each AWS call and each POST: every event still comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import keyring
from chalicelib.catalog.webhook_deliveries import DeliveryState
from chalicelib.catalog.webhooks import Webhook
from chalicelib.model import ChangeType, File
from chalicelib.observability import logger
from tests.events.hooks import Hooks, announce, changed, delivery, hook, state
from tests.faults.killing import FAULTS, Fault, Killed, Moment, Point, Process, run
from tests.faults.looking import emptied

URL = "https://good.example/"
MOMENTS: tuple[Moment, ...] = ("before", "after")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    level = logger.log_level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def begun(world: Hooks) -> tuple[Webhook, list[File]]:
    """A webhook and three changes; the receiver refuses the second event once. Nothing is announced yet."""
    emptied()
    keyring.forget()
    world.came.clear()
    world.waiting.clear()
    refused: list[str] = []
    webhook, files = hook(URL), [changed(), changed(), changed(ChangeType.PROCESSING)]

    def says(event: dict[str, Any]) -> int:
        if event["subject"] == files[1].id and not refused:
            refused.append(event["id"])
            return 500
        return 200

    world.says[URL] = says
    return webhook, files


def all_comes(world: Hooks, webhook: Webhook, files: list[File]) -> int:
    """Lets time go by. Asserts that every event came, and that nothing is left; gives the number of duplicates."""
    world.live(timedelta(minutes=45))
    wanted = {f"evt_{each.id}_3" for each in files}
    assert set(world.taken(URL)) == wanted
    assert {delivery(webhook, each).state for each in files} == {DeliveryState.DELIVERED}
    left = state(webhook)
    assert "lease_id" not in left
    assert "due_sk" not in left
    assert world.dead == []
    return len(world.came) - len(wanted) - 1  # the refused one comes twice in any case


def calls_of(world: Hooks, work: Callable[[], object]) -> list[str]:
    return run(work, Process()).calls


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_announcer_is_stopped_at_each_call(world: Hooks, moment: Moment) -> None:
    webhook, files = begun(world)
    calls = calls_of(world, lambda: announce(*files))
    assert len(calls) == 5
    for number in range(len(calls)):
        webhook, files = begun(world)
        stopped = run(lambda files=files: announce(*files), Process(kill_at=Point(number, moment)))  # type: ignore[misc]
        assert stopped.dead
        announce(*files)  # the stream brings the batch again
        assert all_comes(world, webhook, files) == 0


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_worker_is_stopped_at_each_call(world: Hooks, moment: Moment) -> None:
    webhook, files = begun(world)
    announce(*files)
    world.collect()
    calls = calls_of(world, world.drain)
    assert len(calls) > 10
    twice = 0
    for number in range(len(calls)):
        webhook, files = begun(world)
        announce(*files)
        world.collect()
        messages = list(world.waiting)
        stopped = run(world.drain, Process(kill_at=Point(number, moment)))
        assert stopped.dead
        world.collect()
        comes_back = world.clock.moment + timedelta(seconds=720)
        world.waiting += [(comes_back, body, 1) for _, body, _ in messages if body not in str(world.waiting)]
        twice += all_comes(world, webhook, files)
    assert twice <= 2 * len(calls), "at least once: what was under way may come again"


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", range(3))
def test_the_worker_is_stopped_at_each_post(world: Hooks, number: int, moment: Moment) -> None:
    webhook, files = begun(world)
    announce(*files)
    world.collect()
    says, seen = world.says[URL], [0]
    process = Process()

    def dying(event: dict[str, Any]) -> Any:
        seen[0] += 1
        if seen[0] - 1 == number and not process.dead:
            process.dead = True
            if moment == "before":
                world.came.pop()  # it never arrived
            raise Killed
        return says(event)

    world.says[URL] = dying
    run(world.drain, process)
    assert process.dead
    assert all_comes(world, webhook, files) <= 2


@pytest.mark.parametrize("kind", ["busy", "broken"])
def test_each_call_of_the_worker_fails_once(world: Hooks, kind: str) -> None:
    """AWS answers that it is busy, or 500 although it carried the call out."""
    webhook, files = begun(world)
    announce(*files)
    world.collect()
    names = calls_of(world, world.drain)
    for number in range(len(names)):
        webhook, files = begun(world)
        announce(*files)
        world.collect()

        def fault(name: str, at: int, number: int = number) -> Fault | None:
            return FAULTS[name.partition(".")[0]][kind == "broken"] if at == number else None

        run(world.drain, Process(fault=fault))
        all_comes(world, webhook, files)


@pytest.mark.parametrize("kind", ["busy", "broken"])
def test_each_call_of_the_announcer_fails_once(world: Hooks, kind: str) -> None:
    webhook, files = begun(world)
    names = calls_of(world, lambda: announce(*files))
    for number in range(len(names)):
        webhook, files = begun(world)

        def fault(name: str, at: int, number: int = number) -> Fault | None:
            return FAULTS[name.partition(".")[0]][kind == "broken"] if at == number else None

        with pytest.raises(ClientError):
            run(lambda files=files: announce(*files), Process(fault=fault))  # type: ignore[misc]
        announce(*files)
        all_comes(world, webhook, files)
