"""A process that ends at an AWS call, as Lambda ends one: none of its handlers does anything more.

A call has two moments: before it is sent, and after it was answered. If the process is killed before, AWS never hears
of the call. If it is killed after, AWS has carried it out and nobody is told. From then on no call of the process is
sent, in whatever thread, so that nothing is cleaned up by `except` and `finally`. Calls that other threads have sent by
then are carried out, as AWS would do it.

A call can also be carried out while its answer is lost. Then botocore sends the request again inside the call, and our
code sees only what is answered to that.
"""

from __future__ import annotations

import inspect
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

from chalicelib import aws
from chalicelib.events import posts
from tests.contention import lost
from tests.sockets import PLACE

Moment = Literal["before", "after"]

Role = Literal["caller", "function"]
"""Whose calls a thread makes. Two processes share a thread when one invokes a function and waits for its answer."""

_thread = threading.local()


@contextmanager
def acting_as(role: Role) -> Iterator[None]:
    """Meanwhile the calls of this thread are those of that role."""
    before = getattr(_thread, "role", "caller")
    _thread.role = role
    try:
        yield
    finally:
        _thread.role = before


def _invocation() -> int:
    number: int = getattr(_thread, "invocation", 0)
    return number


def as_function(work: Callable[[], Any]) -> Any:
    """Runs a function that was invoked. If it is killed, the caller is told what Lambda says then."""
    _thread.invocation = _invocation() + 1
    with acting_as("function"):
        try:
            return work()
        except Killed:
            raise RuntimeError("Runtime exited without providing a reason") from None


class Killed(BaseException):
    """The process ended here. It is no `Exception`, so that no code that catches errors catches it."""


@dataclass(frozen=True)
class Point:
    """A moment of a call. `call` is its number from 0, in the order in which calls are sent."""

    call: int
    moment: Moment


@dataclass(frozen=True)
class Fault:
    """What AWS answers instead. With `done` it carries the call out, although the answer says that it does not.

    With `partly` it carries out all but the last item of a batch, and says so. A call that is no batch is carried out.
    """

    code: str
    status: int
    done: bool = False
    partly: bool = False


PARTLY = Fault("InternalError", 200, partly=True)


# What each service answers when it is busy or broken, after botocore's own retries.
FAULTS = {
    "dynamodb": (Fault("ProvisionedThroughputExceededException", 400), Fault("InternalServerError", 500, done=True)),
    "s3": (Fault("SlowDown", 503), Fault("InternalError", 500, done=True)),
    "sqs": (Fault("RequestThrottled", 403), Fault("InternalFailure", 500, done=True)),
    "cloudfront": (Fault("TooManyInvalidationsInProgress", 400), Fault("ServiceUnavailable", 503, done=True)),
    "ssm": (Fault("ThrottlingException", 400), Fault("InternalServerError", 500)),
    "events": (Fault("ThrottlingException", 400), Fault("InternalException", 500, done=True)),
    "lambda": (Fault("TooManyRequestsException", 429), Fault("ServiceException", 500, done=True)),
}


