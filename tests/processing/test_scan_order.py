"""S3's event and the verdicts in every order, twice or lost: the file ends as the gravest verdict says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as st

from chalicelib.catalog import files, scans
from chalicelib.model import now, timestamp
from chalicelib.processing import pipeline
from chalicelib.queues import ingest
from chalicelib.settings import settings
from tests import scans as gate
from tests.client import Client
from tests.making import deliver, derived, set_item, upload
from tests.scans import hear, policy_of_originals, result, tag
from tests.stage import aws_client, lambda_context

TEXT = b"some words\n"

CLEAN, FOUND, UNSUPPORTED, FAILED = "NO_THREATS_FOUND", "THREATS_FOUND", "UNSUPPORTED", "FAILED"
# The end of a file by the gravest verdict, where files without one are refused.
ENDS = {
    FOUND: ("failed", "infected"),
    CLEAN: ("ready", None),
    UNSUPPORTED: ("failed", "unscannable"),
    FAILED: ("failed", "unscannable"),
}
GRAVEST = (FOUND, CLEAN, UNSUPPORTED, FAILED)

STEPS = st.lists(st.sampled_from(["stored", CLEAN, FOUND, UNSUPPORTED, FAILED, "sweep"]), min_size=1, max_size=7)


@pytest.fixture
def _guardduty(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    gate.turn_on(monkeypatch, "guardduty")
    with gate.guardduty(), policy_of_originals():
        yield
    settings.cache_clear()


def _sweeps(file_id: str) -> None:
    """The work of the sweep for a file that is due, without its walk over the stage."""
    file = files.get("acme", file_id)
    assert file
    if scans.is_held(file):
        ingest.send_scan(file)
    elif file.status == "processing":
        ingest.send(file)


def _work_off(file_id: str) -> None:
    from tests.making import sqs_event

    url = settings().ingest_queue_url
    while found := aws_client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for each in found:
            aws_client("sqs").delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
            pipeline.handle(sqs_event(each["Body"]), lambda_context())


def _free(file_id: str) -> None:
    file = files.get("acme", file_id)
    if file and file.status == "processing":
        set_item(file_id, "lease_until", {"S": timestamp(now() - timedelta(minutes=9))})


def _check_unread(client: Client, file_id: str, heard: set[str]) -> None:
    """Nothing may be seen of a file that no verdict calls clean, or that one calls infected."""
    if CLEAN not in heard or FOUND in heard:
        assert client("GET", f"/v1/files/{file_id}").json["status"] != "ready"
        assert client("GET", f"/v1/files/{file_id}/original").status == 409
        assert not [key for key in derived() if file_id in key]


@pytest.mark.usefixtures("_guardduty")
@bounds(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=STEPS, tagged=st.booleans())
def test_the_end_does_not_depend_on_the_order(client: Client, steps: list[str], tagged: bool) -> None:
    file_id = upload(client, TEXT, name="a.txt", content_type="text/plain")
    version = aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")["VersionId"]
    heard: set[str] = set()
    for step in [*steps, "stored"]:
        _free(file_id)
        if step == "stored":
            deliver(file_id, version_id=version)
        elif step == "sweep":
            _sweeps(file_id)
        else:
            heard.add(step)
            if tagged:
                worst = next(each for each in GRAVEST if each in heard)
                tag(file_id, version, worst)
            hear(result(file_id, version, step, *(["Bad.Thing"] if step == FOUND else [])))
        _work_off(file_id)
        _check_unread(client, file_id, heard)
    for _ in range(scans.MOST_ASKED + 2):  # the sweep comes back until there is an end
        _free(file_id)
        _sweeps(file_id)
        _work_off(file_id)
    worst = next((each for each in GRAVEST if each in heard), FAILED)
    record: dict[str, Any] = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], (record["error"] or {}).get("code")) == ENDS[worst], steps
    _check_unread(client, file_id, heard)
