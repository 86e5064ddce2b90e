"""Lists, filters, search, the feed of changes, counts, and many records at once."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.settings import settings
from tests.client import Answer, Client, new_client
from tests.making import deliver, put
from tests.stage import Calls

PHOTO = {"filename": "IMG 1.jpg", "content_type": "image/jpeg", "size": 2766997, "tags": ["cats"]}


def create(client: Client, **values: Any) -> str:
    answer = client("POST", "/v1/files", PHOTO | values)
    assert answer.status == 201, answer.text
    file_id: str = answer.json["id"]
    return file_id


def ids(client: Client, **query: Any) -> list[str]:
    """The ids of all pages of a list."""
    return [item["id"] for item in items(client, **query)]


def items(client: Client, path: str = "/v1/files", **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        answer = client("GET", path, query=dict(query))
        assert answer.status == 200, answer.text
        found += answer.json["items"]
        if answer.json["next_cursor"] is None:
            return found
        query["cursor"] = answer.json["next_cursor"]


def problem(answer: Answer) -> tuple[int, str, str | None]:
    return answer.status, answer.json["code"], answer.json.get("field")


# --- the plain list


def test_a_list_page_costs_one_query(client: Client, stage: Calls) -> None:
    create(client)
    stage.clear()
    client("GET", "/v1/files")
    assert stage.names == ["dynamodb.Query"]


def test_list_is_newest_first_and_pages_give_every_file_once(client: Client) -> None:
    made = [create(client, filename=f"{n}.jpg") for n in range(7)]
    assert ids(client, limit="3") == sorted(made, reverse=True)
    assert ids(client, limit="3", sort="created") == sorted(made)


def test_a_list_over_several_shards_is_merged_in_order(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = create(client)  # written when the stage had one shard
    stage.settle()
    monkeypatch.setenv("FILEMILL_LIST_SHARDS", "4")
    settings.cache_clear()
    made = [before] + [create(client) for _ in range(20)]
    stage.settle()
    assert ids(client, limit="6") == sorted(made, reverse=True)
    assert ids(client, limit="6", tag="cats") == sorted(made, reverse=True)
    assert ids(client, limit="6", tag="cats", status="awaiting_upload") == sorted(made, reverse=True)
    assert sorted(ids(client, limit="6", sort="-size")) == sorted(made)
    assert client("GET", "/v1/stats").json["files"] == len(made)
    assert sorted(change["id"] for change in all_changes(client)) == sorted(made)


def test_new_files_do_not_shift_the_pages(client: Client) -> None:
    made = [create(client) for _ in range(4)]
    first = client("GET", "/v1/files", query={"limit": "2"}).json
    create(client)
    second = client("GET", "/v1/files", query={"limit": "2", "cursor": first["next_cursor"]}).json
    assert [item["id"] for item in first["items"] + second["items"]] == sorted(made, reverse=True)


# --- filters and orders


def test_each_filter_gives_what_it_says(client: Client, stage: Calls) -> None:
    cat = create(client, tags=["cats", "pets"])
    dog = create(client, tags=["dogs", "pets"], content_type="image/png", filename="Dog.png", size=5)
    text = create(client, tags=["pets"], content_type="text/csv; charset=utf-8", filename="a.csv", size=3)
    put(text, b"a,b")
    deliver(text)
    sha256 = client("GET", f"/v1/files/{text}").json["sha256"]
    new_client("other")("POST", "/v1/files", PHOTO)
    stage.settle()
    assert ids(client, tag="pets") == [text, dog, cat]
    assert ids(client, tag=["pets", "cats"]) == [cat]
    assert ids(client, tag=["dogs", "cats"]) == []
    assert ids(client, content_type="image/*") == [dog, cat]
    assert ids(client, content_type="image/png") == [dog]
    assert ids(client, content_type="TEXT/csv") == [text]
    assert ids(client, status="ready") == [text]
    assert ids(client, status="awaiting_upload", sort="created") == [cat, dog]
    assert ids(client, kind="text", status="ready", tag="pets") == [text]
    assert ids(client, kind="image") == []
    assert ids(client, sha256=sha256) == [text]
    assert ids(client, sha256=sha256, tag="cats") == []
    assert ids(client, filename_prefix="D") == ids(client, filename_prefix="dog.") == [dog]
    assert ids(client, sort="filename") == [text, dog, cat]
    assert ids(client, sort="-size") == [cat, dog, text]
    assert ids(client, sort="-updated")[0] == text


def test_created_bounds_are_of_the_records_own_time(client: Client, stage: Calls) -> None:
    made = [create(client) for _ in range(3)]
    times = {file_id: client("GET", f"/v1/files/{file_id}").json["created_at"] for file_id in made}
    stage.settle()
    for extra in ({}, {"tag": "cats"}):
        for moment in times.values():
            later = [file_id for file_id in reversed(made) if times[file_id] >= moment]
            assert ids(client, created_after=moment, **extra) == later
            assert ids(client, created_before=moment, **extra) == [i for i in reversed(made) if i not in later]
    assert ids(client, created_after="2001-01-01T00:00:00+02:00", created_before="9999-12-31T23:59:59-14:00") != []
    assert ids(client, created_before="0001-01-01T00:00:00+14:00") == []


def test_an_upload_whose_time_is_over_lists_as_expired(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from chalicelib.catalog import files

    file_id = create(client)
    stage.settle()
    assert (ids(client, status="expired"), ids(client, status="awaiting_upload")) == ([], [file_id])
    monkeypatch.setattr(files, "EXPIRY_GRACE", timedelta(hours=-2))
    assert (ids(client, status="expired"), ids(client, status="awaiting_upload")) == ([file_id], [])


def test_a_deleted_file_is_in_no_list(client: Client, stage: Calls) -> None:
    file_id = create(client, filename="gone.jpg")
    stage.settle()
    client("DELETE", f"/v1/files/{file_id}")
    for _ in range(2):  # before and after the index heard of it
        assert ids(client, tag="cats") == ids(client) == ids(client, sort="-size") == []
        assert client("GET", "/v1/search", query={"q": "gone"}).json["items"] == []
        assert client("POST", "/v1/files/batch-get", {"ids": [file_id]}).json["items"] == []
        stage.settle()
    assert client("GET", "/v1/stats").json == {"files": 0, "bytes": 0, "by_status": {}, "by_kind": {}}


def test_fields_leaves_of_a_record_what_was_asked_for(client: Client, stage: Calls) -> None:
    create(client)
    stage.settle()
    for path, query in (("/v1/files", {}), ("/v1/files", {"tag": "cats"}), ("/v1/search", {"q": "img"})):
        (found,) = client("GET", path, query={**query, "fields": "filename,size"}).json["items"]
        assert set(found.get("file", found)) == {"id", "filename", "size"}
    (change,) = client("GET", "/v1/changes", query={"fields": "tags"}).json["items"]
    assert set(change["file"]) == {"id", "tags"}
    answer = client("POST", "/v1/files/batch-get", {"ids": [change["id"]], "fields": ["status"]})
    assert answer.json["items"] == [{"id": change["id"], "status": "awaiting_upload"}]


# --- what is wrong


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/v1/files", {"sort": "-tags"}, "sort"),
        ("/v1/files", {"colour": "red"}, "colour"),
        ("/v1/files", {"limit": "0"}, "limit"),
        ("/v1/files", {"limit": "201"}, "limit"),
        ("/v1/files", {"limit": "10000"}, "limit"),
        ("/v1/files", {"limit": "ten"}, "limit"),
        ("/v1/files", {"limit": "-1"}, "limit"),
        ("/v1/files", {"limit": "²"}, "limit"),
        ("/v1/files", {"status": "deleted"}, "status"),
        ("/v1/files", {"status": ["ready", "failed"]}, "status"),
        ("/v1/files", {"kind": "video/mp4"}, "kind"),
        ("/v1/files", {"created_after": "yesterday"}, "created_after"),
        ("/v1/files", {"created_after": "2026-11-22T12:00:00"}, "created_after"),
        ("/v1/files", {"created_before": "2026-13-41"}, "created_before"),
        ("/v1/files", {"content_type": "*/*"}, "content_type"),
        ("/v1/files", {"sha256": "beef"}, "sha256"),
        ("/v1/files", {"tag": "a\nb"}, "tag.0"),
        ("/v1/files", {"tag": [f"{n}" for n in range(21)]}, "tag"),
        ("/v1/files", {"filename_prefix": ""}, "filename_prefix"),
        ("/v1/files", {"fields": "id,secret"}, "fields"),
        ("/v1/search", {}, "q"),
        ("/v1/search", {"q": ""}, "q"),
        ("/v1/search", {"q": "? ! a"}, "q"),
        ("/v1/search", {"q": "x" * 201}, "q"),
        ("/v1/search", {"q": " ".join(f"w{n}" for n in range(9))}, "q"),
        ("/v1/changes", {"limit": "0"}, "limit"),
        ("/v1/changes", {"cursor": "x"}, "cursor"),
    ],
)
def test_a_wrong_parameter_is_named(client: Client, path: str, query: dict[str, Any], expected: str) -> None:
    assert problem(client("GET", path, query=query)) == (422, "invalid_field", expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"filename_prefix": "a", "sort": "-created"}, "sort"),
        ({"filename_prefix": "a", "tag": "cats"}, "tag"),
        ({"sort": "-size", "status": "ready"}, "sort"),
        ({"sort": "filename", "created_after": "2026-01-01T00:00:00Z"}, "sort"),
        ({"created_after": "2026-01-02T00:00:00Z", "created_before": "2026-01-01T00:00:00Z"}, "created_before"),
    ],
)
def test_what_no_index_serves_is_refused_and_reads_nothing(
    client: Client, stage: Calls, query: dict[str, Any], expected: str
) -> None:
    client("GET", "/v1/files")
    stage.clear()
    assert problem(client("GET", "/v1/files", query=query)) == (422, "conflicting_parameters", expected)
    assert stage.names == []


def test_an_altered_or_foreign_cursor_is_refused(client: Client, stage: Calls) -> None:
    other = new_client("other")
    for who in (client, other):
        create(who)
        create(who)
    stage.settle()
    cursor = client("GET", "/v1/files", query={"limit": "1", "tag": "cats"}).json["next_cursor"]
    after = client("GET", "/v1/changes", query={"limit": "1"}).json["next_after"]
    bad = (400, "invalid_cursor", "cursor")
    # Another size of page, or other fields, are the same query.
    assert client("GET", "/v1/files", query={"cursor": cursor, "tag": "cats", "fields": "id"}).status == 200
    assert problem(client("GET", "/v1/files", query={"cursor": cursor})) == bad
    assert problem(client("GET", "/v1/files", query={"cursor": cursor, "tag": "dogs"})) == bad
    assert problem(client("GET", "/v1/files", query={"cursor": cursor, "tag": "cats", "sort": "created"})) == bad
    assert problem(other("GET", "/v1/files", query={"cursor": cursor, "tag": "cats"})) == bad
    assert problem(client("GET", "/v1/files", query={"cursor": after})) == bad
    for altered in ("", "x", cursor[:-1], cursor + "A", cursor[:-1] + "_", "A" + cursor[1:], cursor + "=", "é", "a b"):
        if altered and altered != cursor:
            assert problem(client("GET", "/v1/files", query={"cursor": altered, "tag": "cats"})) == bad, altered
    assert problem(other("GET", "/v1/changes", query={"after": after})) == (400, "invalid_cursor", "after")
    assert problem(client("GET", "/v1/changes", query={"after": cursor})) == (400, "invalid_cursor", "after")


@pytest.mark.parametrize(
    ("body", "expected"),
    [({}, "ids"), ({"ids": []}, "ids"), ({"ids": ["x"] * 101}, "ids"), ({"ids": [1]}, "ids.0"), ({"ids": "x"}, "ids")],
)
def test_a_wrong_batch_is_refused(client: Client, body: Any, expected: str) -> None:
    assert problem(client("POST", "/v1/files/batch-get", body)) == (422, "invalid_field", expected)


# --- batch-get, search, changes, stats


def listed(client: Client, file_id: str) -> dict[str, Any]:
    """A record as `changes` and `batch-get` show it."""
    record: dict[str, Any] = client("GET", f"/v1/files/{file_id}").json
    return record


def test_batch_get_gives_the_callers_files_in_the_order_asked_for(client: Client, stage: Calls) -> None:
    first, second = create(client), create(client)
    foreign = create(new_client("other"))
    stage.clear()
    asked = [second, "file_" + "0" * 26, first, foreign, second, "x/../y", ""]
    answer = client("POST", "/v1/files/batch-get", {"ids": asked})
    assert [item["id"] for item in answer.json["items"]] == [second, first]
    assert answer.json["items"][1] == listed(client, first)
    assert stage.names == ["dynamodb.BatchGetItem", "dynamodb.GetItem"]


def found(client: Client, q: str, **query: str) -> list[tuple[str, int]]:
    answer = client("GET", "/v1/search", query={"q": q, **query})
    assert answer.status == 200, answer.text
    return [(item["file"]["id"], item["matched_words"]) for item in answer.json["items"]]


def test_search_ranks_by_words_then_whole_words_then_recency(client: Client, stage: Calls) -> None:
    begun = create(client, filename="catalogue_2026.pdf", tags=[])
    whole = create(client, filename="My Cat.jpg", tags=[])
    both = create(client, filename="x.jpg", tags=["cat on a sofa", "Größe"])
    newest = create(client, filename="dog.jpg", tags=["CAT"])
    create(new_client("other"), filename="cat.jpg")
    stage.settle()
    assert found(client, "cat sofa") == [(both, 2), (newest, 1), (whole, 1), (begun, 1)]
    assert found(client, "CAT", limit="2") == [(newest, 1), (both, 1)]
    assert found(client, "grösse") == [(both, 1)]
    assert found(client, "catal 2026") == [(begun, 2)]
    assert found(client, "nothing") == []


def test_a_long_word_without_spaces_is_no_query_of_too_many_words(client: Client, stage: Calls) -> None:
    file_id = create(client, filename="東京都庁舎展望室からの夜景.jpg", tags=[])
    stage.settle()
    assert found(client, "東京都庁舎展望室からの夜景") == [(file_id, 8)]
    answer = client("GET", "/v1/search", query={"q": "夜景"}).json
    assert answer["items"][0]["found_in"] == ["filename"]
    assert client("GET", "/v1/search", query={"q": "aa bb cc dd ee ff gg hh ii"}).status == 422


def all_changes(client: Client, **query: str) -> list[dict[str, Any]]:
    got: list[dict[str, Any]] = []
    while True:
        page = client("GET", "/v1/changes", query=query).json
        got += page["items"]
        query["after"] = page["next_after"]
        if not page["more"]:
            return got


def test_changes_are_in_order_each_file_once_at_its_newest(client: Client, stage: Calls) -> None:
    first, second, third = (create(client) for _ in range(3))
    create(new_client("other"))
    stage.settle()
    page = client("GET", "/v1/changes").json
    assert [(c["id"], c["revision"], c["deleted"]) for c in page["items"]] == [
        (first, 1, False),
        (second, 1, False),
        (third, 1, False),
    ]
    assert page["items"][0]["file"] == listed(client, first)
    assert page["more"] is False
    nothing = client("GET", "/v1/changes", query={"after": page["next_after"]}).json
    assert (nothing["items"], nothing["next_after"], nothing["more"]) == ([], page["next_after"], False)
    client("DELETE", f"/v1/files/{second}")
    stage.settle()
    assert client("GET", "/v1/changes", query={"after": page["next_after"]}).json["items"] == [
        {"id": second, "revision": 2, "deleted": True, "file": None}
    ]
    assert [c["id"] for c in all_changes(client, limit="1")] == [first, third, second]


def test_after_now_gives_a_cursor_for_what_changes_from_then_on(client: Client, stage: Calls) -> None:
    assert client("GET", "/v1/changes", query={"after": "now"}).json["items"] == []
    create(client)
    stage.settle()
    page = client("GET", "/v1/changes", query={"after": "now"}).json
    assert (page["items"], page["more"]) == ([], False)
    later = create(client)
    stage.settle()
    changed = client("GET", "/v1/changes", query={"after": page["next_after"]}).json["items"]
    assert [each["id"] for each in changed] == [later]


def test_the_cursor_of_fewer_shards_is_still_good(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(client)
    stage.settle()
    after = client("GET", "/v1/changes").json["next_after"]
    monkeypatch.setenv("FILEMILL_LIST_SHARDS", "3")
    settings.cache_clear()
    later = [create(client) for _ in range(9)]
    stage.settle()
    assert sorted(c["id"] for c in all_changes(client, after=after, limit="2")) == sorted(later)


def test_stats_count_files_and_bytes(client: Client, stage: Calls) -> None:
    create(client)
    text = create(client, content_type="text/csv", filename="a.csv", size=3)
    put(text, b"a,b")
    deliver(text)
    create(new_client("other"))
    stage.settle()
    stage.clear()
    waiting, ready = {"files": 1, "bytes": 2766997}, {"files": 1, "bytes": 3}
    assert client("GET", "/v1/stats").json == {
        "files": 2,
        "bytes": 2767000,
        "by_status": {"awaiting_upload": waiting, "ready": ready},
        "by_kind": {"text": ready, "unknown": waiting},
    }
    assert stage.names == ["dynamodb.BatchGetItem"]
