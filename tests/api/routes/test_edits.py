"""What clients change of a file: PATCH, reprocess, DELETE, restore, and the conditions on them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.api import ownership
from chalicelib.catalog import claims, deletion, edits, files
from chalicelib.delivery import invalidation, missing
from chalicelib.model import ErrorCode, PermanentFault, now
from chalicelib.processing import pipeline
from chalicelib.processing.image import exif, rights
from chalicelib.queues import ingest
from chalicelib.queues.worker import Later
from chalicelib.renditions.recipes import RECIPES, Encoding
from chalicelib.settings import settings
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import originals as original_objects
from chalicelib.upkeep import removal
from tests import images
from tests.client import Answer, Client, new_client
from tests.making import deliver, derived, sqs_event, upload
from tests.stage import Calls, aws_client, lambda_context

PHOTO = images.jpeg(700, 500)
CSV = {"name": "a.csv", "content_type": "text/csv"}


def ready(client: Client, **more: Any) -> str:
    """The id of a photo with renditions of three widths in two formats."""
    file_id = upload(client, PHOTO, **more)
    deliver(file_id)
    return file_id


def table(client: Client) -> str:
    file_id = upload(client, b"a,b", **CSV)
    deliver(file_id)
    return file_id


def get(client: Client, file_id: str, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client("GET", f"/v1/files/{file_id}", headers=names)


def patch(client: Client, file_id: str, body: Any, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client("PATCH", f"/v1/files/{file_id}", body, headers=names)


def delete(client: Client, file_id: str, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client("DELETE", f"/v1/files/{file_id}", headers=names)


def post(client: Client, file_id: str, what: str, body: Any = None) -> Answer:
    return client("POST", f"/v1/files/{file_id}/{what}", body)


def messages() -> list[str]:
    """What waits in the ingest queue; taken out."""
    sqs = aws_client("sqs")
    url = sqs.get_queue_url(QueueName="ingest")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [message["Body"] for message in found]


def work_off(**more: Any) -> int:
    """Has the process function work off the ingest queue; how many messages there were."""
    bodies = messages()
    for body in bodies:
        pipeline.handle(sqs_event(body, **more), lambda_context())
    return len(bodies)


def item(file_id: str) -> dict[str, Any]:
    key = {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}
    found: dict[str, Any] = aws_client("dynamodb").get_item(TableName="filemill-test", Key=key)["Item"]
    return found


def set_item(file_id: str, name: str, value: dict[str, Any]) -> None:
    key = {"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}}
    aws_client("dynamodb").update_item(
        TableName="filemill-test",
        Key=key,
        UpdateExpression="SET #n = :v",
        ExpressionAttributeNames={"#n": name},
        ExpressionAttributeValues={":v": value},
    )


def paths(record: dict[str, Any]) -> set[str]:
    """The keys that a record's addresses lead to."""
    return {r["url"].removeprefix("https://d111.cloudfront.net/").partition("?")[0] for r in record["renditions"]}


def invalidations() -> list[str]:
    listed = aws_client("cloudfront").list_invalidations(DistributionId="EDIST")["InvalidationList"]
    found = []
    for entry in listed.get("Items", []):
        batch = aws_client("cloudfront").get_invalidation(DistributionId="EDIST", Id=entry["Id"])["Invalidation"]
        found += batch["InvalidationBatch"]["Paths"]["Items"]
    return found


