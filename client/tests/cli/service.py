"""A small service in memory, behind an httpx transport: what the command asks for, with real bytes."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

URL = "https://files.example.com"
S3 = "https://s3.example.com"
KEY = "fm_key"

_AT = "2026-11-26T12:00:00.000Z"
_FIELD = re.compile(rb'name="(?P<name>[^"]+)"[^\r]*(?:\r\nContent-Type: [^\r]*)?\r\n\r\n')
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Service:
    """The files of one tenant. `wrong` may answer a request in place of the service, or raise."""

    def __init__(self, s3: str = S3) -> None:
        self.s3 = s3
        self.files: dict[str, dict[str, Any]] = {}
        self.bytes: dict[str, bytes] = {}
        self.deleted: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self.bodies: list[Any] = []
        self.shares: dict[str, Any] = {}
        self.things: dict[str, dict[str, dict[str, Any]]] = {"keys": {}, "webhooks": {}, "upload-tokens": {}}
        self.me: dict[str, Any] | None = {
            "type": "key",
            "id": "0f",
            "name": "test",
            "tenant": "acme",
            "expires_at": None,
            "owner": None,
            "scopes": ["files:read", "files:write"],
            "stage": "test",
        }
        self.wrong: Callable[[httpx.Request], httpx.Response | None] = lambda request: None
        self._lock = threading.RLock()

    @property
    def transport(self) -> httpx.MockTransport:
        """The transport that leads to this service."""
        return httpx.MockTransport(self._answer)

    def add(self, data: bytes, **fields: Any) -> dict[str, Any]:
        """A file that is ready."""
        record = self._new({"filename": "a.txt", "content_type": "text/plain", "size": len(data), **fields})
        self._arrived(record["id"], data)
        record.update(fields)
        return record

    def _new(self, body: dict[str, Any]) -> dict[str, Any]:
        number = len(self.files) + len(self.deleted) + 1
        digits = ""
        for _ in range(26):
            digits = _LETTERS[number % 32] + digits
            number //= 32
        record = {
            "id": f"file_{digits}",
            "status": "awaiting_upload",
            "kind": None,
            "filename": body["filename"],
            "content_type": body.get("content_type"),
            "size": body.get("size"),
            "sha256": body.get("sha256"),
            "visibility": body.get("visibility", "private"),
            "recipe": body.get("recipe", "photo"),
            "tags": body.get("tags", []),
            "metadata": body.get("metadata", {}),
            "revision": 1,
            "created_at": _AT,
            "updated_at": _AT,
            "expires_at": None,
            "error": None,
            "renditions": [],
        }
        self.files[record["id"]] = record
        return record

    def _arrived(self, file_id: str, data: bytes) -> None:
        record = self.files[file_id]
        record.update(status="ready", kind="text", sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        self.bytes[file_id] = data

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        with self._lock:
            path = urlsplit(str(request.url)).path
            self.calls[f"{request.method} {re.sub(r'/(file|wh|shr|key|tok)_[^/]+', '/{id}', path)}"] += 1
            found = self.wrong(request)
            if found is not None:
                return found
            if str(request.url).startswith(self.s3):
                return self._s3(request, path)
            if path != "/v1/health" and request.headers.get("authorization") != f"Bearer {KEY}":
                return problem(401, "unauthenticated", "The credential is not known.")
            return self._api(request, path)

    def _s3(self, request: httpx.Request, path: str) -> httpx.Response:
        if request.method == "OPTIONS":
            origin = request.headers.get("origin", "")
            allowed = {"access-control-allow-origin": origin} if origin == "https://app.example.com" else {}
            return httpx.Response(200 if allowed else 403, headers=allowed)
        if request.method == "GET":
            data = self.bytes[path.rpartition("/")[2]]
            return httpx.Response(200, content=iter([data]), headers={"etag": '"1"', "content-length": str(len(data))})
        content = request.content
        boundary = content[: content.index(b"\r\n")]
        for part in content.split(boundary):
            field = _FIELD.search(part)
            if field and field["name"] == b"key":
                key = part[field.end() :].strip().decode()
            if field and field["name"] == b"file":
                data = part[field.end() : -2]
        if len(data) != self.files[key]["size"]:
            return httpx.Response(400, content=b"<Error><Code>EntityTooSmall</Code></Error>")
        self._arrived(key, data)
        return httpx.Response(204)

    def _api(self, request: httpx.Request, path: str) -> httpx.Response:
        query = {name: values[-1] for name, values in parse_qs(urlsplit(str(request.url)).query).items()}
        body = json.loads(request.content) if request.content else {}
        if body:
            self.bodies.append(body)
        parts = [unquote(part) for part in path.strip("/").split("/")][1:]
        if parts[0] == "files":
            return self._of_files(request.method, parts[1:], query, body)
        if parts[0] in self.things:
            return self._of_things(request.method, parts[0], parts[1:], body)
        return self._of_tenant(parts[0], query)

    def _of_tenant(self, name: str, query: dict[str, str]) -> httpx.Response:
        number = sum(record["size"] or 0 for record in self.files.values())
        count = {"files": len(self.files), "bytes": number}
        if name == "health":
            return httpx.Response(200, json={"status": "ok", "stage": "test"})
        if name == "me":
            return (
                httpx.Response(200, json=self.me) if self.me else problem(404, "not_found", "There is no such route.")
            )
        if name == "stats":
            return httpx.Response(200, json={**count, "by_status": {"ready": count}, "by_kind": {"text": count}})
        if name == "usage":
            quotas = {"files": {"limit": 100, "used": len(self.files), "resets_at": None}}
            return httpx.Response(200, json={**count, "by_kind": {}, "quotas": quotas, "days": []})
        if name == "search":
            found = [record for record in self.files.values() if query["q"] in record["filename"]]
            items = [{"matched_words": 1, "found_in": ["filename"], "file": record} for record in found]
            return httpx.Response(200, json={"items": items, "omitted": []})
        if name == "changes":
            items = [{"id": r["id"], "revision": 1, "deleted": False, "file": r} for r in self.files.values()]
            after = int(query.get("after", 0))
            return httpx.Response(200, json={"items": items[after:], "next_after": str(len(items)), "more": False})
        return problem(404, "not_found", "There is no such route.")

    def _of_files(self, method: str, parts: list[str], query: dict[str, str], body: Any) -> httpx.Response:
        if parts == ["batch-get"]:
            items = [self.files[each] for each in body["ids"] if each in self.files]
            return httpx.Response(200, json={"items": items, "omitted": []})
        if not parts and method == "GET":
            return self._listed(query)
        if not parts:
            return self._created(body)
        record = self.files.get(parts[0])
        if parts[1:] == ["restore"] and parts[0] in self.deleted:
            self.files[parts[0]] = self.deleted.pop(parts[0])
            return httpx.Response(200, json=self.files[parts[0]])
        if record is None:
            return problem(404, "not_found", "There is no such file.")
        if method == "DELETE" and len(parts) == 1:
            self.deleted[parts[0]] = self.files.pop(parts[0])
            return httpx.Response(204)
        if len(parts) == 1:
            return httpx.Response(200, json=record, headers={"etag": '"1-0"'})
        if parts[1] == "original":
            address = f"{self.s3}/original/{parts[0]}"
            if query.get("redirect") == "false":
                return httpx.Response(200, json={"url": address, "expires_at": _AT})
            return httpx.Response(302, headers={"location": address})
        return self._of_shares(method, parts, body)

    def _listed(self, query: dict[str, str]) -> httpx.Response:
        found = list(self.files.values())[::-1]
        for name in ("status", "kind", "sha256"):
            found = [record for record in found if name not in query or record[name] == query[name]]
        begin, limit = int(query.get("cursor", 0)), int(query.get("limit", 50))
        more = str(begin + limit) if begin + limit < len(found) else None
        return httpx.Response(200, json={"items": found[begin : begin + limit], "next_cursor": more})

    def _created(self, body: Any) -> httpx.Response:
        if "source_url" in body:
            return httpx.Response(201, json=self._new({"filename": "fetched", **body}))
        for record in self.files.values():
            if (
                body.get("on_duplicate") == "reuse"
                and record["status"] == "ready"
                and record["sha256"] == body["sha256"]
            ):
                return httpx.Response(200, json=record)
        record = self._new(body)
        form = {"method": "POST", "url": f"{self.s3}/", "fields": {"key": record["id"]}, "expires_at": _AT}
        return httpx.Response(201, json={**record, "upload": form})

    def _of_shares(self, method: str, parts: list[str], body: Any) -> httpx.Response:
        if method == "POST":
            share = {"id": f"shr_{len(self.shares)}", "created_at": _AT, "expires_at": _AT, "download": True}
            share |= {"password": bool(body.get("password")), "views": 0, "max_views": body.get("max_views")}
            self.shares[str(share["id"])] = share
            return httpx.Response(201, json={**share, "url": f"{URL}/s/secret"})
        if method == "DELETE":
            self.shares.pop(parts[2], None)
            return httpx.Response(204)
        return httpx.Response(200, json={"items": list(self.shares.values())})

    def _of_things(self, method: str, name: str, parts: list[str], body: Any) -> httpx.Response:
        things = self.things[name]
        secret = {
            "keys": {"key": "fm_new"},
            "webhooks": {"secret": "whsec_c2VjcmV0"},
            "upload-tokens": {"token": "fmu_n"},
        }
        if not parts and method == "GET":
            return httpx.Response(200, json={"items": list(things.values()), "next_cursor": None})
        if not parts:
            thing = {"id": f"{name.rstrip('s')[-3:]}_{len(things)}", "created_at": _AT, "enabled": True, **body}
            things[thing["id"]] = thing
            return httpx.Response(201, json={**secret[name], **thing})
        thing = things.get(parts[0], {})
        if not thing:
            return problem(404, "not_found", "There is none with this id.")
        if method == "DELETE":
            del things[parts[0]]
            return httpx.Response(204)
        if method == "PATCH":
            thing.update(body)
        delivery = {"id": "evt_1", "type": "t", "time": _AT, "subject": "s", "state": "pending", "attempts": []}
        if parts[1:] == ["deliveries"]:
            return httpx.Response(200, json={"items": [delivery], "next_cursor": None})
        if parts[1:] and parts[1] in {"test", "deliveries"}:
            return httpx.Response(202, json=delivery)
        if parts[1:] == ["replay"]:
            return httpx.Response(202)
        return httpx.Response(200, json={**thing, **(secret[name] if len(parts) > 1 else {})})


def problem(status: int, code: str, detail: str, **headers: str) -> httpx.Response:
    """An answer that refuses."""
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail, "request_id": "r1"}
    return httpx.Response(status, json=body, headers=headers)
