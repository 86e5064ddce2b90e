"""CPU time of a photo's way through the function `process`, as a ratio to the same way without what makes it cheap.

Goals: 0.5 outside of decoding and encoding, 0.7 of the whole job. The other way has every JPEG made at once, botocore's
clients as they come, and new threads for each photo. Both run the function itself, warm, in a process of their own, by
turns. AWS is a server in a third process, which repeats the answers that moto gave to the same job. Its time is not
counted; that of our sockets is, without TLS.
"""

from __future__ import annotations

import datetime
import os
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any
from unittest.mock import patch

import botocore.config

from tests import images
from tests.stage import ROOT, STAGE

ROUNDS, JOBS = 9, 5
PHOTOS = {"700 x 500": (700, 500), "2000 x 1500": (2000, 1500)}
WAYS = ("Filemill", "the other way")
# Seconds of CPU: of the whole job, and of the job with renditions that were made before.
PARTS = ("the whole job", "without image work")
RESULT = ROOT / "bench" / "results" / "pace.md"


@dataclass(frozen=True)
class Answer:
    """One answer of AWS, to requests of this sort: the name of DynamoDB's or SQS's operation, or HTTP's method."""

    sort: str
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Job:
    """One photo's job: the event that the function gets, and the answers of AWS, in order."""

    event: dict[str, Any]
    answers: list[Answer]


def run() -> None:
    text = _table({name: _measure(name, size) for name, size in PHOTOS.items()})
    print(text)
    RESULT.write_text(text)


def _measure(name: str, size: tuple[int, int]) -> dict[tuple[str, str], Any]:
    """By part and way: the CPU seconds of each round. By `puts` and way: the number of PutObjects."""
    print(f"bench: {name}", file=sys.stderr)
    found: dict[tuple[str, str], Any] = {}
    with ExitStack() as stack:
        workers = {way: stack.enter_context(_process(_work, way, images.jpeg(*size))) for way in WAYS}
        for way, worker in workers.items():
            found["puts", way] = worker.recv()
        for part in PARTS:
            for number in range(ROUNDS + 1):
                for way in WAYS if number % 2 else reversed(WAYS):
                    workers[way].send(part)
                    seconds = workers[way].recv()
                    if number:  # the first round opens connections
                        found.setdefault((part, way), []).append(seconds)
    return found


@contextmanager
def _process(target: Any, *values: Any) -> Iterator[Connection]:
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=target, args=(theirs, *values), daemon=False)
    process.start()
    try:
        yield ours
    finally:
        process.terminate()
        process.join()


def _work(parent: Connection, way: str, photo: bytes) -> None:
    """A function's life: does a round of jobs whenever the parent asks, and says how much CPU a job took."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the function's log
    with ExitStack() as stack:
        os.environ.update(STAGE)
        if way != WAYS[0]:
            _take_away(stack)
        job = _recorded(photo)
        parent.send(Counter(answer.sort for answer in job.answers)["PUT"])
        server = stack.enter_context(_process(_serve, job.answers))
        os.environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{server.recv()}"
        import app
        from chalicelib import aws
        from tests.stage import lambda_context

        for client in (aws.s3, aws.dynamodb, aws.sqs):
            client.cache_clear()
        made: list[Any] = []
        while True:
            part = parent.recv()
            with _images_made_once(made) if part == PARTS[1] else ExitStack():
                before = time.process_time()
                for _ in range(JOBS):
                    if way != WAYS[0]:
                        _forget_threads()
                    app.process(job.event, lambda_context())
                parent.send((time.process_time() - before) / JOBS)


def _take_away(stack: ExitStack) -> None:
    """Makes this process go the other way."""
    from chalicelib import aws, lean
    from chalicelib.renditions.recipes import RECIPES

    bounds = {name: value for name, value in aws._BOUNDS.items() if name != "user_agent"}
    config = botocore.config.Config
    photo = RECIPES["photo"]
    everything = replace(photo, encodings=tuple(replace(each, up_to=None) for each in photo.encodings))
    stack.enter_context(patch.dict(aws._BOUNDS, bounds, clear=True))
    stack.enter_context(patch.object(aws, "Config", lambda **given: config(**given | {"parameter_validation": True})))
    stack.enter_context(patch.object(lean, "lean", lambda client: client))
    stack.enter_context(patch.object(lean, "with_quick_dates", lambda session: session))
    stack.enter_context(patch.dict(RECIPES, {"photo": everything}))


def _forget_threads() -> None:
    from chalicelib.processing import pipeline

    pipeline._uploaders().shutdown()
    pipeline._uploaders.cache_clear()


@contextmanager
def _images_made_once(made: list[Any]) -> Iterator[None]:
    """Has the first job's renditions and findings given again."""
    from chalicelib.processing.image import cascade, processor

    process = cascade.process_image

    def again(data: Any, recipe: Any, *, emit: Any, **more: Any) -> Any:
        if not made:
            renditions: list[Any] = []
            info = process(data, recipe, emit=lambda *each: renditions.append(each), **more)
            made.extend((info, renditions))
        for each in made[1]:
            emit(*each)
        return made[0]

    with patch.object(processor, "process_image", again):
        yield


