"""Everything that the Filemill in memory keeps, and how a record changes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from fake_filemill.wire import RefusedError

URL = "https://files.example.com"
S3 = "https://s3.example.com"
KEY = "fm_key"
NOW = "2026-11-26T12:00:00.000Z"
SECRET = "whsec_c2VjcmV0"

Resource = dict[str, Any]
_GIVEN = ("filename", "content_type", "size", "visibility", "recipe", "tags", "metadata", "owner", "source_url")


class State:
    """Records, bytes and resources of one tenant.

    files, deleted: records by id, as the API shows them. bytes: originals by id. asked: the bodies with which files
    were created. parts: those that have arrived of each upload in parts. remembered: by Idempotency-Key, the file's id
    and the body. shares: by the file's id. me: the caller, or None for a service that has no such route.
    """

    def __init__(self, url: str = URL, s3: str = S3) -> None:
        self.url, self.s3 = url, s3
        self.files: dict[str, Resource] = {}
        self.deleted: dict[str, Resource] = {}
        self.bytes: dict[str, bytes] = {}
        self.asked: dict[str, Mapping[str, Any]] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.remembered: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self.shares: dict[str, dict[str, Resource]] = {}
        self.keys: dict[str, Resource] = {}
        self.tokens: dict[str, Resource] = {}
        self.webhooks: dict[str, Resource] = {}
        self.me: Resource | None = {
            "type": "key",
            "id": "0123456789ab",
            "name": "the web shop",
            "tenant": "acme",
            "scopes": ["files:read", "files:write"],
            "expires_at": None,
            "owner": None,
            "stage": "local",
            "delete_window": 604_800,
        }
        self._number = 0

    def number(self) -> int:
        """A number that was not given before."""
        self._number += 1
        return self._number

    def add(self, data: bytes, **fields: Any) -> Resource:
        """A file whose bytes have arrived. A change of the record that it gives is a change of the file."""
        record = self.new({"filename": "a.txt", "content_type": "text/plain", "size": len(data), **fields})
        self.arrive(record["id"], data)
        record.update(fields)
        return record

    def new(self, body: Mapping[str, Any]) -> Resource:
        """A file whose bytes have not arrived."""
        file_id = f"file_{self.number():026d}"
        self.asked[file_id] = body
        self.files[file_id] = {
            "id": file_id,
            "status": "awaiting_upload",
            "kind": None,
            "filename": "fetched",
            "content_type": None,
            "size": None,
            "sha256": None,
            "visibility": "private",
            "recipe": "photo",
            "tags": [],
            "metadata": {},
            "revision": 1,
            "created_at": NOW,
            "updated_at": NOW,
            "expires_at": None,
            "error": None,
            "renditions": [],
            **{name: body[name] for name in _GIVEN if name in body},
        }
        return self.files[file_id]

    def arrive(self, file_id: str, data: bytes) -> None:
        """The bytes decide what becomes of a file: `broken` fails, and `slow` is never finished."""
        if file_id in self.bytes:  # the first bytes stay
            return
        self.bytes[file_id] = data
        status = {b"broken": "failed", b"slow": "processing"}.get(data, "ready")
        kind = self._kind(self.files[file_id])
        self.change(file_id, status=status, kind=kind, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        if kind in {"image", "video"}:
            rendition = {"name": "w640.webp", "format": "webp", "size": 9, "width": 640, "height": 480}
            url = f"{self.url}/f/w640.webp?Signature=s"
            self.files[file_id]["renditions"] = [{**rendition, "url": url}]
        if data == b"broken":
            self.files[file_id]["error"] = {"code": "damaged", "message": "The picture ends too early."}

    def _kind(self, file: Mapping[str, Any]) -> str:
        word = str(file["content_type"]).partition("/")[0]
        return word if word in {"image", "video", "audio", "text"} else "other"

    def find(self, file_id: str) -> Resource:
        if file_id not in self.files:
            raise RefusedError(404, "not_found", "There is no such file.")
        return self.files[file_id]

    def change(self, file_id: str, **fields: Any) -> None:
        self.files[file_id] |= fields
        self.files[file_id]["revision"] += 1

    def etag(self, file_id: str) -> str:
        return f'"{self.find(file_id)["revision"]}-{"0" * 16}"'

    def record(self, file_id: str, include: Sequence[str] = ()) -> Resource:
        """The record as an answer has it, with `delivery` if that is asked for."""
        record = dict(self.find(file_id))
        if record["status"] != "ready":
            record["renditions"] = []
        if "delivery" in include:
            delivery = {"base_url": f"{self.url}/f/", "query": "Signature=s", "expires_at": NOW}
            record["delivery"] = delivery if record["renditions"] else None
        return record
