"""Requests and answers, apart from httpx and from any server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx


@dataclass
class Reply:
    """An answer. `content` is JSON unless it is bytes, or an iterator that gives pieces of bytes."""

    status: int
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        if self.content is None:
            return b""
        if isinstance(self.content, Iterator):
            return b"".join(self.content)
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()

    def as_httpx(self) -> httpx.Response:
        """An answer whose body is not read yet, as from a network."""
        if isinstance(self.content, Iterator):
            return httpx.Response(self.status, headers=self.headers, content=self.content)
        body = self.body
        headers = {"Content-Length": str(len(body)), **self.headers}
        return httpx.Response(self.status, headers=headers, stream=httpx.ByteStream(body))


@dataclass
class Call:
    """A request as it came. The names of headers are in small letters."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.url).query)

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}

    def last(self, name: str, default: str) -> str:
        """The last value of a parameter."""
        return self.query.get(name, [default])[-1]


class RefusedError(Exception):
    """Ends a handler with a problem."""

    def __init__(self, status: int, code: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.reply = problem(status, code, detail, **more)


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    """An answer that refuses."""
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail}
    return Reply(status, {**body, "request_id": "req-1", **more}, headers or {})
