"""This release goes on with what the previous release left in a stage: it processes, changes, deletes and sweeps it.

The stage in previous_release.zip was written by that release's code (write_fixture.py). Each test loads it anew.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from chalicelib import keyring
from chalicelib.events import publish
from tests import events_contract as contract
from tests.client import Answer
from tests.compatibility.asking import (
    INDEX,
    all_listed,
    change_record,
    got,
    index_of,
    keys_of,
    of_file,
    old_record,
    renditions_of,
    version_of,
)
from tests.compatibility.stage import (
    ENGINE,
    LATE,
    TABLE,
    Kept,
    Stage,
    changed_calls,
    items,
    keys_in,
    objects,
    record_of,
    setting,
    uploads,
)
from tests.stage import Calls, aws_client, lambda_context, stream_records

# Those that have bytes and a recipe that needs no further work.
PICTURES = ["private", "public", "focus", "animated", "document", "original_only", "edited", "reprocessed", "globex"]


def alive(kept: Kept) -> list[str]:
    """The names of acme's files that are not deleted."""
    return [name for name in kept.files if name != "globex" and "filename" in old_record(kept, name)]


def message_about(kept: Kept, name: str) -> str:
    """The old release's message about a file, out of the ingest queue."""
    return next(text for text in kept.messages["ingest"] if kept.files[name] in text)


# --- credentials and clients


def test_an_old_etag_is_good_for_a_conditional_change(old: Stage, kept: Kept) -> None:
    [tag] = [each["etag"] for each in kept.answers if (each["group"], each["name"]) == ("record", "pdf")]
    path = f"/v1/files/{kept.files['pdf']}"
    assert old.request("PATCH", path, {"tags": ["new"]}, headers={"If-Match": tag}).status == 200
    assert old.request("PATCH", path, {"tags": ["newer"]}, headers={"If-Match": tag}).status == 412


def test_the_feed_goes_on_where_an_old_position_ended(old: Stage, kept: Kept) -> None:
    [before] = [each["body"] for each in kept.answers if each["name"] == "all changes"]
    old.request("PATCH", f"/v1/files/{kept.files['text']}", {"tags": ["changed"]})
    old.index()
    said = old.request("GET", "/v1/changes", query={"after": before["next_after"]}).json
    assert [each["id"] for each in said["items"]] == [kept.files["text"]]
    assert said["items"][0]["revision"] == old_record(kept, "text")["revision"] + 1


def test_old_api_keys_open_what_they_opened(old: Stage, kept: Kept) -> None:
    path = f"/v1/files/{kept.files['text']}"
    assert old.request("GET", path, key="acme").status == 200
    assert old.request("GET", path, key="reader").status == 200
    assert old.request("DELETE", path, key="reader").json["code"] == "missing_scope"
    assert old.request("GET", path, key="globex").status == 404
    assert old.request("GET", path, key="revoked").status == 401


def test_an_old_upload_token_has_the_uses_that_were_left(old: Stage, kept: Kept) -> None:
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 100}
    said = [old.request("POST", "/v1/files", body, key="token") for _ in range(3)]
    assert [each.status for each in said] == [201, 201, 403]
    assert said[2].json["code"] == "token_spent"
    assert (said[0].json["visibility"], said[0].json["tags"]) == ("public", ["shop"])
    refused = old.request("POST", "/v1/files", {**body, "content_type": "application/pdf"}, key="token")
    assert refused.json["code"] == "type_not_allowed"
    assert old.request("GET", f"/v1/files/{kept.files['by_token']}", key="token").status == 200
    assert old.request("GET", f"/v1/files/{kept.files['form']}", key="token").status == 404


def test_an_old_upload_token_ends_when_it_was_to(old: Stage) -> None:
    old.clock.forward(days=1)
    said = old.request("POST", "/v1/files", {"filename": "a.jpg", "content_type": "image/jpeg", "size": 1}, key="token")
    assert said.json["code"] == "token_expired"


