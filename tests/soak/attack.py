"""An attack: strangers and an ordinary client share the stack; what they were answered, and what is left of it.

The strangers are holders of upload tokens, a backend that imports whatever addresses strangers name, and viewers
without any credential. In turn, the ordinary client is alone and then among them. So its times in quiet and in the
attack are taken in the same half hour of a machine that may be busy with something else, too.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests
from botocore.config import Config

from tests import images
from tests.outbound.servers import serving
from tests.soak.harm import Facts, Stored, harmed, p99
from tests.soak.run import Stage
from tests.strangers import TOKENS, Ask, Holder, Request, Source, viewed

if TYPE_CHECKING:
    from ops.local.stage import LocalStage

ANSWERS = 2000  # of the hostile source
QUIET = 0.3  # share of the time in which the ordinary client is alone
TURNS = 6  # times that it is alone, and then among strangers
CALM = 10.0  # seconds at most after the strangers' turn, for what they began to end
HOLDS = 5.0  # minutes from which on times count: less has too few requests for a p99
ORDINARY = 2.0  # rounds a second of the ordinary client, at most; a round is three or four requests
SETTLING = 300.0  # seconds for what waits in the queues when the attack has ended
FUNCTIONS = ("", "-process", "-fetch", "-index", "-render", "-sweep")
PATIENT = Config(read_timeout=300, retries={"total_max_attempts": 1}, proxies={})
SWEEP = {
    "version": "0",
    "id": "i",
    "account": "1",
    "region": "r",
    "source": "aws.events",
    "detail-type": "t",
    "detail": {},
    "time": "2026-01-01T00:00:00Z",
    "resources": [],
}


@dataclass(frozen=True)
class Plan:
    minutes: float = 30
    seed: int = 1
    a_second: float = 4  # things that all strangers together do, at most; each is one to ten requests


@dataclass
class Tally:
    """What was answered, from all threads."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    examples: dict[tuple[str, int], str] = field(default_factory=dict)
    without_retry_after: int = 0
    unanswered: list[str] = field(default_factory=list)
    did: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, who: str, what: str, answer: requests.Response) -> None:
        with self._lock:
            self.answers[who, answer.status_code] += 1
            self.examples.setdefault((who, answer.status_code), f"{what}: {answer.text[:300]}")
            if answer.status_code == 429 and "Retry-After" not in answer.headers:
                self.without_retry_after += 1

    def lost(self, who: str, what: str, error: Exception) -> None:
        with self._lock:
            self.unanswered.append(f"no answer to {who}: {what}: {error}"[:400])

    def done(self, what: str) -> None:
        with self._lock:
            self.did[what] += 1