@dataclass
class Process:
    """The AWS calls of one process, as `service.Operation`; `dead` once it is killed.

    `fault` says what AWS answers instead to a call (by name and number). `meanwhile` is what happens elsewhere at a
    moment of a call: until it is done, the calls of that thread are another process's. Only the calls of one `role` in
    a thread are the process's. `lost` is the number of a call whose first answer is lost, after AWS carried it out.
    """

    kill_at: Point | None = None
    role: Role = "caller"
    fault: Callable[[str, int], Fault | None] = lambda name, number: None
    meanwhile: Callable[[str, Point], None] = lambda name, point: None
    calls: list[str] = field(default_factory=list)
    dead: bool = False
    faults: Counter[str] = field(default_factory=Counter)
    lost: int | None = None
    sent_again: bool = False
    _died_in: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _here: threading.local = field(default_factory=threading.local)

    def built(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        """Takes out of a batch what is not to be carried out. It comes before `before`."""
        if self._is_another() or self.dead:
            return
        fault = self.fault(f"{model.service_model.service_name}.{model.name}", len(self.calls))
        if fault is None or not fault.partly:
            return
        if model.name == "DeleteObjects":
            *done, left = params["Delete"]["Objects"]
            context["partly"] = {"Errors": [{**left, "Code": fault.code, "Message": "injected"}]}
            params["Delete"] = {**params["Delete"], "Objects": done or [{"Key": "nothing"}]}
            self.faults["s3: partly"] += 1
        elif model.name == "BatchWriteItem":
            ((table, requests),) = params["RequestItems"].items()
            if len(requests) > 1:
                context["partly"] = {"UnprocessedItems": {table: requests[-1:]}}
                params["RequestItems"] = {table: requests[:-1]}
                self.faults["dynamodb: partly"] += 1
        elif model.name == "PutEvents" and len(params["Entries"]) > 1:
            *done, left = params["Entries"]
            answers = [{"EventId": str(number)} for number in range(len(done))]
            context["partly"] = {"FailedEntryCount": 1, "Entries": [*answers, {"ErrorCode": fault.code}]}
            params["Entries"] = done
            self.faults["events: partly"] += 1

    def before(self, model: Any, context: dict[str, Any], **_: Any) -> Any:
        if self._is_another():
            return None
        with self._lock:
            if self.dead:
                raise Killed
            number, name = len(self.calls), f"{model.service_model.service_name}.{model.name}"
            self.calls.append(name)
            context["filemill"] = self._here.number = number
            if self.kill_at == Point(number, "before"):
                self._die()
                raise Killed
        self._elsewhere(name, Point(number, "before"))
        fault = self.fault(name, number)
        if fault is None or fault.partly:
            return None
        self.faults[f"{model.service_model.service_name}: {fault.code}"] += 1
        context["fault"] = fault
        return None if fault.done else (SimpleNamespace(status_code=fault.status), _answer(fault))

    def sent(self, request: Any, **_: Any) -> Any:
        """Answers 500 to the first sending of the call that is `lost`. moto comes after it and carries it out."""
        if (
            self.lost is None
            or self._is_another()
            or self.sent_again
            or getattr(self._here, "number", None) != self.lost
        ):
            return None
        self.sent_again = True
        return lost(request)

    def after(self, http_response: Any, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if self._is_another():
            return
        number = context["filemill"]
        with self._lock:
            if self.kill_at == Point(number, "after"):
                self._die()
            if self.dead:
                raise Killed
        if (fault := context.get("fault")) and http_response.status_code < 300:
            http_response.status_code = fault.status
            parsed.clear()
            parsed.update(_answer(fault))
        parsed.update(context.get("partly", {}))
        self._elsewhere(self.calls[number], Point(number, "after"))

    def _is_another(self) -> bool:
        if getattr(self._here, "suspended", False) or getattr(_thread, "role", "caller") != self.role:
            return True
        # When the function is invoked again, it is another process.
        return self.role == "function" and self.dead and _invocation() != self._died_in

    def _die(self) -> None:
        self.dead, self._died_in = True, _invocation()

    def _elsewhere(self, name: str, point: Point) -> None:
        self._here.suspended = True
        try:
            with acting_as("caller"):
                self.meanwhile(name, point)
        finally:
            self._here.suspended = False


def _answer(fault: Fault) -> dict[str, Any]:
    return {
        "Error": {"Code": fault.code, "Message": "injected"},
        "ResponseMetadata": {"HTTPStatusCode": fault.status, "HTTPHeaders": {}, "RetryAttempts": 3},
    }


def clients() -> Iterator[Any]:
    """All clients of the code under test: one for each function of aws.py that makes one."""
    for name, made in vars(aws).items():
        if not name.startswith("_") and callable(made) and hasattr(made, "cache_info"):
            yield made(*([posts.endpoint(PLACE)] if inspect.signature(made).parameters else []))


@contextmanager
def watched(process: Process) -> Iterator[Process]:
    """Meanwhile the AWS calls of the code under test are that process's."""
    hooks = [(client.meta.events, name, hook) for client in clients() for name, hook in _hooks(process)]
    for events, name, hook in hooks:
        (events.register_first if hook == process.sent else events.register)(name, hook)
    try:
        yield process
    finally:
        for events, name, hook in hooks:
            events.unregister(name, hook)


def _hooks(process: Process) -> list[tuple[str, Any]]:
    return [
        ("before-parameter-build", process.built),
        ("before-call", process.before),
        ("before-send", process.sent),
        ("after-call", process.after),
    ]


def run(work: Callable[[], object], process: Process) -> Process:
    """Does some work as this process, until it ends or is killed."""
    with watched(process):
        try:
            work()
        except Killed:
            assert process.dead
    return process
