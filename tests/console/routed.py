"""An API of a test's own: it answers the requests of the console, so that a gallery may have 10,000 files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import BrowserContext, Page, Route

SCOPES = ["events:read", "files:read", "files:write", "keys:admin", "webhooks:admin"]
KEY = "fm_routed"
# A grey square and a green one.
HASHES = ("1QcSHQRnh493V4dIh4eXh1h4kJUI", "3OcRJYB4d3h/iIeHeEh3eIhw+j3A")
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240">'
    '<rect width="320" height="240" fill="#3a7"/><circle cx="160" cy="120" r="70" fill="#fd7"/></svg>'
)


def record(number: int, **changes: Any) -> dict[str, Any]:
    """The record of a private picture that is ready; a higher number is a newer file."""
    file_id = f"file_{number:026d}"
    url = f"/f/private/{file_id}/v/w320.webp?Policy=p"
    return {
        "id": file_id,
        "status": "ready",
        "kind": "image",
        "filename": f"picture {number}.jpg",
        "content_type": "image/jpeg",
        "size": 1000 + number,
        "visibility": "private",
        "tags": [],
        "owner": None,
        "revision": 3,
        "created_at": "2026-11-01T12:00:00.000Z",
        "updated_at": "2026-11-01T12:00:01.000Z",
        "error": None,
        "image": {"width": 400, "height": 300, "thumbhash": HASHES[number % 2], "dominant_color": "#33aa77"},
        "renditions": [
            {"name": "w320", "format": "webp", "content_type": "image/webp", "width": 320, "height": 240, "url": url}
        ],
        **changes,
    }


@dataclass
class RoutedApi:
    """`records` in the order of the list. `asked` are requests, as `GET /v1/files`; `answers` change what one gets."""

    records: list[dict[str, Any]]
    scopes: list[str] = field(default_factory=lambda: list(SCOPES))
    asked: list[str] = field(default_factory=list)
    answers: dict[str, Callable[[Route], None]] = field(default_factory=dict)

    def install(self, context: BrowserContext) -> None:
        context.route("**/v1/**", self._answer)
        context.route("**/f/private/**", lambda route: route.fulfill(body=PICTURE, content_type="image/svg+xml"))
        context.route_web_socket("**/ws", lambda socket: None)

    def _answer(self, route: Route) -> None:
        at = urlsplit(route.request.url)
        name = f"{route.request.method} {at.path}"
        self.asked.append(name)
        for beginning, answer in self.answers.items():
            if name.startswith(beginning):
                answer(route)
                return
        query = parse_qs(at.query)
        route.fulfill(json=self._body(name, query, route.request.post_data))

    def _body(self, name: str, query: dict[str, list[str]], posted: str | None) -> Any:
        if name == "GET /v1/me":
            who = {"type": "key", "id": "0123456789ab", "name": "routed", "tenant": "routed", "owner": None}
            return {**who, "scopes": self.scopes, "expires_at": None, "stage": "local"}
        if name == "GET /v1/files":
            return self._page(query)
        if name.startswith("GET /v1/files/"):
            return record(1, id=name.rpartition("/")[2])
        if name == "GET /v1/stats":
            return {"files": len(self.records), "bytes": 0, "by_status": {}, "by_kind": {}}
        if name == "POST /v1/files/batch-get":
            ids = json.loads(posted or "{}")["ids"]
            return {"items": [each for each in self.records if each["id"] in ids], "omitted": []}
        if name == "POST /v1/socket-tickets":
            return {"ticket": "fmt_1", "expires_at": "2026-11-26T12:00:00.000Z"}
        return {"items": [], "next_cursor": None, "next_after": "a", "more": False, "omitted": []}

    def _page(self, query: dict[str, list[str]]) -> Any:
        at, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
        end = at + limit
        following = str(end) if end < len(self.records) else None
        return {"items": self.records[at:end], "next_cursor": following}


DROP = """(files) => {
  const transfer = new DataTransfer()
  for (const [name, text, type] of files) transfer.items.add(new File([text], name, {type}))
  for (const event of ['dragenter', 'dragover', 'drop']) {
    document.body.dispatchEvent(new DragEvent(event, {bubbles: true, cancelable: true, dataTransfer: transfer}))
  }
}"""


def drop(page: Page, *files: tuple[str, str, str]) -> None:
    """Drops files on the page, as a person does: (name, content, content type) of each."""
    page.evaluate(DROP, [list(each) for each in files])
