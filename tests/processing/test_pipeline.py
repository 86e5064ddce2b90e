from __future__ import annotations

import hashlib
import io
import json
import time
from contextlib import suppress
from datetime import timedelta
from typing import IO, Any, cast

import pytest
from PIL import Image

from chalicelib.catalog import claims, files
from chalicelib.catalog.claims import Refusal, Refused
from chalicelib.catalog.dynamodb import attributes
from chalicelib.model import ErrorCode, File, FileError, PermanentFault, now
from chalicelib.observability import Metric, logger
from chalicelib.processing import pipeline, reading
from chalicelib.processing.kinds import Source, processor_of
from chalicelib.processing.reading import HASHED_AT_ONCE
from chalicelib.queues import worker
from chalicelib.queues.worker import Later
from chalicelib.renditions import places
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import originals as original_objects
from chalicelib.upkeep import removal, sweep
from tests import images, raws
from tests.client import Client, new_client
from tests.making import deliver, derived, item, message, put, set_item, sqs_event, upload
from tests.stage import Calls, aws_client, lambda_context
from tests.tiffs import Layout, raw, tiff

PHOTO = images.jpeg(2000, 1500)


def test_a_photo_becomes_ready_with_its_ladder_in_webp_and_one_jpeg(client: Client) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["kind"], record["error"]) == ("ready", "image", None)
    assert record["sha256"] == hashlib.sha256(PHOTO).hexdigest()
    assert (record["image"]["width"], record["image"]["height"]) == (2000, 1500)
    widths = (160, 320, 640, 960, 1280, 1920)
    assert {(r["width"], r["format"]) for r in record["renditions"]} == {
        *((width, "webp") for width in widths),
        (1280, "jpeg"),
    }
    assert record["revision"] == 3
    assert record["expires_at"] is None
    for rendition in record["renditions"]:
        path = rendition["url"].removeprefix("https://d111.cloudfront.net/").partition("?")[0]
        stored = aws_client("s3").get_object(Bucket="derived", Key=path)
        body = stored["Body"].read()
        assert (len(body), stored["ContentType"]) == (rendition["size"], rendition["content_type"])
        assert "immutable" in stored["CacheControl"]
        assert Image.open(io.BytesIO(body)).size == (rendition["width"], rendition["height"])


def test_processing_costs_a_claim_a_finish_and_one_put_a_rendition(client: Client, stage: Calls) -> None:
    file_id = upload(client, PHOTO)
    stage.clear()
    deliver(file_id)
    assert stage.count("dynamodb.") == stage.count("dynamodb.UpdateItem") == 2
    assert stage.count("s3.PutObject") == 7
    assert stage.count("s3.") == 7 + 1  # and one GET of the original
    assert stage.names[-1] == "dynamodb.UpdateItem", "the record is written last"


def test_a_private_files_addresses_are_signed_and_a_public_ones_are_not(client: Client) -> None:
    private, public = upload(client, PHOTO), upload(client, PHOTO, visibility="public")
    for file_id in (private, public):
        deliver(file_id)
    urls = [r["url"] for r in client("GET", f"/v1/files/{private}").json["renditions"]]
    assert all("/f/private/" in u and "Signature=" in u and "Key-Pair-Id=K111" in u for u in urls)
    assert len({u.partition("?")[2] for u in urls}) == len(urls), "each address is signed alone"
    assert all(
        "/f/public/" in r["url"] and "?" not in r["url"]
        for r in client("GET", f"/v1/files/{public}").json["renditions"]
    )


def test_a_kind_that_no_processor_knows_is_stored_hashed_and_ready(client: Client) -> None:
    for content_type, body in (("application/x-table", b"a,b\n1,2\n"), ("application/x-thing", b"\0\1\2" * 5_000_000)):
        file_id = upload(client, body, name="a.bin", content_type=content_type)
        deliver(file_id)
        record = client("GET", f"/v1/files/{file_id}").json
        assert (record["status"], record["kind"], record["renditions"]) == ("ready", "other", [])
        assert record["sha256"] == hashlib.sha256(body).hexdigest()


