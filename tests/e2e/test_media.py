"""Films on the deployed local stack: `process` hands them over, and only `media` and `stream` have FFmpeg."""

from __future__ import annotations

from ops.local.stage import LocalStage
from tests import films
from tests.e2e.stack import invocations, upload
from tests.local import Api


def test_a_film_is_described_by_its_own_function(local_stage: LocalStage, api: Api) -> None:
    before = invocations(local_stage, "filemill-local-media")
    record = upload(api, films.small(), filename="sea.mp4", content_type="video/mp4")
    assert (record["status"], record["kind"], record.get("warnings")) == ("ready", "video", None), record
    facts = record["video"]
    assert (facts["title"], facts["codec"], facts["width"], facts["height"]) == ("A day at the sea", "h264", 64, 48)
    assert [track["codec"] for track in facts["audio_tracks"]] == ["aac"]
    assert record["sha256"]
    assert invocations(local_stage, "filemill-local-media") == before + 1


def test_a_sound_is_described(api: Api) -> None:
    tags = {"title": "Song", "artist": "Ann", "album": "First"}
    record = upload(api, films.sound("mp3", "libmp3lame", tags=tags), filename="song.mp3", content_type="audio/mpeg")
    assert (record["status"], record["kind"]) == ("ready", "audio"), record
    assert {name: record["audio"][name] for name in tags} == tags


def test_a_playlist_is_no_film(api: Api) -> None:
    playlist = b"#EXTM3U\n#EXTINF:4,\nhttp://127.0.0.1/secret\n#EXT-X-ENDLIST\n"
    record = upload(api, playlist, filename="a.mp4", content_type="video/mp4")
    assert (record["status"], record["error"]["code"]) == ("failed", "type_mismatch")


def test_only_that_function_has_the_layer(local_stage: LocalStage) -> None:
    functions = local_stage.client("lambda").list_functions()["Functions"]
    with_it = {
        each["FunctionName"]
        for each in functions
        if any(":layer:filemill-local-media:" in layer["Arn"] for layer in each.get("Layers", []))
    }
    assert with_it == {"filemill-local-media", "filemill-local-stream"}
