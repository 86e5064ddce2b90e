"""A sound from its upload to its record, its waveform and its pictures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.catalog import files
from chalicelib.processing import on_demand, pipeline
from chalicelib.processing.reading import SMALL
from chalicelib.storage import derived
from tests import films
from tests.client import Client
from tests.making import deliver, sqs_event, upload
from tests.stage import MEDIA_STAGE, Calls, aws_client, lambda_context

pytestmark = pytest.mark.usefixtures("media")


def heard(client: Client, body: bytes, name: str, content_type: str) -> dict[str, Any]:
    """The record of a sound that both functions have worked off."""
    file_id = upload(client, body, name=name, content_type=content_type, visibility="public")
    deliver(file_id)
    queue = MEDIA_STAGE["FILEMILL_MEDIA_QUEUE_URL"]
    (message,) = aws_client("sqs").receive_message(QueueUrl=queue)["Messages"]
    aws_client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    pipeline.handle_media(sqs_event(message["Body"], queue="media"), lambda_context())
    record: dict[str, Any] = client("GET", f"/v1/files/{file_id}").json
    assert record["status"] == "ready"
    return record


def test_a_large_sound_is_read_once_by_ranges_and_has_its_waveform(client: Client, stage: Calls) -> None:
    body = films.tone("wav", "pcm_s16le", seconds=180, layout="mono", rate=24000, wave="0.5*sin(2*PI*300*t)*t/180")
    assert len(body) > SMALL
    stage.clear()
    record = heard(client, body, "sea.wav", "audio/wav")
    assert stage.count("s3.GetObject") < 30, "its beginning, its hash, and 8 MiB in ranges"
    assert record["audio"]["loudness"]["integrated"] == pytest.approx(-14, abs=2)
    assert not record.get("warnings")
    (waveform,) = [each for each in record["renditions"] if each["name"] == "waveform"]
    assert (waveform["format"], waveform["content_type"]) == ("json", "application/json")
    assert waveform["url"].endswith("/waveform.json")
    assert record["preview"]["width"] == 1920


def test_the_picture_of_a_waveform_is_made_in_other_formats_without_ffmpeg(client: Client) -> None:
    """`render` has none: it takes the master, which processing stored."""
    record = heard(client, films.tone("mp3", "libmp3lame", seconds=2), "sea.mp3", "audio/mpeg")
    file = files.get("acme", record["id"])
    assert file
    address = {"visibility": "public", "file_id": file.id, "version": file.source_version, "name": "w160.avif"}
    answer = on_demand.handle(address, lambda_context())
    assert answer["status"] == "made"
    assert derived.read(answer["key"], 10**6)


def test_a_stage_without_ffmpeg_says_so_and_makes_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib import settings as stage_settings

    for name in MEDIA_STAGE:
        monkeypatch.delenv(name)
    stage_settings.settings.cache_clear()
    file_id = upload(client, films.tone("wav", "pcm_s16le"), name="sea.wav", content_type="audio/wav")
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert [each["code"] for each in record["warnings"]] == ["no_media"]
    assert record["audio"]["loudness"] is None
    assert json.dumps(record["renditions"]) == "[]"
