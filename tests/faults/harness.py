"""Stops every operation before and after every AWS call that it makes, and reports what became of it."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Literal, get_args

import pytest

from chalicelib import settings
from chalicelib.observability import logger
from tests.faults.clock import Clock
from tests.faults.killing import Moment, Point, Process, run
from tests.faults.operations import Operation, Prepared, stopped, whole
from tests.faults.promises import BrokenError, Facts
from tests.faults.world import World, world_at

Healer = Literal["at once", "the sweep", "the buckets' rules"]
"""What it took to be as if nothing had happened: redelivery and the client's retry, one more sweep, or days."""

Client = Literal["retries", "is gone"]


@dataclass(frozen=True)
class Crash:
    """One process that was stopped, and what healed it. `broken` says why nothing did.

    Without `point` the process was not stopped, and was broken all the same.
    """

    operation: str
    call: str
    point: Point | None
    client: Client | None
    healer: Healer | None = None
    broken: str | None = None


@dataclass(frozen=True)
class Resent:
    """One write that AWS carried out, and that botocore sent again because the answer was lost.

    `broken` says how the operation then differs from one without any trouble.
    """

    operation: str
    call: str
    number: int
    broken: str | None = None


@dataclass
class Report:
    crashes: list[Crash] = field(default_factory=list)
    resent: list[Resent] = field(default_factory=list)
    calls: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0

    def add(self, other: Report) -> None:
        self.crashes += other.crashes
        self.resent += other.resent
        self.calls |= other.calls
        self.seconds += other.seconds

    @property
    def broken(self) -> list[Crash | Resent]:
        every: list[Crash | Resent] = [*self.crashes, *self.resent]
        return [each for each in every if each.broken]

    def lines(self) -> Iterator[str]:
        yield f"{'operation':<26}{'calls':>6}{'before':>8}{'after':>7}{'crashes':>9}  healed by"
        for name, calls in self.calls.items():
            own = [crash for crash in self.crashes if crash.operation == name]
            moments = Counter(crash.point.moment for crash in own if crash.point)
            healers = Counter(crash.healer for crash in own if crash.healer)
            words = ", ".join(f"{healer} {healers[healer]}" for healer in get_args(Healer) if healers[healer])
            broken = sum(1 for crash in own if crash.broken)
            words += f"; {broken} BROKEN" if broken else ""
            yield f"{name:<26}{len(calls):>6}{moments['before']:>8}{moments['after']:>7}{len(own):>9}  {words}"
        total, calls_made = len(self.crashes), sum(map(len, self.calls.values()))
        yield (
            f"{len(self.calls)} operations, {calls_made} calls, {total} crashes in {self.seconds:.0f} s: "
            + (f"{len(self.broken)} BROKEN" if self.broken else "all invariants held")
        )
        if self.resent:
            yield f"{len(self.resent)} writes whose answer was lost, and that botocore sent again"
        for each in self.resent:
            if each.broken:
                yield f"  {each.operation}, answer lost of {each.call} ({each.number}): {each.broken}"
        for crash in self.crashes:
            if not crash.broken:
                continue
            whose = f", the client {crash.client}" if crash.client else ""
            where = f"{crash.point.moment} {crash.call} ({crash.point.call})" if crash.point else "not stopped"
            yield f"  {crash.operation}, {where}{whose}: {crash.broken}"


@contextmanager
def world_of(operation: Operation) -> Iterator[World]:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in operation.environ.items():
            patch.setenv(name, value)
        settings.settings.cache_clear()
        with world_at(clock) as world:
            yield world
    settings.settings.cache_clear()


@contextmanager
def quiet() -> Iterator[None]:
    """Logs nothing: there are crashes by the hundred."""
    level = logger.log_level
    logger.setLevel(int(os.environ.get("FAULTS_LOG", logging.CRITICAL)))
    try:
        yield
    finally:
        logger.setLevel(level)


Outcome = Counter[Facts]


@dataclass(frozen=True)
class Allowed:
    """The states of the stage that are right, soon after and long after: done, or not begun if nobody asks again."""

    soon: list[Outcome]
    late: list[Outcome]


