"""The page of costs says what is counted."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from bench import costs, film_costs
from chalicelib import aws, settings
from chalicelib.catalog import render_leases
from chalicelib.events import publish
from chalicelib.observability import Metric
from chalicelib.processing.media import on_demand
from chalicelib.upkeep import sweep
from tests import films, images, streams
from tests.client import Client
from tests.making import deliver, upload
from tests.stage import MEDIA_STAGE, ROOT, Calls, lambda_context, stream_records

PAGE = (ROOT / "docs" / "costs.md").read_text(encoding="utf-8")


def items(stage: Calls) -> list[costs.Item]:
    sweep.run()  # looks through both buckets, which it does once a day
    stage.clear()
    sweep.run()
    return costs.idle(Counter(stage.names))


def test_the_page_has_the_table_that_is_computed(stage: Calls) -> None:
    assert costs.table(items(stage)) in PAGE, "print it with `python -m bench costs`"


def test_the_page_has_the_table_of_events_that_is_computed() -> None:
    assert costs.event_table(costs.events()) in PAGE, "print it with `python -m bench costs`"


def test_the_texts_say_what_events_come_to() -> None:
    parts: dict[str, float] = {}
    name = ""
    for item in costs.events():
        name = name if item.name.startswith("…") else item.name.partition(":")[0]
        parts[name] = parts.get(name, 0.0) + item.cost
    for part, cost in parts.items():
        assert f"{part} costs ${cost:.2f}" in " ".join(PAGE.split())


def test_an_upload_that_becomes_ready_has_as_many_events(client: Client, stage: Calls) -> None:
    deliver(upload(client, images.jpeg(64, 48)))
    told = publish.sort(stream_records()).files
    assert [str(file.last_change and file.last_change.type) for file in told] == ["created", "processing", "ready"]
    assert len(told) == costs.EVENTS


def test_the_texts_say_what_the_table_comes_to(stage: Calls) -> None:
    found = items(stage)
    whole, least = sum(item.cost for item in found), sum(item.after_free for item in found)
    assert f"about **${whole:.0f} a month**" in PAGE
    assert f"about **${least:.1f}0**" in PAGE
    assert f"about ${whole:.0f} a month" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"There are {len(Metric)} metrics of our own" in PAGE


def test_alarms_and_metrics_stay_within_the_free_units_of_an_account(stage: Calls) -> None:
    alarms, metrics, *_ = items(stage)
    films = ("SlowSegmentsAlarm", Metric.SEGMENT_SHARE, Metric.STALLS_AVOIDED)  # only a stage with FFmpeg has them
    assert alarms.units - 1 <= alarms.free, films
    assert metrics.after_free == 0
    assert len(Metric) - 2 <= metrics.free, films


def test_an_alarm_is_counted_by_the_metrics_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    two = {"Metrics": [{"Id": "a", "MetricStat": {}}, {"Id": "b", "MetricStat": {}}, {"Expression": "a+b"}]}
    alarms = [{"Type": "AWS::CloudWatch::Alarm", "Properties": each} for each in (two, {"MetricName": "Errors"})]
    monkeypatch.setattr(costs, "resources", lambda: dict(enumerate(alarms)))
    assert costs.alarm_metrics() == 3


def test_free_units_are_taken_off_and_never_more() -> None:
    assert costs.Item("x", 12, 2.0, "", free=10).after_free == 4
    assert costs.Item("x", 9, 2.0, "", free=10).after_free == 0
    assert costs.Item("x", 9, 2.0, "").after_free == 18


def test_the_listings_of_the_sweep_cost_at_most_what_the_page_says() -> None:
    from chalicelib.settings import Settings

    pages = Settings.model_fields["sweep_pages"].default * costs.sweeps() // 30
    assert f"at most {pages:,} pages" in PAGE
    most = re.search(r"at most\s+\$([\d.]+) a month", PAGE)
    assert most
    assert float(most[1]) == pytest.approx(3 * 30 * pages * 0.005 / 1000, abs=0.005)


def test_the_page_has_the_tables_of_films_that_are_computed() -> None:
    for table in film_costs.tables():
        assert table in PAGE, "print it with `python -m bench costs`"


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
    seconds = film_costs.memory("stream") * 2 * 15 * 13.3334e-6
    assert seconds < film_costs.first_minute(segment) < seconds + 0.0005
    assert film_costs.minute(segment) == pytest.approx(0.015 * 0.085 + 15e-6)
    assert film_costs.stored(segment) == pytest.approx(0.9 * 0.023)