def test_an_old_idempotency_key_answers_with_the_old_file(old: Stage, kept: Kept) -> None:
    body = {"filename": "once.jpg", "content_type": "image/jpeg", "size": 10}
    said = old.request("POST", "/v1/files", body, headers={"Idempotency-Key": "order-12"})
    assert (said.status, said.headers["Idempotency-Replayed"]) == (201, "true")
    assert said.json["id"] == kept.files["idempotent"]
    other = old.request("POST", "/v1/files", {**body, "size": 11}, headers={"Idempotency-Key": "order-12"})
    assert other.json["code"] == "idempotency_key_reused"
    old.clock.forward(days=1, minutes=1)
    later = old.request("POST", "/v1/files", body, headers={"Idempotency-Key": "order-12"})
    assert later.json["id"] != kept.files["idempotent"]


def test_a_tenant_s_old_default_recipe_is_followed(old: Stage) -> None:
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 1}
    recipes = [old.request("POST", "/v1/files", body, key=key).json["recipe"] for key in ("globex", "acme")]
    assert recipes == ["avatar", "photo"]


# --- processing what waits


def test_a_file_that_waited_for_its_bytes_is_processed_when_they_come(old: Stage, kept: Kept) -> None:
    for name in ("form", "by_token", "expired"):
        old.put(kept.files[name], kept.to_come[name])
    old.drain()
    for name in ("form", "by_token", "expired"):
        record = got(old, kept, name)
        assert (record["status"], record["kind"], record["error"]) == ("ready", "image", None)
        assert keys_of(record) <= keys_in("derived")
    assert got(old, kept, "by_token")["visibility"] == "public"


def test_an_old_multipart_upload_is_finished(old: Stage, kept: Kept) -> None:
    file_id = kept.files["parts"]
    [held] = old.request("GET", f"/v1/files/{file_id}/parts").json["parts"]
    [second] = old.request("POST", f"/v1/files/{file_id}/parts", {"part_numbers": [2]}).json["parts"]
    upload_id = uploads()[0]["upload_id"]
    assert f"uploadId={upload_id}" in second["url"]
    rest = old_record(kept, "parts")["size"] - held["size"]
    part = {"Bucket": "originals", "Key": f"acme/{file_id}", "UploadId": upload_id, "PartNumber": 2}
    sent = aws_client("s3").upload_part(**part, Body=b"x" * rest)
    parts = [{"part_number": 1, "etag": held["etag"]}, {"part_number": 2, "etag": sent["ETag"]}]
    assert old.request("POST", f"/v1/files/{file_id}/complete", {"parts": parts}).status == 200
    old.arrived(file_id)
    old.drain()
    assert (got(old, kept, "parts")["status"], uploads()) == ("ready", [])


def test_messages_of_the_old_release_are_worked_off(old: Stage, kept: Kept) -> None:
    """One of S3's, one of the API's to process again, and one to import."""
    old.drain()
    old.arrived(kept.files["import_waiting"])
    old.drain()
    assert got(old, kept, "stored")["status"] == "ready"
    again = got(old, kept, "to_reprocess")
    assert (again["status"], again["recipe"]) == ("ready", "document")
    imported = got(old, kept, "import_waiting")
    assert (imported["status"], imported["size"]) == ("ready", len(LATE))


def test_renditions_that_an_old_request_replaces_are_served_until_then_and_removed_after(
    old: Stage, kept: Kept
) -> None:
    before = got(old, kept, "to_reprocess")
    assert (before["status"], keys_of(before) <= keys_in("derived")) == ("processing", True)
    old.deliver("ingest", message_about(kept, "to_reprocess"))
    after = got(old, kept, "to_reprocess")
    assert {key for key in keys_in("derived") if before["id"] in key} == keys_of(after)
    assert not keys_of(after) & keys_of(before)


def test_a_message_about_a_file_that_is_done_changes_nothing(old: Stage, kept: Kept) -> None:
    table, stored = items(), objects()
    for name in ("private", "text", "corrupt", "leftovers"):
        size = next(len(each["body"]) for each in stored if each["key"] == f"acme/{kept.files[name]}")
        old.deliver("ingest", old.notification(kept.files[name], version_of(kept.files[name]), size))
    assert (items(), objects()) == (table, stored)


def test_a_second_upload_to_an_old_file_s_place_does_not_replace_it(old: Stage, kept: Kept) -> None:
    before = got(old, kept, "private")
    old.deliver("ingest", old.put(kept.files["private"], b"something else", notify=False))
    versions = [each["version_id"] for each in objects() if each["key"] == f"acme/{kept.files['private']}"]
    assert versions == [version_of(kept.files["private"])]
    assert got(old, kept, "private") == before