def test_the_bytes_of_an_unknown_kind_are_never_held_at_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        """Claims to have 256 MiB. It gives as much as is asked for, and refuses to be read as a whole."""

        left = 64 * 1024**2

        def read(self, size: int = -1) -> bytes:
            assert 0 < size <= 1024**2
            size = min(size, self.left)
            self.left -= size
            return b"\1" * size

    declared = {"filename": "a.bin", "content_type": "application/x-thing", "size": HASHED_AT_ONCE, "upload": "post"}
    file_id = client("POST", "/v1/files", declared).json["id"]
    put(file_id, b"x")
    monkeypatch.setattr(
        original_objects,
        "open_version",
        lambda *_: original_objects.Original(HASHED_AT_ONCE, cast(IO[bytes], Endless())),
    )
    deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "ready"


def test_a_generic_type_is_replaced_by_what_the_bytes_say(client: Client) -> None:
    file_id = upload(client, PHOTO, content_type="application/octet-stream")
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["content_type"], record["kind"]) == ("image/jpeg", "image")


FAULTY = [
    ("type_mismatch", b"just text, no picture\n" * 10, {}),
    ("type_mismatch", images.png(64, 64), {}),
    ("corrupt", PHOTO[: len(PHOTO) // 2], {}),
    ("empty", b"", {}),
    ("too_many_pixels", images.huge_png(), {"content_type": "image/png"}),
    ("checksum_mismatch", PHOTO, {"sha256": "0" * 64}),
]


@pytest.mark.parametrize(("code", "body", "more"), FAULTY, ids=[f"{c}-{n}" for n, (c, _, _) in enumerate(FAULTY)])
def test_a_file_at_fault_fails_at_once_with_its_code_and_leaves_no_rendition(
    client: Client, code: str, body: bytes, more: dict[str, Any]
) -> None:
    file_id = upload(client, body, **more)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["error"]["code"]) == ("failed", code)
    assert record["error"]["message"].endswith(".")
    assert derived() == []
    assert aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}"), "the original is kept"


REFUSED_OF_A_TOKEN = {"type_mismatch", "empty", "checksum_mismatch"}


@pytest.mark.parametrize(("code", "body", "more"), FAULTY, ids=[f"{c}-{n}" for n, (c, _, _) in enumerate(FAULTY)])
def test_a_file_that_its_upload_token_does_not_allow_leaves_no_original(
    client: Client, code: str, body: bytes, more: dict[str, Any]
) -> None:
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 10**8, "recipe": "photo"}).json["token"]
    file_id = upload(Client(token), body, **more)
    deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["error"]["code"] == code
    assert len(versions(file_id)) == (0 if code in REFUSED_OF_A_TOKEN else 1)
    assert not {"refused", "due_pk"} & item(file_id).keys()
    again = client("POST", f"/v1/files/{file_id}/reprocess", {})
    assert (again.status == 409) == (code in REFUSED_OF_A_TOKEN)


def too_large(client: Client) -> str:
    """The id of a file of ten bytes at most, of which eleven came (a browser may complete its upload in parts)."""
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 10}).json["token"]
    form = Client(token)("GET", "/s3/params", query={"filename": "a.csv", "type": "text/csv"}).json["fields"]
    file_id: str = form["key"].partition("/")[2]
    put(file_id, b"a" * 11)
    return file_id


def test_more_bytes_than_a_token_allows_are_not_kept(client: Client) -> None:
    file_id = too_large(client)
    deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["error"]["code"] == "too_large"
    assert versions(file_id) == []
    put(file_id, b"a" * 12)  # the form is sent once more
    deliver(file_id, sequencer="0B")
    assert versions(file_id) == []


def test_bytes_of_another_size_than_an_api_key_declared_are_not_kept(client: Client) -> None:
    body = {"filename": "a.csv", "content_type": "text/csv", "size": 3}
    file_id = client("POST", "/v1/files", body).json["id"]
    put(file_id, b"a,b,c")
    deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["error"]["code"] == "size_mismatch"
    assert versions(file_id) == []


