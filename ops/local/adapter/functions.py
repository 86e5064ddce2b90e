"""Lambda: processes that start quickly, end alone, and are no more than a small machine can take.

- A package is unpacked and compiled once, not for each process it runs in.
- A process that ends while it starts ends alone. MiniStack would then end all the function's others in the midst of
  their work, whose callers would do the same to those that were started meanwhile, and so on.
- A queue's function runs in at most twice as many processes as there are processors (and at least in four), whatever
  its concurrency on AWS: 200 of them would stand in each other's way.
- A layer's packages come before the emulator's own: MiniStack puts them last, which hid two faults of the package.
- An answer no longer waits 50 ms for a log line that doesn't come, nor a deployment 5 s for each function.
"""

import hashlib
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
    "ministack.services.lambda_svc:_schedule_state_transition": "(func_name: str, delay: float) -> None",
}
"""Private names, and how they must look."""


def apply() -> None:
    answer_at_once()
    fail_alone()
    bound_concurrency()
    unpack_once()
    find_layers_first()


def find_layers_first() -> None:
    """Have a layer's packages found before the emulator's own, as on AWS, so that a fault in what is packed shows here.

    https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html
    """
    from ministack.core import lambda_runtime

    found, wanted = "_site.addsitedir(_sp)", "sys.path.insert(0, _sp)"
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    if found not in script:
        raise RuntimeError("MiniStack's Python worker no longer looks for layers as this adapter expects")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(found, wanted)


def answer_at_once() -> None:
    """Wait 4 ms, not 50, for the first log line of a warm Lambda (17 requests a second become 95).

    And have a function ready before a waiter's first look, after which it would wait 5 s.
    """
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = 0
    lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.004, 0.003, 0.25)


def fail_alone() -> None:
    """Have a worker that can't be started, or whose pipe breaks, be an error of its invocation alone."""
    from ministack.core import lambda_runtime

    invoke = lambda_runtime.Worker.invoke

    def invoke_or_fail(self, event, request_id, **options):
        try:
            return invoke(self, event, request_id, **options)
        except Exception as error:
            lambda_runtime.kill_workers([self])  # the pool keeps it, and it starts anew when it is next called
            return {"status": "error", "error": str(error), "cold_start": True, "log": self._drain_stderr()}

    lambda_runtime.Worker.invoke = invoke_or_fail


def bound_concurrency() -> None:
    """Run no more of a queue's batches at once than this machine can."""
    from ministack.services import lambda_svc

    concurrency, most = lambda_svc._sqs_esm_concurrency, max(4, 2 * (os.cpu_count() or 1))
    lambda_svc._sqs_esm_concurrency = lambda *args: min(most, concurrency(*args))


def unpack_once() -> None:
    """Unpack each zip into one folder that all workers link to: a cold start falls from several seconds to one.

    As on AWS, what is in /var/task and /opt is not the function's to change; nothing here stops it.
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