def _recorded(photo: bytes) -> Job:
    """The job on moto."""
    from moto import mock_aws
    from moto.core.botocore_stubber import BotocoreStubber

    import app
    from tests import making
    from tests.client import new_client
    from tests.stage import aws_client, lambda_context, provisioned

    answers: list[Answer] = []
    stub: Any = BotocoreStubber
    answer_of_moto = stub.__call__

    def recorded(self: Any, event_name: str, request: Any, **more: Any) -> Any:
        reply = answer_of_moto(self, event_name, request, **more)
        target = request.headers.get("X-Amz-Target", request.method)
        sort = target.decode() if isinstance(target, bytes) else target
        headers = {name: str(value) for name, value in reply.headers.items() if name.lower() != "content-length"}
        body = reply.content
        if request.method == "GET":
            reply.raw.seek(0)
        answers.append(Answer(sort, reply.status_code, headers, body))
        if sort.endswith("ChangeMessageVisibility"):  # moto knows no such message
            answers[-1] = Answer(sort, 200, {"Content-Type": "application/x-amz-json-1.0"}, b"{}")
        return reply

    with mock_aws():
        provisioned(b"")
        file_id = making.upload(new_client("bench"), photo, tenant="bench", tags=["cats"])
        version = aws_client("s3").head_object(Bucket="originals", Key=f"bench/{file_id}")["VersionId"]
        event = making.message(f"bench/{file_id}", version, len(photo))
        with patch.object(stub, "__call__", recorded):
            app.process(event, lambda_context())
    return Job(event, answers)


def _serve(parent: Connection, answers: list[Answer]) -> None:
    """Repeats the answers: those to requests of one sort in their order, again and again."""
    by_sort: dict[str, list[Answer]] = {}
    for answer in answers:
        by_sort.setdefault(answer.sort, []).append(answer)
    given: Counter[str] = Counter()

    class AWS(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            sort = self.headers["X-Amz-Target"] or self.command
            answer = by_sort[sort][given[sort] % len(by_sort[sort])]
            given[sort] += 1
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 - the names of http.server

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), AWS)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    parent.send(server.server_port)
    with suppress(EOFError):  # when the parent is gone
        parent.recv()


def _table(found: dict[str, dict[tuple[str, str], Any]]) -> str:
    ours, other = WAYS
    lines = [
        "# The pace of photos",
        "",
        "CPU time of one photo in the function `process`, as a ratio to the way without what makes it cheap (medians).",
        "`python -m bench pace` writes this page, and says in its source what the other way is.",
        "",
        f"| photo, pixels | PUTs | {PARTS[0]} (goal 0.70) | {PARTS[1]} (goal 0.50) |",
        "|---|--:|--:|--:|",
    ]
    for name, figures in found.items():
        ratios = [
            statistics.median(one / two for one, two in zip(figures[part, ours], figures[part, other], strict=True))
            for part in PARTS
        ]
        puts = f"{figures['puts', ours]} for {figures['puts', other]}"
        lines.append(f"| {name} | {puts} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    lines += [
        "",
        f"- date: {datetime.datetime.now(datetime.UTC).date().isoformat()}",
        f"- rounds: {ROUNDS} of {JOBS} jobs, after one that opens connections; the two ways alternate",
        f"- Python: {platform.python_version()}, {platform.machine()}",
        f"- load average after: {os.getloadavg()[0]:.1f} (a shared machine)",
    ]
    return "\n".join(lines) + "\n"