def test_a_ready_file_that_fails_when_it_is_processed_again_keeps_its_original(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 10**8}).json["token"]
    file_id = upload(Client(token), PHOTO)
    deliver(file_id)
    assert client("POST", f"/v1/files/{file_id}/reprocess", {"force": True}).status == 202

    def refuse(*_: Any) -> Any:
        raise PermanentFault(ErrorCode.TYPE_MISMATCH, "It is something else by now.")

    monkeypatch.setattr(pipeline, "make_renditions", refuse)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["error"]["code"]) == ("ready", "type_mismatch")
    assert len(versions(file_id)) == 1


def test_an_original_that_could_not_be_removed_is_removed_by_the_sweep(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = too_large(client)

    def is_busy(*_: Any) -> None:
        raise RuntimeError("S3 is busy")

    with monkeypatch.context() as broken:
        broken.setattr(original_objects, "delete_version", is_busy)
        deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "failed"
    assert len(versions(file_id)) == 1
    assert client("GET", f"/v1/files/{file_id}/original").status == 302
    sweep.run()
    assert len(versions(file_id)) == 1, "whoever wrote the record gets a moment to finish"
    later = now() + timedelta(seconds=31)
    for module in ("chalicelib.upkeep.sweep", "chalicelib.catalog.due"):
        monkeypatch.setattr(f"{module}.now", lambda: later)
    sweep.run()
    assert versions(file_id) == []
    assert not {"refused", "due_pk"} & item(file_id).keys()


def test_a_file_that_turns_out_to_be_at_fault_late_leaves_no_rendition(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, PHOTO)
    make = pipeline.make_renditions

    def fail(*args: Any) -> Any:
        make(*args)
        assert len(derived()) == 7
        raise PermanentFault(ErrorCode.CORRUPT, "The last frame is damaged.")

    monkeypatch.setattr(pipeline, "make_renditions", fail)
    deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "failed"
    assert derived() == []


def test_a_second_delivery_of_a_finished_file_changes_nothing(client: Client, stage: Calls) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    before = client("GET", f"/v1/files/{file_id}").json
    stage.clear()
    deliver(file_id)
    assert stage.names == ["dynamodb.UpdateItem"], "one refused claim"
    assert client("GET", f"/v1/files/{file_id}").json == before


def test_a_replayed_upload_does_not_replace_a_processed_file(client: Client) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    before = client("GET", f"/v1/files/{file_id}").json
    put(file_id, images.jpeg(64, 64))
    deliver(file_id, sequencer="0B")
    assert client("GET", f"/v1/files/{file_id}").json == before


def test_an_older_event_is_dropped(client: Client) -> None:
    file_id = upload(client, PHOTO)
    older = put(file_id, images.jpeg(64, 64))
    deliver(file_id, sequencer="0F")
    before = client("GET", f"/v1/files/{file_id}").json
    deliver(file_id, sequencer="0E", version_id=older)
    assert client("GET", f"/v1/files/{file_id}").json == before


def claim(file_id: str, version_id: str, lease: float) -> Any:
    return claims.claim(file_id, version_id=version_id, sequencer="0A", claim_id="c1", lease=timedelta(seconds=lease))


def test_a_delivery_while_the_lease_lives_goes_back_to_the_queue(client: Client) -> None:
    file_id = upload(client, PHOTO)
    version = put(file_id, PHOTO)
    assert not isinstance(claim(file_id, version, 60), Refused)
    with pytest.raises(Later) as later:
        deliver(file_id)
    assert 55 < later.value.seconds <= 62
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "processing"


def test_a_lease_that_is_over_can_be_claimed_and_the_first_worker_then_changes_nothing(client: Client) -> None:
    file_id = upload(client, PHOTO)
    version = put(file_id, PHOTO)
    dead = claim(file_id, version, -1)
    deliver(file_id)
    ready = client("GET", f"/v1/files/{file_id}").json
    assert ready["status"] == "ready"
    assert claims.fail(dead, FileError(code=ErrorCode.CORRUPT, message="late")) is None
    assert client("GET", f"/v1/files/{file_id}").json == ready


def test_a_transient_fault_raises_frees_the_lease_and_the_next_delivery_succeeds(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, PHOTO)

    def fail(*_: Any) -> None:
        raise ConnectionError("S3 is away")

    with monkeypatch.context() as patch:
        patch.setattr(derived_objects, "put", fail)
        with pytest.raises(ConnectionError):
            deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "processing"
    deliver(file_id, receives=2)
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "ready"


def test_the_fifth_failure_is_recorded_and_still_raises_for_the_dead_letter_queue(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, PHOTO)

    def fail(*_: Any) -> None:
        raise ConnectionError("S3 is away")

    monkeypatch.setattr(derived_objects, "put", fail)
    with pytest.raises(ConnectionError):
        deliver(file_id, receives=5)
    error = client("GET", f"/v1/files/{file_id}").json["error"]
    assert error["code"] == "internal"
    assert "ConnectionError" in error["message"]


@pytest.mark.parametrize("error", [ConnectionError("late"), PermanentFault(ErrorCode.CORRUPT, "Late.")])
def test_a_worker_that_fails_after_another_finished_takes_nothing_away(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    file_id = upload(client, PHOTO)
    make = pipeline.make_renditions

    def overtaken(*args: Any) -> Any:
        monkeypatch.setattr(pipeline, "make_renditions", make)
        claims.release(args[0])  # the lease is over before the work is
        deliver(file_id)
        raise error

    monkeypatch.setattr(pipeline, "make_renditions", overtaken)
    with suppress(ConnectionError):
        deliver(file_id, receives=5)
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "ready"
    assert len(derived()) == 7


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "originals"}),
        "not json",
        "[]",
        json.dumps({"Records": "x"}),
    ],
)
def test_what_is_no_storage_event_is_dropped(stage: Calls, body: str) -> None:
    pipeline.handle(sqs_event(body), lambda_context())
    assert stage.names == []


