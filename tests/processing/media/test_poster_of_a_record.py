"""The pictures of films in records: their addresses, AVIF that is made of the master, and a poster that is changed."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from chalicelib import settings
from chalicelib.catalog import files
from chalicelib.delivery.access import access_to
from chalicelib.delivery.markup import markup
from chalicelib.model import File, Status
from chalicelib.processing import on_demand, pipeline
from chalicelib.renditions import places
from chalicelib.storage import derived
from tests import films, images
from tests.client import Client
from tests.making import deliver, deliver_film, ready_photo, sqs_event, take_messages, upload
from tests.stage import Calls, lambda_context

pytestmark = pytest.mark.usefixtures("media")

SIZE = (240, 160)


@pytest.fixture(scope="module")
def body() -> bytes:
    """Four seconds: red and blue, then other colours from the third second on."""

    def paint(time: int) -> Any:
        colors = films.QUARTERS if time < 50 else films.QUARTERS[::-1]
        return films.quarters(SIZE, colors)

    return films.film(size=SIZE, times=range(100), paint=paint)


def ready(client: Client, body: bytes, **more: Any) -> str:
    file_id = upload(client, body, name="sea.mp4", content_type="video/mp4", **more)
    deliver(file_id)
    deliver_film()
    return file_id


def stored(file_id: str) -> File:
    found = files.get("acme", file_id)
    assert found
    return found


def first_corner(file: File) -> tuple[int, ...]:
    master = places.master_of(file)
    assert master
    found = derived.read(places.key_of(file, master), 10**7)
    assert found
    assert found.body
    pixel = Image.open(io.BytesIO(found.body)).convert("RGB").getpixel((20, 20))
    assert isinstance(pixel, tuple)
    return tuple(int(value) for value in pixel)


def again(file_id: str) -> None:
    """Works off what a change has sent."""
    [message] = take_messages()
    pipeline.handle(sqs_event(message), lambda_context())
    deliver_film()
    assert stored(file_id).status is Status.READY


def render(file: File, name: str) -> dict[str, Any]:
    event = {"visibility": file.visibility, "file_id": file.id, "version": file.source_version, "name": name}
    return on_demand.handle(event, lambda_context())


def test_a_record_has_pictures_and_a_preview(client: Client, body: bytes) -> None:
    record = client("GET", f"/v1/files/{ready(client, body)}?include=delivery").json
    names = [each["url"].rpartition("/")[2].partition("?")[0] for each in record["renditions"]]
    assert sorted(names) == ["hls.m3u8", "poster.webp", "preview.webp", "w160.jpg", "w160.webp"]
    assert (record["preview"]["width"], record["preview"]["height"]) == SIZE
    moving = next(each for each in record["renditions"] if each["name"] == "preview")
    assert moving["duration"] == pytest.approx(3.0, abs=0.1)
    assert (record["video"]["poster_time"], "poster" in record) == (0.0, False)
    assert 'srcset="' in record["delivery"]["picture"]
    assert "thumbhash" in record["preview"]


def test_markup_chooses_from_the_ladder_only(client: Client, body: bytes) -> None:
    file = stored(ready(client, body, visibility="public"))
    assert {each.name for each in file.other_renditions} == {"poster", "preview", "hls"}
    mixed = file.model_copy(update={"renditions": file.all_renditions, "other_renditions": []})
    for each in (file, mixed):
        access = access_to(each)
        assert access
        made = markup(each, access)
        assert made.srcset["webp"]
        assert made.srcset["avif"]
        of_pictures = f"{made.srcset} {made.picture}"
        assert "poster" not in of_pictures
        assert "preview" not in of_pictures


def test_avif_is_made_of_the_master_and_not_of_the_film(client: Client, body: bytes, stage: Calls) -> None:
    file = stored(ready(client, body))
    stage.clear()
    answer = render(file, "w160.avif")
    assert answer["status"] == "made"
    assert stage.count("s3.GetObject") == 1
    made = derived.read(answer["key"], 10**6)
    assert made
    assert made.body
    assert Image.open(io.BytesIO(made.body)).size[0] == 160


def test_a_master_that_is_gone_is_said(client: Client, body: bytes) -> None:
    file = stored(ready(client, body))
    master = places.master_of(file)
    assert master
    derived.delete(places.key_of(file, master))
    assert render(file, "w160.avif") == {"status": "unknown"}


def test_a_sound_s_avif_is_made_of_its_cover(client: Client) -> None:
    data = films.sound("mp3", "libmp3lame", cover=images.png(64, 64))
    file_id = upload(client, data, name="song.mp3", content_type="audio/mpeg")
    deliver(file_id)
    deliver_film()
    assert render(stored(file_id), "w64.avif")["status"] == "made"


def test_a_film_that_moves_takes_its_master_along(client: Client, body: bytes) -> None:
    file_id = ready(client, body)
    assert client("PATCH", f"/v1/files/{file_id}", {"visibility": "public"}).status == 200
    assert render(stored(file_id), "w160.avif")["status"] == "made"


# --- another poster


def test_another_poster_is_made_anew_and_null_takes_it_back(client: Client, body: bytes) -> None:
    file_id = ready(client, body)
    before = stored(file_id)
    answer = client("PATCH", f"/v1/files/{file_id}", {"poster": {"time": 3.0}})
    assert (answer.status, answer.json["status"], answer.json["poster"]) == (200, "processing", {"time": 3.0})
    assert answer.json["renditions"], "the old ones are served meanwhile"
    again(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["poster"], record["video"]["poster_time"]) == ({"time": 3.0}, 3.0)
    after = stored(file_id)
    assert after.source_version != before.source_version
    assert max(abs(a - b) for a, b in zip(first_corner(after), films.QUARTERS[3], strict=True)) < 15

    assert client("PATCH", f"/v1/files/{file_id}", {"poster": None}).json["status"] == "processing"
    again(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert ("poster" in record, record["video"]["poster_time"]) == (False, 0.0)
    assert max(abs(a - b) for a, b in zip(first_corner(stored(file_id)), films.QUARTERS[0], strict=True)) < 15


def test_the_same_poster_changes_nothing(client: Client, body: bytes) -> None:
    file_id = ready(client, body)
    client("PATCH", f"/v1/files/{file_id}", {"poster": {"time": 3.0}})
    again(file_id)
    before = stored(file_id)
    assert client("PATCH", f"/v1/files/{file_id}", {"poster": {"time": 3.0001}}).json["status"] == "ready"
    assert stored(file_id) == before
    assert take_messages() == []


def test_reprocessing_keeps_the_wish(client: Client, body: bytes) -> None:
    file_id = ready(client, body)
    client("PATCH", f"/v1/files/{file_id}", {"poster": {"time": 2.5}})
    again(file_id)
    assert client("POST", f"/v1/files/{file_id}/reprocess", {"force": True}).status == 202
    again(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["video"]["poster_time"] == 2.48


@pytest.mark.parametrize(
    ("poster", "field"),
    [
        ({"time": 99.0}, "poster.time"),
        ({"time": -1}, "poster.time"),
        ({"time": "1"}, "poster.time"),
        ({}, "poster.time"),
        ({"time": 1, "x": 1}, "poster.x"),
        (1.5, "poster"),
    ],
)
def test_a_time_that_cannot_be_is_refused(client: Client, body: bytes, poster: Any, field: str) -> None:
    file_id = ready(client, body)
    answer = client("PATCH", f"/v1/files/{file_id}", {"poster": poster})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", field)
    assert stored(file_id).status is Status.READY


def test_a_stage_without_ffmpeg_takes_no_wish_and_keeps_the_poster_that_is_there(
    client: Client, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready(client, body)
    client("PATCH", f"/v1/files/{file_id}", {"poster": {"time": 3.0}})
    again(file_id)
    monkeypatch.setenv("FILEMILL_MEDIA", "false")
    settings.settings.cache_clear()
    refused = client("PATCH", f"/v1/files/{file_id}", {"poster": {"time": 1.0}})
    assert (refused.status, refused.json["code"], refused.json["field"]) == (422, "invalid_field", "poster")
    assert "FFmpeg is turned off" in refused.json["detail"]
    taken_back = client("PATCH", f"/v1/files/{file_id}", {"poster": None})
    assert (taken_back.status, taken_back.json["status"], "poster" in taken_back.json) == (200, "ready", False)
    assert take_messages() == []
    assert places.master_of(stored(file_id))


def test_only_a_film_has_a_poster(client: Client) -> None:
    photo = ready_photo(client)
    answer = client("PATCH", f"/v1/files/{photo}", {"poster": {"time": 1}})
    assert (answer.status, answer.json["field"]) == (422, "poster")
    assert "`image`" in answer.json["detail"]
    waiting = client("POST", "/v1/files", {"filename": "a.mp4", "content_type": "video/mp4", "size": 9}).json["id"]
    answer = client("PATCH", f"/v1/files/{waiting}", {"poster": {"time": 1}})
    assert "not processed yet" in answer.json["detail"]
    assert client("PATCH", f"/v1/files/{photo}", {"poster": None}).status == 200


def test_a_poster_waits_while_the_film_is_processed(client: Client, body: bytes) -> None:
    file_id = ready(client, body)
    client("PATCH", f"/v1/files/{file_id}", {"poster": {"time": 3.0}})
    answer = client("PATCH", f"/v1/files/{file_id}", {"poster": {"time": 1.0}})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (409, "file_processing", "poster")


def test_a_failed_child_keeps_the_film_ready(client: Client, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.processing.media.posters._CHILD", "no.such.module")
    record = client("GET", f"/v1/files/{ready(client, body)}").json
    assert [each["name"] for each in record["renditions"]] == ["hls"]
    assert (record["status"], record["warnings"][0]["code"]) == ("ready", "no_preview")
