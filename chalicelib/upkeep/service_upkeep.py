"""The sweep's part in services: it ends a job whose time is over, and has one begin that nobody began."""

from __future__ import annotations

from datetime import datetime

from chalicelib.catalog import service_states
from chalicelib.model import File, ServiceError, ServiceStatus, now
from chalicelib.observability import logger

NOT_STARTED = ServiceError(code="not_started", message="Nobody started the service. Ask it again.")


def end_overdue(file: File) -> File:
    """The record after each job whose time is over was ended. It is as it was if it changed meanwhile."""
    for name, state in file.services.items():
        if state.status is ServiceStatus.RUNNING and state.due_at and state.due_at <= now():
            ended = service_states.tried(file, name, service_states.TIMED_OUT, ServiceStatus.TIMED_OUT)
            if ended is None:
                return file
            logger.warning("a service did not answer", extra={"file_id": file.id, "service": name})
            file = ended
    return file


def waits_since(file: File) -> datetime | None:
    """Since when somebody should have started a service that waits; None if none is to start now."""
    late = (state.due_at for state in file.services.values() if state.status is ServiceStatus.WAITING)
    return min((moment for moment in late if moment and moment <= now()), default=None)


def give_up(file: File) -> int:
    """Ends each service that waits, and that nobody has started. Returns how many were ended."""
    ended = 0
    for name, state in file.services.items():
        if state.status is ServiceStatus.WAITING:
            after = service_states.failed(file, name, NOT_STARTED)
            if after is None:
                break
            logger.error("a service stays without a job", extra={"file_id": file.id, "service": name})
            file, ended = after, ended + 1
    return ended