@pytest.mark.parametrize("key", ["photo.jpg", "acme/photo.jpg", "a/b/c", "ACME/file_01K8Z0000000000000000000AA", ""])
def test_a_foreign_key_is_dropped(stage: Calls, key: str) -> None:
    pipeline.handle(message(key, "v", 1), lambda_context())
    assert stage.names == []


def test_an_object_of_another_bucket_is_dropped(client: Client, stage: Calls) -> None:
    file_id = upload(client, PHOTO)
    [version] = versions(file_id)
    stage.clear()
    pipeline.handle(message(f"acme/{file_id}", version, len(PHOTO), bucket="elsewhere"), lambda_context())
    assert stage.names == []


def test_bytes_that_arrive_for_a_deleted_file_are_removed(client: Client) -> None:
    file_id = upload(client, PHOTO)
    client("DELETE", f"/v1/files/{file_id}")
    put(file_id, PHOTO)
    deliver(file_id)
    assert "Versions" not in aws_client("s3").list_object_versions(Bucket="originals")


def test_a_delete_while_processing_leaves_nothing_behind(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = upload(client, PHOTO)
    make = pipeline.make_renditions

    def delete_midway(*args: Any) -> Any:
        made = make(*args)
        assert client("DELETE", f"/v1/files/{file_id}").status == 204
        aws_client("s3").put_object(Bucket="derived", Key=places.made_prefix(args[0]) + "w160.jpg", Body=b"late")
        return made

    monkeypatch.setattr(pipeline, "make_renditions", delete_midway)
    deliver(file_id)
    assert derived() == []
    assert client("GET", f"/v1/files/{file_id}").status == 404


def change(file_id: str, **values: Any) -> None:
    """Writes to the record, as another worker would have."""
    for name, value in attributes(values).items():
        set_item(file_id, name, value)


OVERTAKEN: dict[str, tuple[dict[str, Any], int]] = {
    # By what the record says when our claim is over: how many of our 7 renditions stay.
    "another worker makes the same renditions": ({"claim_id": "other"}, 7),
    "another worker has made the same renditions": ({"status": "ready", "source_version": "OURS"}, 7),
    "another worker makes others": ({"claim_id": "other", "generation": 1}, 0),
    "another worker has made others": ({"status": "ready", "source_version": "0" * 16}, 0),
    "another worker has failed": ({"status": "failed"}, 0),
}


@pytest.mark.parametrize(("values", "left"), OVERTAKEN.values(), ids=OVERTAKEN)
def test_renditions_of_a_lost_claim_stay_only_where_another_worker_needs_them(
    client: Client, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], left: int
) -> None:
    file_id = upload(client, PHOTO)
    make = pipeline.make_renditions

    def overtaken(file: File, *args: Any) -> Any:
        made = make(file, *args)
        ours = places.made_version(file)
        change(file_id, **{name: ours if value == "OURS" else value for name, value in values.items()})
        return made

    monkeypatch.setattr(pipeline, "make_renditions", overtaken)
    deliver(file_id)
    assert len(derived()) == left


