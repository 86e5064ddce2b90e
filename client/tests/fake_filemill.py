"""A small Filemill in memory: records, S3's forms and parts, and canned answers for everything else.

It holds requests to the rules that matter to a client: credentials never go to the storage, lengths and checksums of
parts are compared, an Idempotency-Key makes one file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

URL = "https://files.example.com"
S3 = "https://s3.example.com"
KEY = "fm_key"
NOW = "2026-11-26T12:00:00.000Z"
SECRET = "whsec_c2VjcmV0"


@dataclass
class Reply:
    """An answer. `content` is JSON unless it is bytes."""

    status: int
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if self.content is None:
            return b""
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


@dataclass
class Call:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


Handler = Callable[..., Reply]
Before = Callable[[Call], "Reply | Exception | None"]


class RefusedError(Exception):
    def __init__(self, status: int, code: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.reply = Reply(status, {"status": status, "code": code, "detail": detail, "request_id": "req-1", **more})


class FakeFilemill:
    """`before` may answer a request, or raise in its place. `calls` has all requests, `files` all records by id."""

    def __init__(self, url: str = URL, s3: str = S3, before: Before | None = None) -> None:
        self.url, self.s3 = url, s3
        self.before = before
        self.files: dict[str, dict[str, Any]] = {}
        self.bytes: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.remembered: dict[str, tuple[str, dict[str, Any]]] = {}
        self.calls: list[Call] = []
        self.deleted: dict[str, dict[str, Any]] = {}
        self._number = 0
        self._lock = threading.RLock()

    # --- As httpx and as a server have it

    def transport(self) -> httpx.MockTransport:
        def handle(request: httpx.Request) -> httpx.Response:
            reply = self.answer(request.method, str(request.url), dict(request.headers), request.read())
            return _response(reply)

        return httpx.MockTransport(handle)

    def async_transport(self) -> httpx.MockTransport:
        async def handle(request: httpx.Request) -> httpx.Response:
            reply = self.answer(request.method, str(request.url), dict(request.headers), await request.aread())
            return _response(reply)

        return httpx.MockTransport(handle)

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        parts = urlsplit(url)
        lowered = {name.lower(): value for name, value in headers.items()}
        call = Call(method, parts.path, parse_qs(parts.query), lowered, body)
        with self._lock:
            self.calls.append(call)
            if self.before is not None:
                early = self.before(call)
                if isinstance(early, Exception):
                    raise early
                if early is not None:
                    return early
            try:
                if url.startswith(self.s3 + "/") and (self.s3 != self.url or parts.path.startswith("/s3/")):
                    return self._storage(call)
                return self._api(call)
            except RefusedError as refusal:
                return refusal.reply

    def count(self, method: str, pattern: str) -> int:
        return sum(call.method == method and re.fullmatch(pattern, call.path) is not None for call in self.calls)

    # --- The storage

    def _storage(self, call: Call) -> Reply:
        assert "authorization" not in call.headers, "a credential was sent to the storage"
        path = call.path.removeprefix("/s3") if self.s3.endswith("/s3") else call.path
        kind, file_id, *rest = path.strip("/").split("/")
        if kind == "original":
            return _ranged(call, self.bytes[file_id])
        if kind == "form":
            return self._form(call, file_id)
        number, digest = int(rest[0]), rest[1]
        if file_id not in self.parts:
            return _s3_error(404, "NoSuchUpload", "The upload does not exist")
        if call.headers.get("x-amz-checksum-sha256") != base64.b64encode(bytes.fromhex(digest)).decode():
            return _s3_error(403, "SignatureDoesNotMatch", "The signature does not match")
        file = self.files[file_id]
        wanted = min(file["part_size"], file["size"] - (number - 1) * file["part_size"])
        if len(call.body) != wanted or call.headers.get("content-length") != str(wanted):
            return _s3_error(403, "SignatureDoesNotMatch", "The length does not match")
        if hashlib.sha256(call.body).hexdigest() != digest:
            return _s3_error(400, "XAmzContentChecksumMismatch", "The checksum does not match")
        self.parts[file_id][number] = call.body
        return Reply(200, None, {"ETag": f'"{_md5(call.body)}"'})

    def _form(self, call: Call, file_id: str) -> Reply:
        boundary = call.headers["content-type"].partition("boundary=")[2]
        pieces = call.body.split(f"--{boundary}".encode())
        assert pieces[0] == b"" and pieces[-1] == b"--\r\n", "the form is not whole"
        names = [re.search(rb'name="([^"]+)"', piece)[1].decode() for piece in pieces[1:-1]]  # type: ignore[index]
        assert names[-1] == "file" and names[0] == "key", names
        _, _, rest = call.body.partition(b'name="file"; filename="file"')
        data = rest.partition(b"\r\n\r\n")[2][: -len(f"\r\n--{boundary}--\r\n")]
        if file_id not in self.files:
            return _s3_error(403, "AccessDenied", "No such form")
        if len(data) != self.files[file_id]["size"]:
            return _s3_error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        if hashlib.sha256(data).hexdigest() != self.files[file_id]["declared"]:
            return _s3_error(400, "BadDigest", "The checksum does not match")
        self._arrived(file_id, data)
        return Reply(204)

    def _arrived(self, file_id: str, data: bytes) -> None:
        if file_id not in self.bytes:  # the first bytes stay
            self.bytes[file_id] = data
            file = self.files[file_id]
            file["sha256"] = hashlib.sha256(data).hexdigest()
            self._change(
                file_id, status="failed" if data == b"broken" else "processing" if data == b"slow" else "ready"
            )
            if data == b"broken":
                file["error"] = {"code": "damaged", "message": "The picture ends too early."}

    # --- The API

    def _api(self, call: Call) -> Reply:
        if call.path == "/v1/health":
            return Reply(200, {"status": "ok", "stage": "local"})
        if call.path.startswith("/f/"):
            return _ranged(call, b"rendition")
        if call.headers.get("authorization") != f"Bearer {KEY}":
            raise RefusedError(401, "unauthenticated", "This key is not known.")
        for method, pattern, handler in _ROUTES:
            found = re.fullmatch(pattern, call.path)
            if found and method == call.method:
                return handler(self, call, *found.groups())
        raise RefusedError(404, "unknown_route", "Nothing is at this address.")

    def create(self, call: Call) -> Reply:
        body = call.json
        key = call.headers.get("idempotency-key", "")
        if key in self.remembered:
            file_id, before = self.remembered[key]
            if before != body:
                raise RefusedError(422, "idempotency_key_reused", "Another body was sent with this key.")
            if file_id not in self.files:
                raise RefusedError(404, "not_found", "The file was deleted.")
            waits = self.files[file_id]["status"] == "awaiting_upload"
            return Reply(201, self._record(file_id) | ({"upload": self._block(file_id, body)} if waits else {}))
        if body.get("on_duplicate") == "reuse":
            for file in self.files.values():
                if file["sha256"] == body.get("sha256") and file["status"] == "ready":
                    return Reply(200, self._record(file["id"]))
        self._number += 1
        file_id = f"file_{self._number:026d}"
        given = ("filename", "content_type", "size", "visibility", "recipe", "tags", "metadata", "owner", "source_url")
        self.files[file_id] = {
            "id": file_id,
            "status": "awaiting_upload",
            "kind": None,
            "visibility": "private",
            "recipe": "photo",
            "tags": [],
            "metadata": {},
            "revision": 1,
            "created_at": NOW,
            "updated_at": NOW,
            "sha256": None,
            "error": None,
            **{name: body[name] for name in given if name in body},
            "declared": body.get("sha256"),
        }
        if key:
            self.remembered[key] = (file_id, body)
        if "source_url" in body:
            return Reply(201, self._record(file_id), {"ETag": '"1-0000000000000000"'})
        if body.get("upload") == "multipart":
            self.files[file_id]["part_size"] = body["part_size"]
            self.parts[file_id] = {}
        return Reply(201, self._record(file_id) | {"upload": self._block(file_id, body)})

    def _block(self, file_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if body.get("upload") == "multipart":
            count = max(1, -(-body["size"] // body["part_size"]))
            return {"method": "MULTIPART", "part_size": body["part_size"], "part_count": count, "parts": []}
        return {"method": "POST", "url": f"{self.s3}/form/{file_id}", "fields": {"key": file_id, "policy": "p"}}

    def sign(self, call: Call, file_id: str) -> Reply:
        self._open(file_id)
        wanted = call.json["parts"]
        urls = [
            (each["part_number"], f"{self.s3}/part/{file_id}/{each['part_number']}/{each['sha256']}") for each in wanted
        ]
        return Reply(200, {"parts": [{"part_number": number, "url": url} for number, url in urls], "expires_at": NOW})

    def held(self, call: Call, file_id: str) -> Reply:
        self._open(file_id)
        file = self.files[file_id]
        parts = [
            {"part_number": number, "etag": _md5(data), "size": len(data)}
            for number, data in sorted(self.parts[file_id].items())
        ]
        count = max(1, -(-file["size"] // file["part_size"]))
        return Reply(200, {"part_size": file["part_size"], "part_count": count, "parts": parts})

    def complete(self, call: Call, file_id: str) -> Reply:
        file = self._find(file_id)
        if file_id in self.bytes:
            return Reply(200, self._record(file_id))
        parts = self.parts[file_id]
        listed = {each["part_number"]: each["etag"].strip('"') for each in call.json["parts"]}
        if listed != {number: _md5(data) for number, data in parts.items()}:
            raise RefusedError(422, "part_missing", "A part has not arrived.")
        data = b"".join(parts[number] for number in sorted(parts))
        if len(data) != file["size"]:
            raise RefusedError(422, "size_mismatch", "The parts do not add up.")
        self._arrived(file_id, data)
        return Reply(200, self._record(file_id))

    def _open(self, file_id: str) -> None:
        file = self._find(file_id)
        if file["status"] != "awaiting_upload":
            raise RefusedError(409, "already_uploaded", "This file's upload has ended.")
        if file_id not in self.parts:
            raise RefusedError(410, "upload_expired", "The time for this upload is over.")

    def get(self, call: Call, file_id: str) -> Reply:
        self._find(file_id)
        record = self._with(self._record(file_id), call.query.get("include", []))
        return Reply(200, record, {"ETag": self._tag(file_id)})

    def list(self, call: Call) -> Reply:
        limit = int(call.query.get("limit", ["50"])[0])
        if not 1 <= limit <= 200:
            raise RefusedError(422, "invalid_field", "`limit`: must be from 1 to 200.", field="limit")
        wanted = set(call.query.get("tag", []))
        ids = [each for each in sorted(self.files, reverse=True) if wanted <= set(self.files[each]["tags"])]
        start = int(call.query.get("cursor", ["0"])[0])
        more = start + limit < len(ids)
        items = [self._with(self._record(each), call.query.get("include", [])) for each in ids[start : start + limit]]
        return Reply(200, {"items": items, "next_cursor": str(start + limit) if more else None})

    def patch(self, call: Call, file_id: str) -> Reply:
        file = self._find(file_id)
        self._matches(call, file)
        if any(len(tag) > 64 for tag in call.json.get("tags") or []):
            raise RefusedError(422, "invalid_field", "`tags`: at most 64 characters each.", field="tags")
        self._change(file_id, **call.json)
        return Reply(200, self._record(file_id), {"ETag": self._tag(file_id)})

    def delete(self, call: Call, file_id: str) -> Reply:
        self._matches(call, self._find(file_id))
        self.deleted[file_id] = self.files.pop(file_id)
        return Reply(204)

    def restore(self, call: Call, file_id: str) -> Reply:
        if file_id not in self.deleted:
            raise RefusedError(409, "not_deleted", "Only a deleted file can be restored.")
        self.files[file_id] = self.deleted.pop(file_id)
        return Reply(200, self._record(file_id))

    def changes(self, call: Call) -> Reply:
        after = int(call.query.get("after", ["0"])[0] or 0)
        items = [
            {"id": each, "revision": file["revision"], "deleted": False, "file": self._record(each)}
            for each, file in sorted(self.files.items())
            if file["revision"] > after
        ]
        last = max([after, *(file["revision"] for file in self.files.values())])
        return Reply(200, {"items": items, "next_after": str(last), "more": False})

    def batch(self, call: Call) -> Reply:
        wanted = call.json.get("include", [])
        items = [self._with(self._record(each), wanted) for each in call.json["ids"] if each in self.files]
        return Reply(200, {"items": items, "omitted": []})

    def captions(self, call: Call, file_id: str) -> Reply:
        record = self._record(file_id)
        body = call.json
        return Reply(200, {**record, "captions": [{"language": body["language"], "label": "", "name": "c.vtt"}]})

    def processing(self, call: Call, file_id: str) -> Reply:
        self._change(file_id, status="processing")
        return Reply(202, self._record(file_id))

    def grants(self, call: Call) -> Reply:
        return Reply(200, {"items": [_grant(each) for each in call.json["ids"]]})

    def _find(self, file_id: str) -> dict[str, Any]:
        if file_id not in self.files:
            raise RefusedError(404, "not_found", "There is no such file.")
        return self.files[file_id]

    def _matches(self, call: Call, file: Mapping[str, Any]) -> None:
        if (tag := call.headers.get("if-match")) and tag.strip('"').split("-")[0] != str(file["revision"]):
            raise RefusedError(412, "precondition_failed", "The file has changed.")

    def _change(self, file_id: str, **fields: Any) -> None:
        self.files[file_id] |= fields
        self.files[file_id]["revision"] += 1

    def _tag(self, file_id: str) -> str:
        return f'"{self.files[file_id]["revision"]}-{"0" * 16}"'

    def _record(self, file_id: str) -> dict[str, Any]:
        file = {name: value for name, value in self._find(file_id).items() if name not in ("declared", "part_size")}
        if file["status"] != "ready":
            return {**file, "renditions": []}
        rendition = {"name": "w640.webp", "format": "webp", "size": 9, "width": 640, "height": 480}
        url = f"{self.url}/f/w640.webp?Signature=s"
        return {**file, "renditions": [{**rendition, "url": url}]}

    def _with(self, record: dict[str, Any], include: Sequence[str]) -> dict[str, Any]:
        """The record with `delivery`, if it is asked for."""
        if "delivery" not in include:
            return record
        delivery = {"base_url": f"{self.url}/f/", "query": "Signature=s", "expires_at": NOW}
        return {**record, "delivery": delivery if record["renditions"] else None}


def _response(reply: Reply) -> httpx.Response:
    """An answer whose body is not read yet, as from a network."""
    headers = {"Content-Length": str(len(reply.body)), **reply.headers}
    return httpx.Response(reply.status, headers=headers, stream=httpx.ByteStream(reply.body))


def _ranged(call: Call, data: bytes) -> Reply:
    """A GET that may ask for a range, as S3 answers it."""
    wanted = re.fullmatch(r"bytes=(\d+)-", call.headers.get("range", ""))
    if wanted is None:
        return Reply(200, data)
    start = int(wanted[1])
    if start >= len(data):
        return _s3_error(416, "InvalidRange", "The requested range is not satisfiable")
    return Reply(206, data[start:], {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"})


def _s3_error(status: int, code: str, message: str) -> Reply:
    return Reply(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _grant(file_id: str) -> dict[str, Any]:
    return {"id": file_id, "base_url": f"{URL}/f/", "query": "Signature=s", "cookies": [], "expires_at": NOW}


_ACTOR = {"type": "key", "id": "0123456789ab"}
_SHARE = {"id": "shr_1", "created_at": NOW, "expires_at": NOW, "download": True, "password": False, "views": 3}
_SCOPED = {"id": "0123456789ab", "name": "the web shop", "scopes": ["files:read"], "networks": [], "created_at": NOW}
_TOKEN = {"id": "0123456789ab", "created_at": NOW, "expires_at": NOW, "max_bytes": 9, "max_files": 1, "used": 2}
_WEBHOOK = {"id": "wh_1", "url": "https://example.com/hooks", "types": [], "enabled": True, "created_at": NOW}
_ATTEMPT = {"at": NOW, "ms": 87, "status": 200, "error": None, "answer": "thanks"}
_DELIVERY = {"id": "evt_1", "type": "filemill.file.ready", "time": NOW, "subject": "f", "attempts": [_ATTEMPT]}
_HISTORY = {
    "id": "evt_1",
    "type": "filemill.file.updated",
    "revision": 2,
    "at": NOW,
    "actor": _ACTOR,
    "fields": ["tags"],
}
_ENTRY = {"name": "folder/report.txt", "size": 1200, "packed_size": 431, "directory": False, "flags": []}
_ME = {"type": "key", "id": "0123456789ab", "tenant": "acme", "scopes": ["files:read", "files:write"], "stage": "local"}
_COUNT = {"files": 1, "bytes": 5}
_STATS = {**_COUNT, "by_status": {"ready": _COUNT}, "by_kind": {"image": _COUNT}}
_USAGE = {
    **_COUNT,
    "by_kind": {"image": _COUNT},
    "quotas": {"files": {"limit": 100, "used": 1, "resets_at": None}},
    "days": [{"day": "2026-11-26", "uploaded_files": 1, "uploaded_bytes": 5}],
}


def _canned(status: int, content: Any = None) -> Handler:
    return lambda fake, call, *ids: Reply(status, content)


def _page(*items: Any) -> Handler:
    return _canned(200, {"items": list(items), "next_cursor": None})


def _changed(resource: Mapping[str, Any]) -> Handler:
    return lambda fake, call, *ids: Reply(200, {**resource, **call.json})


def _webhook(fake: FakeFilemill, call: Call, webhook_id: str) -> Reply:
    if webhook_id != "wh_1":
        raise RefusedError(404, "not_found", "There is no such webhook.")
    return Reply(200, _WEBHOOK)


def _original(fake: FakeFilemill, call: Call, file_id: str) -> Reply:
    fake._find(file_id)
    return Reply(200, {"url": f"{fake.s3}/original/{file_id}", "expires_at": NOW})


def _found(fake: FakeFilemill, call: Call) -> Reply:
    files = [fake._record(each) for each in fake.files if call.query["q"][0] in fake.files[each]["filename"]]
    return Reply(200, {"items": [{"matched_words": 1, "found_in": ["filename"], "file": each} for each in files]})


_F = r"/v1/files/([^/]+)"
_W = r"/v1/webhooks/([^/]+)"
_ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", "/v1/files", FakeFilemill.create),
    ("GET", "/v1/files", FakeFilemill.list),
    ("POST", "/v1/files/batch-get", FakeFilemill.batch),
    ("GET", _F, FakeFilemill.get),
    ("PATCH", _F, FakeFilemill.patch),
    ("DELETE", _F, FakeFilemill.delete),
    ("POST", f"{_F}/parts", FakeFilemill.sign),
    ("GET", f"{_F}/parts", FakeFilemill.held),
    ("POST", f"{_F}/complete", FakeFilemill.complete),
    ("POST", f"{_F}/restore", FakeFilemill.restore),
    ("POST", f"{_F}/reprocess", FakeFilemill.processing),
    ("POST", f"{_F}/captions", FakeFilemill.captions),
    ("DELETE", f"{_F}/captions/[^/]+", FakeFilemill.get),
    ("POST", f"{_F}/grant", lambda fake, call, file_id: Reply(200, _grant(file_id))),
    ("POST", "/v1/grants", FakeFilemill.grants),
    ("GET", f"{_F}/original", _original),
    ("GET", f"{_F}/history", _page(_HISTORY)),
    ("GET", f"{_F}/entries", _page(_ENTRY)),
    ("PUT", f"{_F}/hold", _canned(204)),
    ("DELETE", f"{_F}/hold", _canned(204)),
    ("POST", f"{_F}/shares", _canned(201, {**_SHARE, "url": f"{URL}/s/shr_1"})),
    ("GET", f"{_F}/shares", _page(_SHARE)),
    ("DELETE", f"{_F}/shares/shr_1", _canned(204)),
    ("GET", "/v1/search", _found),
    ("GET", "/v1/changes", FakeFilemill.changes),
    ("GET", "/v1/stats", _canned(200, _STATS)),
    ("GET", "/v1/usage", _canned(200, _USAGE)),
    ("GET", "/v1/me", _canned(200, _ME)),
    ("GET", "/v1/audit", _page(_HISTORY)),
    ("POST", "/v1/keys", _canned(201, {**_SCOPED, "key": "fm_new"})),
    ("GET", "/v1/keys", _page(_SCOPED)),
    ("GET", "/v1/keys/[^/]+", _canned(200, _SCOPED)),
    ("PATCH", "/v1/keys/[^/]+", _changed(_SCOPED)),
    ("POST", "/v1/keys/[^/]+/rotate", _canned(200, {**_SCOPED, "key": "fm_new"})),
    ("DELETE", "/v1/keys/[^/]+", _canned(204)),
    ("POST", "/v1/upload-tokens", _canned(201, {**_TOKEN, "token": "fmu_new"})),
    ("GET", "/v1/upload-tokens", _page(_TOKEN)),
    ("DELETE", "/v1/upload-tokens/[^/]+", _canned(204)),
    ("POST", "/v1/webhooks", _canned(201, {**_WEBHOOK, "secret": SECRET})),
    ("GET", "/v1/webhooks", _page(_WEBHOOK)),
    ("GET", _W, _webhook),
    ("PATCH", _W, _changed(_WEBHOOK)),
    ("DELETE", _W, _canned(204)),
    ("POST", f"{_W}/rotate-secret", _canned(200, {**_WEBHOOK, "secret": SECRET})),
    ("POST", f"{_W}/test", _canned(202, {**_DELIVERY, "state": "pending"})),
    ("POST", f"{_W}/replay", _canned(202, {"since": NOW, "types": []})),
    ("GET", f"{_W}/deliveries", _page({**_DELIVERY, "state": "delivered"})),
    ("GET", f"{_W}/deliveries/[^/]+", _canned(200, {**_DELIVERY, "state": "delivered"})),
    ("POST", f"{_W}/deliveries/[^/]+/retry", _canned(202, {**_DELIVERY, "state": "pending"})),
]
