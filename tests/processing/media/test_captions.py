"""Captions go with a film wherever it goes: processed again, moved, deleted and restored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from typing import Any

import pytest

from chalicelib import settings as stage_settings
from chalicelib.catalog import deletion, files, scans
from chalicelib.delivery import captions as delivered
from chalicelib.model import ErrorCode, File, FileError
from chalicelib.processing import pipeline
from chalicelib.renditions import captions as names
from chalicelib.renditions import places
from chalicelib.storage.objects import Stored
from chalicelib.upkeep import reconcile, removal, verdicts
from chalicelib.upkeep.reconcile import DAY
from tests import films, playlists
from tests.client import Answer, Client, delete, get, new_client, patch, post
from tests.making import deliver, derived, invalidations, set_item, sqs_event, upload, work_off
from tests.stage import MEDIA_STAGE, Calls, aws_client, lambda_context

pytestmark = pytest.mark.usefixtures("media")

EN: dict[str, Any] = {"language": "en", "label": "English", "text": playlists.VTT}
FR: dict[str, Any] = {"language": "FR-ca", "text": playlists.SRT}


@pytest.fixture(autouse=True)
def _playlists() -> Iterator[None]:
    with playlists.written():
        yield


def process_all() -> None:
    """Works off the ingest queue, and then the media queue."""
    work_off()
    sqs, url = aws_client("sqs"), MEDIA_STAGE["FILEMILL_MEDIA_QUEUE_URL"]
    for received in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        pipeline.handle_media(sqs_event(received["Body"], queue="media"), lambda_context())
        sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])


@pytest.fixture
def film(client: Client) -> str:
    """A private film that plays."""
    return ready_film(client)


def ready_film(client: Client, **more: Any) -> str:
    file_id = upload(client, films.small(), name="sea.mp4", content_type="video/mp4", **more)
    deliver(file_id)
    process_all()
    assert get(client, file_id).json["status"] == "ready"
    return file_id


def add(client: Client, file_id: str, body: dict[str, Any], **headers: str) -> Answer:
    return post(client, file_id, "captions", body, **headers)


def record(file_id: str) -> File:
    found = files.get("acme", file_id)
    assert found
    return found


def content(key: str) -> str:
    text: str = aws_client("s3").get_object(Bucket="derived", Key=key)["Body"].read().decode()
    return text


def master(file_id: str) -> str:
    """The master playlist that the record leads to."""
    file = record(file_id)
    hls = places.hls_of(file)
    assert hls
    return content(str(places.served_prefix(file)) + hls.basename)


def check(file_id: str, *languages: str) -> None:
    """The record, the master playlist and the objects agree on these captions, and there are no others."""
    file = record(file_id)
    prefix = str(places.served_prefix(file))
    assert [each.language for each in file.captions] == list(languages)
    assert re.findall('TYPE=SUBTITLES.*LANGUAGE="(.*?)"', master(file_id)) == list(languages)
    text = master(file_id)
    variants = text.count("#EXT-X-STREAM-INF:") if languages else 0
    assert text.count('SUBTITLES="captions"') == variants, "each variant, and no trick play"
    wanted = {name for each in file.captions for name in (each.name, names.playlist_of(each.name))}
    assert {key.removeprefix(prefix) for key in derived() if "/av/captions-" in key} == wanted
    kept = {names.kept_key(file, each.name) for each in file.captions}
    assert {key for key in derived() if "/captions/" in key} == kept
    for each in file.captions:
        assert content(names.kept_key(file, each.name)) == content(prefix + each.name)
        assert each.name.removeprefix("av/") in content(prefix + names.playlist_of(each.name))


def test_captions_stand_in_the_record_and_in_the_playlist(client: Client, film: str, stage: Calls) -> None:
    before = get(client, film).json
    plain = master(film)
    stage.clear()
    answer = add(client, film, EN | {"default": True})
    assert answer.status == 200, answer.text
    assert sorted(stage.names) == sorted(
        ["dynamodb.GetItem", "s3.GetObject", *["s3.PutObject"] * 4, "dynamodb.UpdateItem"]
    )
    after = answer.json
    assert after["revision"] == before["revision"] + 1
    assert answer.headers["ETag"] == get(client, film).headers["ETag"]
    [caption] = after["captions"]
    assert caption == {"language": "en", "label": "English", "default": True, "name": caption["name"]}
    assert re.fullmatch(r"av/captions-[0-9a-f]{16}\.vtt", caption["name"])
    prefix = str(places.served_prefix(record(film)))
    assert content(prefix + caption["name"]) == "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello\n"
    stored = aws_client("s3").head_object(Bucket="derived", Key=prefix + caption["name"])
    assert (stored["ContentType"], "immutable" in stored["CacheControl"]) == ("text/vtt", True)
    [hls] = [each for each in after["renditions"] if each["name"] == "hls"]
    assert re.search(r"/hls-[0-9a-f]{16}\.m3u8\?", hls["url"])
    assert hls["size"] == len(master(film))
    assert "tag" not in hls
    assert content(prefix + "hls.m3u8") == plain, "the playlist without captions is never rewritten"
    lines = master(film).splitlines()
    place = next(n for n, line in enumerate(lines) if "TYPE=SUBTITLES" in line)
    assert lines[place : place + 2] == [
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,'
        f'FORCED=NO,URI="{caption["name"].replace(".vtt", ".m3u8")}"',
        next(line for line in plain.splitlines() if "STREAM-INF" in line) + ',SUBTITLES="captions"',
    ]
    assert content(prefix + names.playlist_of(caption["name"])).splitlines() == [
        *("#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{ceil(hls['duration'])}", "#EXT-X-MEDIA-SEQUENCE:0"),
        *(
            "#EXT-X-PLAYLIST-TYPE:VOD",
            f"#EXTINF:{hls['duration']:.3f},",
            caption["name"].removeprefix("av/"),
            "#EXT-X-ENDLIST",
        ),
    ]
    check(film, "en")


def test_a_repeated_request_changes_nothing(client: Client, film: str, stage: Calls) -> None:
    first = add(client, film, EN).json
    stage.clear()
    assert add(client, film, EN).json == first
    assert stage.names == ["dynamodb.GetItem"]


def test_captions_are_replaced_by_language_and_sorted_by_it(client: Client, film: str) -> None:
    add(client, film, FR | {"default": True})
    add(client, film, EN)
    check(film, "en", "fr-CA")
    old = {each["name"] for each in get(client, film).json["captions"]}
    after = add(client, film, {**EN, "language": "EN", "text": playlists.SRT, "default": True}).json
    assert [(each["language"], each["default"]) for each in after["captions"]] == [("en", True), ("fr-CA", False)]
    assert len({each["name"] for each in after["captions"]} - old) == 1
    check(film, "en", "fr-CA")
    assert record(film).leftovers == []


def test_the_same_text_never_gets_an_address_again(client: Client, film: str) -> None:
    seen = set()
    for _ in range(3):
        seen.add(add(client, film, EN).json["captions"][0]["name"])
        assert client("DELETE", f"/v1/files/{film}/captions/EN").status == 200
    assert len(seen) == 3


def test_captions_are_deleted_from_the_record_the_bucket_and_the_edges(client: Client) -> None:
    film = ready_film(client, visibility="public")
    plain = master(film)
    add(client, film, EN)
    add(client, film, FR)
    before = get(client, film).json["revision"]
    answer = client("DELETE", f"/v1/files/{film}/captions/fr-ca")
    assert (answer.status, answer.json["revision"]) == (200, before + 1)
    check(film, "en")
    assert invalidations() == [f"/f/public/{film}/*"], "a copy of a public film's captions must not stay"
    assert client("DELETE", f"/v1/files/{film}/captions/fr-ca").status == 404
    assert "captions" not in client("DELETE", f"/v1/files/{film}/captions/en").json
    check(film)
    assert master(film) == plain


# --- where a film goes


def test_they_go_with_a_film_that_is_processed_again(client: Client, film: str) -> None:
    add(client, film, EN)
    add(client, film, FR)
    old = places.served_prefix(record(film))
    assert post(client, film, "reprocess", {"force": True}).status == 202
    assert add(client, film, EN).json["code"] == "file_processing"
    assert client("DELETE", f"/v1/files/{film}/captions/en").json["code"] == "file_processing"
    process_all()
    assert places.served_prefix(record(film)) != old
    check(film, "en", "fr-CA")
    assert not [key for key in derived() if key.startswith(str(old))]


def test_captions_that_were_lost_are_told_and_left_out(client: Client, film: str) -> None:
    add(client, film, EN)
    add(client, film, FR)
    aws_client("s3").delete_object(Bucket="derived", Key=names.kept_key(record(film), record(film).captions[0].name))
    post(client, film, "reprocess", {"force": True})
    process_all()
    after = get(client, film).json
    assert (after["status"], [each["code"] for each in after["warnings"]]) == ("ready", ["captions_missing"])
    assert re.findall('LANGUAGE="(.*?)"', master(film)) == ["fr-CA"]


@pytest.mark.parametrize("captioned", [True, False])
def test_they_move_with_a_film_whose_visibility_changes(client: Client, film: str, captioned: bool) -> None:
    if captioned:
        add(client, film, EN)
    prefix = str(places.served_prefix(record(film)))
    s3 = aws_client("s3")
    for name in ("av/v48-0.m4s", "av/v48-init.mp4", "av/48.mp4"):
        s3.put_object(Bucket="derived", Key=prefix + name, Body=b"x")
    for visibility in ("public", "private"):
        assert patch(client, film, {"visibility": visibility}).status == 200
        check(film, *(["en"] if captioned else []))
        moved = str(places.served_prefix(record(film)))
        left = {key.removeprefix(moved) for key in derived() if key.startswith(moved)}
        # Segments are made again when they are asked for.
        assert {"hls.m3u8", "av/v48.m3u8", "av/a0.m3u8", "av/plan.json", "av/48.mp4"} <= left
        assert not {name for name in left if name.endswith((".m4s", "-init.mp4"))}
    assert client("DELETE", f"/v1/files/{film}/captions/en").status == (200 if captioned else 404)
    check(film)


def test_they_come_back_with_a_film_that_is_restored(
    client: Client, film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    stage_settings.settings.cache_clear()
    add(client, film, EN)
    assert delete(client, film).status == 204
    assert derived() == [names.kept_key(deleted(film), deleted(film).captions[0].name)]
    assert client("POST", f"/v1/files/{film}/restore").status == 202
    process_all()
    check(film, "en")


def deleted(file_id: str) -> File:
    found = deletion.tombstone("acme", file_id)
    assert found
    return found


def test_they_end_with_a_film_that_is_deleted(client: Client, film: str) -> None:
    add(client, film, EN)
    assert delete(client, film).status == 204
    assert derived() == []


def test_a_quarantined_film_keeps_only_the_text_that_the_client_gave(client: Client, film: str) -> None:
    add(client, film, EN)
    kept = names.kept_key(record(film), record(film).captions[0].name)
    file = record(film)
    gone = scans.quarantine(
        file, FileError(code=ErrorCode.INFECTED, message="It has malware."), [str(places.served_prefix(file))]
    )
    assert gone
    removal.clear(gone)
    assert derived() == [kept]
    assert add(client, film, EN).json["code"] == "infected"
    assert client("DELETE", f"/v1/files/{film}/captions/en").json["code"] == "infected"


def test_reconciliation_keeps_what_the_record_names_and_no_other_captions(client: Client, film: str) -> None:
    add(client, film, EN)
    file = record(film)
    orphan = f"f/private/{film}/captions/captions-{'0' * 16}.vtt"
    prefixes = verdicts.prefixes_of(file)
    assert all(key.startswith(prefixes) for key in derived())
    assert not orphan.startswith(prefixes)
    late = datetime.now(UTC)
    for key in (orphan, f"{places.served_prefix(file)}av/captions-{'0' * 16}.m3u8"):
        assert verdicts.of_rendition(file, Stored(key, late - DAY), before=late) is verdicts.Verdict.DELETE
    for key in derived():
        assert verdicts.of_rendition(file, Stored(key, late - DAY), before=late) is verdicts.Verdict.KEEP
    assert {reconcile.file_of_rendition(key) for key in derived()} == {film}


# --- refusals


def test_each_refusal(client: Client, film: str) -> None:
    def refused(body: dict[str, Any], file_id: str = film) -> tuple[int, str, str | None]:
        answer = add(client, file_id, body)
        return answer.status, answer.json["code"], answer.json.get("field")

    wrong = ("", "e", "english", "German", "engl-US", "english-", "en_US", "en-", "x", "en" * 20, "e\u00f1", "en/fr")
    for language in wrong:
        assert refused(EN | {"language": language}) == (422, "invalid_field", "language"), language
    for label in ("", " ", "a\nb", 'a "b"', "x" * 101):
        assert refused(EN | {"label": label}) == (422, "invalid_field", "label"), label
    for text in ("", "WEBVTT", "x" * 1_000_001, "\u20ac" * 400_000, "WEBVTT\n\n00:02.000 --> 00:01.000\nA"):
        assert refused(EN | {"text": text}) == (422, "invalid_field", "text"), text[:20]
    assert refused(EN | {"default": "yes"}) == (422, "invalid_field", "default")
    assert refused(EN | {"kind": "x"}) == (422, "invalid_field", "kind")
    assert refused({"language": "en"}) == (422, "invalid_field", "text")
    assert refused(EN | {"text": " " * 3_100_000}) == (422, "invalid_field", "body")
    detail = add(client, film, EN | {"text": "WEBVTT\n\n00:01.000 --> 00:02.000\nA\n\n00:03 -->\nB"}).json["detail"]
    assert detail == "`text`: line 6 has times that can't be read."
    detail = add(client, film, EN | {"text": "WEBVTT\n\n00:01.000 --> 00:02.000\nA\x1b"}).json["detail"]
    assert "The first is in line 4." in detail
    add(client, film, EN)
    assert refused(FR | {"label": "English"}) == (422, "invalid_field", "label")
    assert record(film).revision == get(client, film).json["revision"]
    check(film, "en")


def test_a_film_has_a_bounded_number_of_captions(client: Client, film: str) -> None:
    codes = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(50)]
    set_item(film, "captions", {"L": [caption(code) for code in codes]})
    assert add(client, film, {**EN, "language": "zz"}).json["code"] == "too_many_captions"
    assert add(client, film, {**EN, "language": codes[0]}).status == 200
    assert len(record(film).captions) == 50


def caption(language: str) -> dict[str, Any]:
    values = {"language": language, "label": language, "name": f"av/captions-{language:0>16}.vtt", "sha256": ""}
    return {"M": {name: {"S": value} for name, value in values.items()} | {"default": {"BOOL": False}}}


def test_only_what_plays_can_have_captions(client: Client, film: str) -> None:
    waiting = client("POST", "/v1/files", {"filename": "a.mp4", "content_type": "video/mp4", "size": 9}).json["id"]
    assert add(client, waiting, EN).json["code"] == "not_uploaded"
    set_item(waiting, "status", {"S": "expired"})
    assert add(client, waiting, EN).json["code"] == "upload_expired"
    picture = upload(client, b"a,b\n1,2\n", name="a.csv", content_type="text/csv")
    deliver(picture)
    assert add(client, picture, EN).json["code"] == "no_captions"
    set_item(film, "status", {"S": "failed"})
    assert add(client, film, EN).json["code"] == "no_captions"
    assert client("DELETE", f"/v1/files/{film}/captions/en").json["code"] == "no_captions"


def test_a_file_of_another_tenant_is_none(client: Client, film: str) -> None:
    stranger = new_client("other")
    assert add(stranger, film, EN).status == 404
    assert stranger("DELETE", f"/v1/files/{film}/captions/en").status == 404
    assert add(new_client("acme", "files:read"), film, EN).json["code"] == "missing_scope"
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 10, "max_files": 1}).json["token"]
    assert add(Client(token), film, EN).status == 403


def test_conditions_hold_as_in_patch(client: Client, film: str) -> None:
    etag = get(client, film).headers["ETag"]
    assert add(client, film, EN, If_Match=etag).status == 200
    assert add(client, film, FR, If_Match=etag).json["code"] == "precondition_failed"
    assert [key for key in derived() if "/captions/" in key] == [
        names.kept_key(record(film), record(film).captions[0].name)
    ]


def test_what_another_change_overtook_leaves_nothing(
    client: Client, film: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, overtaken = delivered.master, list[int]()

    def first_overtaken(file: File, *more: Any) -> Any:
        if not overtaken:
            overtaken.append(patch(client, film, {"tags": ["b"]}).status)
        return real(file, *more)

    monkeypatch.setattr(delivered, "master", first_overtaken)
    assert add(client, film, EN).status == 200
    assert overtaken == [200]
    check(film, "en")


def test_an_event_tells_of_them(client: Client, film: str, stage: Calls) -> None:
    add(client, film, EN)
    stage.settle()
    stage.published()
    event = stage.bus[-1]
    assert event["type"] == "filemill.file.updated"
    assert [each["language"] for each in event["data"]["file"]["captions"]] == ["en"]
