"""The cost of adopting a bucket, said before it begins: requests, the table, processing, events, and the storage.

Units are those of docs/costs.md. Seconds of processing are rounded up from bench/results/kinds.md and media.md, because
a function also waits for S3. What delivery, webhooks and services cost is not in it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from chalicelib.api import guessing
from ops import prices
from ops.adopt import copying, naming
from ops.adopt.source import Object

# Write units of a file: an upload's (docs/scale.md#one-upload), the audit's, and those that the transaction of its
# record and its note adds.
WRITES = 54 + 4 + 6
# Read units of a file: the look for its note, and what each worker reads of it.
READS = 10
# US dollars for the events of a file: a millionth of what docs/costs.md#events says of every stage.
EVENTS = 11.20 / 1e6
# Requests of SQS for a file's message: it is sent, received and deleted.
MESSAGES = 3
GB = 1000**3


@dataclass(frozen=True)
class Work:
    """The assumed work of processing one file: seconds of a function, and objects that it puts."""

    seconds: float
    renditions: int


WORK = {
    "image": Work(3, 7),
    "video": Work(4, 24),
    "audio": Work(4, 6),
    "pdf": Work(2, 12),
    "other": Work(1, 1),
}


def kind_of(key: str) -> str:
    """The kind that a key's extension stands for; `other` for most."""
    guess = guessing.type_of(naming.filename(key)) or ""
    family = "pdf" if guess == "application/pdf" else guess.partition("/")[0]
    return family if family in WORK else "other"


@dataclass
class Plan:
    """Counts of what is to be adopted: files and bytes by kind, and what is passed over. `copies` are S3's requests."""

    files: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    listed: int = 0
    copies: int = 0
    already: int = 0
    not_chosen: int = 0
    folders: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, found: Object) -> None:
        kind = kind_of(found.key)
        self.files[kind] += 1
        self.bytes[kind] += found.size
        in_parts = found.size > copying.IN_PARTS_ABOVE
        self.copies += 2 - (-found.size // copying.part_bytes(found.size)) if in_parts else 1

    @property
    def wanted(self) -> int:
        return self.files.total()


@dataclass(frozen=True)
class Cost:
    """US dollars: once for requests (of S3 and SQS), the table, processing, events and the way to another region, and
    each month for the storage of the copies. Renditions are not in the storage."""

    requests: float
    table: float
    processing: float
    events: float
    transfer: float
    storage_a_month: float

    @property
    def once(self) -> float:
        return self.requests + self.table + self.processing + self.events + self.transfer


def cost(plan: Plan, *, other_region: bool = False) -> Cost:
    """The cost of adopting what is planned. The bucket is listed twice: for the plan, and for the work."""
    count, size = plan.wanted, plan.bytes.total()
    renditions = sum(number * WORK[kind].renditions for kind, number in plan.files.items())
    seconds = sum(number * WORK[kind].seconds for kind, number in plan.files.items())
    return Cost(
        requests=2 * -(-plan.listed // 1000) * prices.PUT
        + count * (3 * prices.GET + MESSAGES * prices.MESSAGE)
        + (plan.copies + renditions) * prices.PUT,
        table=count * (WRITES * prices.WRITE + READS * prices.READ),
        processing=seconds * prices.FUNCTION_GB * prices.GB_SECOND + count * prices.RUN,
        events=count * EVENTS,
        transfer=size / GB * prices.GB_TO_REGION if other_region else 0.0,
        storage_a_month=size / GB * prices.GB_MONTH,
    )


def table() -> str:
    """The table of docs/migrate-a-bucket.md: the assumptions, and what a million files of each kind cost, once."""
    lines = ["| A million files | Seconds of a function, each | Objects put, each | Cost, once |", "|---|--:|--:|--:|"]
    for kind, work in WORK.items():
        plan = Plan(files=Counter({kind: 10**6}), listed=10**6, copies=10**6)
        lines.append(f"| `{kind}` | {work.seconds:g} | {work.renditions} | ${cost(plan).once:,.0f} |")
    return "\n".join(lines)