@dataclass
class Result:
    facts: Facts
    faults: list[str]
    did: Counter[str]
    examples: dict[tuple[str, int], str]
    seconds: float

    def lines(self) -> list[str]:
        answers = ", ".join(f"{who} {status}: {n}" for (who, status), n in sorted(self.facts.answers.items()))
        ended = Counter(str(file.status) for file in self.facts.records)
        lines = [
            f"strangers did {self.did.total()} things in {self.seconds:.0f} s ({_listed(self.did)})",
            f"answers: {answers}",
            f"strangers' files: {_listed(ended)}; original versions: {len(self.facts.versions)}; "
            f"open uploads: {len(self.facts.uploads)}; dead letters: {sum(self.facts.dead.values())}; "
            f"lines of logs: {len(self.facts.lines)}",
            f"the ordinary client: {len(self.facts.sent)} files; {_times('quiet', self.facts.quiet)}; "
            f"{_times('attacked', self.facts.attacked)}; p99 {self.facts.slower:.2f} times its quiet one",
        ]
        worst = [
            f"  {who} {status}, for example {said}" for (who, status), said in self.examples.items() if status >= 500
        ]
        shown = [f"WRONG: {fault}" for fault in self.faults[:50]]
        more = [f"and {len(self.faults) - 50} more"] if len(self.faults) > 50 else []
        return [*lines, *worst, *shown, *more, f"{len(self.faults)} things are wrong" if self.faults else "all is well"]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _times(name: str, times: Any) -> str:
    if not times:
        return f"{name}: no requests"
    middle = sorted(times)[len(times) // 2]
    return f"{name}: {len(times)} requests, median {middle * 1000:.0f} ms, p99 {p99(times) * 1000:.0f} ms"


@dataclass(frozen=True)
class _Answer:
    status: int
    text: str


def _asking(base: str, credential: str | None, who: str, tally: Tally) -> Ask:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {credential}" if credential else ""

    def ask(request: Request) -> _Answer:
        what = f"{request.method} {request.path[:150]}"
        more = {"Content-Type": "application/json"} if request.body is not None else {}
        body = None if request.body is None else request.body.encode("utf-8", "replace")
        try:
            answer = session.request(
                request.method, base + request.path, data=body, headers={**more, **request.headers}, timeout=60,
                allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException as error:
            tally.lost(who, what, error)
            return _Answer(599, "")  # a refusal, to the stranger
        tally.note(who, f"{what} {(request.body or '')[:300]}", answer)
        return _Answer(answer.status_code, answer.text)

    return ask


def _sending(tally: Tally) -> Callable[..., requests.Response]:
    def send(method: str, url: str, **more: Any) -> requests.Response:
        answer = requests.request(method, url, **more)
        tally.note("senders to S3", f"{method} {url[:150]}", answer)
        return answer

    return send


class Ordinary(threading.Thread):
    """A client that uploads a picture, reads its record and its list, and measures each request to the API."""

    def __init__(self, base: str, key: str, tally: Tally, until: threading.Event) -> None:
        super().__init__(daemon=True)
        self.base, self.tally, self.until = base, tally, until
        self.times: list[float] = []
        self.sent: list[str] = []
        self.rounds = 0
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"
        self.picture = images.jpeg(320, 240)

    def times_of(self, seconds: float) -> list[float]:
        """The seconds that each request takes from now on, for so long."""
        first = len(self.times)
        time.sleep(seconds)
        return self.times[first:]

    def run(self) -> None:
        while not self.until.is_set():
            began = time.monotonic()
            try:
                self._round()
            except requests.RequestException as error:
                self.tally.lost("the ordinary client", "a round", error)
            self.until.wait(max(0.0, 1 / ORDINARY - (time.monotonic() - began)))

    def _round(self) -> None:
        body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(self.picture)}
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        # Every fifth round uploads; the others only read.
        self.rounds += 1
        if self.rounds % 5 == 1:
            made = self._ask("POST", "/v1/files", json=body, headers=headers)
            if made.status_code == 201:
                form = made.json()["upload"]
                requests.post(form["url"], data=form["fields"], files={"file": self.picture}, timeout=60)
                self.sent.append(made.json()["id"])
        if self.sent:
            self._ask("GET", f"/v1/files/{self.sent[-1]}")
        self._ask("GET", "/v1/files?limit=20")

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        began = time.monotonic()
        answer = self.session.request(method, self.base + path, timeout=60, **more)
        self.times.append(time.monotonic() - began)
        self.tally.note("the ordinary client", f"{method} {path}", answer)
        return answer

    def ready(self) -> dict[str, bool]:
        return {each: self._ask("GET", f"/v1/files/{each}").json().get("status") == "ready" for each in self.sent}


def _paced(
    work: Callable[[], None], a_second: float, until: threading.Event, lost: Callable[[Exception], None]
) -> None:
    while not until.is_set():
        began = time.monotonic()
        try:
            work()
        except requests.RequestException as error:
            lost(error)
        except Exception as error:
            # A stranger that stopped without a word would make the run look better than it was.
            lost(RuntimeError(f"the attack itself broke: {error!r}"))
            raise
        until.wait(max(0.0, 1 / a_second - (time.monotonic() - began)))


def _strangers(stage: LocalStage, plan: Plan, tenant: str, source: str, tally: Tally) -> list[Callable[[], None]]:
    """One function for each stranger, which does one thing."""
    base, key = stage.front_door, stage.api_key(tenant)
    backend = _asking(base, key, "strangers' imports", tally)
    made = [requests.post(f"{base}/v1/upload-tokens", json=body, headers=_bearer(key), timeout=60) for body in TOKENS]

    def acting(number: int, token: dict[str, Any]) -> Callable[[], None]:
        ask = _asking(base, token["token"], "holders of tokens", tally)
        holder = Holder(ask, backend, token, source, random.Random(plan.seed * 100 + number), _sending(tally))
        return lambda: tally.done(holder.act())

    look, chance = _asking(base, None, "viewers", tally), random.Random(plan.seed)
    s3, bucket = stage.client("s3"), stage.variables()["FILEMILL_DERIVED_BUCKET"]
    known: list[str] = []

    def view() -> None:
        if not known or chance.random() < 0.02:
            listed = s3.list_objects_v2(Bucket=bucket, MaxKeys=200).get("Contents", [])
            known[:] = ["/" + each["Key"] for each in listed]
        for _ in range(3):
            look(Request("GET", viewed(chance, known)))
        tally.done("view")

    return [*itertools.starmap(acting, enumerate(each.json() for each in made)), view]


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@contextmanager
def _threads(works: list[Callable[[], None]], plan: Plan, tally: Tally) -> Iterator[None]:
    """Meanwhile each stranger does one thing after another."""
    until = threading.Event()
    each = plan.a_second / len(works)
    lost = lambda error: tally.lost("strangers", "S3", error)  # noqa: E731
    threads = [threading.Thread(target=_paced, args=(work, each, until, lost), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        until.set()
        for thread in threads:
            thread.join(120)


@contextmanager
def _ordinary(stage: LocalStage, tenant: str, tally: Tally) -> Iterator[Ordinary]:
    until = threading.Event()
    client = Ordinary(stage.front_door, stage.api_key(tenant), tally, until)
    client.start()
    try:
        yield client
    finally:
        until.set()
        client.join(120)


@contextmanager
def _loopback_allowed(stage: LocalStage) -> Iterator[None]:
    """What an operator's FILEMILL_IMPORT_NETWORKS does: the hostile source is on loopback."""
    client = stage.client("lambda")
    functions = ("filemill-local", "filemill-local-fetch")
    before = {
        name: client.get_function_configuration(FunctionName=name)["Environment"]["Variables"] for name in functions
    }
    for name, variables in before.items():
        allowed = variables | {"FILEMILL_IMPORT_NETWORKS": "127.0.0.0/8"}
        client.update_function_configuration(FunctionName=name, Environment={"Variables": allowed})
    try:
        yield
    finally:
        for name, variables in before.items():
            client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


class Left:
    """What an attack left on a stage."""

    def __init__(self, stage: LocalStage, tenant: str) -> None:
        self.reader, self.tenant = Stage(stage, tenant), tenant
        self.logs, self.functions = stage.client("logs"), stage.client("lambda", config=PATIENT)
        variables = self.reader.variables
        self.bucket = variables["FILEMILL_ORIGINALS_BUCKET"]
        self.queues = {name: variables[f"FILEMILL_{name.upper()}_QUEUE_URL"] for name in ("ingest", "import")}
        names = {"ingest": "DEAD_LETTER", "import": "IMPORT_DEAD_LETTER"}
        self.dead_queues = {name: variables[f"FILEMILL_{each}_QUEUE_URL"] for name, each in names.items()}
        self.began = int(time.time() * 1000)

    def settle(self, progress: Callable[[str], None]) -> None:
        """Waits for what the queues hold, and has the sweep run once."""
        self.wait(SETTLING)
        progress(f"still waiting: {self.waiting()}")
        self.sweep()

    def wait(self, seconds: float) -> None:
        """Waits until the queues are empty, or for so long."""
        deadline = time.monotonic() + seconds
        while any(self.waiting().values()) and time.monotonic() < deadline:
            time.sleep(2)

    def sweep(self) -> None:
        self.functions.invoke(FunctionName="filemill-local-sweep", Payload=json.dumps(SWEEP))

    def waiting(self) -> dict[str, int]:
        return {name: self.reader.messages(url) for name, url in self.queues.items()}

    def dead(self) -> dict[str, int]:
        return {name: self.reader.messages(url) for name, url in self.dead_queues.items()}

    def lines(self) -> list[tuple[str, str]]:
        """Every function's lines since this object was made. The emulator has no group for what never ran."""
        found = []
        for function in FUNCTIONS:
            group = f"/aws/lambda/filemill-local{function}"
            for page in self.logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=self.began):
                found += [
                    (function.strip("-") or "api", line)
                    for event in page["events"]
                    for line in event["message"].splitlines()
                ]
        return found

    def versions(self) -> list[Stored]:
        prefix = f"{self.tenant}/"
        pages = self.reader.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        return [Stored(each["Key"], each["Size"]) for page in pages for each in page.get("Versions", [])]

    def uploads(self) -> list[Stored]:
        s3 = self.reader.s3
        pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=f"{self.tenant}/")
        found = []
        for each in (upload for page in pages for upload in page.get("Uploads", [])):
            address = {"Bucket": self.bucket, "Key": each["Key"], "UploadId": each["UploadId"]}
            parts = [
                part for page in s3.get_paginator("list_parts").paginate(**address) for part in page.get("Parts", [])
            ]
            found.append(Stored(each["Key"], sum(part["Size"] for part in parts)))
        return found


def attack(stage: LocalStage, plan: Plan, progress: Callable[[str], None]) -> Result:
    """Runs a plan on a stage, with tenants of its own."""
    began, tally, mark = time.monotonic(), Tally(), uuid.uuid4().hex[:8]
    tenant, other = f"strange-{mark}", f"ordinary-{mark}"
    left = Left(stage, tenant)
    seconds = plan.minutes * 60
    with ExitStack() as stack:
        # First, because the emulator ends a function's processes when its settings change, whatever they do.
        stack.enter_context(_loopback_allowed(stage))
        client = stack.enter_context(_ordinary(stage, other, tally))
        time.sleep(min(10.0, seconds / 10))  # the functions start
        server = stack.enter_context(serving(Source(ANSWERS, plan.seed)))
        source = server.url("").replace("localhost", "127.0.0.1")
        works = _strangers(stage, plan, tenant, source, tally)
        quiet: list[float] = []
        attacked: list[float] = []
        for turn in range(1, TURNS + 1):
            alone, among = seconds / TURNS * QUIET, seconds / TURNS * (1 - QUIET)
            progress(f"turn {turn} of {TURNS}: an ordinary client alone for {alone:.0f} s, strangers for {among:.0f} s")
            quiet += client.times_of(alone)
            with _threads(works, plan, tally):
                attacked += client.times_of(among)
            left.wait(CALM)
        progress("the attack has ended; the queues are worked off")
        left.settle(progress)
    left.settle(progress)
    facts = Facts(
        answers=tally.answers,
        without_retry_after=tally.without_retry_after,
        unanswered=tally.unanswered,
        waiting=left.waiting(),
        dead=left.dead(),
        lines=left.lines(),
        records=left.reader.records(),
        versions=left.versions(),
        uploads=left.uploads(),
        sent=client.ready(),
        quiet=quiet,
        attacked=attacked,
    )
    faults = harmed(facts, hold_times=plan.minutes >= HOLDS)
    return Result(facts, faults, tally.did, tally.examples, time.monotonic() - began)