def test_renditions_at_the_address_that_is_served_are_no_leftovers(client: Client) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    served = files.get("acme", file_id)
    assert served
    change(file_id, status="processing", lease_until="2020-01-01T00:00:00.000Z")
    deliver(file_id)
    again = files.get("acme", file_id)
    assert again
    assert (again.status, again.source_version, again.leftovers) == ("ready", served.source_version, [])
    assert len(derived()) == 7


def test_leftovers_from_before_a_claim_stay_in_the_record_for_the_sweep(client: Client) -> None:
    file_id = upload(client, PHOTO)
    aws_client("s3").put_object(Bucket="derived", Key="f/public/old/w160.jpg", Body=b"old")
    change(file_id, leftovers=["f/public/old/"])
    deliver(file_id)
    file = files.get("acme", file_id)
    assert file
    assert (file.status, file.leftovers) == ("ready", ["f/public/old/"])
    assert len(derived()) == 8


def test_replaced_renditions_that_cannot_be_removed_do_not_fail_the_file(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    assert client("POST", f"/v1/files/{file_id}/reprocess", {"force": True}).status == 202

    def fail(*_: Any) -> None:
        raise ConnectionError("S3 is away")

    monkeypatch.setattr(removal, "clear", fail)
    deliver(file_id)
    file = files.get("acme", file_id)
    assert file
    assert file.status == "ready"
    assert len(file.leftovers) == 1
    assert len(derived()) == 14


def versions(file_id: str) -> list[str]:
    found = aws_client("s3").list_object_versions(Bucket="originals", Prefix=f"acme/{file_id}")
    return [version["VersionId"] for version in found.get("Versions", [])]


@pytest.mark.parametrize("sequencer", ["0B", "09"], ids=["a later event", "an earlier event"])
def test_bytes_that_come_after_the_files_own_are_removed(client: Client, sequencer: str) -> None:
    file_id = upload(client, PHOTO)
    [own] = versions(file_id)
    deliver(file_id)
    late = put(file_id, images.jpeg(64, 64))
    deliver(file_id, sequencer=sequencer, version_id=late)
    assert versions(file_id) == [own]


@pytest.mark.parametrize("sequencer", ["0A", "09"])
def test_a_files_own_bytes_stay_when_their_event_comes_again(client: Client, sequencer: str) -> None:
    file_id = upload(client, PHOTO)
    deliver(file_id)
    deliver(file_id, sequencer=sequencer)
    assert len(versions(file_id)) == 1


def test_bytes_for_a_file_that_ended_without_any_stay(client: Client) -> None:
    file_id = upload(client, PHOTO)
    assert claims.fail_import("acme", file_id, FileError(code=ErrorCode.INTERNAL, message="Late."))
    deliver(file_id)
    assert len(versions(file_id)) == 1


def test_bytes_that_no_record_knows_are_removed(client: Client) -> None:
    put("file_01K8Z0000000000000000000AA", PHOTO)
    deliver("file_01K8Z0000000000000000000AA")
    assert versions("file_01K8Z0000000000000000000AA") == []


@pytest.mark.parametrize(("size", "seconds"), [(9_999_999, 60), (10_000_000, 61), (5 * 1024**3, 60 + 536)])
def test_a_lease_lasts_as_long_as_reading_may_take_and_the_message_comes_back_after_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, size: int, seconds: int
) -> None:
    file_id = upload(client, PHOTO)
    [version] = versions(file_id)
    leases: list[float] = []
    pauses: list[int] = []
    make = pipeline.make_renditions

    def look(file: File, *args: Any) -> Any:
        assert file.lease_until
        leases.append(file.lease_until.timestamp() - time.time())
        return make(file, *args)

    monkeypatch.setattr(pipeline, "make_renditions", look)
    monkeypatch.setattr(worker, "come_back", lambda _, __, pause: pauses.append(pause))
    pipeline.handle(message(f"acme/{file_id}", version, size), lambda_context())
    assert seconds - 3 < leases[0] <= seconds
    assert pauses == [seconds + 1]