@pytest.fixture
def window(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage whose deleted files can be restored for an hour."""
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    settings.cache_clear()


# --- ETag and 304


def test_a_record_the_client_has_is_304_with_the_headers_of_200_and_no_body(client: Client, stage: Calls) -> None:
    file_id = table(client)
    first = get(client, file_id)
    assert first.headers["Cache-Control"] == "private, no-cache"
    stage.clear()
    second = get(client, file_id, If_None_Match=first.headers["ETag"])
    assert (second.status, second.text) == (304, "")
    assert second.headers["ETag"] == first.headers["ETag"]
    assert second.headers["Cache-Control"] == "private, no-cache"
    assert "Content-Type" not in second.headers or "json" not in second.headers["Content-Type"]
    assert stage.names == ["dynamodb.GetItem"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"a,b" , W/{} ', ", {}", "*"])
def test_if_none_match_compares_weakly_and_takes_lists_and_a_star(client: Client, form: str) -> None:
    file_id = table(client)
    tag = get(client, file_id).headers["ETag"]
    assert get(client, file_id, If_None_Match=form.format(tag)).status == 304
    assert patch(client, file_id, {"tags": ["new"]}).status == 200
    assert get(client, file_id, If_None_Match=form.format(tag)).status == (304 if form == "*" else 200)


@pytest.mark.parametrize("name", ["If-None-Match", "If-Match"])
@pytest.mark.parametrize("value", ["x", "7", '"', '"a" "b"', "W/x", 'w/"a"', ",", "", '*, "a"', '"a"x, ' + "," * 5000])
def test_what_is_no_entity_tag_names_the_header(client: Client, name: str, value: str) -> None:
    file_id = table(client)
    method = "GET" if name == "If-None-Match" else "PATCH"
    answer = client(method, f"/v1/files/{file_id}", {"tags": []} if method == "PATCH" else None, headers={name: value})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", name)


def test_a_304_never_keeps_addresses_that_are_over(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready(client)
    first = get(client, file_id)
    before = set(json.dumps(first.json["renditions"]).split())
    later = time.time() + settings().url_expiry
    monkeypatch.setattr("chalicelib.delivery.access.time.time", lambda: later)
    second = get(client, file_id, If_None_Match=first.headers["ETag"])
    assert second.status == 200, "the addresses are others by now, though the revision is the same"
    assert second.json["revision"] == first.json["revision"]
    assert before != set(json.dumps(second.json["renditions"]).split())
    assert patch(client, file_id, {"tags": ["a"]}, If_Match=first.headers["ETag"]).status == 200


def test_every_answer_that_is_one_record_has_the_records_tag(client: Client) -> None:
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 9, "focus": {"x": 0, "y": 0.12345678}}
    created = client(
        "POST", "/v1/files", body | {"metadata": {"n": 0.1, "big": 10**40}}, headers={"Idempotency-Key": "k"}
    )
    again = client(
        "POST", "/v1/files", body | {"metadata": {"n": 0.1, "big": 10**40}}, headers={"Idempotency-Key": "k"}
    )
    file_id = created.json["id"]
    tag = get(client, file_id).headers["ETag"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert created.headers["ETag"] == again.headers["ETag"] == tag
    changed = patch(client, file_id, {"tags": ["x"]})
    assert changed.headers["ETag"] == get(client, file_id).headers["ETag"] != tag
    photo = ready(client)
    done = post(client, photo, "reprocess", {"force": True})
    assert done.headers["ETag"] == get(client, photo).headers["ETag"]


def test_fields_make_the_answer_small_and_have_a_tag_of_their_own(client: Client) -> None:
    file_id = table(client)
    whole = get(client, file_id)
    few = client("GET", f"/v1/files/{file_id}", query={"fields": "status,tags"})
    assert few.json == {"id": file_id, "status": "ready", "tags": []}
    assert few.headers["ETag"] != whole.headers["ETag"]
    assert patch(client, file_id, {"tags": ["a"]}, If_Match=few.headers["ETag"]).status == 200


@pytest.mark.parametrize("fields", ["tenant", "", "id,", "version_id", "x" * 10_000])
def test_an_unknown_field_is_refused(client: Client, fields: str) -> None:
    answer = client("GET", f"/v1/files/{table(client)}", query={"fields": fields})
    assert answer.status == 422
    assert answer.json["field"].startswith("fields")


# --- If-Match


def test_a_write_on_an_old_revision_is_412_and_changes_nothing(client: Client) -> None:
    file_id = table(client)
    old = get(client, file_id).headers["ETag"]
    new = patch(client, file_id, {"tags": ["first"]}, If_Match=old)
    assert new.status == 200
    record = get(client, file_id).json
    for answer in (
        patch(client, file_id, {"tags": ["second"]}, If_Match=old),
        patch(client, file_id, {"tags": ["second"]}, If_Match=f"W/{new.headers['ETag']}"),
        patch(client, file_id, {"tags": ["second"]}, If_Match='"999-0123456789abcdef"'),
        patch(client, file_id, {"tags": ["second"]}, If_None_Match="*"),
        client("POST", f"/v1/files/{file_id}/reprocess", {"force": True}, headers={"If-Match": old}),
        delete(client, file_id, If_Match=old),
        delete(client, file_id, If_None_Match=new.headers["ETag"]),
    ):
        assert (answer.status, answer.json["code"]) == (412, "precondition_failed")
    assert get(client, file_id).json == record
    assert patch(client, file_id, {"tags": ["second"]}, If_Match=f'"x", {new.headers["ETag"]}').status == 200
    assert delete(client, file_id, If_Match="*").status == 204
    assert patch(client, file_id, {"tags": []}, If_Match="*").status == 404


def overtaken(monkeypatch: pytest.MonkeyPatch, times: int, between: Callable[[], Any]) -> None:
    """Has `between` happen between the reading and the writing of the next changes."""
    find, left = ownership.find_own_file, [times]

    def read_then(call: Any, file_id: str) -> Any:
        file = find(call, file_id)
        if left[0]:
            left[0] -= 1
            between()
        return file

    monkeypatch.setattr("chalicelib.api.updates.find_own_file", read_then)


def test_without_if_match_a_change_that_was_overtaken_is_made_on_top(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = table(client)

    def other() -> None:
        file = files.get("acme", file_id)
        assert file
        assert edits.change(file, {"metadata": {**file.metadata, "other": file.revision}})

    overtaken(monkeypatch, 2, other)
    answer = patch(client, file_id, {"metadata": {"mine": 1}})
    assert answer.status == 200
    assert answer.json["metadata"] == {"mine": 1, "other": 4}
    tag = answer.headers["ETag"]
    overtaken(monkeypatch, 1, other)
    assert patch(client, file_id, {"metadata": {"mine": 2}}, If_Match=tag).status == 412
    overtaken(monkeypatch, 99, other)
    answer = patch(client, file_id, {"metadata": {"mine": 2}})
    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "1")


# --- PATCH


def test_patch_costs_a_read_and_a_write_and_raises_revision_and_updated_at(client: Client, stage: Calls) -> None:
    file_id = table(client)
    before = get(client, file_id).json
    stage.clear()
    answer = patch(client, file_id, {"filename": "Menü.csv", "tags": ["b", "a", "b"], "metadata": {"n": 0.1}})
    assert stage.names == ["dynamodb.GetItem", "dynamodb.UpdateItem"]
    after = answer.json
    assert (after["filename"], after["tags"], after["metadata"]) == ("Menü.csv", ["b", "a"], {"n": 0.1})
    assert after["revision"] == before["revision"] + 1
    assert after["updated_at"] > before["updated_at"]
    assert get(client, file_id).json == after
    stage.clear()
    assert patch(client, file_id, {"filename": "Menü.csv", "metadata": {"n": 0.1}}).json == after
    assert stage.names == ["dynamodb.GetItem"], "what changes nothing writes nothing"


def test_metadata_is_merged_and_the_rest_replaced(client: Client) -> None:
    file_id = table(client)
    patch(
        client,
        file_id,
        {"metadata": {"a": {"b": 1, "c": [1, 2]}, "d": "x"}, "tags": ["one"], "focus": {"x": 1, "y": 0}},
    )
    answer = patch(client, file_id, {"metadata": {"a": {"c": [3], "n": {"gone": None, "here": 1}}, "d": None}})
    assert answer.json["metadata"] == {"a": {"b": 1, "c": [3], "n": {"here": 1}}}
    assert (answer.json["tags"], answer.json["focus"]) == (["one"], {"x": 1.0, "y": 0.0})
    answer = patch(client, file_id, {"metadata": None, "tags": None, "focus": None})
    assert (answer.json["metadata"], answer.json["tags"], answer.json["focus"]) == ({}, [], None)


WRONG: list[tuple[str, Any]] = [
    ("body", {}),
    ("body", []),
    ("body", {"filename": "x" * 70_000}),
    ("body", {"metadata": {"a": "x" * 2_000_000}}),
    ("filename", {"filename": None}),
    ("filename", {"filename": "a/b"}),
    ("visibility", {"visibility": None}),
    ("visibility", {"visibility": "secret"}),
    ("tags.0", {"tags": ["a\nb"]}),
    ("tags", {"tags": [str(n) for n in range(21)]}),
    ("metadata", {"metadata": {"a": "x" * 9000}}),
    ("metadata", {"metadata": {"a": {"b": {"c": {"d": {"e": {}}}}}}}),
    ("metadata", {"metadata": {str(n): 1 for n in range(101)}}),
    ("metadata", {"metadata": {"a": [{str(n): 1} for n in range(100)]}}),
    ("metadata", {"metadata": {"": 1}}),
    ("metadata", {"metadata": {"k" * 129: 1}}),
    ("focus.x", {"focus": {"y": 0.5}}),
    ("focus.x", {"focus": {"x": 1.01, "y": 0.5}}),
    ("focus.y", {"focus": {"x": 1, "y": -0.1}}),
    ("focus.x", {"focus": {"x": "0.5", "y": 0.5}}),
    ("focus.z", {"focus": {"x": 1, "y": 0, "z": 0}}),
    ("recipe", {"recipe": "avatar"}),
    ("status", {"status": "ready"}),
]


@pytest.mark.parametrize(("field", "body"), WRONG, ids=lambda v: repr(v)[:40])
def test_a_wrong_patch_names_the_field_and_nothing_is_read(client: Client, stage: Calls, field: str, body: Any) -> None:
    file_id = table(client)
    client("GET", f"/v1/files/{file_id}")
    stage.clear()
    answer = patch(client, file_id, body)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", field)
    assert stage.names == []


def test_metadata_is_bounded_as_merged(client: Client) -> None:
    file_id = table(client)
    assert patch(client, file_id, {"metadata": {"a": "x" * 5000}}).status == 200
    answer = patch(client, file_id, {"metadata": {"b": "x" * 5000}})
    assert (answer.status, answer.json["field"]) == (422, "metadata")
    assert patch(client, file_id, {"metadata": {"a": None, "b": "x" * 5000}}).status == 200


def test_what_may_change_when(client: Client) -> None:
    everything = {
        "filename": "b.jpg",
        "tags": ["t"],
        "metadata": {"a": 1},
        "visibility": "public",
        "focus": {"x": 0, "y": 0},
    }
    waiting = client("POST", "/v1/files", {"filename": "a.jpg", "content_type": "image/jpeg", "size": 3}).json["id"]
    assert patch(client, waiting, everything).json["visibility"] == "public"
    set_item(waiting, "expires_at", {"S": "2020-01-01T00:00:00.000Z"})
    answer = patch(client, waiting, {"tags": ["late"]})
    assert (answer.status, answer.json["code"]) == (410, "upload_expired")

    processing = upload(client, PHOTO)
    claims.claim(processing, version_id="v", sequencer="0", claim_id="c", lease=timedelta(60))
    for name in ("visibility", "focus"):
        answer = patch(client, processing, {name: everything[name], "tags": ["no"]})
        assert (answer.status, answer.json["code"], answer.json["field"]) == (409, "file_processing", name)
        assert answer.headers["Retry-After"]
    answer = patch(
        client, processing, {"filename": "b.jpg", "tags": ["t"], "metadata": {"a": 1}, "visibility": "private"}
    )
    assert (answer.status, answer.json["tags"]) == (200, ["t"])

    failed = upload(client, b"no jpeg at all")
    deliver(failed)
    answer = patch(client, failed, everything)
    assert (answer.status, answer.json["status"], answer.json["visibility"]) == (200, "failed", "public")


def test_a_change_while_it_is_processed_does_not_disturb_the_worker(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, PHOTO)
    make = pipeline._make_renditions

    def meanwhile(*args: Any) -> Any:
        assert patch(client, file_id, {"tags": ["meanwhile"]}).status == 200
        return make(*args)

    monkeypatch.setattr(pipeline, "_make_renditions", meanwhile)
    deliver(file_id)
    record = get(client, file_id).json
    assert (record["status"], record["tags"]) == ("ready", ["meanwhile"])


def test_upload_tokens_may_not_change_files(client: Client) -> None:
    browser = Client(client("POST", "/v1/upload-tokens", {"max_bytes": 10**6}).json["token"])
    mine = browser("POST", "/v1/files", {"filename": "a.csv", "content_type": "text/csv", "size": 3}).json["id"]
    for answer in (
        patch(browser, mine, {"tags": ["x"]}),
        post(browser, mine, "reprocess", {}),
        post(browser, mine, "restore"),
        patch(new_client("acme", "files:read"), mine, {"tags": ["x"]}),
    ):
        assert (answer.status, answer.json["code"]) == (403, "missing_scope")


# --- visibility


def test_another_visibility_moves_the_renditions(client: Client, stage: Calls) -> None:
    file_id = ready(client)
    before = get(client, file_id).json
    bodies = {k: aws_client("s3").get_object(Bucket="derived", Key=k)["Body"].read() for k in paths(before)}
    stage.clear()
    after = patch(client, file_id, {"visibility": "public"}).json
    assert stage.names.count("s3.CopyObject") == len(bodies)
    assert [n for n in stage.names if n != "s3.CopyObject"] == [
        "dynamodb.GetItem",
        "dynamodb.UpdateItem",
        "s3.ListObjectsV2",
        "s3.DeleteObjects",
        "dynamodb.UpdateItem",
    ]
    assert after["visibility"] == "public"
    assert after["revision"] == before["revision"] + 1
    assert set(derived()) == paths(after)
    assert all(key.startswith(f"f/public/{file_id}/") for key in paths(after))
    assert all("?" not in r["url"] for r in after["renditions"])
    stored = {k: aws_client("s3").get_object(Bucket="derived", Key=k) for k in derived()}
    assert sorted(o["Body"].read() for o in stored.values()) == sorted(bodies.values())
    assert all("immutable" in o["CacheControl"] and o["ContentType"].startswith("image/") for o in stored.values())
    assert not {"leftovers", "due_pk"} & item(file_id).keys()
    assert invalidations() == [], "nobody is wronged by a private address that opens nothing new"


def test_what_becomes_private_is_forgotten_at_the_edge_and_an_address_never_comes_back(client: Client) -> None:
    file_id = ready(client, visibility="public")
    seen = [paths(get(client, file_id).json)]
    for visibility in ("private", "public", "private"):
        seen.append(paths(patch(client, file_id, {"visibility": visibility}).json))
        assert set(derived()) == seen[-1]
    assert invalidations() == [f"/f/public/{file_id}/*"] * 2
    assert len(set.union(*seen)) == 4 * len(seen[0])


@pytest.mark.parametrize("ends", ["becomes private", "is deleted", "is processed again"])
def test_what_was_made_on_demand_ends_with_its_address(
    client: Client, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """Of a recipe that makes nothing before it is asked for, whose record lists nothing."""
    asked_for = replace(RECIPES["photo"], encodings=(), on_demand=(Encoding("webp", quality=60),))
    monkeypatch.setitem(RECIPES, "photo", asked_for)
    monkeypatch.setenv("FILEMILL_DELETE_WINDOW", "3600")
    settings.cache_clear()
    file_id = ready(client, visibility="public")
    file = files.get("acme", file_id)
    assert file
    assert file.renditions == []
    address = missing.parse("public", file_id, str(file.source_version), "w160.webp")
    assert address
    assert missing.obtain(address) is missing.End.MADE
    assert derived() == [address.key]
    if ends == "is deleted":
        delete(client, file_id)
    elif ends == "becomes private":
        patch(client, file_id, {"visibility": "private"})
    else:
        post(client, file_id, "reprocess", {"force": True})
        work_off()
    assert derived() == []
    assert invalidations() == ([] if ends == "is processed again" else [f"/f/public/{file_id}/*"])


STEPS = ["copy", "write", "delete", "invalidate", "clear"]


@pytest.mark.parametrize("step", STEPS)
def test_a_move_that_crashed_is_ended_by_repeating_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file_id = ready(client, visibility="public")
    before = get(client, file_id).json
    place = {
        "copy": (aws.s3(), "copy_object"),
        "write": (edits, "change"),
        "delete": (derived_objects, "delete_below"),
        "invalidate": (invalidation, "invalidate"),
        "clear": (deletion, "cleared"),
    }[step]
    real, left = getattr(*place), [2 if step == "copy" else 0]

    def crash(*args: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("crash")
        return real(*args, **more)

    with monkeypatch.context() as context:
        context.setattr(*place, crash)
        assert patch(client, file_id, {"visibility": "private"}).status == 500
    record = get(client, file_id).json
    assert paths(record) <= set(derived()), "the record never leads to nothing"
    assert (record["visibility"] == "public") == (STEPS.index(step) < 2)
    if STEPS.index(step) >= 2:
        assert item(file_id)["due_pk"], "the sweep finds what is left"
    assert patch(client, file_id, {"visibility": "private"}).status == 200
    after = get(client, file_id).json
    assert after["visibility"] == "private"
    assert set(derived()) == paths(after) != paths(before)
    assert f"/f/public/{file_id}/*" in invalidations()
    assert not {"leftovers", "due_pk"} & item(file_id).keys()


def test_an_edge_that_takes_no_invalidation_now_leaves_the_work_to_be_found(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, gone = ready(client, visibility="public"), ready(client, visibility="public")

    def busy(**_: Any) -> None:
        error: Any = {"Error": {"Code": "TooManyInvalidationsInProgress", "Message": "later"}}
        raise ClientError(error, "CreateInvalidation")

    with monkeypatch.context() as context:
        context.setattr(aws.cloudfront(), "create_invalidation", busy)
        assert patch(client, moved, {"visibility": "private"}).status == 200
        assert delete(client, gone).status == 204
    assert item(moved)["leftovers"]
    assert item(moved)["due_pk"]
    assert item(gone)["due_pk"]
    assert "purged" not in item(gone)
    assert patch(client, moved, {"visibility": "private"}).status == 200
    assert delete(client, gone).status == 204
    assert sorted(invalidations()) == sorted([f"/f/public/{moved}/*", f"/f/public/{gone}/*"])
    assert not {"leftovers", "due_pk"} & {*item(moved), *item(gone)}


def test_a_stage_may_do_without_invalidations(client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_INVALIDATE", "false")
    settings.cache_clear()
    delete(client, ready(client, visibility="public"))
    assert stage.count("cloudfront.") == 0


def test_a_mover_that_another_change_overtook_leaves_no_public_copy(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It copies to public while the file is made public, and private again, and the copies it made late go."""
    file_id = ready(client)
    copy = derived_objects.copy

    def slow(copies: dict[str, str]) -> bool:
        monkeypatch.setattr(derived_objects, "copy", copy)
        assert copy(copies)
        assert patch(client, file_id, {"visibility": "public"}).status == 200
        assert patch(client, file_id, {"visibility": "private", "tags": ["won"]}).status == 200
        for key in copies.values():
            aws_client("s3").put_object(Bucket="derived", Key=key, Body=b"late")
        return True

    monkeypatch.setattr(derived_objects, "copy", slow)
    tag = get(client, file_id).headers["ETag"]
    assert patch(client, file_id, {"visibility": "public"}, If_Match=tag).status == 412
    record = get(client, file_id).json
    assert (record["visibility"], record["tags"]) == ("private", ["won"])
    assert set(derived()) == paths(record)


def test_two_that_move_it_the_same_way_end_with_one_set(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready(client)
    copy = derived_objects.copy

    def slow(copies: dict[str, str]) -> bool:
        monkeypatch.setattr(derived_objects, "copy", copy)
        assert patch(client, file_id, {"visibility": "public"}).status == 200
        return copy(copies)

    monkeypatch.setattr(derived_objects, "copy", slow)
    assert patch(client, file_id, {"visibility": "public"}).status == 200
    assert set(derived()) == paths(get(client, file_id).json)
    assert len(derived()) == 6


# --- focal point


def test_a_focal_point_of_a_cropping_recipe_makes_the_renditions_again(client: Client) -> None:
    file_id = ready(client, recipe="avatar")
    before = get(client, file_id).json
    answer = patch(client, file_id, {"focus": {"x": 0, "y": 0.5}, "visibility": "public"})
    assert (answer.status, answer.json["status"]) == (200, "processing")
    assert answer.json["visibility"] == "public"
    assert set(derived()) == paths(answer.json), "what there was is served meanwhile"
    assert work_off() == 1
    after = get(client, file_id).json
    assert (after["status"], after["focus"]) == ("ready", {"x": 0.0, "y": 0.5})
    assert set(derived()) == paths(after)
    assert not paths(after) & (paths(before) | paths(answer.json))
    assert patch(client, file_id, {"focus": {"x": 0, "y": 0.50001}}).json == after, "finer than any crop"
    assert messages() == []


def test_a_focal_point_that_no_crop_uses_is_only_kept(client: Client) -> None:
    for file_id in (ready(client), table(client)):
        answer = patch(client, file_id, {"focus": {"x": 0.25, "y": 0.75}})
        assert (answer.json["status"], answer.json["focus"]) == ("ready", {"x": 0.25, "y": 0.75})
    assert messages() == []
    told = upload(client, PHOTO, recipe="avatar", focus={"x": 0, "y": 0})
    untold = upload(client, PHOTO, recipe="avatar")
    deliver(told)
    deliver(untold)
    largest = [max(get(client, f).json["renditions"], key=lambda r: (r["width"], r["format"])) for f in (told, untold)]
    bodies = [
        aws_client("s3").get_object(Bucket="derived", Key=paths({"renditions": [r]}).pop())["Body"].read()
        for r in largest
    ]
    assert bodies[0] != bodies[1], "a focal point told at creation is used at once"


# --- reprocess


def test_reprocess_by_another_recipe_serves_the_old_until_the_new_are_made(client: Client, stage: Calls) -> None:
    file_id = ready(client)
    before = get(client, file_id).json
    stage.clear()
    answer = post(client, file_id, "reprocess", {"recipe": "avatar"})
    assert stage.names == ["dynamodb.GetItem", "s3.HeadObject", "dynamodb.UpdateItem", "sqs.SendMessage"]
    assert (answer.status, answer.json["status"], answer.json["recipe"]) == (202, "processing", "photo")
    assert answer.json["revision"] == before["revision"] + 1
    assert paths(answer.json) == paths(before) == set(derived())
    stage.clear()
    assert work_off() == 1
    assert stage.count("dynamodb.") == 3  # claim, finish, and that nothing is left of the old
    after = get(client, file_id).json
    assert (after["status"], after["recipe"], after["error"]) == ("ready", "avatar", None)
    assert {r["width"] for r in after["renditions"]} == {64, 128, 256, 500}
    assert set(derived()) == paths(after)
    assert not paths(after) & paths(before)
    assert not {"leftovers", "due_pk", "wanted_recipe", "lease_until"} & item(file_id).keys()


def test_reprocess_does_nothing_where_there_is_nothing_to_do(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready(client)
    before = get(client, file_id).json
    for body in ({}, {"recipe": "photo"}):
        answer = post(client, file_id, "reprocess", body)
        assert (answer.status, answer.json) == (200, before)
    assert messages() == []
    moved = patch(client, file_id, {"visibility": "public"}).json
    assert post(client, file_id, "reprocess", {}).json == moved, "a move makes nothing new"
    assert post(client, file_id, "reprocess", {"force": True}).status == 202
    assert work_off() == 1
    after = get(client, file_id).json
    assert after["status"] == "ready"
    assert set(derived()) == paths(after)
    assert not paths(after) & paths(moved), "forced renditions are not behind a cached address"


def test_reprocess_after_an_upgrade_of_the_engine_makes_them_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready(client)
    monkeypatch.setattr("chalicelib.renditions.engine.ENGINE_VERSION", "next")
    assert post(client, file_id, "reprocess", {}).status == 202


def test_a_lost_message_is_sent_again_by_repeating_the_request(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready(client)

    def lose(*_: Any) -> None:
        raise ConnectionError("SQS is away")

    with monkeypatch.context() as context:
        context.setattr(ingest, "send", lose)
        assert post(client, file_id, "reprocess", {"recipe": "avatar"}).status == 500
    record = get(client, file_id).json
    assert (record["status"], len(record["renditions"])) == ("processing", 6)
    assert item(file_id)["due_pk"], "the sweep finds it"
    for body in ({"recipe": "avatar"}, {}):
        answer = post(client, file_id, "reprocess", body)
        assert (answer.status, answer.json["revision"]) == (202, record["revision"])
    assert post(client, file_id, "reprocess", {"recipe": "document"}).json["code"] == "file_processing"
    assert work_off() == 2, "sent twice, worked off once"
    after = get(client, file_id).json
    assert (after["recipe"], after["revision"]) == ("avatar", record["revision"] + 2)


def test_a_lost_message_of_a_new_focal_point_is_sent_again_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready(client, recipe="avatar")

    def lose(*_: Any) -> None:
        raise ConnectionError("SQS is away")

    with monkeypatch.context() as context:
        context.setattr(ingest, "send", lose)
        assert patch(client, file_id, {"focus": {"x": 0, "y": 0}}).status == 500
    assert patch(client, file_id, {"focus": {"x": 0, "y": 0}}).status == 200
    assert work_off() == 1
    assert get(client, file_id).json["status"] == "ready"


def test_a_request_while_a_worker_is_at_it_sends_nothing(client: Client) -> None:
    file_id = ready(client)
    post(client, file_id, "reprocess", {"recipe": "avatar"})
    (body,) = messages()
    stored = json.loads(body)["Records"][0]["s3"]["object"]
    claim = {"version_id": stored["versionId"], "sequencer": stored["sequencer"], "claim_id": "c"}
    claims.claim(file_id, lease=timedelta(seconds=60), **claim)
    assert post(client, file_id, "reprocess", {"recipe": "avatar"}).status == 202
    assert messages() == []


def test_reprocessing_that_fails_for_good_leaves_what_there_was(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready(client)
    before = get(client, file_id).json
    make = pipeline._make_renditions

    def fail(*args: Any) -> Any:
        make(*args)
        raise PermanentFault(ErrorCode.CORRUPT, "The image is damaged.")

    post(client, file_id, "reprocess", {"recipe": "avatar"})
    with monkeypatch.context() as context:
        context.setattr(pipeline, "_make_renditions", fail)
        work_off()
    after = get(client, file_id).json
    assert (after["status"], after["recipe"], after["error"]["code"]) == ("ready", "photo", "corrupt")
    assert after["renditions"] == before["renditions"]
    assert set(derived()) == paths(after)
    assert post(client, file_id, "reprocess", {}).status == 202, "the error says that something is to do"
    work_off()
    after = get(client, file_id).json
    assert (after["status"], after["error"]) == ("ready", None)
    assert set(derived()) == paths(after)


def test_a_failed_file_can_be_processed_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = upload(client, PHOTO)

    def fail(*_: Any) -> None:
        raise ConnectionError("S3 is away")

    with monkeypatch.context() as context:
        context.setattr(derived_objects, "put", fail)
        with pytest.raises(ConnectionError):
            deliver(file_id, receives=5)
    assert get(client, file_id).json["status"] == "failed"
    answer = post(client, file_id, "reprocess", {})
    assert (answer.status, answer.json["error"]) == (202, None)
    work_off()
    record = get(client, file_id).json
    assert (record["status"], record["error"], len(record["renditions"])) == ("ready", None, 6)


def test_a_worker_that_crashed_while_removing_the_old_leaves_it_to_be_found(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready(client)
    post(client, file_id, "reprocess", {"recipe": "avatar"})

    def crash(_: str) -> None:
        raise ConnectionError("S3 is away")

    with monkeypatch.context() as context:
        context.setattr(derived_objects, "delete_below", crash)
        work_off()
    assert get(client, file_id).json["status"] == "ready"
    assert item(file_id)["leftovers"]
    assert item(file_id)["due_pk"]
    file = files.get("acme", file_id)
    assert file
    removal.clear(file)  # what the sweep will do
    assert set(derived()) == paths(get(client, file_id).json)
    assert not {"leftovers", "due_pk"} & item(file_id).keys()


def test_a_worker_whose_file_was_deleted_meanwhile_leaves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = ready(client)
    post(client, file_id, "reprocess", {"recipe": "avatar"})
    make = pipeline._make_renditions

    def delete_midway(*args: Any) -> Any:
        assert delete(client, file_id).status == 204
        return make(*args)

    monkeypatch.setattr(pipeline, "_make_renditions", delete_midway)
    work_off()
    assert derived() == []


def test_what_cannot_be_processed_again_says_why(client: Client) -> None:
    waiting = client("POST", "/v1/files", {"filename": "a.jpg", "content_type": "image/jpeg", "size": 3}).json["id"]
    answer = post(client, waiting, "reprocess", {})
    assert (answer.status, answer.json["code"]) == (409, "not_uploaded")
    gone = ready(client)
    original_objects.delete_all(f"acme/{gone}")
    for body in ({"force": True}, {"recipe": "avatar"}):
        answer = post(client, gone, "reprocess", body)
        assert (answer.status, answer.json["code"]) == (409, "original_missing")
    for field, wrong in (("recipe", {"recipe": "nope"}), ("force", {"force": "yes"}), ("x", {"x": 1})):
        answer = post(client, gone, "reprocess", wrong)
        assert (answer.status, answer.json["field"]) == (422, field)
    assert post(client, "file_" + "0" * 26, "reprocess", {}).status == 404


# --- DELETE and restore


def test_delete_of_a_public_file_costs_this(client: Client, stage: Calls) -> None:
    file_id = ready(client, visibility="public")
    stage.clear()
    assert delete(client, file_id).status == 204
    assert stage.names == [
        "dynamodb.UpdateItem",
        "s3.ListObjectVersions",
        "s3.DeleteObjects",
        "s3.ListObjectsV2",
        "s3.DeleteObjects",
        "s3.ListObjectsV2",
        "cloudfront.CreateInvalidation",
        "dynamodb.UpdateItem",
    ]
    assert invalidations() == [f"/f/public/{file_id}/*"]
    assert "due_pk" not in item(file_id)


def test_only_an_upload_that_was_not_completed_is_aborted(client: Client, stage: Calls) -> None:
    body = {"filename": "v", "content_type": "text/csv", "size": 5 * 1024**2, "upload": "multipart"}
    waiting, done = (client("POST", "/v1/files", body).json["id"] for _ in range(2))
    claims.claim(done, version_id="v", sequencer="0", claim_id="c", lease=timedelta(60))
    stage.clear()
    delete(client, done)
    assert stage.count("s3.AbortMultipartUpload") == 0
    delete(client, waiting)
    assert stage.count("s3.AbortMultipartUpload") == 1


@pytest.mark.usefixtures("window")
def test_within_the_window_a_delete_can_be_taken_back(client: Client) -> None:
    file_id = ready(client, visibility="public", tags=["t"], sha256=None)
    before = get(client, file_id).json
    assert delete(client, file_id).status == 204
    assert get(client, file_id).status == 404
    assert patch(client, file_id, {"tags": []}).status == 404
    assert delete(client, file_id).status == 404
    assert derived() == [], "public addresses end with the delete"
    assert invalidations() == [f"/f/public/{file_id}/*"]
    assert aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")
    stone = item(file_id)
    assert stone["due_sk"]["S"].startswith(stone["restore_until"]["S"]), "the sweep finds it when its time is over"
    assert "list_pk" not in stone
    answer = post(client, file_id, "restore")
    assert (answer.status, answer.json["status"]) == (202, "processing")
    assert answer.json["revision"] == before["revision"] + 2
    assert answer.json["renditions"] == []
    assert work_off() == 1
    after = get(client, file_id).json
    assert (after["status"], after["tags"], after["sha256"]) == ("ready", ["t"], before["sha256"])
    assert len(paths(after)) == len(paths(before))
    assert set(derived()) == paths(after)
    assert not paths(after) & paths(before)
    assert {"list_pk", "sha_pk"} <= item(file_id).keys()
    assert not {"ttl", "restore_until", "restore_to", "leftovers", "due_pk"} & item(file_id).keys()


@pytest.mark.usefixtures("window")
def test_what_has_no_renditions_is_restored_at_once(client: Client) -> None:
    done, failed = table(client), upload(client, b"no jpeg at all")
    deliver(failed)
    for file_id, status in ((done, "ready"), (failed, "failed")):
        before = get(client, file_id).json
        delete(client, file_id)
        answer = post(client, file_id, "restore")
        assert (answer.status, answer.json["status"]) == (200, status)
        changed = {"revision": before["revision"] + 2, "updated_at": answer.json["updated_at"]}
        assert answer.json == get(client, file_id).json == before | changed
        assert "due_pk" not in item(file_id)
    assert messages() == []


@pytest.mark.usefixtures("window")
def test_a_file_that_is_processed_can_be_deleted_and_restored(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = upload(client, PHOTO)
    make = pipeline._make_renditions

    def delete_midway(*args: Any) -> Any:
        monkeypatch.setattr(pipeline, "_make_renditions", make)
        made = make(*args)
        assert delete(client, file_id).status == 204
        assert post(client, file_id, "restore").status == 202
        return made

    monkeypatch.setattr(pipeline, "_make_renditions", delete_midway)
    deliver(file_id)
    assert derived() == [], "the first worker's renditions are nobody's"
    assert work_off() == 1
    record = get(client, file_id).json
    assert record["status"] == "ready"
    assert set(derived()) == paths(record)


@pytest.mark.usefixtures("window")
def test_a_late_event_does_not_take_the_original_of_a_file_that_may_come_back(client: Client) -> None:
    file_id = ready(client)
    delete(client, file_id)
    deliver(file_id)
    assert aws_client("s3").head_object(Bucket="originals", Key=f"acme/{file_id}")


@pytest.mark.usefixtures("window")
def test_a_soft_delete_that_crashed_is_ended_by_repeating_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready(client)

    def crash(_: str) -> None:
        raise RuntimeError("crash")

    with monkeypatch.context() as context:
        context.setattr(derived_objects, "delete_below", crash)
        assert delete(client, file_id).status == 500
    assert item(file_id)["due_sk"]["S"] < item(file_id)["restore_until"]["S"], "due at once"
    assert delete(client, file_id).status == 204
    assert derived() == []
    assert item(file_id)["due_sk"]["S"].startswith(item(file_id)["restore_until"]["S"])
    assert delete(client, file_id).status == 404


@pytest.mark.usefixtures("window")
def test_what_cannot_be_restored_says_why(client: Client) -> None:
    file_id = ready(client)
    answer = post(client, file_id, "restore")
    assert (answer.status, answer.json["code"]) == (409, "not_deleted")
    delete(client, file_id)
    other = new_client("other")
    assert post(other, file_id, "restore").status == 404
    set_item(file_id, "restore_until", {"S": "2020-01-01T00:00:00.000Z"})
    assert (post(client, file_id, "restore").status, post(client, "nope", "restore").status) == (404, 404)
    assert delete(client, file_id).status == 204, "what the window leaves is purged"
    assert "Versions" not in aws_client("s3").list_object_versions(Bucket="originals")
    assert item(file_id)["purged"]["BOOL"]
    waiting = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json["id"]
    assert delete(client, waiting).status == 204
    assert item(waiting)["purged"]["BOOL"], "there is nothing to bring back"
    assert post(client, waiting, "restore").status == 404


@pytest.mark.usefixtures("window")
def test_an_upload_that_waits_has_no_way_back(client: Client) -> None:
    """It would be one without a due time: nobody would ever end it."""
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO)}
    file_id = client("POST", "/v1/files", body).json["id"]
    waiting = files.get("acme", file_id)
    assert waiting
    with pytest.raises(AssertionError, match="for good"):
        deletion.retire(waiting, until=now() + timedelta(hours=1), leftovers=[])
    assert delete(client, file_id).status == 204
    assert post(client, file_id, "restore").status == 404
    assert item(file_id)["purged"] == {"BOOL": True}


def test_without_a_window_a_delete_is_for_good(client: Client) -> None:
    file_id = ready(client)
    delete(client, file_id)
    assert post(client, file_id, "restore").status == 404
    assert item(file_id)["purged"]["BOOL"]


# --- in any order, with crashes


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_a_record_leads_to_its_renditions_and_nothing_else_is_left(
    client: Client, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    body = images.jpeg(200, 150)
    file_id = upload(client, body, recipe="avatar")
    deliver(file_id)
    places = [
        (derived_objects, "copy"),
        (derived_objects, "delete_below"),
        (derived_objects, "put"),
        (invalidation, "invalidate"),
        (deletion, "cleared"),
        (edits, "change"),
        (ingest, "send"),
    ]

    def crash(*_: Any, **__: Any) -> Any:
        raise ConnectionError("crash")

    def work() -> None:
        bodies = messages()
        for body in bodies + bodies[: chance.randrange(2)]:  # sometimes delivered twice
            with suppress(ConnectionError, Later):
                pipeline.handle(sqs_event(body, receives=chance.choice([1, 5])), lambda_context())

    steps: list[Callable[[], Any]] = [
        lambda: patch(client, file_id, {"visibility": chance.choice(["public", "private"])}),
        lambda: patch(client, file_id, {"focus": {"x": chance.random(), "y": 0}}),
        lambda: post(client, file_id, "reprocess", {"recipe": chance.choice(["avatar", "photo", "original-only"])}),
        lambda: post(client, file_id, "reprocess", {"force": True}),
        lambda: delete(client, file_id),
        lambda: post(client, file_id, "restore"),
        work,
        work,
    ]
    revision, shown, ended = 0, set[str](), set[str]()
    for _ in range(25):
        with monkeypatch.context() as context:
            if chance.random() < 0.4:
                context.setattr(*chance.choice(places), crash)
            chance.choice(steps)()
        record = get(client, file_id)
        if record.status == 200:
            assert paths(record.json) <= set(derived())
            assert not paths(record.json) & ended, "an address that has ended stays so"
            ended |= shown - paths(record.json)
            shown = paths(record.json)
            assert record.json["revision"] >= revision
            revision = record.json["revision"]
    post(client, file_id, "restore")
    for _ in range(3):  # what is left to do is done by asking again
        assert patch(client, file_id, {"tags": ["settled"]}).status == 200
        work()
    if get(client, file_id).json["status"] != "processing":
        post(client, file_id, "reprocess", {"force": True})
        work()
    record = get(client, file_id)
    assert record.json["status"] == "ready"
    assert record.json["error"] is None
    assert set(derived()) == paths(record.json)
    assert not {"leftovers", "due_pk"} & item(file_id).keys()


# --- the record's bounds


def test_the_largest_legal_record_is_far_below_dynamodbs_bound(client: Client) -> None:
    """400 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html."""
    body = {
        "filename": "\U0001f408" * 255,
        "content_type": "image/jpeg",
        "size": len(PHOTO),
        "tags": ["\U0001f408" * 60 + f"{n:04}" for n in range(20)],
        "metadata": {"k": "x" * (8 * 1024 - 10)},
        "recipe": "document",
        "focus": {"x": 0.1234, "y": 0.9876},
    }
    created = client("POST", "/v1/files", body)
    assert created.status == 201, created.text
    file_id = created.json["id"]
    aws_client("s3").put_object(Bucket="originals", Key=f"acme/{file_id}", Body=PHOTO)
    deliver(file_id)
    file = files.get("acme", file_id)
    assert file
    assert file.image
    image = file.image.model_copy(
        update={
            "exif": dict.fromkeys(exif._FIELDS, "\U0001f408" * exif.MAX_TEXT),
            **dict.fromkeys(("artist", "copyright", "caption"), "\U0001f408" * rights.MAX_TEXT),
        }
    )
    most = 4 * max((len(recipe.widths) + 1) * len(recipe.encodings) for recipe in RECIPES.values())
    rendition = file.renditions[-1].model_dump(mode="json")
    values = {
        "image": image.model_dump(mode="json"),
        "renditions": [rendition | {"name": f"w{n:05}"} for n in range(most)],
        "error": {"code": "internal", "message": "x" * 1000},
        "leftovers": [f"f/private/{file_id}/0123456789abcdef/"] * 20,
        "source_url": "x" * 2048,
        "upload_id": "x" * 1024,
    }
    assert edits.change(file, values)
    assert 30_000 < item_bytes(item(file_id)) < 64_000


def item_bytes(value: dict[str, Any]) -> int:
    """An item's size as DynamoDB counts it, rounded up where it says "approximately".

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """

    def size(attribute: dict[str, Any]) -> int:
        ((kind, inner),) = attribute.items()
        if kind == "M":
            return 3 + sum(1 + len(name.encode()) + size(child) for name, child in inner.items())
        if kind == "L":
            return 3 + sum(1 + size(child) for child in inner)
        return len(inner.encode()) + 1 if kind in ("S", "N") else 1

    return sum(len(name.encode()) + size(attribute) for name, attribute in value.items())
