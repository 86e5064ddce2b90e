"""The map of the system: the HTTP API, and one short function for each other trigger. Read it first.

    POST /v1/files              ─▶ record `awaiting_upload` + signed upload ─▶ the client sends the bytes to S3
    S3: an original is stored   ─▶ SQS ingest ─▶ process() ─▶ renditions in S3 + record `ready` ─▶ CloudFront /f/…
    POST /v1/files, source_url  ─▶ SQS imports ─▶ fetch() ─▶ S3: an original is stored
    a record changes            ─▶ the table's stream ─▶ index() ─▶ lists, search, changes and counts in the same table
                                                   ─▶ publish() ─▶ EventBridge, webhooks, WebSocket subscribers
    a webhook has something due ─▶ SQS webhooks ─▶ deliver() ─▶ the receiver's URL
    wss://…/ws                  ─▶ socket_connect(), socket_message(), socket_disconnect()
    CloudFront misses /f/…      ─▶ render() ─▶ the rendition, to the viewer and to S3
    CloudFront misses /f/…/av/… ─▶ stream() ─▶ the segment of a film, to the viewer and to S3
    a film or a sound           ─▶ process() ─▶ SQS media ─▶ media() ─▶ as in process(), with FFmpeg
    every five minutes          ─▶ sweep() ─▶ finishes work that was lost, and removes objects that nobody needs

Chalice deploys this one file as several Lambda functions, and each function imports all of it. To keep cold starts
short, only the API's function mounts the HTTP routes, and each trigger imports its work when it is called.
"""

from __future__ import annotations

import os
from typing import Any

import chalicelib.bytecode  # noqa: F401 - Chalice's bytecode, so it comes before Chalice

# isort: split
from chalice import Chalice, Rate

from chalicelib.observability import SERVICE
from chalicelib.settings import NotProvisionedError, settings

# The name of the Lambda function that runs this; None at a terminal, where Chalice packages or tests the app.
function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")

try:
    stage = settings()
except NotProvisionedError as missing:
    if function is not None:
        raise
    raise SystemExit(f"filemill: {missing}") from None  # a person gets the message without a traceback

# Set by the `chalice` command, which imports this file before it packs the functions.
if "AWS_CHALICE_CLI_MODE" in os.environ:
    from pathlib import Path

    from chalicelib import wheels

    os.environ.update(wheels.settings_of(Path(__file__).parent, stage.stage))

# Chalice names the API's function `filemill-STAGE`, and every other function `filemill-STAGE-NAME`.
app: Chalice
if function in (None, f"{SERVICE}-{stage.stage}"):
    from chalicelib.api.application import create

    app = create()
else:
    app = Chalice(app_name=SERVICE, configure_logs=False)


# The limit keeps a flood of files from using up the account's concurrency, which the API needs, too. The rest waits.
@app.on_sqs_message(queue_arn=stage.ingest_queue_arn, batch_size=1, maximum_concurrency=stage.process_at_once)
def process(event: Any) -> None:
    """Processes an original that was stored in S3. One message at a time, so an error puts back only that one."""
    from chalicelib.processing import pipeline

    pipeline.handle(event.to_dict(), event.context)


# Its own layer has FFmpeg, which would make every other function larger. A stage may leave it out (FILEMILL_MEDIA).
if stage.has_media:

    @app.on_sqs_message(queue_arn=stage.media_queue_arn, batch_size=1, maximum_concurrency=stage.media_at_once)
    def media(event: Any) -> None:
        """Goes on with a film or a sound that `process` has handed over."""
        from chalicelib.processing import pipeline

        pipeline.handle_media(event.to_dict(), event.context)


# The limit keeps slow sources from using up the account's concurrency.
@app.on_sqs_message(queue_arn=stage.import_queue_arn, batch_size=1, maximum_concurrency=stage.fetch_at_once)
def fetch(event: Any) -> None:
    """Fetches a file from a URL into the originals bucket. From there it is processed like any other."""
    from chalicelib import importing

    importing.handle(event.to_dict(), event.context)


# ops/stack/event_sources.py sets which records come here, and what happens to a batch that fails: Chalice cannot.
@app.on_dynamodb_record(stream_arn=stage.table_stream_arn, batch_size=100, starting_position="TRIM_HORIZON")
def index(event: Any) -> None:
    """Updates the index after records changed. An error brings the batch again, which changes nothing twice."""
    from chalicelib.events import indexing

    indexing.handle(event.to_dict(), event.context)


# The stream's second reader, with its own choice of records (ops/stack/event_sources.py). AWS advises against a third.
@app.on_dynamodb_record(stream_arn=stage.table_stream_arn, batch_size=100, starting_position="TRIM_HORIZON")
def publish(event: Any) -> None:
    """Tells the bus, webhooks and sockets of changes. An error brings the batch again; consumers know events by id."""
    from chalicelib.events import publish as publishing

    publishing.handle(event.to_dict(), event.context)


# The limit keeps slow receivers from using up the account's concurrency.
@app.on_sqs_message(queue_arn=stage.webhook_queue_arn, batch_size=1, maximum_concurrency=stage.deliver_at_once)
def deliver(event: Any) -> None:
    """Delivers what is due to one webhook. One message at a time, so that webhooks do not wait for each other."""
    from chalicelib.events import delivering

    delivering.handle(event.to_dict(), event.context)


# Chalice marks its support of WebSocket APIs as experimental. It takes handlers in this file only.
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.on_ws_connect()
def socket_connect(event: Any) -> dict[str, Any]:
    """Opens a socket, if the credential that comes with it is good."""
    from chalicelib.api import socket

    return socket.connect(event.to_dict(), event.context)


@app.on_ws_message()
def socket_message(event: Any) -> dict[str, Any]:
    """Reads one message of a client, and answers on the socket."""
    from chalicelib.api import socket

    return socket.message(event.to_dict(), event.context)


@app.on_ws_disconnect()
def socket_disconnect(event: Any) -> dict[str, Any]:
    """Forgets a socket that was closed. API Gateway does not promise to call this."""
    from chalicelib.api import socket

    return socket.disconnect(event.to_dict(), event.context)


@app.lambda_function(name="render")
def render(event: Any, context: Any) -> dict[str, Any]:
    """Makes one rendition that is missing, and answers CloudFront with it."""
    from chalicelib.processing import on_demand

    return on_demand.handle(event, context)


if stage.has_media:
    if function == f"{SERVICE}-{stage.stage}-stream":  # beside all that the first request imports and asks for
        from chalicelib.processing.media import hls

        hls.warm()

    @app.lambda_function(name="stream")
    def stream(event: Any, context: Any) -> dict[str, Any]:
        """Makes one part of a film or a sound that is missing, and answers CloudFront with it."""
        from chalicelib.processing.media import on_demand

        return on_demand.handle(event, context)


@app.schedule(Rate(5, unit=Rate.MINUTES))
def sweep(event: Any) -> None:
    """Finishes work that nobody else will finish. An error does no harm: the next run goes on."""
    from chalicelib.upkeep import sweep as sweeping

    sweeping.handle(event.to_dict(), event.context)
