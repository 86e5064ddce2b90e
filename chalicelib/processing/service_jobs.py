"""The jobs of services: begins those that wait for a file, and writes their answers into the record."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import files, scans, service_states
from chalicelib.catalog.index.terms import split_words
from chalicelib.model import FILE_ID_PATTERN, File, ServiceError, ServiceStatus, Status
from chalicelib.observability import append, logger
from chalicelib.processing import services
from chalicelib.processing.services import Answer, Service
from chalicelib.queues.worker import MAX_RECEIVES, Later, Message
from chalicelib.settings import settings

# The record may change while an answer is written. It does so rarely, and seldom twice.
WRITES = 5

# Seconds until an answer comes again that came while the file was being processed, by how often it came.
PAUSES = (60, 300, 900, 1800)

# `01KAP3Y5ZD4Q8R2V7W9XABCDEF.labels.` and 120 random bits: at most 64 characters, as AWS allows for the names of jobs.
_JOB = re.compile(r"([0-9A-Z]{26})\.([a-z][a-z0-9-]{0,15})\.[A-Za-z0-9_-]{20}")


def new_job(file: File, service: Service) -> str:
    """The name of a new job. Nobody can guess it, and it tells which record is to be changed."""
    return f"{file.id.removeprefix('file_')}.{service.name}.{secrets.token_urlsafe(15)}"


def begin(tenant: str, file_id: str) -> None:
    """Begins the services that wait for a file. Does nothing for a file that is not `ready`, or has none."""
    append(tenant=tenant, file_id=file_id)
    file = files.get(tenant, file_id)
    for name in sorted(file.services) if file else ():
        for _ in range(WRITES):
            file = files.get(tenant, file_id)
            if file is None or file.status is not Status.READY or not scans.may_be_read(file):
                logger.info("no file that is ready, and may be read")
                return
            if name not in file.services or not service_states.may_begin(file.services[name]) or _start(file, name):
                break
        else:  # the sweep sends the message again
            logger.warning("the record changes all the time", extra={"service": name})


def _start(file: File, name: str) -> bool:
    """False if the record changed, so that nothing was started."""
    append(correlation_id=file.correlation_id)
    service = services.named(name)
    if service is None or name not in settings().service_names:
        message = f"The stage no longer runs the service `{name}`."
        return service_states.failed(file, name, ServiceError(code="not_enabled", message=message)) is not None
    job = new_job(file, service)
    begun = service_states.begin(file, name, job, service.timeout)
    if begun is None:
        return False
    try:
        answer = service.start(begun, job)
    except Exception as error:
        logger.exception("a service could not be started", extra={"service": name})
        why = ServiceError(code="not_started", message=f"The service could not be started: {_reason(error)}.")
        busy = aws.is_busy(error)
        _change(job, lambda file: service_states.tried(file, name, why, ServiceStatus.FAILED, busy=busy))
        return True
    if answer:
        _keep(job, answer)
    return True


def _reason(error: Exception) -> str:
    """The word for an error. Its text may hold what a record must not tell."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def handle(event: Mapping[str, Any], message: Message) -> None:
    """Writes the answer that an event brings. Raises Later while the file is being processed."""
    readers = [service.read for service in services.of_event(event)] or [services.read_answer]
    for read in readers:
        found = read(event)
        # After the last time the answer is lost, and the job is over when its time is.
        if found and not _keep(*found) and message.receives < MAX_RECEIVES:
            raise Later(PAUSES[message.receives - 1], "the record can't take the answer now")


def _keep(job: str, answer: Answer) -> bool:
    """Writes an answer, if its job still runs. False if the record can't take it now."""
    match = _JOB.fullmatch(job)
    name = match[2] if match else ""

    def write(file: File) -> File | None:
        if answer.error:
            return service_states.failed(file, name, ServiceError(**answer.error.model_dump()))
        return service_states.done(file, name, answer.result or {}, _words(file, name, answer.words))

    return _change(job, write)


def _words(file: File, name: str, said: tuple[str, ...]) -> list[str]:
    """The words of an answer that search is to find: all services of a file have FILEMILL_FOUND_WORDS together."""
    others = sum(len(state.words) for other, state in file.services.items() if other != name)
    room = max(0, settings().found_words - others)
    return list(dict.fromkeys(word for text in said for word in split_words(text)))[:room]


def _file_of(job: str) -> File | None:
    """The file of a job that runs; None for any other job, whoever names it."""
    match = _JOB.fullmatch(job)
    file_id = f"file_{match[1]}" if match else ""
    if match is None or not FILE_ID_PATTERN.fullmatch(file_id):
        return None
    file = files.record(file_id)
    return file if file and service_states.runs_as(file, match[2], job) else None


def _change(job: str, write: Callable[[File], File | None]) -> bool:
    """Writes the end of a job, if it still runs. False if the file is being processed, or changes all the time."""
    for _ in range(WRITES):
        file = _file_of(job)
        if file is None or file.status not in (Status.READY, Status.PROCESSING):
            logger.info("no job of ours, or it is over; dropped")
            return True
        append(tenant=file.tenant, file_id=file.id, correlation_id=file.correlation_id)
        if file.status is Status.PROCESSING:
            return False
        if write(file):
            return True
    return False