def test_an_old_lease_holds_until_its_end(old: Stage, kept: Kept) -> None:
    file_id = kept.files["lease_lives"]
    told = old.notification(file_id, version_of(file_id), 1780)
    with pytest.raises(Exception, match="leased"):
        old.deliver("ingest", told)
    assert record_of(file_id)["attempts"] == {"N": "1"}
    old.clock.forward(seconds=61)
    old.deliver("ingest", told)
    assert got(old, kept, "lease_lives")["status"] == "ready"


def test_a_file_whose_old_worker_died_is_claimed_again(old: Stage, kept: Kept) -> None:
    file_id = kept.files["lease_over"]
    old.deliver("ingest", old.notification(file_id, version_of(file_id), 1780))
    record = got(old, kept, "lease_over")
    assert (record["status"], record_of(file_id)["attempts"]) == ("ready", {"N": "2"})
    assert keys_of(record) == {key for key in keys_in("derived") if file_id in key}


def learned(name: str, image: dict[str, Any] | None) -> dict[str, Any] | None:
    """The facts about a file's image, and what this release finds out that the former one did not."""
    return {**image, "duration": 0.28} if image and name == "animated" else image


@pytest.mark.parametrize("name", PICTURES)
def test_the_same_bytes_and_recipe_give_the_old_addresses_and_the_old_record(old: Stage, kept: Kept, name: str) -> None:
    """The file is taken back to the moment before it was processed."""
    file_id, before = kept.files[name], got(old, kept, name)
    item, made = record_of(file_id), [each for each in objects() if each["bucket"] == "derived"]
    made = [each for each in made if file_id in each["key"]]
    for each in made:
        aws_client("s3").delete_object(Bucket="derived", Key=each["key"])
    change_record(
        file_id,
        "SET #status = :processing, lease_until = :past, attempts = :none "
        "REMOVE source_version, made_with, renditions, image, kind, sha256, sha_pk, sha_sk",
        {":processing": {"S": "processing"}, ":past": {"S": "2026-11-02T09:00:00.000Z"}, ":none": {"N": "0"}},
    )
    moved = int(item.get("generation", {"N": "0"})["N"])
    tenant = "globex" if name == "globex" else "acme"
    old.deliver("ingest", old.notification(file_id, version_of(file_id), 1, tenant=tenant))
    after = got(old, kept, name)
    changing = ("revision", "updated_at", "delivery", "renditions", "image")
    assert {n: v for n, v in after.items() if n not in changing} == {
        n: v for n, v in before.items() if n not in changing
    }
    assert after["image"] == learned(name, before["image"])
    assert [each["url"] for each in renditions_of(after)] == [each["url"] for each in renditions_of(before)]
    assert record_of(file_id)["made_with"] == item["made_with"]
    assert moved or item["source_version"] == record_of(file_id)["source_version"]
    if kept.facts["engine"] == ENGINE:
        found = {each["key"]: each for each in objects() if file_id in each["key"] and each["bucket"] == "derived"}
        on_demand = {each["key"] for each in made} - found.keys()
        assert all(key.endswith((".avif", ".jpg")) for key in on_demand)
        for each in made:
            if each["key"] not in on_demand:
                again = found[each["key"]]
                assert {**again, "modified": ""} == {**each, "modified": ""}


# --- changes


def test_an_old_picture_that_is_up_to_date_is_not_made_again(old: Stage, kept: Kept) -> None:
    for name in PICTURES[:-1]:
        said = old.request("POST", f"/v1/files/{kept.files[name]}/reprocess", {})
        assert (said.status, old.take("ingest")[2:]) == (200, []), name


@pytest.mark.parametrize("name", ["private", "focus", "animated", "text", "edited", "ready_with_error", "corrupt"])
def test_an_old_file_is_processed_again_on_request(old: Stage, kept: Kept, name: str) -> None:
    before = got(old, kept, name)
    said = old.request("POST", f"/v1/files/{before['id']}/reprocess", {"force": True})
    assert (said.status, said.json["status"]) == (202, "processing")
    old.drain()
    after = got(old, kept, name)
    assert after["status"] == ("failed" if name == "corrupt" else "ready")
    assert after["image"] == learned(name, before["image"])
    assert bool(after["error"]) == (name == "corrupt")
    assert {key for key in keys_in("derived") if before["id"] in key} == keys_of(after)
    assert not keys_of(after) & keys_of(before)