@pytest.mark.parametrize(
    ("body", "metric", "labels"),
    [
        (PHOTO, Metric.FILES_READY, {"outcome": "ready", "kind": "image"}),
        (b"text", Metric.FILES_FAILED, {"outcome": "failed", "kind": "none"}),
    ],
)
def test_a_processed_file_is_counted_by_its_outcome_and_its_log_line_has_the_rest(
    client: Client, monkeypatch: pytest.MonkeyPatch, body: bytes, metric: Metric, labels: dict[str, str]
) -> None:
    counted: list[dict[Metric, float]] = []
    logged: list[dict[str, Any]] = []
    monkeypatch.setattr(pipeline, "count", counted.append)
    monkeypatch.setattr(logger, "info", lambda text, extra: logged.append(extra) if text == "file processed" else None)
    file_id = upload(client, body)
    deliver(file_id)
    deliver(file_id)
    assert counted == [{metric: 1}], "and the refused delivery is not counted"
    (line,) = logged
    assert line.items() >= {**labels, "size": len(body), "attempts": 1}.items()
    assert line["took_ms"] >= 0
    assert line["waited_ms"] >= 0


def test_the_same_work_done_twice_writes_the_same_keys_and_bytes(client: Client) -> None:
    file_id = upload(client, PHOTO)
    version = put(file_id, PHOTO)
    claim(file_id, version, -1)
    deliver(file_id)
    s3 = aws_client("s3")
    first = {k: s3.get_object(Bucket="derived", Key=k)["Body"].read() for k in derived()}
    file = files.get("acme", file_id)
    assert file
    source = Source("image/jpeg", len(PHOTO), io.BytesIO(PHOTO))
    pipeline.make_renditions(file, processor_of("image/jpeg"), source)
    assert {k: s3.get_object(Bucket="derived", Key=k)["Body"].read() for k in derived()} == first


def test_a_refused_claim_says_why(client: Client) -> None:
    refused = claim("file_" + "0" * 26, "v", 60)
    assert isinstance(refused, Refused)
    assert refused.reason is Refusal.UNKNOWN


@pytest.mark.parametrize(
    ("sequencer", "than", "expected"),
    [
        ("0A", "0B", True),
        ("0B", "0A", False),
        ("0A", "0A", False),
        ("0A", "0A1", True),
        ("0A1", "0A", False),
        ("1", None, False),
    ],
)
def test_sequencers_are_padded_before_they_are_compared(sequencer: str, than: str | None, expected: bool) -> None:
    assert claims.older(sequencer, than) is expected


def test_the_pause_grows_with_every_receive() -> None:
    assert [worker.backoff(n) for n in (1, 2, 3, 4, 5, 9)] == [2, 8, 32, 128, 0, 0]


def test_log_lines_of_processing_carry_the_uploads_correlation_id(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3})
    put(created.json["id"], b"a,b")
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(logger, "info", lambda text, **_: lines.append({"m": text, **logger.get_current_keys()}))
    deliver(created.json["id"])
    assert lines[-1]["m"] == "file processed"
    assert lines[-1]["correlation_id"] == created.headers["X-Request-Id"]


def test_a_backlog_is_told_apart_by_tenants_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib import settings

    monkeypatch.setenv("FILEMILL_FAIR_TENANTS", "true")
    settings.settings.cache_clear()
    file_id = upload(client, PHOTO)
    deliver(file_id)  # sent in 2023, so it waited
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "awaiting_upload"
    url = settings.settings().ingest_queue_url
    reply = aws_client("sqs").receive_message(QueueUrl=url, MessageSystemAttributeNames=["MessageGroupId"])
    [sent] = reply["Messages"]
    assert sent["Attributes"]["MessageGroupId"] == "acme"
    pipeline.handle(sqs_event(sent["Body"]), lambda_context())
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "ready"
    assert "Messages" not in aws_client("sqs").receive_message(QueueUrl=url)


