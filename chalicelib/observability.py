"""Structured logs and EMF metrics, in the way that works under Chalice's decorators (they hide Lambda's context).

One correlation id runs from the upload request through the record into processing; every log line carries it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

SERVICE = "filemill"

# The name Chalice gives its own logger is the app's: with one name for both, its tracebacks come out as JSON too.
logger = Logger(service=SERVICE, level=os.environ.get("FILEMILL_LOG_LEVEL", "INFO"))


def begin(**keys: str | None) -> None:
    """Starts an invocation's log context: what the one before left behind is gone, `keys` are on every line."""
    logger.thread_safe_clear_keys()
    logger.clear_state()
    append(**keys)


def append(**keys: str | None) -> None:
    logger.append_keys(**{name: value for name, value in keys.items() if value is not None})


def emit(values: Mapping[str, tuple[MetricUnit, float]], **dimensions: str) -> None:
    """Writes one EMF record to the log: CloudWatch makes metrics of it, in namespace Filemill, without an API call."""
    metrics = EphemeralMetrics(namespace="Filemill", service=SERVICE)
    metrics.add_dimension(name="stage", value=os.environ.get("FILEMILL_STAGE", "unknown"))
    for name, value in dimensions.items():
        metrics.add_dimension(name=name, value=value)
    for name, (unit, amount) in values.items():
        metrics.add_metric(name=name, unit=unit, value=amount)
    metrics.flush_metrics()


def trace_headers() -> dict[str, str]:
    """What a request to S3 carries so that what follows from it is in this invocation's trace; empty without one.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-services-s3.html
    """
    trace = os.environ.get("_X_AMZN_TRACE_ID", "")
    return {"X-Amzn-Trace-Id": trace} if "Sampled=1" in trace else {}
