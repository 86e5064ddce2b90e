"""The map of the system: the routes, and one shell per trigger. Read it first.

    POST /v1/files ──▶ record `awaiting_upload` + signed upload ──▶ client sends bytes to S3
    S3 originals ──▶ SQS ingest ──▶ process() ──▶ S3 derived + record `ready` ──▶ CloudFront /f/…
    POST /v1/files with source_url ──▶ SQS imports ──▶ fetch() ──▶ S3 originals
    every five minutes ──▶ sweep() ──▶ what nobody came back for: expired, stalled, lost, left over
    any record's change ──▶ the table's stream ──▶ index() ──▶ lists, search, changes and counts in the same table
    CloudFront /f/… that S3 has not ──▶ GET /render/f/… ──▶ render() ──▶ S3 derived

Chalice deploys this one file as several Lambda functions, and each imports all of it. So that none pays for another's
imports, the HTTP routes are mounted only where HTTP is answered, and handlers import their work when called.
"""

from __future__ import annotations

import os
from typing import Any

import chalicelib.bytecode  # noqa: F401 - Chalice's, so before it

# isort: split
from chalice import Chalice, Rate

from chalicelib.observability import SERVICE
from chalicelib.settings import IMPORTS_AT_ONCE, NotProvisionedError, settings

# The Lambda function that runs this; None at a terminal, where Chalice builds or tests the app.
function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")

try:
    stage = settings()
except NotProvisionedError as missing:
    if function is not None:
        raise
    raise SystemExit(f"filemill: {missing}") from None  # a person at a terminal gets the sentence

# Chalice names the API's function `filemill-STAGE`, and every other one `filemill-STAGE-NAME`.
app: Chalice
if function in (None, f"{SERVICE}-{stage.stage}"):
    from chalicelib.api.application import create

    app = create()
else:
    app = Chalice(app_name=SERVICE, configure_logs=False)


# Bounded: a flood of files must not use up the account's concurrency, which the API needs, too. What is above waits.
@app.on_sqs_message(queue_arn=stage.ingest_queue_arn, batch_size=1, maximum_concurrency=stage.process_concurrency)
def process(event: Any) -> None:
    """Objects that arrived in the originals bucket. One message at a time: raising puts just that one back."""
    from chalicelib.processing import pipeline

    pipeline.handle(event.to_dict(), event.context)


# Bounded: slow sources must not use up the account's concurrency.
@app.on_sqs_message(queue_arn=stage.import_queue_arn, batch_size=1, maximum_concurrency=IMPORTS_AT_ONCE)
def fetch(event: Any) -> None:
    """Files to fetch from a URL into the originals bucket, where they go on like any other."""
    from chalicelib import importing

    importing.handle(event.to_dict(), event.context)


# Which records, and what becomes of a batch that fails: ops/stack/event_sources.py, for Chalice cannot say so.
@app.on_dynamodb_record(stream_arn=stage.table_stream_arn, batch_size=100, starting_position="TRIM_HORIZON")
def index(event: Any) -> None:
    """What became of the files' records. Raising brings the whole batch again, which changes nothing twice."""
    from chalicelib.events import indexing

    indexing.handle(event.to_dict(), event.context)


@app.lambda_function(name="render")
def render(event: Any, context: Any) -> dict[str, Any]:
    """One rendition that nobody made yet. The API calls it, and waits."""
    from chalicelib.processing import on_demand as rendering

    return rendering.handle(event, context)


@app.schedule(Rate(5, unit=Rate.MINUTES))
def sweep(event: Any) -> None:
    """What nobody else comes back for. Raising does no harm: the next run goes on."""
    from chalicelib.upkeep import sweep as sweeping

    sweeping.handle(event.to_dict(), event.context)
