"""Routes that read and change records, and count them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fake_filemill.state import NOW, State
from fake_filemill.wire import Call, RefusedError, Reply

Handler = Callable[..., Reply]


def get(state: State, call: Call, file_id: str) -> Reply:
    return Reply(200, state.record(file_id, call.query.get("include", [])), {"ETag": state.etag(file_id)})


def list_(state: State, call: Call) -> Reply:
    limit = int(call.last("limit", "50"))
    if not 1 <= limit <= 200:
        raise RefusedError(422, "invalid_field", "`limit`: must be from 1 to 200.", field="limit")
    asked = {name: call.last(name, "") for name in ("status", "kind", "sha256") if name in call.query}
    tags = set(call.query.get("tag", []))
    ids = [
        each
        for each, file in sorted(state.files.items(), reverse=True)
        if tags <= set(file["tags"]) and all(file[name] == value for name, value in asked.items())
    ]
    start = int(call.last("cursor", "0"))
    more = start + limit < len(ids)
    items = [state.record(each, call.query.get("include", [])) for each in ids[start : start + limit]]
    return Reply(200, {"items": items, "next_cursor": str(start + limit) if more else None})


def batch(state: State, call: Call) -> Reply:
    wanted = call.json.get("include", [])
    items = [state.record(each, wanted) for each in call.json["ids"] if each in state.files]
    return Reply(200, {"items": items, "omitted": []})


def search(state: State, call: Call) -> Reply:
    found = [state.record(each) for each, file in state.files.items() if call.last("q", "") in file["filename"]]
    items = [{"matched_words": 1, "found_in": ["filename"], "file": each} for each in found]
    return Reply(200, {"items": items, "omitted": []})


def changes(state: State, call: Call) -> Reply:
    after = int(call.last("after", "0") or 0)
    items = [
        {"id": each, "revision": file["revision"], "deleted": False, "file": state.record(each)}
        for each, file in sorted(state.files.items())
        if file["revision"] > after
    ]
    last = max([after, *(file["revision"] for file in state.files.values())])
    return Reply(200, {"items": items, "next_after": str(last), "more": False})


def patch(state: State, call: Call, file_id: str) -> Reply:
    _matches(call, state.find(file_id))
    if any(len(tag) > 64 for tag in call.json.get("tags") or []):
        raise RefusedError(422, "invalid_field", "`tags`: at most 64 characters each.", field="tags")
    state.change(file_id, **call.json)
    return Reply(200, state.record(file_id), {"ETag": state.etag(file_id)})


def delete(state: State, call: Call, file_id: str) -> Reply:
    _matches(call, state.find(file_id))
    state.deleted[file_id] = state.files.pop(file_id)
    return Reply(204)


def restore(state: State, call: Call, file_id: str) -> Reply:
    if file_id not in state.deleted:
        state.find(file_id)
        raise RefusedError(409, "not_deleted", "Only a deleted file can be restored.")
    state.files[file_id] = state.deleted.pop(file_id)
    return Reply(200, state.record(file_id))


def reprocess(state: State, call: Call, file_id: str) -> Reply:
    state.find(file_id)
    state.change(file_id, status="processing")
    return Reply(202, state.record(file_id))


def captions(state: State, call: Call, file_id: str) -> Reply:
    language = call.json["language"]
    return Reply(200, {**state.record(file_id), "captions": [{"language": language, "label": "", "name": "c.vtt"}]})


def original(state: State, call: Call, file_id: str) -> Reply:
    state.find(file_id)
    url = f"{state.s3}/original/{file_id}"
    if call.last("redirect", "true") == "false":
        return Reply(200, {"url": url, "expires_at": NOW})
    return Reply(302, None, {"Location": url})


def stats(state: State, call: Call) -> Reply:
    return Reply(200, {**_count(state), "by_status": _counts(state, "status"), "by_kind": _counts(state, "kind")})


def usage(state: State, call: Call) -> Reply:
    quotas = {"files": {"limit": 100, "used": len(state.files), "resets_at": None}}
    days = [{"day": NOW[:10], "uploaded_files": 1, "uploaded_bytes": 5}]
    return Reply(200, {**_count(state), "by_kind": _counts(state, "kind"), "quotas": quotas, "days": days})


def _count(state: State, **of: Any) -> dict[str, int]:
    """Files and bytes; of the files only whose fields are so."""
    sizes = [file["size"] or 0 for file in state.files.values() if all(file[name] == of[name] for name in of)]
    return {"files": len(sizes), "bytes": sum(sizes)}


def _counts(state: State, name: str) -> dict[str, dict[str, int]]:
    return {value: _count(state, **{name: value}) for value in {file[name] for file in state.files.values()} if value}


def _matches(call: Call, file: Mapping[str, Any]) -> None:
    if (tag := call.headers.get("if-match")) and tag.strip('"').split("-")[0] != str(file["revision"]):
        raise RefusedError(412, "precondition_failed", "The file has changed.")


_F = r"/v1/files/([^/]+)"
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/v1/files", list_),
    ("POST", "/v1/files/batch-get", batch),
    ("GET", _F, get),
    ("PATCH", _F, patch),
    ("DELETE", _F, delete),
    ("POST", f"{_F}/restore", restore),
    ("POST", f"{_F}/reprocess", reprocess),
    ("POST", f"{_F}/captions", captions),
    ("DELETE", f"{_F}/captions/[^/]+", get),
    ("GET", f"{_F}/original", original),
    ("GET", "/v1/search", search),
    ("GET", "/v1/changes", changes),
    ("GET", "/v1/stats", stats),
    ("GET", "/v1/usage", usage),
]
