"""What strangers must not have done when an attack has ended: a pure function over what was counted and read."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.model import File, Status, original_key
from chalicelib.observability import Metric

ALARMS = (Metric.FILES_IN_TROUBLE, Metric.SWEEP_ERRORS)
"""The metrics of our own that an alarm of the stack reads."""
ERRORS = ("ERROR", "CRITICAL")
TRACEBACK = "Traceback (most recent call last)"
LOUD = (TRACEBACK, "Task timed out", "Runtime exited", "Runtime.ExitError")
"""What Lambda's own lines say of an invocation that failed."""
OF_QUEUES = ("process", "fetch")
"""Functions that raise so that a message comes back later, which Lambda shows as a traceback. They log errors
themselves before they raise them (chalicelib/queues/worker.py)."""

SLOWER = 2.0
"""So many times slower than in quiet an ordinary client's slowest requests may be."""


@dataclass(frozen=True)
class Stored:
    """An original's version, or an open upload with the bytes of all its parts."""

    key: str
    size: int


@dataclass
class Facts:
    """Answers are counted by who got them and by status. Times are in seconds."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    without_retry_after: int = 0  # answers of 429
    unanswered: Sequence[str] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)
    dead: Mapping[str, int] = field(default_factory=dict)
    lines: Sequence[tuple[str, str]] = ()  # function and line of its log
    records: Sequence[File] = ()
    versions: Sequence[Stored] = ()
    uploads: Sequence[Stored] = ()
    sent: Mapping[str, bool] = field(default_factory=dict)  # the ordinary client's files: is it ready?
    quiet: Sequence[float] = ()
    attacked: Sequence[float] = ()

    @property
    def slower(self) -> float:
        """How many times slower the ordinary client's slowest requests became; 0 if nothing was measured."""
        return p99(self.attacked) / p99(self.quiet) if self.quiet and self.attacked else 0.0


def p99(times: Sequence[float]) -> float:
    """The 99th percentile (nearest rank)."""
    return sorted(times)[-(-99 * len(times) // 100) - 1]


def harmed(facts: Facts, *, hold_times: bool) -> list[str]:
    """A sentence for each harm; none when all is well. Times count only with `hold_times`."""
    return [
        *_answers(facts),
        *(f"{count} messages still wait in {queue}" for queue, count in facts.waiting.items() if count),
        *(f"{count} dead letters in {queue}" for queue, count in facts.dead.items() if count),
        *(f"{function} logged {said}" for function, line in facts.lines if (said := loud(function, line))),
        *_left(facts),
        *(f"the ordinary client's file {file_id} is not ready" for file_id, ready in facts.sent.items() if not ready),
        *(
            [f"the ordinary client's p99 became {facts.slower:.1f} times its quiet one"]
            if hold_times and facts.slower > SLOWER
            else []
        ),
    ]


def _answers(facts: Facts) -> Iterable[str]:
    for (who, status), count in sorted(facts.answers.items()):
        if status >= 500:
            yield f"{count} answers of {status} to {who}"
    if facts.without_retry_after:
        yield f"{facts.without_retry_after} answers of 429 without Retry-After"
    yield from facts.unanswered


def loud(function: str, line: str) -> str | None:
    """What a line of a function's log says that would wake a person; None if nothing."""
    if any(each in line for each in LOUD if each != TRACEBACK or function not in OF_QUEUES):
        return line[:300]
    try:
        said = json.loads(line)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    if said.get("level") in ERRORS:
        return f"{said.get('message')} ({said.get('exception', said.get('exception_name'))})"[-600:]
    for metric in ALARMS if "_aws" in said else ():
        values = said.get(metric, 0)
        if sum(values) if isinstance(values, list) else values:
            return f"metric {metric}: {values}"
    return None


def _left(facts: Facts) -> Iterable[str]:
    files = {original_key(file.tenant, file.id): file for file in facts.records}
    for stored in facts.versions:
        file = files.get(stored.key)
        if file is None or file.status is Status.DELETED:
            yield f"original {stored.key} belongs to no file"
        elif stored.size > _bound(file):
            yield f"original {stored.key} has {stored.size} bytes, and may have {_bound(file)}"
    sums: dict[str, int] = defaultdict(int)
    for upload in facts.uploads:
        file = files.get(upload.key)
        sums[upload.key] += upload.size
        if file is None or file.status is not Status.AWAITING_UPLOAD:
            yield f"an upload of {upload.key} is open, whose file is {file.status if file else 'gone'}"
        elif sums[upload.key] > _bound(file):
            yield f"the open uploads of {upload.key} have {sums[upload.key]} bytes, and may have {_bound(file)}"


def _bound(file: File) -> int:
    return min(each for each in (file.max_bytes, file.size, 10**18) if each is not None)
