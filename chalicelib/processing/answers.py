"""Events of other services that are meant for us: EventBridge rules put them into the ingest queue.

Each row of `HANDLERS` names the module that acts on one sort of event. It may come late, twice, or never.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from chalicelib.observability import logger
from chalicelib.processing import services
from chalicelib.queues.worker import Message

_JOBS = "chalicelib.processing.service_jobs"

HANDLERS: Mapping[tuple[str, str], str] = {
    services.ANSWERED: _JOBS,
    ("aws.guardduty", "GuardDuty Malware Protection Object Scan Result"): "chalicelib.processing.scanning",
}
"""(source, detail-type) of an event, and the full name of the module whose `handle(event, message)` acts on it."""


def handle(event: Mapping[str, Any], message: Message) -> None:
    """Acts on one event, as EventBridge sends it to a queue. Raises what the handler raises: the event comes again."""
    module = HANDLERS.get((str(event["source"]), str(event["detail-type"])))
    if module is None and services.of_event(event):
        module = _JOBS
    if module is None:
        logger.warning("no event of ours; dropped", extra={"source": event["source"]})
        return
    import_module(module).handle(event, message)