def test_an_old_failed_import_cannot_be_processed_for_it_has_no_bytes(old: Stage, kept: Kept) -> None:
    said = old.request("POST", f"/v1/files/{kept.files['import_failed']}/reprocess", {})
    assert (said.status, said.json["code"]) == (409, "original_missing")


def test_what_a_client_said_of_an_old_file_can_be_changed(old: Stage, kept: Kept) -> None:
    for name in alive(kept):
        if old_record(kept, name)["status"] != "expired":
            check_change(old, kept, name)


def check_change(old: Stage, kept: Kept, name: str) -> None:
    before = got(old, kept, name)
    tags = [f"changed {name}"]
    change = {"filename": "neu.jpg", "tags": tags, "metadata": {"order": None, "more": [1.25, "ü"]}}
    said = old.request("PATCH", f"/v1/files/{before['id']}", change)
    assert said.status == 200, (name, said.text)
    after = said.json
    assert after["revision"] == before["revision"] + 1
    assert (after["filename"], after["tags"]) == ("neu.jpg", tags)
    kept_metadata = {n: v for n, v in before["metadata"].items() if n != "order"}
    assert after["metadata"] == {**kept_metadata, "more": [1.25, "ü"]}
    old.index()
    found = old.request("GET", "/v1/files", query={"tag": tags}).json["items"]
    assert [each["id"] for each in found] == [before["id"]], name
    for tag in before["tags"]:
        listed = old.request("GET", "/v1/files", query={"tag": tag}).json["items"]
        assert before["id"] not in [each["id"] for each in listed]


def test_an_old_file_moves_between_public_and_private(old: Stage, kept: Kept) -> None:
    for name, visibility in (("private", "public"), ("public", "private"), ("edited", "public")):
        before = got(old, kept, name)
        said = old.request("PATCH", f"/v1/files/{before['id']}", {"visibility": visibility})
        assert said.status == 200, said.text
        after = got(old, kept, name)
        assert {key for key in keys_in("derived") if before["id"] in key} == keys_of(after)
        assert all(f"/f/{visibility}/" in each["url"] for each in after["renditions"])
        assert [each["size"] for each in after["renditions"]] == [each["size"] for each in before["renditions"]]


def test_another_focus_makes_old_crops_again(old: Stage, kept: Kept) -> None:
    before = got(old, kept, "focus")
    said = old.request("PATCH", f"/v1/files/{before['id']}", {"focus": {"x": 0.9, "y": 0.1}})
    assert said.json["status"] == "processing"
    old.drain()
    after = got(old, kept, "focus")
    assert (after["status"], after["focus"]) == ("ready", {"x": 0.9, "y": 0.1})
    assert {key for key in keys_in("derived") if before["id"] in key} == keys_of(after)


def test_an_old_duplicate_is_found_by_its_bytes(old: Stage, kept: Kept) -> None:
    known = got(old, kept, "private")
    body = {"filename": "copy.jpg", "content_type": "image/jpeg", "size": known["size"], "sha256": known["sha256"]}
    said = old.request("POST", "/v1/files", {**body, "on_duplicate": "reuse"})
    assert (said.status, said.json["id"]) == (200, known["id"])


# --- deleting and restoring


def test_every_old_file_is_deleted_with_all_that_it_has(old: Stage, kept: Kept) -> None:
    for name in alive(kept):
        assert old.request("DELETE", f"/v1/files/{kept.files[name]}").status == 204, name
    check_gone(old, *(kept.files[name] for name in alive(kept)))
    assert all_listed(old) == set()
    assert old.request("GET", "/v1/stats").json["by_status"] == {}


def check_gone(old: Stage, *file_ids: str) -> None:
    for file_id in file_ids:
        assert old.request("GET", f"/v1/files/{file_id}").status == 404
        assert of_file(file_id) == set()
        assert not [upload for upload in uploads() if file_id in upload["key"]]
        item = record_of(file_id)
        assert (item["status"], item["purged"]) == ({"S": "deleted"}, {"BOOL": True})
        assert not {"due_pk", "leftovers", "renditions", "image"} & item.keys()
    old.index()
    assert not all_listed(old) & {*file_ids}
    assert not [key for key in index_of(items()) for file_id in file_ids if file_id in key[1]]
    changes = old.request("GET", "/v1/changes", query={"limit": "200"}).json["items"]
    assert all(each["deleted"] for each in changes if each["id"] in file_ids)
    assert {*file_ids} <= {each["id"] for each in changes}


