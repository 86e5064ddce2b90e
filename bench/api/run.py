"""`python -m bench api`: CPU of the API's function for a request, as a ratio to an earlier revision. Writes a page.

Both revisions answer the same requests in processes of their own (`function`), in turn, so that a noisy minute hits
both. What Lambda's runtime, API Gateway and DynamoDB need is not in it.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.stage import ROOT

RESULT = ROOT / "bench" / "results" / "api.md"

# The revision before the API was made faster.
BASE = "49a3b288"
GOAL = 0.5

ROUNDS = 25
# Requests of a round: about as much CPU for each operation.
REQUESTS = {"get": 40, "list": 3, "create": 40}
WORDS = {
    "get": "`GET /v1/files/{file_id}`",
    "list": "`GET /v1/files?limit=50`",
    "create": "`POST /v1/files`",
}


def run(against: str = BASE) -> None:
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        before = stack.enter_context(started(stack.enter_context(_checkout(against))))
        now = stack.enter_context(started(ROOT))
        samples = _measured(before, now)
    text = _page(samples, against, load)
    sys.stdout.write(text)
    RESULT.write_text(text)


@contextmanager
def _checkout(revision: str) -> Iterator[Path]:
    """The files of a revision, in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield Path(folder)


class Function:
    """The function of one checkout, which is started."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, operation: str, requests: int, *, counted: bool = False) -> dict[str, Any]:
        """Sends requests. Gives the CPU that they took in `seconds`, AWS `calls`, and the `bytes` of an answer.

        If they are `counted`, it gives the `functions` that were called instead.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{operation} {requests}{' counted' if counted else ''}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def started(checkout: Path) -> Iterator[Function]:
    """The function with the code of this checkout, in a process of its own."""
    script = Path(__file__).with_name("function.py")
    process = subprocess.Popen(
        [sys.executable, "-P", str(script)],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Function(process)
    finally:
        process.communicate()


def _measured(before: Function, now: Function) -> dict[str, list[tuple[dict[str, Any], dict[str, Any]]]]:
    """By operation: what each round took, before and now. The first round does not count: it fills caches."""
    samples: dict[str, list[Any]] = {operation: [] for operation in REQUESTS}
    for number in range(ROUNDS + 1):
        for operation, requests in REQUESTS.items():
            pair = [each(operation, requests) for each in ((before, now) if number % 2 else (now, before))]
            if number:
                samples[operation].append(pair if number % 2 else pair[::-1])
    return samples


def _page(samples: dict[str, list[Any]], against: str, load: float) -> str:
    lines = [
        "# CPU of a request in the API's function",
        "",
        f"The ratio to revision `{against}` in the same round; medians. The goal is {GOAL} for each.",
        "",
        "| request | ratio | CPU before, ms | CPU now, ms | AWS calls before, now | bytes answered before, now |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for operation, pairs in samples.items():
        count = REQUESTS[operation]
        ratio = statistics.median(now["seconds"] / before["seconds"] for before, now in pairs)
        ms = [statistics.median(pair[side]["seconds"] for pair in pairs) / count * 1000 for side in (0, 1)]
        last = pairs[-1]
        calls = ", ".join(f"{each['calls'] / count:g}" for each in last)
        sizes = ", ".join(f"{each['bytes']:,}" for each in last)
        lines.append(f"| {WORDS[operation]} | {ratio:.2f} | {ms[0]:.2f} | {ms[1]:.2f} | {calls} | {sizes} |")
    conditions = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "rounds": f"{ROUNDS}, after one that fills the caches; the two revisions in turn",
        "requests": "API Gateway's events for a private photo with 12 renditions; warm, as all but the first of a "
        "process are: the key, the tenant, the stage's secrets and the addresses' signatures are remembered",
        "AWS": "its answers are recorded and given below botocore's HTTP session: signing, serialising and reading "
        "are counted, but neither sending, TLS nor waiting. Playing AWS takes about 2 % of a request",
        "Python": f"{platform.python_version()}, {platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "load average before": f"{load:.1f} (a shared machine)",
    }
    return "\n".join([*lines, "", *(f"- {name}: {value}" for name, value in conditions.items()), ""])
