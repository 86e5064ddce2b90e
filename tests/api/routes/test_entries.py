"""The entries of an archive, page by page."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from tests import archives
from tests.archives import Packed, by_hand
from tests.client import Client
from tests.making import deliver, derived, invalidations, ready_photo, upload, work_off
from tests.stage import Calls, aws_client

NAMES = [f"folder/{number}.txt" for number in range(7)]
ARCHIVE = archives.zip_of(dict.fromkeys(NAMES, b"word" * 10))


def ready(client: Client, **more: Any) -> str:
    file_id = upload(client, ARCHIVE, name="a.zip", content_type="application/zip", **more)
    deliver(file_id)
    return file_id


def test_an_archive_is_described_and_its_list_is_a_rendition(client: Client) -> None:
    record = client("GET", f"/v1/files/{ready(client)}").json
    assert (record["status"], record["kind"]) == ("ready", "archive")
    assert record["archive"] == {
        "format": "zip",
        "entries": 7,
        "unpacked_size": 280,
        "encrypted": False,
        "flags": [],
    }
    assert {(r["name"], r["format"], r["width"]) for r in record["renditions"]} >= {("entries", "json", None)}


def test_the_entries_come_in_pages(client: Client, stage: Calls) -> None:
    file_id = ready(client)
    found: list[str] = []
    cursor, pages = None, 0
    stage.clear()
    while pages == 0 or cursor:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = client("GET", f"/v1/files/{file_id}/entries", query=query)
        assert page.status == 200
        found += [entry["name"] for entry in page.json["items"]]
        cursor, pages = page.json["next_cursor"], pages + 1
    assert (found, pages) == (NAMES, 3)
    assert stage.count("s3.GetObject") == 3
    assert stage.count("dynamodb.GetItem") >= 3


def urls(client: Client, file_id: str, **query: str) -> list[str | None]:
    items = client("GET", f"/v1/files/{file_id}/entries", query=query).json["items"]
    return [item["url"] for item in items]


def test_an_entry_has_an_address_beside_the_files_others(client: Client) -> None:
    file_id = ready(client, visibility="public")
    [rendition] = [
        each for each in client("GET", f"/v1/files/{file_id}").json["renditions"] if each["format"] == "json"
    ]
    folder = rendition["url"].removesuffix("entries.json")
    assert urls(client, file_id) == [f"{folder}e{number}.bin" for number in range(7)]


def test_on_every_page_an_entry_is_numbered_in_the_whole_list(client: Client) -> None:
    file_id = ready(client, visibility="public")
    cursor = client("GET", f"/v1/files/{file_id}/entries", query={"limit": "3"}).json["next_cursor"]
    assert urls(client, file_id, cursor=cursor) == urls(client, file_id)[3:]


def test_a_private_entrys_address_is_signed_as_the_files_others_are(client: Client) -> None:
    file_id = ready(client)
    first = urls(client, file_id)[0]
    assert first
    path, _, query = first.partition("?")
    assert path.endswith("/e0.bin")
    assert {"Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"} == parse_qs(query).keys()
    assert query == client("GET", f"/v1/files/{file_id}?include=delivery").json["delivery"]["query"]


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (Packed(name=b"a/", body=b""), {"directory": True}),
        (Packed(lies={"bits": 1}), {"encrypted": True}),
        (Packed(lies={"bits": 1, "method": 99}), {"encrypted": True, "flags": []}),
        (Packed(lies={"method": 93}), {"flags": ["method"]}),
        (Packed(lies={"attributes": 0o120777 << 16}), {"flags": ["links"]}),
        (Packed(lies={"size": 11_000_000}), {"flags": ["ratio"]}),
        (Packed(body=bytes(3_000_000), lies={"size": 200_000_000}), {"size": 200_000_000, "flags": []}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_an_entry_that_is_not_given_shows_why(client: Client, member: Packed, why: dict[str, Any]) -> None:
    file_id = upload(client, by_hand(member), name="a.zip", content_type="application/zip")
    deliver(file_id)
    first = client("GET", f"/v1/files/{file_id}/entries").json["items"][0]
    assert first["url"] is None
    assert {name: first[name] for name in why} == why


def test_a_tar_has_no_addresses(client: Client) -> None:
    file_id = upload(client, archives.tar_of({"a": b"x"}), name="a.tar", content_type="application/x-tar")
    deliver(file_id)
    assert urls(client, file_id) == [None]


def test_an_archive_whose_entries_share_bytes_has_no_addresses_and_says_so(client: Client) -> None:
    data = by_hand(Packed(), Packed(lies={"offset": 0}))
    file_id = upload(client, data, name="a.zip", content_type="application/zip")
    deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["archive"]["flags"] == ["overlap"]
    assert urls(client, file_id) == [None, None]


def test_a_cursor_is_for_one_file_alone(client: Client) -> None:
    one, other = ready(client), ready(client)
    cursor = client("GET", f"/v1/files/{one}/entries", query={"limit": "3"}).json["next_cursor"]
    assert client("GET", f"/v1/files/{one}/entries", query={"cursor": cursor}).json["items"][0]["name"] == NAMES[3]
    answer = client("GET", f"/v1/files/{other}/entries", query={"cursor": cursor})
    assert (answer.status, answer.json["code"]) == (400, "invalid_cursor")


def test_a_file_that_became_public_has_its_entries_still(client: Client) -> None:
    file_id = ready(client)
    assert client("PATCH", f"/v1/files/{file_id}", {"visibility": "public"}).status == 200
    assert len(client("GET", f"/v1/files/{file_id}/entries").json["items"]) == 7


def test_no_archive_has_no_entries(client: Client) -> None:
    waiting = client("POST", "/v1/files", {"filename": "a.zip", "content_type": "application/zip", "size": 9})
    sevenzip = upload(client, b"7z\xbc\xaf\x27\x1c" + bytes(99), content_type="application/x-7z-compressed")
    deliver(sevenzip)
    assert client("GET", f"/v1/files/{sevenzip}").json["kind"] == "archive"
    for file_id in (ready_photo(client), waiting.json["id"], sevenzip):
        answer = client("GET", f"/v1/files/{file_id}/entries")
        assert (answer.status, answer.json["code"]) == (409, "no_entries")


def test_a_list_that_is_not_at_its_address_is_asked_for_again(client: Client) -> None:
    file_id = ready(client)
    for key in derived():
        aws_client("s3").delete_object(Bucket="derived", Key=key)
    answer = client("GET", f"/v1/files/{file_id}/entries")
    assert (answer.status, answer.json["code"]) == (409, "file_changing")
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("limit", ["0", "201", "x"])
def test_a_page_has_bounds(client: Client, limit: str) -> None:
    answer = client("GET", f"/v1/files/{ready(client)}/entries", query={"limit": limit})
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_field", "limit")


def test_a_deleted_public_archive_is_purged_from_the_edges(client: Client) -> None:
    file_id = ready(client, visibility="public")
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    assert derived() == []
    assert invalidations() == [f"/f/public/{file_id}/*"]


@pytest.mark.usefixtures("window")
def test_an_archive_that_is_restored_has_its_entries_again(client: Client) -> None:
    file_id = ready(client)
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    assert derived() == []
    assert client("POST", f"/v1/files/{file_id}/restore").status in (200, 202)
    work_off()
    assert len(client("GET", f"/v1/files/{file_id}/entries").json["items"]) == 7
