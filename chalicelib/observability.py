"""Structured logs and EMF metrics. Powertools' own decorators need Lambda's context, which Chalice's decorators hide.

One correlation id goes from the upload request through the record into processing, and every log line has it.

Logs have ids, codes and numbers, and nothing that a client wrote: no names, types, tags, URLs or messages with them in.
They outlive a deleted file (`FILEMILL_LOG_DAYS`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

SERVICE = "filemill"

# Chalice names its own logger after the app. Because this one has the same name, Chalice's tracebacks are JSON, too.
logger = Logger(service=SERVICE, level=os.environ.get("FILEMILL_LOG_LEVEL", "INFO"))


def begin(**keys: str | None) -> None:
    """Starts an invocation's log context: `keys` are on every line, and the last invocation's are gone."""
    logger.thread_safe_clear_keys()
    logger.clear_state()
    append(**keys)


def append(**keys: str | None) -> None:
    """Adds keys to the log context of this invocation; None adds nothing."""
    logger.append_keys(**{name: value for name, value in keys.items() if value is not None})


class Metric(StrEnum):
    """Every metric of our own: the ones that an alarm or a chart of the stack reads.

    AWS bills each combination of a metric's name and its dimensions. So all have the same dimensions (`service` and
    `stage`), and a figure that somebody only looks up now and then is a field of a log line instead.
    """

    FILES_READY = "FilesReady"
    FILES_FAILED = "FilesFailed"
    FILES_INFECTED = "FilesInfected"
    FILES_IN_TROUBLE = "FilesInTrouble"
    """Files, or objects, that a person must see to. The log line says why."""
    SWEEP_ERRORS = "SweepErrors"
    """Things that a run of the sweep could not handle. Each run writes it; 0 means that all was handled."""
    SOCKET_LAG = "SocketLag"
    """Milliseconds from a change until sockets were told of it: the longest of those that were told together."""
    BUS_LAG = "BusLag"
    """Milliseconds from the oldest change of a batch of the stream until the bus had taken its events."""
    WEBHOOK_LAG = "WebhookLag"
    """Milliseconds from a change until a receiver had taken its event, of events that were taken at the first try."""
    WEBHOOK_DELIVERED = "WebhookDelivered"
    """Tries of deliveries that a receiver accepted."""
    WEBHOOK_FAILED = "WebhookFailed"
    """Tries of deliveries that failed. The log line `delivered` says how many of them were the last ones."""
    SEGMENT_SHARE = "SegmentShare"
    """The time that a segment of a film took, as a share of its duration. Above 1 its viewer would have to wait."""
    STALLS_AVOIDED = "StallsAvoided"
    """Requests for a segment that was under way, or just made, because an earlier request had looked ahead."""


MILLISECONDS = frozenset({Metric.BUS_LAG, Metric.SOCKET_LAG, Metric.WEBHOOK_LAG})

# Values of one metric in one EMF record:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
EMF_VALUES = 100


def count(values: Mapping[Metric, float]) -> None:
    """Writes one EMF record to the log, from which CloudWatch makes metrics in namespace Filemill. No API call."""
    _write((metric, amount) for metric, amount in values.items())


def observe(metric: Metric, values: Sequence[float]) -> None:
    """Writes several values of one metric, so that CloudWatch can tell their percentiles: an EMF record a hundred."""
    for start in range(0, len(values), EMF_VALUES):
        _write((metric, value) for value in values[start : start + EMF_VALUES])


def _write(values: Iterable[tuple[Metric, float]]) -> None:
    metrics = EphemeralMetrics(namespace="Filemill", service=SERVICE)
    metrics.add_dimension(name="stage", value=os.environ.get("FILEMILL_STAGE", "unknown"))
    for metric, amount in values:
        unit = MetricUnit.Milliseconds if metric in MILLISECONDS else MetricUnit.Count
        metrics.add_metric(name=str(metric), unit=unit, value=amount)
    metrics.flush_metrics()


def trace_headers() -> dict[str, str]:
    """Headers for a request to S3 that put the work which follows from it into this invocation's X-Ray trace.

    Empty if the invocation has no trace.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-services-s3.html
    """
    trace = os.environ.get("_X_AMZN_TRACE_ID", "")
    return {"X-Amzn-Trace-Id": trace} if "Sampled=1" in trace else {}