def test_a_delete_that_an_old_process_did_not_end_is_ended_by_the_next_request(old: Stage, kept: Kept) -> None:
    file_id = kept.files["half_deleted"]
    assert of_file(file_id)
    assert old.request("DELETE", f"/v1/files/{file_id}").status == 204
    check_gone(old, file_id)
    assert old.request("DELETE", f"/v1/files/{file_id}").status == 404


def test_a_file_that_was_deleted_for_a_while_is_restored(old: Stage, kept: Kept) -> None:
    said = old.request("POST", f"/v1/files/{kept.files['restorable']}/restore")
    assert (said.status, said.json["status"]) == (202, "processing")
    old.drain()
    record = got(old, kept, "restorable")
    assert (record["status"], record["filename"], record["tags"]) == ("ready", "back.jpg", ["holiday"])
    assert {key for key in keys_in("derived") if record["id"] in key} == keys_of(record)
    assert record["id"] in all_listed(old)
    said = old.request("POST", f"/v1/files/{kept.files['restorable_text']}/restore")
    assert (said.status, said.json["status"], said.json["kind"]) == (202, "processing", "text")
    old.drain()
    assert got(old, kept, "restorable_text")["status"] == "ready"


def test_a_file_whose_old_delete_stopped_half_way_is_restored(old: Stage, kept: Kept) -> None:
    file_id = kept.files["half_retired"]
    before = {key for key in keys_in("derived") if file_id in key}
    assert before
    assert old.request("POST", f"/v1/files/{file_id}/restore").status == 202
    old.drain()
    record = got(old, kept, "half_retired")
    assert record["status"] == "ready"
    assert {key for key in keys_in("derived") if file_id in key} == keys_of(record)
    assert not keys_of(record) & before


def test_a_file_that_was_deleted_for_good_is_not_restored(old: Stage, kept: Kept) -> None:
    for name in ("purged", "half_deleted"):
        assert old.request("POST", f"/v1/files/{kept.files[name]}/restore").status == 404


def test_the_delete_window_that_began_before_ends_when_it_was_to(old: Stage, kept: Kept) -> None:
    old.clock.forward(days=31)
    assert old.request("POST", f"/v1/files/{kept.files['restorable']}/restore").status in (404, 409)
    old.sweep()
    check_gone(old, *(kept.files[name] for name in ("restorable", "restorable_text", "half_retired")))


def test_with_a_delete_window_an_old_file_goes_and_comes_back(old: Stage, kept: Kept) -> None:
    with setting(delete_window=3600):
        for name in ("private", "text", "corrupt", "to_reprocess"):
            assert old.request("DELETE", f"/v1/files/{kept.files[name]}").status == 204, name
            assert not {key for key in keys_in("derived") if kept.files[name] in key}
            assert old.request("POST", f"/v1/files/{kept.files[name]}/restore").status in (200, 202)
        old.drain()
    statuses = [got(old, kept, name)["status"] for name in ("private", "text", "corrupt", "to_reprocess")]
    assert statuses == ["ready", "ready", "failed", "ready"]


# --- the sweep


def test_the_sweep_ends_what_old_processes_left(old: Stage, kept: Kept) -> None:
    old.clock.forward(minutes=10)
    old.sweep()
    served = keys_of(got(old, kept, "leftovers"))
    assert {key for key in keys_in("derived") if kept.files["leftovers"] in key} == served
    assert not {"leftovers", "due_pk"} & record_of(kept.files["leftovers"]).keys()
    check_gone(old, kept.files["half_deleted"])
    assert not {key for key in keys_in("derived") if kept.files["half_retired"] in key}
    assert record_of(kept.files["over"])["status"] == {"S": "expired"}
    sent = " ".join(old.take("ingest"))
    assert kept.files["lease_over"] in sent
    assert kept.files["restorable"] not in sent


def test_an_old_import_whose_message_is_lost_is_sent_again(old: Stage, kept: Kept) -> None:
    old.take("imports")
    old.clock.forward(minutes=30)
    old.sweep()
    assert kept.files["import_waiting"] in " ".join(old.take("imports"))


