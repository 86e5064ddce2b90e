"""This release answers of the previous release's stage just what that release answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.compatibility.asking import all_listed, asked, old_record, version_of
from tests.compatibility.stage import FIXTURE, Kept, Stage, items, loaded, objects, read, unsigned, uploads
from tests.stage import provisioned

KEPT = read(FIXTURE, "localhost:1")
"""For the names of tests. Tests get theirs with the address of a source of imports."""


@pytest.fixture(scope="module")
def old(cloud: None, cdn_key: bytes, kept: Kept) -> Iterator[Stage]:
    """One stage for all tests here, which only read it."""
    provisioned(cdn_key)
    with loaded(kept) as stage:
        yield stage


def answers(*groups: str) -> pytest.MarkDecorator:
    """Parameters of a test: the fixture's answers of these groups."""
    chosen = [(n, each) for n, each in enumerate(KEPT.answers) if each["group"] in groups]
    ids = [f"{each['group']}-{each['name'].replace(' ', '_')}" for _, each in chosen]
    return pytest.mark.parametrize("number", [n for n, _ in chosen], ids=ids)


def test_the_fixture_has_a_record_in_every_state_and_every_kind_of_item(kept: Kept) -> None:
    kinds = {item["pk"]["S"].partition("#")[0] for item in kept.table}
    wanted = {"FILE", "FACET", "SORT", "WORD", "FEED", "SEQ", "KEY", "TOKEN", "TENANT", "IDEM", "RENDER", "WALK"}
    wanted |= {"TOKENS", "USAGE"}
    assert kinds == wanted
    states = {item["status"]["S"] for item in kept.table if item["sk"]["S"] == "FILE"}
    assert states == {"awaiting_upload", "processing", "ready", "failed", "expired", "deleted"}
    outcomes = {item["outcome"]["S"] for item in kept.table if item["sk"]["S"] == "RENDER"}
    assert outcomes == {"working", "made", "failed"}
    assert [len(kept.messages[queue]) for queue in ("ingest", "imports")] == [2, 1]
    assert (len(kept.uploads), len(kept.stream), bool(kept.calls)) == (1, 1, True)


def test_loading_the_fixture_gives_back_what_was_kept(old: Stage, kept: Kept) -> None:
    assert items() == kept.table
    assert objects() == kept.objects
    assert uploads() == kept.uploads


@answers("record")
def test_each_record_is_answered_as_before(old: Stage, kept: Kept, number: int) -> None:
    check_answer(old, kept.answers[number])


@answers("list", "search", "feed", "counts", "batch", "parts")
def test_lists_search_feed_and_counts_answer_as_before(old: Stage, kept: Kept, number: int) -> None:
    check_answer(old, kept.answers[number])


def check_answer(old: Stage, before: dict[str, Any]) -> None:
    said = asked(old, before)
    body = {name: value for name, value in unsigned(said.json).items() if name != "request_id"}
    if said.status >= 400:  # `detail` is a sentence for people, and may be said in better words
        assert body.pop("detail")
        before = {**before, "body": {name: value for name, value in before["body"].items() if name != "detail"}}
    assert (said.status, body) == (before["status"], unsigned(before["body"]))
    if before["etag"]:
        assert said.headers["ETag"] == before["etag"]


def test_reading_writes_nothing(old: Stage, kept: Kept) -> None:
    for each in kept.answers:
        asked(old, each)
    assert [without_use(item) for item in items()] == [without_use(item) for item in kept.table]


def without_use(item: dict[str, Any]) -> dict[str, Any]:
    """The item without the hour of its last use, which is noted for keys."""
    return {name: value for name, value in item.items() if name != "used_at"}


def test_a_client_that_has_the_old_answer_is_told_that_nothing_changed(old: Stage, kept: Kept) -> None:
    [tag] = [each["etag"] for each in kept.answers if (each["group"], each["name"]) == ("record", "public")]
    said = old.request("GET", f"/v1/files/{kept.files['public']}?include=delivery", headers={"If-None-Match": tag})
    assert said.status == 304


def test_the_pages_behind_an_old_cursor_have_all_the_rest(old: Stage, kept: Kept) -> None:
    [first] = [each["body"] for each in kept.answers if each["name"] == "first page"]
    found, cursor = [each["id"] for each in first["items"]], first["next_cursor"]
    while cursor:
        page = old.request("GET", "/v1/files", query={"limit": "5", "cursor": cursor}).json
        found += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert found == sorted(all_listed(old), reverse=True)


def test_an_old_original_can_be_downloaded(old: Stage, kept: Kept) -> None:
    for name in ("private", "pdf", "multipart", "imported"):
        file_id = kept.files[name]
        said = old.request("GET", f"/v1/files/{file_id}/original")
        assert said.status == 302
        assert f"acme/{file_id}?" in said.headers["Location"]
        assert f"versionId={version_of(file_id)}" in said.headers["Location"]


def test_a_grant_covers_the_old_addresses(old: Stage, kept: Kept) -> None:
    said = old.request("POST", f"/v1/files/{kept.files['private']}/grant", {"expires_in": 600}).json
    covered = said["resource"].removesuffix("*")
    urls = [each["url"] for each in old_record(kept, "private")["renditions"]]
    assert urls
    assert all(url.startswith(covered) for url in urls)
    assert said["query"]
