"""What the tests of compatibility ask of a stage, through the API and by raw calls."""

from __future__ import annotations

from typing import Any

from tests.client import Answer
from tests.compatibility.stage import TABLE, Kept, Stage, keys_in, record_of
from tests.stage import aws_client

INDEX = ("FACET#", "SORT#", "WORD#")
"""The beginnings of the keys of lists and words."""


def got(old: Stage, kept: Kept, name: str) -> Any:
    said = old.request("GET", f"/v1/files/{kept.files[name]}", key="globex" if name == "globex" else "acme")
    assert said.status == 200, said.text
    return said.json


# Records have these parts now only if they are asked for. By the groups of the fixture's requests.
_TO_INCLUDE = {"record": "delivery", "list": "details", "search": "details"}


def asked(old: Stage, each: dict[str, Any]) -> Answer:
    """One of the fixture's requests, sent again, for the same fields."""
    request = each["request"]
    query = dict(request["query"] or {})
    if "fields" not in query and each["group"] in _TO_INCLUDE:
        query["include"] = _TO_INCLUDE[each["group"]]
    return old.request(request["method"], request["path"], request["body"], query=query, key=request["key"])


def old_record(kept: Kept, name: str) -> dict[str, Any]:
    """A record as the old release answered it."""
    return next(each["body"] for each in kept.answers if (each["group"], each["name"]) == ("record", name))


def keys_of(record: dict[str, Any]) -> set[str]:
    """Where a record says that its renditions are, in the derived bucket."""
    return {each["url"].partition(".net/")[2] for each in renditions_of(record)}


def renditions_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**each, "url": each["url"].partition("?")[0]} for each in record["renditions"]]


def of_file(file_id: str) -> set[str]:
    """The keys of all that is stored of one file."""
    return {key for bucket in ("originals", "derived") for key in keys_in(bucket) if file_id in key}


def index_of(table: list[dict[str, Any]]) -> set[tuple[str, str]]:
    keys = ((item["pk"]["S"], item["sk"]["S"]) for item in table)
    return {key for key in keys if key[0].startswith(INDEX)}


def all_listed(old: Stage) -> set[str]:
    said = old.request("GET", "/v1/files", query={"limit": "200"})
    return {each["id"] for each in said.json["items"]}


def version_of(file_id: str) -> str:
    return str(record_of(file_id)["version_id"]["S"])


def change_record(file_id: str, expression: str, values: dict[str, Any]) -> None:
    """Writes the raw item of a file, whose attribute `status` is `#status` in the expression."""
    aws_client("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": f"FILE#{file_id}"}, "sk": {"S": "FILE"}},
        UpdateExpression=expression,
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=values,
    )