def test_the_sweep_goes_on_behind_the_place_where_the_old_one_stopped(old: Stage, kept: Kept) -> None:
    buckets = ("WALK#originals", "WALK#derived")
    places = {item["pk"]["S"]: item for item in kept.table if item["pk"]["S"] in buckets}
    with (
        setting(sweep_pages=1),
        changed_calls("s3", "ListObjectVersions") as originals,
        changed_calls("s3", "ListObjectsV2") as derived,
    ):
        old.sweep()
    assert originals[-1]["KeyMarker"] == places["WALK#originals"]["walked_to"]["S"]
    assert originals[-1]["VersionIdMarker"] == places["WALK#originals"]["walked_to_version"]["S"]
    assert derived[-1]["StartAfter"] == places["WALK#derived"]["walked_to"]["S"]
    walks = [item for item in items() if item["pk"]["S"] in places]
    assert [item["ended"] for item in walks] == [{"BOOL": True}] * 2
    assert [item["began"] for item in walks] == [places[item["pk"]["S"]]["began"] for item in walks]


def test_nothing_that_a_client_told_of_a_deleted_file_stays(old: Stage, kept: Kept) -> None:
    ended = ("purged", "half_deleted")
    old.clock.forward(minutes=10)
    old.sweep()
    for name in ended:
        item = record_of(kept.files[name])
        told = {"sha256", "size", "tags", "metadata", "image", "renditions", "source_url", "declared_sha256"}
        assert not told & item.keys(), name
        assert (item["filename"], item["content_type"]) == ({"S": ""}, {"S": ""})
    waiting = record_of(kept.files["restorable"])
    assert (waiting["filename"], waiting["status"]) == ({"S": "back.jpg"}, {"S": "deleted"}), "it can be restored"
    old.clock.forward(days=31)
    old.sweep()
    old.index()
    assert not [item for item in items() if "back.jpg" in json.dumps(item)]


def test_objects_of_no_record_go_and_those_of_old_records_stay(old: Stage, kept: Kept) -> None:
    served = {key for name in alive(kept) for key in keys_of(got(old, kept, name))}
    old.clock.forward(days=2)
    for _ in range(2):  # the first ends the walk that had begun
        old.sweep()
        old.clock.forward(days=1, minutes=1)
    left = keys_in("originals") | keys_in("derived")
    assert not [key for key in keys_in("derived") if "file_01BBBB" in key]
    assert [each.get("marker") for each in objects() if "file_01CCCC" in each["key"]] == [None, True]  # it is hidden
    assert served <= left
    wanted = {each["key"] for each in kept.objects if each["bucket"] == "originals"}
    ended = {kept.files["half_deleted"], "file_01" + "C" * 24}
    assert {key for key in wanted if key.rpartition("/")[2] not in ended} <= left
    assert {key for key in left if key.endswith("w120.avif")}


def test_in_the_end_every_old_file_is_in_a_state_that_lasts(old: Stage, kept: Kept) -> None:
    for wait in ({"minutes": 20}, {"hours": 3}, {"days": 2}, {"days": 8}, {"days": 32}):
        old.clock.forward(**wait)
        old.sweep()
        old.drain()
    for name, file_id in kept.files.items():
        item = record_of(file_id)
        assert item["status"]["S"] in ("ready", "failed", "expired", "deleted"), name
        assert "due_pk" not in item, name
        if item["status"]["S"] == "deleted":
            assert of_file(file_id) == set(), name
    for name in ("stored", "to_reprocess", "import_waiting", "lease_over", "lease_lives"):
        assert got(old, kept, name)["status"] == "ready", name


# --- renditions made when they are asked for


def viewed(old: Stage, address: str) -> Answer:
    headers = {"x-filemill-edge": keyring.edge_secret(), "Accept": "image/avif"}
    return old.request("GET", f"/render/{address}", headers=headers)


def lease_of(kept: Kept, outcome: str) -> str:
    """The address of the rendition whose old lease says that."""
    [item] = [each for each in kept.table if each.get("outcome") == {"S": outcome}]
    return str(item["pk"]["S"].removeprefix("RENDER#"))