def test_only_a_new_message_that_waited_long_is_sent_again_in_its_tenants_group(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib import settings

    monkeypatch.setenv("FILEMILL_FAIR_TENANTS", "true")
    settings.settings.cache_clear()
    for waited, receives, status in ((60, 1, "awaiting_upload"), (60, 2, "ready"), (1, 1, "ready")):
        file_id = upload(client, b"a,b", name="a.csv", content_type="text/csv")
        [version] = versions(file_id)
        event = message(f"acme/{file_id}", version, 3, receives=receives)
        event["Records"][0]["attributes"]["SentTimestamp"] = str(int((time.time() - waited) * 1000))
        pipeline.handle(event, lambda_context())
        assert client("GET", f"/v1/files/{file_id}").json["status"] == status, (waited, receives)


def test_a_message_with_objects_of_two_tenants_is_not_grouped(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib import settings

    monkeypatch.setenv("FILEMILL_FAIR_TENANTS", "true")
    settings.settings.cache_clear()
    records = []
    uploads = {tenant: new_client(tenant) for tenant in ("acme", "other")}
    ids = {
        tenant: upload(caller, b"a,b", name="a.csv", content_type="text/csv", tenant=tenant)
        for tenant, caller in uploads.items()
    }
    for tenant, file_id in ids.items():
        version = aws_client("s3").head_object(Bucket="originals", Key=f"{tenant}/{file_id}")["VersionId"]
        event = message(f"{tenant}/{file_id}", version, 3)
        records += json.loads(event["Records"][0]["body"])["Records"]
    pipeline.handle(sqs_event(json.dumps({"Records": records})), lambda_context())
    for tenant, file_id in ids.items():
        assert uploads[tenant]("GET", f"/v1/files/{file_id}").json["status"] == "ready"


def test_a_text_is_found_by_the_words_inside_it(client: Client, stage: Calls) -> None:
    file_id = upload(client, b"Report\n\non hydrogen engines", name="a.txt", content_type="text/plain")
    deliver(file_id)
    stage.settle()
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["kind"], record["text"]["lines"]) == ("text", 3)
    [found] = client("GET", "/v1/search", query={"q": "hydrogen"}).json["items"]
    assert (found["file"]["id"], found["found_in"]) == (file_id, ["text"])


@pytest.mark.parametrize("most", [0, 3])
def test_the_number_of_words_inside_a_file_is_a_setting(
    most: int, client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib import settings

    monkeypatch.setenv("FILEMILL_FOUND_WORDS", str(most))
    settings.settings.cache_clear()
    file_id = upload(client, b"One\ntwo three four five six", name="a.txt", content_type="text/plain")
    deliver(file_id)
    stage.settle()
    words = ("one", "two", "three", "four", "five", "six")
    found = [word for word in words if client("GET", "/v1/search", query={"q": word}).json["items"]]
    assert len(found) == most


def test_a_text_that_is_not_kept_in_memory_is_fetched_in_few_ranges(client: Client, stage: Calls) -> None:
    """One GetObject for the hash, then the file by ranges of up to 4 MiB."""
    data = b"id,name\n" + b"12345,Anna\n" * 1_200_000
    file_id = upload(client, data, name="a.csv", content_type="text/csv")
    stage.clear()
    deliver(file_id)
    assert stage.count("s3.GetObject") <= 9
    table = client("GET", f"/v1/files/{file_id}").json["text"]
    assert (table["rows"], table["lines"]) == (1_200_000, 1_200_001)


FIVE_BANDS = tiff(Layout(1, samples=5), lambda *_: [1, 2, 3, 4, 5])


@pytest.mark.parametrize("declared", ["application/octet-stream", "image/unknown", "multipart/form-data", "image/*"])
def test_a_sound_picture_that_nobody_reads_is_ready_as_other_if_no_type_was_declared(
    client: Client, declared: str
) -> None:
    file_id = upload(client, FIVE_BANDS, content_type=declared)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["kind"], record["error"]) == ("ready", "other", None)
    own = "application/octet-stream" if declared == "image/*" else declared
    assert (record["content_type"], record["renditions"]) == (own, [])


def test_a_sound_picture_that_nobody_reads_fails_as_unsupported_if_its_type_was_declared(client: Client) -> None:
    file_id = upload(client, FIVE_BANDS, content_type="image/tiff")
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["error"]["code"]) == ("failed", "unsupported_type")


