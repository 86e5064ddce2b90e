"""PATCH of `visibility`: the renditions move to other addresses, and the old addresses end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import deletion, edits, files
from chalicelib.delivery import invalidation, missing
from chalicelib.renditions.recipes import RECIPES, Encoding
from chalicelib.settings import settings
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import originals as original_objects
from tests.client import Client, delete, get, patch, post
from tests.making import derived, invalidations, item, ready_photo, rendition_keys, work_off
from tests.stage import Calls, aws_client


def test_another_visibility_moves_the_renditions(client: Client, stage: Calls) -> None:
    file_id = ready_photo(client)
    before = get(client, file_id).json
    bodies = {k: aws_client("s3").get_object(Bucket="derived", Key=k)["Body"].read() for k in rendition_keys(before)}
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
    assert set(derived()) == rendition_keys(after)
    assert all(key.startswith(f"f/public/{file_id}/") for key in rendition_keys(after))
    assert all("?" not in r["url"] for r in after["renditions"])
    stored = {k: aws_client("s3").get_object(Bucket="derived", Key=k) for k in derived()}
    assert sorted(o["Body"].read() for o in stored.values()) == sorted(bodies.values())
    assert all("immutable" in o["CacheControl"] and o["ContentType"].startswith("image/") for o in stored.values())
    assert not {"leftovers", "due_pk"} & item(file_id).keys()
    assert invalidations() == [], "nobody is wronged by a private address that opens nothing new"


def test_what_becomes_private_is_forgotten_at_the_edge_and_an_address_never_comes_back(client: Client) -> None:
    file_id = ready_photo(client, visibility="public")
    seen = [rendition_keys(get(client, file_id).json)]
    for visibility in ("private", "public", "private"):
        seen.append(rendition_keys(patch(client, file_id, {"visibility": visibility}).json))
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
    file_id = ready_photo(client, visibility="public")
    file = files.get("acme", file_id)
    assert file
    assert file.renditions == []
    address = missing.parse("public", file_id, str(file.source_version), "w160.webp")
    assert address
    assert missing.obtain(address) is missing.Outcome.MADE
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
    file_id = ready_photo(client, visibility="public")
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
    assert rendition_keys(record) <= set(derived()), "the record never leads to nothing"
    assert (record["visibility"] == "public") == (STEPS.index(step) < 2)
    if STEPS.index(step) >= 2:
        assert item(file_id)["due_pk"], "the sweep finds what is left"
    assert patch(client, file_id, {"visibility": "private"}).status == 200
    after = get(client, file_id).json
    assert after["visibility"] == "private"
    assert set(derived()) == rendition_keys(after) != rendition_keys(before)
    assert f"/f/public/{file_id}/*" in invalidations()
    assert not {"leftovers", "due_pk"} & item(file_id).keys()


def test_an_edge_that_takes_no_invalidation_now_leaves_the_work_to_be_found(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved, gone = ready_photo(client, visibility="public"), ready_photo(client, visibility="public")

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
    delete(client, ready_photo(client, visibility="public"))
    assert stage.count("cloudfront.") == 0


def test_a_mover_that_another_change_overtook_leaves_no_public_copy(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It copies to public while the file is made public, and private again, and the copies it made late go."""
    file_id = ready_photo(client)
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
    assert set(derived()) == rendition_keys(record)


def test_two_that_move_it_the_same_way_end_with_one_set(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id = ready_photo(client)
    copy = derived_objects.copy

    def slow(copies: dict[str, str]) -> bool:
        monkeypatch.setattr(derived_objects, "copy", copy)
        assert patch(client, file_id, {"visibility": "public"}).status == 200
        return copy(copies)

    monkeypatch.setattr(derived_objects, "copy", slow)
    assert patch(client, file_id, {"visibility": "public"}).status == 200
    assert set(derived()) == rendition_keys(get(client, file_id).json)
    assert len(derived()) == 4


def test_a_move_that_can_not_be_made_copies_nothing(client: Client) -> None:
    """With another focal point the file would be processed again, for which its original is needed."""
    file_id = ready_photo(client, recipe="avatar")
    before = get(client, file_id).json
    original_objects.delete_all_versions(f"acme/{file_id}")
    answer = patch(client, file_id, {"visibility": "public", "focus": {"x": 0, "y": 0}})
    assert (answer.status, answer.json["code"]) == (409, "original_missing")
    assert get(client, file_id).json == before
    assert set(derived()) == rendition_keys(before)