def undisturbed(operation: Operation, work: Callable[[World, Prepared], object]) -> tuple[Outcome, Outcome]:
    """The state of the stage soon after that work, and long after it."""
    with world_of(operation) as world:
        prepared = operation.prepare(world)
        world.restart()
        work(world, prepared)
        world.drain()
        soon = world.settled(swept=False)
        world.later()
        return soon, world.settled(swept=True)


def _crash(operation: Operation, call: str, point: Point, client: Client | None, allowed: Allowed) -> Crash:
    healer: Healer | None = None
    try:
        with world_of(operation) as world:
            prepared = stopped(operation, world, point)
            if client == "retries":
                operation.run(world, prepared)
            world.drain()
            healer = healer_of(operation, world, allowed)
    except Exception as error:
        broken = str(error) if isinstance(error, BrokenError) else f"{type(error).__name__}: {error}"
        return Crash(operation.name, call, point, client, broken=broken)
    return Crash(operation.name, call, point, client, healer=healer)


def healer_of(operation: Operation, world: World, allowed: Allowed) -> Healer:
    """What it takes until the stage is in a state that is allowed. Raises BrokenError if nothing brings it there."""
    if _among(operation, found := world.settled(swept=False), allowed.soon):
        return "at once"
    world.swept_soon()
    if _among(operation, found := world.settled(swept=False), allowed.soon):
        return "the sweep"
    world.later()
    if _among(operation, found := world.settled(swept=True), allowed.late):
        return "the buckets' rules"
    raise BrokenError(_difference(found, allowed.late[0]))


def _among(operation: Operation, found: Outcome, allowed: list[Outcome]) -> bool:
    return any(found == wanted or (operation.doubles and set(found) == set(wanted)) for wanted in allowed)


def _difference(found: Outcome, wanted: Outcome) -> str:
    more, less = list((found - wanted).elements()), list((wanted - found).elements())
    if len(more) == len(less) == 1:
        is_, should_be = sorted(set(more[0]) - set(less[0])), sorted(set(less[0]) - set(more[0]))
        return f"stands as {_short(is_)} instead of {_short(should_be)}"
    return f"{len(more)} too many {[_short(facts[:2]) for facts in more]}, {len(less)} missing"


def _short(facts: Iterable[str]) -> str:
    return ", ".join(fact[:60] for fact in facts)


# Calls of one operation, at most, at which it is stopped in turn, and at which another process comes in between.
STOPS, BETWEEN = 8, 5

# At each call: the moment, and what the client does, if a client asked.
EVERY: tuple[tuple[Moment, Client], ...] = (
    ("before", "retries"),
    ("after", "is gone"),
    ("before", "is gone"),
    ("after", "retries"),
)


def crash_everywhere(
    operations: Iterable[Operation],
    *,
    ways: Sequence[tuple[Moment, Client]] = EVERY,
    in_turn: bool = False,
    enough: Callable[[Crash], bool] = lambda crash: False,
    tell: Callable[[str], None] = lambda line: None,
) -> Report:
    """Stops each operation at each of its calls in all these ways; `in_turn`, in one way at each of STOPS calls.

    It ends with the first crash that is `enough`.
    """
    report, started = Report(), time.monotonic()
    with quiet():
        for operation in operations:
            tell(operation.name)
            report.calls[operation.name] = calls = []
            try:
                with world_of(operation) as world:
                    calls += whole(operation, world)
                done = undisturbed(operation, operation.run)
                undone = undisturbed(operation, lambda *_: None) if operation.again else done
            except BrokenError as error:
                report.crashes.append(Crash(operation.name, "nothing", None, None, broken=str(error)))
                continue
            once, either = Allowed([done[0]], [done[1]]), Allowed([done[0], undone[0]], [done[1], undone[1]])
            for number, call in enumerate(calls):
                if in_turn and number not in spread(len(calls), STOPS):
                    continue
                for moment, client in [ways[number % len(ways)]] if in_turn else ways:
                    if not operation.again and not in_turn and client != ways[0][1]:
                        continue  # nobody asked: it is the same
                    whose = client if operation.again else None
                    allowed = either if whose == "is gone" else once
                    report.crashes.append(_crash(operation, call, Point(number, moment), whose, allowed))
                    if enough(report.crashes[-1]):
                        return report
    report.seconds = time.monotonic() - started
    return report


