"""Services: what is asked about a file after it is `ready`. A new one is a module, and one line in `SERVICES`.

A service is a module with a function `start`. It is given a file and the name of a job, and answers at once, or has
somebody else answer later, through an event (`read_answer`, or a function `read` of the module's own). All else is done
for it: the record, the time it may take, further tries, and late or repeated answers.

A stage runs the services that its setting FILEMILL_SERVICES names. docs/add-a-service.md adds one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any, Protocol, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from chalicelib.catalog import service_states
from chalicelib.model import File, Kind, ServiceState, ServiceStatus
from chalicelib.settings import settings

# Bytes of a result as JSON. It stands in the record, and in every event of the file.
MAX_RESULT = 4096
MAX_WORDS = 100

# The event by which anybody answers on the stage's own bus.
ANSWERED = ("filemill.service", "Service Answered")


class Failure(BaseModel):
    """Why a service has no result for this file. `code` is a word that never changes."""

    code: str = Field("refused", pattern="^[a-z][a-z0-9_]{0,31}$")
    message: str = Field(min_length=1, max_length=500)


class Answer(BaseModel):
    """The answer of a service about a file: a result, with words by which search is to find the file; or its failure.

    The result has at most MAX_RESULT bytes as JSON. A failure is final: the service is not asked again by itself.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    result: dict[str, JsonValue] | None = None
    words: tuple[str, ...] = Field(default=(), max_length=MAX_WORDS)
    error: Failure | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Answer:
        if (self.result is None) == (self.error is None):
            raise ValueError("must have either `result` or `error`")
        if self.result is not None and _size(self.result) > MAX_RESULT:
            raise ValueError(f"`result` may have at most {MAX_RESULT} bytes as JSON")
        return self


def _size(result: Mapping[str, Any]) -> int:
    """Raises ValueError for NaN and infinity, which JSON does not have."""
    return len(json.dumps(result, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode())


def failure(code: str, message: str) -> Answer:
    return Answer(error=Failure(code=code, message=message))


class Start(Protocol):
    def __call__(self, file: File, job: str) -> Answer | None:
        """Answers, or has somebody answer this job later, and returns None.

        It may be called twice for a file, with another job each time. What it raises counts as a try that failed.
        """


class Read(Protocol):
    def __call__(self, event: Mapping[str, Any]) -> tuple[str, Answer] | None:
        """The job that an event answers, and the answer; None if the event is no answer. It may come twice."""


class Carry(Protocol):
    def __call__(self, file: File, prefix: str) -> bool:
        """Copies what the service made of the served version below the prefix of a new one. False if it is gone."""


@dataclass(frozen=True)
class Service:
    """A service. `module` is the full name of the module with `start`.

    A service whose results are other ones than before gets a new `version`: `ops backfill` then asks it again about the
    files of old. `timeout` is how long a job may take, and `tries` how many jobs there may be for one file.

    `event` is the source and the type of the events that end its jobs, where they are an AWS service's own. The module
    then has a function `read`.

    A service that `carries` has objects among the file's renditions. Its module has a function `carry(file, prefix)`,
    which copies them to a new version of the file, and says False if it must make them again.
    """

    name: str
    version: int
    matches: Callable[[Kind, str], bool]
    module: str
    timeout: timedelta
    tries: int = 3
    event: tuple[str, str] | None = None
    carries: bool = False

    def start(self, file: File, job: str) -> Answer | None:
        """Raises what `Start` raises."""
        return cast(Start, import_module(self.module).start)(file, job)

    def read(self, event: Mapping[str, Any]) -> tuple[str, Answer] | None:
        """Raises what `Read` raises."""
        return cast(Read, import_module(self.module).read)(event)

    def carry(self, file: File, prefix: str) -> bool:
        """True if all that the service made of the file is below this prefix, too."""
        return not self.carries or cast(Carry, import_module(self.module).carry)(file, prefix)


def read_answer(event: Mapping[str, Any]) -> tuple[str, Answer] | None:
    """The job and the answer of an event on the stage's own bus. What can't be kept becomes a failure that says why."""
    detail = event["detail"]
    if not isinstance(detail, Mapping) or not isinstance(job := detail.get("job"), str):
        return None
    try:
        return job, Answer.model_validate(detail)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        why = f"{where}: {first['msg']}" if where else first["msg"]
        return job, failure("bad_answer", f"The service's answer can't be kept: {why}."[:500])


SERVICES = (
    Service(
        "labels", 1, lambda kind, _: kind is Kind.IMAGE, "chalicelib.processing.labels", timeout=timedelta(minutes=5)
    ),
    Service("function", 1, lambda *_: True, "chalicelib.processing.own_function", timeout=timedelta(hours=1)),
    Service(
        "mediaconvert",
        1,
        lambda kind, _: kind is Kind.VIDEO,
        "chalicelib.processing.mediaconvert",
        # MediaConvert ends a job itself after 48 hours.
        timeout=timedelta(hours=49),
        tries=2,
        event=("aws.mediaconvert", "MediaConvert Job State Change"),
        carries=True,
    ),
)
"""All services. A name has at most 16 of a-z, 0-9 and -."""


def named(name: str) -> Service | None:
    return next((service for service in SERVICES if service.name == name), None)


def enabled() -> list[Service]:
    """The services that the stage runs."""
    return [service for service in SERVICES if service.name in settings().service_names]


def of_event(event: Mapping[str, Any]) -> list[Service]:
    """The services whose jobs end by such events."""
    return [service for service in SERVICES if service.event == (event["source"], event["detail-type"])]


def wanted(file: File, kind: Kind, content_type: str, prefix: str) -> dict[str, ServiceState]:
    """The services that are to be asked when a file becomes `ready`, as the record has them then.

    A service is not asked again whose job runs, or that has a result of its present version. What it made is then
    carried to `prefix`, which the file's renditions will have.
    """
    return {
        service.name: service_states.asked(file.services.get(service.name), service.version, service.tries)
        for service in enabled()
        if service.matches(kind, content_type) and not _is_settled(service, file, prefix)
    }


def _is_settled(service: Service, file: File, prefix: str) -> bool:
    state = file.services.get(service.name)
    if state is None or state.is_open:
        return state is not None
    return state.status is ServiceStatus.DONE and state.version == service.version and service.carry(file, prefix)
