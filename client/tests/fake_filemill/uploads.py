"""Routes that begin and end uploads. An Idempotency-Key makes one file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from fake_filemill.records import Handler
from fake_filemill.state import NOW, State
from fake_filemill.wire import Call, RefusedError, Reply


def create(state: State, call: Call) -> Reply:
    body = call.json
    key = call.headers.get("idempotency-key", "")
    if key in state.remembered:
        return _again(state, key, body)
    if body.get("on_duplicate") == "reuse":
        for file in state.files.values():
            if file["sha256"] == body.get("sha256") and file["status"] == "ready":
                return Reply(200, state.record(file["id"]))
    file_id = state.new(body)["id"]
    if key:
        state.remembered[key] = (file_id, body)
    if "source_url" in body:
        return Reply(201, state.record(file_id), {"ETag": '"1-0000000000000000"'})
    if body.get("upload") == "multipart":
        state.parts[file_id] = {}
    return Reply(201, {**state.record(file_id), "upload": _block(state, file_id, body)})


def _again(state: State, key: str, body: Mapping[str, Any]) -> Reply:
    file_id, before = state.remembered[key]
    if before != body:
        raise RefusedError(422, "idempotency_key_reused", "Another body was sent with this key.")
    if file_id not in state.files:
        raise RefusedError(404, "not_found", "The file was deleted.")
    record = state.record(file_id)
    if record["status"] == "awaiting_upload":
        record["upload"] = _block(state, file_id, body)
    return Reply(201, record)


def _block(state: State, file_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    if body.get("upload") == "multipart":
        return {"method": "MULTIPART", **_in_parts(body), "parts": []}
    url = f"{state.s3}/form/{file_id}"
    return {"method": "POST", "url": url, "fields": {"key": file_id, "policy": "p"}, "expires_at": NOW}


def _in_parts(body: Mapping[str, Any]) -> dict[str, int]:
    return {"part_size": body["part_size"], "part_count": max(1, -(-body["size"] // body["part_size"]))}


def sign(state: State, call: Call, file_id: str) -> Reply:
    _open(state, file_id)
    parts = [
        {
            "part_number": each["part_number"],
            "url": f"{state.s3}/part/{file_id}/{each['part_number']}/{each['sha256']}",
        }
        for each in call.json["parts"]
    ]
    return Reply(200, {"parts": parts, "expires_at": NOW})


def held(state: State, call: Call, file_id: str) -> Reply:
    _open(state, file_id)
    parts = [
        {"part_number": number, "etag": md5(data), "size": len(data)}
        for number, data in sorted(state.parts[file_id].items())
    ]
    return Reply(200, {**_in_parts(state.asked[file_id]), "parts": parts})


def complete(state: State, call: Call, file_id: str) -> Reply:
    file = state.find(file_id)
    if file_id in state.bytes:
        return Reply(200, state.record(file_id))
    parts = state.parts[file_id]
    listed = {each["part_number"]: each["etag"].strip('"') for each in call.json["parts"]}
    if listed != {number: md5(data) for number, data in parts.items()}:
        raise RefusedError(422, "part_missing", "A part has not arrived.")
    data = b"".join(parts[number] for number in sorted(parts))
    if len(data) != file["size"]:
        raise RefusedError(422, "size_mismatch", "The parts do not add up.")
    state.arrive(file_id, data)
    return Reply(200, state.record(file_id))


def _open(state: State, file_id: str) -> None:
    if state.find(file_id)["status"] != "awaiting_upload":
        raise RefusedError(409, "already_uploaded", "This file's upload has ended.")
    if file_id not in state.parts:
        raise RefusedError(410, "upload_expired", "The time for this upload is over.")


def md5(data: bytes) -> str:
    """The ETag of a part, without its quotation marks."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


_F = r"/v1/files/([^/]+)"
ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", "/v1/files", create),
    ("POST", f"{_F}/parts", sign),
    ("GET", f"{_F}/parts", held),
    ("POST", f"{_F}/complete", complete),
]
