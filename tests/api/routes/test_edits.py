"""PATCH /v1/files/{id}: name, tags, metadata and focal point."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import claims
from tests.client import Client, get, new_client, patch, post
from tests.making import (
    PHOTO,
    deliver,
    derived,
    ready_other,
    ready_photo,
    rendition_keys,
    set_item,
    take_messages,
    upload,
    work_off,
)
from tests.stage import Calls, aws_client


def test_patch_costs_a_read_and_a_write_and_raises_revision_and_updated_at(client: Client, stage: Calls) -> None:
    file_id = ready_other(client)
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
    file_id = ready_other(client)
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
    file_id = ready_other(client)
    client("GET", f"/v1/files/{file_id}")
    stage.clear()
    answer = patch(client, file_id, body)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", field)
    assert stage.names == []


def test_metadata_is_bounded_as_merged(client: Client) -> None:
    file_id = ready_other(client)
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
    finish = claims.finish

    def meanwhile(*args: Any, **more: Any) -> Any:
        assert patch(client, file_id, {"tags": ["meanwhile"]}).status == 200
        return finish(*args, **more)

    monkeypatch.setattr(claims, "finish", meanwhile)
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


# --- Focal point


def test_a_focal_point_of_a_cropping_recipe_makes_the_renditions_again(client: Client) -> None:
    file_id = ready_photo(client, recipe="avatar")
    before = get(client, file_id).json
    answer = patch(client, file_id, {"focus": {"x": 0, "y": 0.5}, "visibility": "public"})
    assert (answer.status, answer.json["status"]) == (200, "processing")
    assert answer.json["visibility"] == "public"
    assert set(derived()) == rendition_keys(answer.json), "what there was is served meanwhile"
    assert work_off() == 1
    after = get(client, file_id).json
    assert (after["status"], after["focus"]) == ("ready", {"x": 0.0, "y": 0.5})
    assert set(derived()) == rendition_keys(after)
    assert not rendition_keys(after) & (rendition_keys(before) | rendition_keys(answer.json))
    assert patch(client, file_id, {"focus": {"x": 0, "y": 0.50001}}).json == after, "finer than any crop"
    assert take_messages() == []


def test_a_focal_point_that_no_crop_uses_is_only_kept(client: Client) -> None:
    for file_id in (ready_photo(client), ready_other(client)):
        answer = patch(client, file_id, {"focus": {"x": 0.25, "y": 0.75}})
        assert (answer.json["status"], answer.json["focus"]) == ("ready", {"x": 0.25, "y": 0.75})
    assert take_messages() == []
    told = upload(client, PHOTO, recipe="avatar", focus={"x": 0, "y": 0})
    untold = upload(client, PHOTO, recipe="avatar")
    deliver(told)
    deliver(untold)
    largest = [max(get(client, f).json["renditions"], key=lambda r: (r["width"], r["format"])) for f in (told, untold)]
    bodies = [
        aws_client("s3").get_object(Bucket="derived", Key=rendition_keys({"renditions": [r]}).pop())["Body"].read()
        for r in largest
    ]
    assert bodies[0] != bodies[1], "a focal point told at creation is used at once"