def test_a_rendition_that_was_made_on_demand_is_served(old: Stage, kept: Kept, stage: Calls) -> None:
    address = lease_of(kept, "made")
    [body] = [each["body"] for each in kept.objects if each["key"] == address]
    said = viewed(old, address)
    assert (said.status, said.content) == (200, body)
    assert not stage.count("lambda.")


def test_a_rendition_of_an_old_file_is_made_when_it_is_asked_for(old: Stage, kept: Kept) -> None:
    for name in ("private", "edited", "leftovers"):
        record = got(old, kept, name)
        address = next(iter(keys_of(record))).rpartition(".")[0] + ".avif"
        said = viewed(old, address)
        assert (said.status, said.headers["Content-Type"]) == (200, "image/avif"), name
        assert address in keys_in("derived")


def test_a_rendition_that_could_not_be_made_is_not_tried_within_the_hour(old: Stage, kept: Kept, stage: Calls) -> None:
    address = lease_of(kept, "failed")
    assert (viewed(old, address).status, stage.count("lambda.")) == (404, 0)
    old.clock.forward(minutes=61)
    assert viewed(old, address).status == 200


def test_a_viewer_waits_for_an_old_lease_and_then_has_the_rendition_made(
    old: Stage, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: old.clock.forward(seconds=seconds))
    began = old.clock.moment
    assert viewed(old, lease_of(kept, "working")).status == 200
    assert (old.clock.moment - began).total_seconds() > 15


def test_the_render_function_takes_the_call_of_the_old_api(old: Stage, kept: Kept) -> None:
    import app

    said = [app.render(call["event"], lambda_context()) for call in kept.calls]
    assert [each["status"] for each in said] == ["made"] * len(kept.calls)
    assert [each["key"].rpartition("/")[2] for each in said] == [call["event"]["name"] for call in kept.calls]


# --- the index


def test_what_the_old_stream_still_holds_is_indexed(old: Stage, kept: Kept) -> None:
    file_id = kept.files["pdf"]
    assert not old.request("GET", "/v1/files", query={"tag": "unindexed"}).json["items"]
    old.index(kept.stream)
    [found] = old.request("GET", "/v1/files", query={"tag": "unindexed"}).json["items"]
    assert found["id"] == file_id
    changes = old.request("GET", "/v1/changes", query={"limit": "200"}).json["items"]
    assert (changes[-1]["id"], len(changes)) == (file_id, len({each["id"] for each in changes}))


def test_records_that_were_indexed_change_nothing_when_they_are_told_again(old: Stage, kept: Kept) -> None:
    pending = kept.stream[0]["dynamodb"]["Keys"]["pk"]["S"]
    told = [each for each in stream_records() if each["dynamodb"]["Keys"]["pk"]["S"] != pending]
    assert len(told) == len(kept.files) - 1
    old.index_again(told)
    assert items() == kept.table


def test_the_index_that_is_made_anew_from_old_records_is_the_old_index(old: Stage, kept: Kept) -> None:
    old.index(kept.stream)
    before = items()
    kinds = (*INDEX, "FEED#", "SEQ#")
    for item in before:
        key = {"pk": item["pk"], "sk": item["sk"]}
        if item["pk"]["S"].startswith(kinds) or item["sk"]["S"] == "INDEX":
            aws_client("dynamodb").delete_item(TableName=TABLE, Key=key)
    assert index_of(items()) == set()
    records = [item for item in before if item["sk"]["S"] == "FILE"]
    old.index_again([_told(item) for item in records])
    claimed = {item["id"]["S"] for item in records if "kind" not in item and item["status"]["S"] == "processing"}
    assert claimed
    assert stays(index_of(items()), claimed) == stays(index_of(before), claimed)
    assert len(index_of(items())) == len(index_of(before))
    assert counts(items()) == counts(before)
    assert markers(items(), claimed) == markers(before, claimed)


# --- events


def test_each_old_record_is_told_with_its_last_change(old: Stage, kept: Kept) -> None:
    records = [item for item in kept.table if item["sk"]["S"] == "FILE"]
    told = publish.sort([_told(item) for item in records])
    for item, event in zip(records, told.events, strict=True):
        contract.check_event(event)
        change = item["last_change"]["M"]
        actor = {name: value["S"] for name, value in change["actor"]["M"].items()}
        assert event["type"] == f"filemill.file.{change['type']['S']}"
        assert event["data"]["actor"].items() >= actor.items()


