"""The costs of films: no more calls than the prices have."""

from __future__ import annotations

from collections import Counter

import pytest

from chalicelib import aws, settings
from chalicelib.catalog import render_leases
from chalicelib.processing.media import on_demand
from ops.costs import films as film_costs
from ops.costs.data import gigabytes
from tests import films, streams
from tests.client import Client
from tests.making import deliver, upload
from tests.stage import MEDIA_STAGE, Calls, lambda_context


def test_a_segment_takes_no_more_calls_than_its_price_has(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in MEDIA_STAGE.items():
        monkeypatch.setenv(name, value)
    settings.settings.cache_clear()
    streams.install(monkeypatch)
    monkeypatch.setattr(aws.functions(), "invoke", streams.Started().invoke)
    file_id = upload(client, films.small(), name="sea.mp4", content_type="video/mp4")
    stage.clear()
    deliver(file_id)
    streams.MediaQueue().work_off()
    film = Counter(stage.names)
    assert film["s3.GetObject"] <= film_costs.FILM_GETS
    file = render_leases.get_ready(file_id)
    assert file
    prefix = f"/f/{file.visibility}/{file_id}/{file.source_version}/av"
    stage.clear()
    http = {"method": "GET", "path": f"{prefix}/v360-0.m4s"}
    on_demand.handle({"rawPath": http["path"], "requestContext": {"http": http}}, lambda_context())
    found = Counter(stage.names)
    assert found["s3.PutObject"] == film_costs.SEGMENT_PUTS
    assert found["dynamodb.UpdateItem"] <= film_costs.SEGMENT_WRITES
    assert found["dynamodb.GetItem"] <= film_costs.SEGMENT_READS
    assert found["s3.GetObject"] + found["s3.HeadObject"] <= film_costs.SEGMENT_GETS


def test_a_minute_costs_what_its_segments_take() -> None:
    segment = {"cpu": 2.0, "seconds": 4.0, "size": 1_000_000}
    seconds = gigabytes("stream") * 2 * 15 * 13.3334e-6
    assert seconds < film_costs.first_minute(segment) < seconds + 0.0005
    assert film_costs.minute(segment) == pytest.approx(0.015 * 0.085 + 15e-6)
    assert film_costs.stored(segment) == pytest.approx(0.9 * 0.023)
