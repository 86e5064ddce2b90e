"""Structured logs and EMF metrics. Powertools' own decorators need Lambda's context, which Chalice's decorators hide.

One correlation id goes from the upload request through the record into processing, and every log line has it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

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


def emit(values: Mapping[str, tuple[MetricUnit, float]], **dimensions: str) -> None:
    """Writes one EMF record to the log, from which CloudWatch makes metrics in namespace Filemill. No API call."""
    metrics = EphemeralMetrics(namespace="Filemill", service=SERVICE)
    metrics.add_dimension(name="stage", value=os.environ.get("FILEMILL_STAGE", "unknown"))
    for name, value in dimensions.items():
        metrics.add_dimension(name=name, value=value)
    for name, (unit, amount) in values.items():
        metrics.add_metric(name=name, unit=unit, value=amount)
    metrics.flush_metrics()


def trace_headers() -> dict[str, str]:
    """Headers for a request to S3 that put the work which follows from it into this invocation's X-Ray trace.

    Empty if the invocation has no trace.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-services-s3.html
    """
    trace = os.environ.get("_X_AMZN_TRACE_ID", "")
    return {"X-Amzn-Trace-Id": trace} if "Sampled=1" in trace else {}