def test_each_older_record_is_told_with_the_word_of_its_state(old: Stage, kept: Kept) -> None:
    """Records that an earlier release wrote last note neither what a change was nor who made it."""
    noted = [item for item in kept.table if item["sk"]["S"] == "FILE"]
    records = [{name: value for name, value in item.items() if name != "last_change"} for item in noted]
    told = publish.sort([_told(item) for item in records])
    assert [event["subject"] for event in told.events] == [item["id"]["S"] for item in records]
    for item, event in zip(records, told.events, strict=True):
        contract.check_event(event)
        created = item["status"]["S"] == "awaiting_upload"
        word = "created" if created else item["status"]["S"]
        assert event["type"] == f"filemill.file.{word}"
        assert event["time"] == item["updated_at"]["S"]
        assert event["data"]["actor"] == {"type": "system", "id": "filemill"}
    assert len({event["type"] for event in told.events}) > 4


def test_a_change_of_an_old_record_has_its_actor(old: Stage, kept: Kept) -> None:
    file_id = kept.files["pdf"]
    assert old.request("PATCH", f"/v1/files/{file_id}", {"tags": ["new"]}).status == 200
    [change] = [record for record in stream_records() if record["eventName"] == "MODIFY"]
    [event] = publish.sort([change]).events
    assert (event["type"], event["subject"]) == ("filemill.file.updated", file_id)
    assert event["data"]["actor"]["type"] == "key"


def _told(item: dict[str, Any]) -> dict[str, Any]:
    """What the stream tells of an item that was just written."""
    keys = {"pk": item["pk"], "sk": item["sk"]}
    image = {"Keys": keys, "NewImage": item, "SequenceNumber": "1", "SizeBytes": 1}
    image |= {"StreamViewType": "NEW_AND_OLD_IMAGES", "ApproximateCreationDateTime": 1}
    return {"eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb"} | {
        "awsRegion": "eu-west-1",
        "dynamodb": image,
    }


def counts(table: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The counts of each head, without those that are nought."""
    heads = {item["pk"]["S"]: item for item in table if item["sk"]["S"] == "SEQ"}
    return {
        pk: {name: value for name, value in head.items() if "." in name and value != {"N": "0"}}
        for pk, head in heads.items()
    }


def stays(index: set[tuple[str, str]], claimed: set[str]) -> set[tuple[str, str]]:
    """The lists and words without the places of files that were just claimed.

    The former release puts them into the list of their status, and by the time of their claim. The index now leaves
    them where their creation put them.
    """
    moved = ("FACET#acme#status=", "SORT#acme#updated")
    return {(pk, sk) for pk, sk in index if not (pk.startswith(moved) and sk.rpartition("\t")[2] in claimed)}


def markers(table: list[dict[str, Any]], claimed: set[str]) -> dict[str, Any]:
    """The index's notes on each file, without the place in the feed, and without the lists of files just claimed.

    The former release notes neither the bytes for the usage, nor the tenant and the time for the history, nor what
    counted before.
    """
    found = {item["pk"]["S"]: item for item in table if item["sk"]["S"] == "INDEX"}
    newer = ("position", "uploaded", "tenant", "changed_at", "passing", "was")
    lists = {f"FILE#{file_id}": ("terms",) for file_id in claimed}
    return {
        pk: {name: v for name, v in item.items() if name not in (*newer, *lists.get(pk, ()))}
        for pk, item in found.items()
    }


def test_old_and_new_files_stand_in_one_list(old: Stage, kept: Kept) -> None:
    body = {"filename": "new cat.jpg", "content_type": "image/jpeg", "size": 1, "tags": ["cats"]}
    new = old.request("POST", "/v1/files", body).json["id"]
    old.index()
    listed = [each["id"] for each in old.request("GET", "/v1/files", query={"tag": "cats"}).json["items"]]
    assert listed == [new, kept.files["text"], kept.files["private"]]
    found = old.request("GET", "/v1/search", query={"q": "cat"}).json["items"]
    assert {new, kept.files["private"]} <= {each["file"]["id"] for each in found}
    stats = old.request("GET", "/v1/stats").json
    [before] = [each["body"] for each in kept.answers if (each["group"], each["name"]) == ("counts", "acme")]
    assert stats["files"] == before["files"] + 1
    assert stats["by_kind"]["image"] == before["by_kind"]["image"]
