"""How far services are with a file: each is asked, its job begins, and it is answered, or its time is over.

Each function that writes is one transition under the revision that was read, so that two workers never start the same
job, and an answer counts once. The sweep comes back for a job that nobody begins or answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from hmac import compare_digest
from typing import Any

from chalicelib.catalog import pending, transitions
from chalicelib.catalog.record_writer import attempt
from chalicelib.catalog.transitions import Transition
from chalicelib.model import File, ServiceError, ServiceState, ServiceStatus, now

# The message that has a job begin is sent again, if it was lost, this long after the service was asked.
COMES = timedelta(minutes=5)
# The pause after the first job that failed. It doubles with each further one.
PAUSE = timedelta(minutes=1)
# Tries of a job that can't begin only because AWS takes no more requests now. With their pauses they last 8.5 hours.
# AWS bounds how many jobs an account may begin a second, and a backfill asks for many at once:
# https://docs.aws.amazon.com/general/latest/gr/mediaconvert.html
# https://docs.aws.amazon.com/general/latest/gr/rekognition.html
BUSY_TRIES = 10

TIMED_OUT = ServiceError(code="timed_out", message="The service did not answer in time.")


def asked(before: ServiceState | None, version: int, tries: int) -> ServiceState:
    """The state of a service that is asked now. The result of an earlier run stays until there is another one."""
    state = ServiceState(status=ServiceStatus.WAITING, version=version, tries=tries, due_at=now() + COMES)
    return state.model_copy(update={"result": before.result, "words": before.words}) if before else state


def may_begin(state: ServiceState) -> bool:
    """True if a job may begin now: the service waits, and the pause after the last job is over."""
    return state.status is ServiceStatus.WAITING and (not state.attempts or not state.due_at or state.due_at <= now())


def runs_as(file: File, name: str, job: str) -> bool:
    """True if this job of the service runs."""
    state = file.services.get(name)
    return state is not None and state.status is ServiceStatus.RUNNING and compare_digest(state.job or "", job)


def ask(file: File, name: str, version: int, tries: int) -> File | None:
    """Asks a service about a file that is `ready`. Returns None if the record changed."""
    return _write(transitions.ASK_SERVICE, file, name, asked(file.services.get(name), version, tries))


def begin(file: File, name: str, job: str, timeout: timedelta) -> File | None:
    """`waiting` to `running`. Returns None if the record changed: perhaps another worker has begun."""
    state = file.services[name]
    begun = {"status": ServiceStatus.RUNNING, "job": job, "attempts": state.attempts + 1, "started_at": now()}
    begun |= {"ended_at": None, "due_at": now() + timeout}
    return _write(transitions.ASK_SERVICE, file, name, state.model_copy(update=begun))


def done(file: File, name: str, result: Mapping[str, Any], words: list[str]) -> File | None:
    """To `done`. Returns None if the record changed."""
    found = {"status": ServiceStatus.DONE, "result": dict(result), "words": words, "error": None}
    return _end(file, name, found)


def failed(file: File, name: str, error: ServiceError) -> File | None:
    """To `failed`: another try would end the same way. Returns None if the record changed."""
    return _end(file, name, {"status": ServiceStatus.FAILED, "error": error})


def tried(file: File, name: str, error: ServiceError, last: ServiceStatus, *, busy: bool = False) -> File | None:
    """Ends a job that brought nothing: back to `waiting`, with a pause, or to `last` after the last try.

    A service that was only `busy` is asked more often. Returns None if the record changed.
    """
    state = file.services[name]
    if state.attempts >= (max(state.tries, BUSY_TRIES) if busy else state.tries):
        return _end(file, name, {"status": last, "error": error})
    again = now() + PAUSE * 2 ** (state.attempts - 1)
    return _end(file, name, {"status": ServiceStatus.WAITING, "error": error, "due_at": again})


def _end(file: File, name: str, values: Mapping[str, Any]) -> File | None:
    ended = {"job": None, "due_at": None, "ended_at": now(), **values}
    return _write(transitions.END_SERVICE, file, name, file.services[name].model_copy(update=ended))


def _write(transition: Transition, file: File, name: str, state: ServiceState) -> File | None:
    services = {**file.services, name: state}
    due = pending.due_when_ready(file.model_copy(update={"services": services}))
    values = {"services": dumped(services), **due}
    return attempt(transition, file.id, values, tenant=file.tenant, revision=file.revision)


def dumped(services: Mapping[str, ServiceState]) -> dict[str, Any]:
    """The states as JSON, as the record has them."""
    return {name: state.model_dump(mode="json", exclude_defaults=True) for name, state in services.items()}