def spread(count: int, most: int) -> set[int]:
    """At most so many of the numbers below `count`, the first and the last among them."""
    if count <= most:
        return set(range(count))
    return {round(each * (count - 1) / (most - 1)) for each in range(most)}


# A call that writes, and that botocore sends again when it gets no answer.
WRITES = frozenset(
    {
        *(f"dynamodb.{operation}" for operation in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")),
        *("s3.PutObject", "s3.CompleteMultipartUpload"),
    }
)


@dataclass(frozen=True)
class Told:
    """The answer of an operation (a status; 0 without an answer), the seconds waited, and the stage afterwards."""

    status: int
    waited: int
    soon: Outcome


def _told(operation: Operation, world: World, process: Process) -> Told:
    prepared = operation.prepare(world)
    world.restart()
    began, answers = world.clock.moment, []
    run(lambda: answers.append(operation.run(world, prepared)), process)
    world.restart()
    world.check()
    world.drain()
    waited = round((world.clock.moment - began).total_seconds())
    return Told(getattr(answers[0], "status", 0), waited, world.settled(swept=False))


def lose_every_answer(
    operations: Iterable[Operation], *, in_turn: bool = False, tell: Callable[[str], None] = lambda line: None
) -> Report:
    """Loses the answer of each write of these operations, after it was carried out: botocore sends it again.

    Nobody may notice. The answer, the state of the stage and the time that all takes must be those of an operation
    without trouble. `in_turn`, only BETWEEN of the writes to DynamoDB.
    """
    report, started = Report(), time.monotonic()
    with quiet(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        for operation in operations:
            tell(f"{operation.name}, answers lost")
            with world_of(operation) as world:
                right = _told(operation, world, process := Process(role=operation.role))
            writes = [number for number, call in enumerate(process.calls) if call in WRITES]
            if in_turn:
                writes = [number for number in writes if process.calls[number].startswith("dynamodb.")]
                writes = [writes[place] for place in sorted(spread(len(writes), BETWEEN))]
            report.resent += [_resent(operation, process.calls[number], number, right) for number in writes]
    report.seconds = time.monotonic() - started
    return report


def _resent(operation: Operation, call: str, number: int, right: Told) -> Resent:
    process = Process(role=operation.role, lost=number)
    broken: str | None = None
    try:
        with world_of(operation) as world:
            found = _told(operation, world, process)
    except Exception as error:
        broken = str(error) if isinstance(error, BrokenError) else f"{type(error).__name__}: {error}"
        return Resent(operation.name, call, number, broken)
    if not process.sent_again:
        broken = "it was not sent again"
    elif found.status != right.status:
        broken = f"answered {found.status} instead of {right.status}"
    elif found.soon != right.soon:
        broken = _difference(found.soon, right.soon)
    elif found.waited > right.waited + 1:
        broken = f"took {found.waited} s instead of {right.waited}"
    return Resent(operation.name, call, number, broken)


def overlaps(
    operation: Operation, other: Callable[[World, Prepared], object], *, in_turn: bool = False
) -> Iterator[tuple[World, Prepared]]:
    """The operation with the whole work of another process in the middle of it, at each moment of each of its calls.

    In turn, at one moment of each of BETWEEN calls.
    """
    with quiet():
        with world_of(operation) as world:
            calls = whole(operation, world)
        for number in range(len(calls)):
            for moment in get_args(Moment):
                if not in_turn or _is_next(number, moment, len(calls)):
                    with world_of(operation) as world:
                        yield world, _overlapped(operation, world, other, Point(number, moment))


def _is_next(number: int, moment: Moment, calls: int) -> bool:
    return number in spread(calls, BETWEEN) and (moment == "before") == (number % 2 == 0)


def _overlapped(
    operation: Operation, world: World, other: Callable[[World, Prepared], object], here: Point
) -> Prepared:
    prepared = operation.prepare(world)
    world.restart()

    def meanwhile(_: str, point: Point) -> None:
        if point == here:
            other(world, prepared)

    run(lambda: operation.run(world, prepared), Process(role=operation.role, meanwhile=meanwhile))
    world.restart()
    world.check()
    return prepared


PROGRAMS = int(os.environ.get("FAULTS", "0"))
"""How many random programs of disorder to run; every crash is run, too. 0 is what `make test` has time for."""


REPORT = Report()
"""Of all crashes of this run."""
