"""Lambda: functions' processes that start quickly, fail alone, and are not too many for a small machine.

- A package is unpacked and compiled once, not once per process.
- A process that ends while it starts ends alone. MiniStack would then end all other processes of the function in the
  middle of their work; their callers would do the same to the next processes, and so on.
- A queue's function runs in at most two processes per processor (and in at least four), whatever its concurrency on
  AWS: 200 processes would only slow each other down.
- A layer's packages come before the emulator's own. MiniStack puts them last, which once hid two faults of the package.
- The account's limit of concurrent executions is AWS's default of 1,000, or the number of `--concurrency`. MiniStack
  would report a number that depends on this machine's memory.
- An answer does not wait 50 ms for a log line that never comes, and a deployment does not wait 5 s for each function.
- `GET /_edge/workers` tells which process works on which event (the soak kills processes by it).
"""

import contextlib
import hashlib
import json
import os
import tempfile
import threading
import types
import zipfile
from pathlib import Path

RELIED_ON = {
    "ministack.core.lambda_runtime:Worker._spawn": "(self)",
    "ministack.core.lambda_runtime:Worker.invoke": (
        "(self, event, request_id: str, *, trace_id: str | None = None, depth=None, durable: dict | None "
        "= None, invoked_function_arn: str | None = None) -> dict"
    ),
    "ministack.core.lambda_runtime:kill_workers": "(workers) -> None",
    "ministack.core.lambda_runtime:Worker._drain_stderr_bounded": (
        "(self, first_line_wait: float = 0.05, idle_confirm: float = 0.005, hard_cap: float = 0.25) -> str"
    ),
    "ministack.services.lambda_svc:_sqs_esm_concurrency": (
        "(esm: dict, func_rec: dict, config: dict, queue: dict | None = None) -> int"
    ),
    "ministack.services.lambda_svc:_get_account_settings": "()",
    "ministack.services.lambda_svc:_schedule_state_transition": "(func_name: str, delay: float) -> None",
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""


def apply() -> None:
    answer_at_once()
    fail_alone()
    bound_concurrency()
    unpack_once()
    find_layers_first()
    report_concurrency()
    let_requests_go_first()


def report_concurrency() -> None:
    """Reports AWS's default limit of concurrent executions, unless LAMBDA_ACCOUNT_CONCURRENCY sets another.

    The bound that protects this machine's memory stays as it is. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    from ministack.services import lambda_svc

    answer, limit = lambda_svc._get_account_settings, int(os.environ.get("LAMBDA_ACCOUNT_CONCURRENCY") or 1000)

    def account_settings():
        status, headers, body = answer()
        settings = json.loads(body)
        had = settings["AccountLimit"]
        reserved = had["ConcurrentExecutions"] - had["UnreservedConcurrentExecutions"]
        had.update(ConcurrentExecutions=limit, UnreservedConcurrentExecutions=max(limit - reserved, 0))
        return status, headers, json.dumps(settings).encode()

    lambda_svc._get_account_settings = account_settings


# The functions for whom no client waits.
BACKGROUND = ("process", "fetch", "index", "publish", "deliver", "sweep")


def let_requests_go_first() -> None:
    """Gives the functions that work in the background a lower priority than those that a client waits for.

    On AWS each function has a processor of its own. Here all share this computer's, and processing a picture would hold
    up the API.
    """
    from ministack.core import lambda_runtime

    spawn = lambda_runtime.Worker._spawn

    def spawn_with_priority(self):
        spawn(self)
        if self._proc and self.func_name.rpartition("-")[2] in BACKGROUND:
            with contextlib.suppress(OSError):  # it has ended already
                os.setpriority(os.PRIO_PROCESS, self._proc.pid, 10)

    lambda_runtime.Worker._spawn = spawn_with_priority


def find_layers_first() -> None:
    """Makes Python find a layer's packages before the emulator's own, as on AWS, so that a faulty package shows here.

    https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html
    """
    from ministack.core import lambda_runtime

    found, wanted = "_site.addsitedir(_sp)", "sys.path.insert(0, _sp)"
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if found not in script:
        raise RuntimeError("MiniStack's Python worker no longer looks for layers as this adapter expects")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(found, wanted)


at_work = {}
"""The event that each worker (MiniStack's object) handles now."""


async def tell_workers(send) -> None:
    """Answers with JSON: the event of each process that handles one, by process id."""
    events = {worker._proc.pid: event for worker, event in list(at_work.items()) if worker._proc}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(events, default=str).encode()})


def answer_at_once() -> None:
    """Waits 4 ms, not 50, for the first log line of a warm function: 95 requests per second instead of 17.

    Also makes a new function ready at once. Otherwise a waiter would look too early and then wait 5 s.
    """
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = 0
    lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.004, 0.003, 0.25)


def fail_alone() -> None:
    """Makes a worker that can't be started, or whose pipe breaks, an error of its own invocation only."""
    from ministack.core import lambda_runtime

    invoke = lambda_runtime.Worker.invoke

    def invoke_or_fail(self, event, request_id, **options):
        at_work[self] = event
        try:
            return invoke(self, event, request_id, **options)
        except Exception as error:
            lambda_runtime.kill_workers([self])  # the pool keeps it, and starts it again at its next call
            return {"status": "error", "error": str(error), "cold_start": True, "log": self._drain_stderr()}
        finally:
            del at_work[self]

    lambda_runtime.Worker.invoke = invoke_or_fail


def bound_concurrency() -> None:
    """Limits how many batches of a queue run at the same time to what this machine can do."""
    from ministack.services import lambda_svc

    concurrency, most = lambda_svc._sqs_esm_concurrency, max(4, 2 * (os.cpu_count() or 1))
    lambda_svc._sqs_esm_concurrency = lambda *args: min(most, concurrency(*args))


def unpack_once() -> None:
    """Unpacks each zip into one folder that all workers link to. A cold start then takes one second, not several.

    As on AWS, a function must not change /var/task and /opt; but nothing here prevents it.
    """
    from ministack.core import lambda_runtime

    shared = Path(tempfile.gettempdir()) / "packages"
    shared.mkdir(exist_ok=True)
    one_at_a_time = threading.Lock()

    class SharedZip(zipfile.ZipFile):
        def extractall(self, path=None, members=None, pwd=None):
            package = shared / hashlib.sha256(Path(self.filename).read_bytes()).hexdigest()
            with one_at_a_time:
                if not package.exists():
                    unfinished = package.with_suffix(".part")
                    super().extractall(unfinished)
                    unfinished.rename(package)
            Path(path).rmdir()
            Path(path).symlink_to(package, target_is_directory=True)

    lambda_runtime.zipfile = types.SimpleNamespace(**{**vars(zipfile), "ZipFile": SharedZip})
