"""No stranger rings an alarm: whatever is sent with an upload token, whatever a source answers, whoever looks.

`STRANGERS` sets how many things the strangers do: 60 in `make test`.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from aws_lambda_powertools.metrics import EphemeralMetrics

from chalicelib import importing, keyring, observability
from chalicelib.api import parsing
from chalicelib.api.routes.render import HEADER
from chalicelib.api.routing import OPERATIONS
from chalicelib.processing import pipeline
from tests.client import Answer, Client
from tests.faults.clock import Clock
from tests.faults.looking import derived_keys
from tests.faults.world import world_at
from tests.outbound.servers import serving
from tests.stage import template
from tests.strangers import TOKENS, Ask, Holder, Request, Source, body_of, viewed

pytestmark = pytest.mark.usefixtures("broken_stage")

COUNT = int(os.environ.get("STRANGERS", "60"))
AT_ONCE = 120
"""Things that strangers do to one stage; moto becomes slow as it fills."""
EACH = 15
"""Things that they do before the queues are worked off."""


@dataclass
class Heard:
    """All that would wake a person, as sentences; and what the strangers did and were answered."""

    alarms: list[str] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)

    def answered(self, request: Request, answer: Answer) -> Answer:
        self.answers[answer.status] += 1
        if answer.status >= 500:
            self.alarms.append(f"{answer.status} to {request.method} {request.path[:200]} {(request.body or '')[:400]}")
        return answer


class _Handler(logging.Handler):
    """Keeps the lines of errors, and those that tell of an exception."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            error = record.exc_info[1] if record.exc_info else None
            self.heard.alarms.append(f"logged: {record.getMessage()} ({error!r})")


def alarming() -> set[str]:
    """The metrics of our own that an alarm of the stack reads."""
    resources = template()["Resources"].values()
    alarms = [each["Properties"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
    return {each["MetricName"] for each in alarms if each.get("Namespace") == "Filemill"}


@contextmanager
def listening() -> Iterator[Heard]:
    """Meanwhile everything that an alarm or a person would hear is kept."""
    heard, loud = Heard(), alarming()
    assert loud == {"FilesInTrouble", "SegmentShare", "SweepErrors"}

    class Metrics(EphemeralMetrics):
        def add_metric(self, name: str, unit: Any, value: float, *rest: Any) -> None:
            if name in loud and value:
                heard.alarms.append(f"metric {name}: {value}")
            super().add_metric(name, unit, value, *rest)

    handler = _Handler(heard)
    log = logging.getLogger(observability.SERVICE)
    log.addHandler(handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observability, "EphemeralMetrics", Metrics)
        yield heard
    log.removeHandler(handler)


def strangers(seed: int, count: int) -> Heard:
    """Strangers do `count` things to an empty stage, then 40 days pass."""
    chance = random.Random(seed)
    with world_at(Clock()) as world, serving(Source(count, seed)) as server, listening() as heard:
        tokens = [world.request("POST", "/v1/upload-tokens", body).json for body in TOKENS]
        source = server.url("").replace("localhost", "127.0.0.1")
        backend = _asking(world.client, heard)
        holders = [
            Holder(_asking(Client(token["token"]), heard), backend, token, source, chance, _s3) for token in tokens
        ]
        for number in range(count):
            heard.did[chance.choice(holders).act()] += 1
            _look(chance, heard)
            if number % EACH == EACH - 1:
                world.drain()
        world.drain()
        world.later()
        dead = {queue.name: len(queue.dead) for queue in (world.ingest, world.imports) if queue.dead}
        heard.alarms += [f"{number} dead letters in {name}" for name, number in dead.items()]
        world.settled(swept=True)
    return heard


def _asking(client: Client, heard: Heard) -> Ask:
    def ask(request: Request) -> Answer:
        return heard.answered(
            request, client(request.method, request.path, request.body, headers=dict(request.headers))
        )

    return ask


def _s3(method: str, url: str, **more: Any) -> requests.Response:
    """A request to S3 that S3 would carry out; moto does not hold forms to their policies.

    https://docs.aws.amazon.com/AmazonS3/latest/developerguide/sigv4-HTTPPOSTConstructPolicy.html
    """
    if "files" in more and not _allowed(more["data"], len(more["files"]["file"])):
        refused = requests.Response()
        refused.status_code = 403
        return refused
    return requests.request(method, url, **more)


def _allowed(fields: dict[str, str], size: int) -> bool:
    for condition in json.loads(base64.b64decode(fields["policy"]))["conditions"]:
        if isinstance(condition, dict):
            if any(name != "bucket" and fields.get(name) != value for name, value in condition.items()):
                return False
        elif condition[0] == "content-length-range":
            if not int(condition[1]) <= size <= int(condition[2]):
                return False
        elif condition[0] == "eq":
            if fields.get(condition[1].removeprefix("$")) != condition[2]:
                return False
        else:
            raise NotImplementedError(condition)
    return True


def _look(chance: random.Random, heard: Heard) -> None:
    """A viewer asks for an address, which CloudFront passes on with its secret; or somebody asks without one."""
    path = viewed(chance, ["/" + key for key in sorted(derived_keys())])
    headers = {HEADER: keyring.edge_secret() if chance.random() < 0.8 else "\xff", "Accept": "image/avif"}
    request = Request("GET", f"/render{path}", headers=headers)
    heard.answered(request, Client(None)("GET", request.path, headers=headers))


@pytest.mark.parametrize("seed", range(-(-COUNT // AT_ONCE)))
def test_no_stranger_rings_an_alarm(seed: int) -> None:
    heard = strangers(seed, min(COUNT, AT_ONCE))
    assert not heard.alarms, "\n".join(heard.alarms)
    # They got somewhere: files were made, refused, and asked for in vain.
    assert len(heard.did) == 5
    assert {200, 201, 404, 422} <= heard.answers.keys()


Plant = Callable[[pytest.MonkeyPatch], None]


def sources_faults_are_ours(patch: pytest.MonkeyPatch) -> None:
    for name in ("PermanentFault", "UnreachableError"):
        patch.setattr(importing, name, type("OtherError", (Exception,), {}))


def wrong_bodies_are_ours(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(parsing, "ValidationError", type("OtherError", (Exception,), {}))


def broken_pictures_are_ours(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pipeline, "PermanentFault", type("OtherError", (Exception,), {}))


@pytest.mark.parametrize(
    ("plant", "alarms"),
    [
        (sources_faults_are_ours, ["dead letters in imports", "logged: processing failed (PermanentFault"]),
        (wrong_bodies_are_ours, ["500 to POST", "logged: "]),
        (broken_pictures_are_ours, ["dead letters in ingest", "logged: processing failed (PermanentFault"]),
    ],
)
def test_a_planted_fault_rings_one(plant: Plant, alarms: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    heard: list[str] = []
    for seed in range(4):  # 30 things that strangers do need not meet the fault
        heard += strangers(seed, 30).alarms
        if all(any(alarm in each for each in heard) for alarm in alarms):
            return
    raise AssertionError(heard)


@pytest.mark.parametrize("seed", range(3))
def test_every_body_that_a_stranger_thinks_of_can_be_written(seed: int) -> None:
    chance = random.Random(seed)
    for operation in OPERATIONS:
        for _ in range(200):
            body_of(operation, chance)