def test_a_sound_picture_that_nobody_reads_is_kept_for_a_later_release_also_under_a_token(client: Client) -> None:
    token = client("POST", "/v1/upload-tokens", {"max_bytes": 10**8, "content_types": ["image/*"]}).json["token"]
    file_id = upload(Client(token), FIVE_BANDS, content_type="image/tiff")
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["error"]["code"]) == ("failed", "unsupported_type")
    assert len(versions(file_id)) == 1
    assert client("POST", f"/v1/files/{file_id}/reprocess", {}).status == 202


@pytest.mark.parametrize("declared", ["application/octet-stream", "image/tiff", "image/x-nikon-nef", "image/unknown"])
def test_a_raw_file_is_never_its_own_thumbnail(client: Client, declared: str) -> None:
    file_id = upload(client, raw(), content_type=declared)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["kind"], record["renditions"]) == ("ready", "other", [])
    assert record["content_type"] == "image/x-nikon-nef"


@pytest.mark.parametrize("name", raws.FORMATS)
def test_a_raw_file_with_a_full_size_jpeg_is_an_image(client: Client, name: str) -> None:
    wanted = raws.FORMATS[name]
    file_id = upload(client, wanted.make(raws.jpeg(640, 480, 6), 6), content_type=wanted.content_type)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["kind"], record["content_type"]) == ("ready", "image", wanted.content_type)
    image = record["image"]
    assert (image["format"], image["width"], image["height"]) == ("raw", 480, 640)
    assert (image["exif"]["model"], image["exif"]["lens_model"]) == ("Model 7", "EF 50mm f/1.8")
    assert {(each["width"], each["format"]) for each in record["renditions"]} == {
        (160, "webp"),
        (320, "webp"),
        (320, "jpeg"),
    }


@pytest.mark.parametrize("declared", ["application/octet-stream", "image/tiff", "image/x-photo", "image/unknown"])
def test_a_raw_file_is_known_under_any_type_that_says_less(client: Client, declared: str) -> None:
    file_id = upload(client, raws.dng(raws.jpeg()), content_type=declared)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["kind"], record["content_type"], record["image"]["format"]) == ("image", "image/x-adobe-dng", "raw")


@pytest.mark.parametrize("name", raws.FORMATS)
@pytest.mark.parametrize("declared", [None, "binary/octet-stream"])
def test_a_raw_file_with_a_small_jpeg_only_is_ready_as_other(client: Client, name: str, declared: str | None) -> None:
    wanted = raws.FORMATS[name]
    file_id = upload(client, wanted.make(raws.thumbnail()), content_type=declared or wanted.content_type)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["kind"], record["error"]) == ("ready", "other", None)
    assert (record["content_type"], record["renditions"], record["image"]) == (wanted.content_type, [], None)


@pytest.mark.parametrize("name", ["cr3", "dng", "nef", "raf", "rw2"])
def test_a_large_raw_file_costs_its_directories_and_its_jpeg(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    opened: list[Any] = []

    def open_by_ranges(*args: Any) -> Any:
        opened.append(original_open(*args))
        return opened[-1]

    original_open = reading.open_by_ranges
    monkeypatch.setattr(reading, "open_by_ranges", open_by_ranges)
    data = raws.FORMATS[name].make(raws.jpeg()) + bytes(60 * 1024**2)
    file_id = upload(client, data, content_type=raws.FORMATS[name].content_type)
    stage.clear()
    deliver(file_id)
    assert stage.count("s3.GetObject") <= 4, "one for the hash, and ranges"
    assert [source.read_bytes <= 512 * 1024 for source in opened] == [True]
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["image"]["format"]) == ("ready", "raw")
    assert record["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("declared", ["image/unknown", "image/x-jpeg", "application/x-download", "multipart/form-data"])
def test_a_vague_type_gives_way_to_a_picture(client: Client, declared: str) -> None:
    file_id = upload(client, images.jpeg(200, 100), content_type=declared)
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["kind"], record["content_type"]) == ("ready", "image", "image/jpeg")
    assert record["renditions"]
