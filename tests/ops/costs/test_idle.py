"""The costs of an idle stage and of events."""

from __future__ import annotations

import re

import pytest

from chalicelib.events import publish
from chalicelib.observability import Metric
from ops.costs import data, idle
from ops.costs.items import Item
from tests import images
from tests.client import Client
from tests.making import deliver, upload
from tests.stage import Calls, stream_records

PAGE = data.PAGE.read_text(encoding="utf-8")


def test_an_upload_that_becomes_ready_has_as_many_events(client: Client, stage: Calls) -> None:
    deliver(upload(client, images.jpeg(64, 48)))
    told = publish.sort(stream_records()).files
    assert [str(file.last_change and file.last_change.type) for file in told] == ["created", "processing", "ready"]
    assert len(told) == idle.told()


def test_the_page_says_how_many_metrics_and_queues_there_are() -> None:
    assert f"There are {len(Metric)} metrics of our own" in PAGE
    assert idle.queues() == 4
    assert "One of the four queues" in PAGE


def test_alarms_and_metrics_stay_within_the_free_units_of_an_account() -> None:
    alarms, metrics, *_ = idle.idle()
    films = ("SlowSegmentsAlarm", Metric.SEGMENT_SHARE, Metric.STALLS_AVOIDED)  # only a stage with FFmpeg has them
    assert alarms.units - 1 <= alarms.free, films
    assert metrics.after_free == 0
    assert len(Metric) - 2 <= metrics.free, films


def test_an_alarm_is_counted_by_the_metrics_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    two = {"Metrics": [{"Id": "a", "MetricStat": {}}, {"Id": "b", "MetricStat": {}}, {"Expression": "a+b"}]}
    alarms = [{"Type": "AWS::CloudWatch::Alarm", "Properties": each} for each in (two, {"MetricName": "Errors"})]
    monkeypatch.setattr(idle, "resources", lambda: dict(enumerate(alarms)))
    assert idle.alarm_metrics() == 3


def test_free_units_are_taken_off_and_never_more() -> None:
    assert Item("x", 12, 2.0, "", free=10).after_free == 4
    assert Item("x", 9, 2.0, "", free=10).after_free == 0
    assert Item("x", 9, 2.0, "").after_free == 18


def test_the_listings_of_the_sweep_cost_at_most_what_the_page_says() -> None:
    from chalicelib.settings import Settings

    pages = Settings.model_fields["sweep_pages"].default * idle.sweeps() // 30
    assert f"at most {pages:,} pages" in PAGE
    most = re.search(r"at most\s+\$([\d.]+) a month", PAGE)
    assert most
    assert float(most[1]) == pytest.approx(3 * 30 * pages * 0.005 / 1000, abs=0.005)


def test_events_are_paid_by_the_stage_each_webhook_and_each_socket() -> None:
    parts = idle.event_costs()
    assert list(parts) == ["every stage", "each webhook", "each socket"]
    assert sum(parts.values()) == pytest.approx(sum(item.cost for item in idle.events()))
    assert parts["each socket"] == pytest.approx(idle.told() + 0.0108)
