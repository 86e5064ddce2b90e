"""Strangers, as chance has them act: one with nothing but an upload token, sources that answer anything, and viewers.

They know no more than an address and, at most, a token. The same strangers act on the app in process
(tests/faults/test_strangers.py) and on the deployed local stack (tests/soak/attack.py).
"""

from __future__ import annotations

import json
import random
import re
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import hypothesis
import requests
from hypothesis import HealthCheck, Phase

from chalicelib.api.routing import OPERATIONS, Operation
from tests import fuzzing, images
from tests.outbound.raw_answers import Raw, raw_answers
from tests.strings import attacks, places, sound, with_value

TOKENS: tuple[dict[str, Any], ...] = (
    {"max_bytes": 7_000_000, "max_files": 10_000},
    {"max_bytes": 300_000, "max_files": 10_000, "content_types": ["image/*"], "visibility": "public"},
    {"max_bytes": 50_000, "max_files": 10_000, "recipe": "avatar", "tags": ["a"]},
)
"""Bodies of `POST /v1/upload-tokens`. A backend makes these tokens, and strangers get them."""

TYPES = (
    *("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/heic", "image/svg+xml", "image/foo"),
    *("text/html", "text/plain", "text/csv", "application/pdf", "application/zip", "application/octet-stream"),
    *("video/mp4", "audio/aac", "image/*", "*/*", "application/x-msdownload", "multipart/form-data; boundary=x"),
)
LEAST_IN_PARTS = 5 * 1024**2  # bytes; a smaller file is sent in one piece
NAMES = ("a.jpg", "a.heic", "a", "../../etc/passwd", "\u202egpj.exe", "\ufdfa" * 255, "a\u2028.png", "con", "x" * 255)

COMPLETE = (
    '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>"
)


@dataclass(frozen=True)
class Request:
    """A request to the front door. `body` is the text as it is sent."""

    method: str
    path: str
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Answered(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def text(self) -> str: ...


Ask = Callable[[Request], Answered]


# --- Values, bodies and bytes


def odd(chance: random.Random) -> Any:
    """A value that no field expects."""
    match chance.randrange(9):
        case 0:
            return nested(chance.choice((3, 60, 400)))
        case 1:
            return int("9" * chance.choice((16, 20, 40, 400)))
        case 2:
            return chance.choice((None, True, [], {}, "", 0, -1, 1.5, 1e300, -(2**63), 2**64))
        case 3:
            return [chance.choice(("a", None, {}, 7))] * chance.choice((1, 51, 500))
        case 4:
            return {next(attacks((5, 60), chance, 1)): chance.choice(("a", 1, None, [[]]))}
        case 5:
            return chance.choice(("a\r\nb", "\x0b", "\x85", "\u2028", "\x00", "\ud83d", *NAMES, *TYPES))
        case _:
            return next(attacks((2, 30, 200, 1000), chance, 1))


def nested(depth: int) -> Any:
    value: Any = 1
    for number in range(depth):
        value = {"a": value} if number % 2 else [value]
    return value


def text_of(document: Any, chance: random.Random) -> str:
    """The document as JSON, and now and then something that is no JSON, or more of it than anybody expects."""
    text = json.dumps(document, ensure_ascii=chance.random() < 0.5)
    match chance.randrange(20):
        case 0:
            return text[: chance.randrange(len(text))]
        case 1:
            return chance.choice(('{"metadata":', "[", '{"a":')) * chance.choice((50, 1000, 20_000))
        case 2:
            return text.replace("1", "1" * chance.choice((40, 5000)), 1)
        case 3:
            return chance.choice(("", "null", "NaN", '{"size": Infinity}', '{"size": 1e999}', "\ufeff{}", "\x00"))
    # A lone surrogate cannot be sent as UTF-8.
    return text.encode("utf-8", "replace").decode()


def body_of(operation: Operation, chance: random.Random) -> str | None:
    """A sound body of the operation, with up to three of its values replaced."""
    if operation.body is None:
        return None if chance.random() < 0.9 else "{}"
    document, found = sound(operation.body), places(operation.body)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        path = chance.choice(found)[0] if found and chance.random() < 0.8 else (chance.choice(_FIELDS),)
        document = with_value(document, path, odd(chance))
    return text_of(document, chance)


_FIELDS = ("metadata", "size", "tags", "focus", "part_size", "source_url", "content_type", "parts", "part_numbers")


@cache
def _seeds() -> dict[str, bytes]:
    return fuzzing.seeds()


def bytes_of_a_file(chance: random.Random, most: int) -> bytes:
    """At least one byte and at most `most`: a sound file, a broken one, two in one, or none at all."""
    sound_files = _seeds()
    data, other = (sound_files[chance.choice(sorted(sound_files))] for _ in range(2))
    match chance.randrange(9):
        case 0:
            data = chance.randbytes(chance.choice((1, 100, 5000)))
        case 1:
            data = images.truncated(data, chance.random())
        case 2:
            data += chance.choice((b"<html><script>alert(1)</script>", b"PK\3\4" + other, b"%PDF-1.7\n" + other))
        case 3:
            data = chance.choice(
                (b"<!doctype html><p>", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"MZ\x90\0", b"\0")
            )
        case 4:
            data = chance.choice((images.huge_png(8000, 8000), images.huge_webp(), images.text()))
        case 5:
            data = other[:40] + data
        case _:
            data = fuzzing.mutated(data, chance, other)
    return data[:most] or b"\0"


# --- A source


def answers(count: int, seed: int) -> list[Raw]:
    """So many raw answers of a source, which `seed` decides."""
    found: list[Raw] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(raw_answers())
    def collect(raw: Raw) -> None:
        found.append(raw)

    collect()
    return found


class Source:
    """A script for tests/outbound/servers.py: `/7` is answered with the eighth answer."""

    def __init__(self, count: int, seed: int) -> None:
        self.answers = answers(count, seed)

    def __call__(self, head: str, peer: socket.socket) -> None:
        number = re.search(r"^\S+ /(\d+)", head)
        raw = self.answers[int(number[1]) % len(self.answers) if number else 0]
        with suppress(OSError):
            for piece in raw.pieces:
                peer.sendall(piece)
            if raw.reset:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()


# --- A holder of an upload token


@dataclass
class Holder:
    """Uploads, imports and asks with nothing but one upload token. `act` does one thing.

    `backend` asks with an API key: a token cannot import, but a backend imports from addresses that strangers name.
    `send` is a request to S3 and gets a signed address. `source` is the address of a hostile source.
    """

    ask: Ask
    backend: Ask
    token: Mapping[str, Any]
    source: str
    chance: random.Random
    send: Callable[..., requests.Response] = requests.request
    files: list[str] = field(default_factory=list)
    uploads: list[tuple[str, str]] = field(default_factory=list)  # key and id of Uppy's uploads

    def act(self) -> str:
        """Does one thing, and gives its name."""
        acts = (*[self.form] * 3, *[self.import_] * 3, *[self.parts] * 2, *[self.uppy] * 2, *[self.any_request] * 3)
        act = self.chance.choice(acts)
        act()
        return act.__name__

    def form(self) -> None:
        """A file in one piece. The form is sent once or twice, by the token's owner's rules or not."""
        data = self._data()
        made = self._create({"size": len(data), "content_type": self.chance.choice(TYPES)})
        if made and (form := made.get("upload")) and "fields" in form:
            for _ in range(self.chance.choice((1, 1, 2))):
                self._fill(form, self._data() if self.chance.random() < 0.2 else data)

    def parts(self) -> None:
        """An upload in parts, which may be completed never, wrongly, once or twice."""
        size = LEAST_IN_PARTS + self.chance.randrange(1000)
        data = self._data()[:size].ljust(size, b"\0")
        made = self._create({"size": size, "content_type": "application/x-film", "upload": "multipart"})
        if not made:
            return
        path = f"/v1/files/{made['id']}"
        signed = self._json("POST", f"{path}/parts", {"part_numbers": [self.chance.choice((1, 1, 1, 2, 10_000))]})
        etag = "none"
        for part in (signed or {}).get("parts", []):
            etag = self._put(part["url"], self.chance.choice((data, data, data + b"more", data[:-1])))
        for _ in range(self.chance.randrange(3)):
            ended = [{"part_number": 1, "etag": self.chance.choice((etag, etag, etag, "other"))}]
            self._json("POST", f"{path}/complete", {"parts": ended})
        self._json("GET", f"{path}/parts")

    def uppy(self) -> None:
        """Uppy's routes, in an order that Uppy would not take."""
        words = {"filename": self.chance.choice(NAMES), "type": self.chance.choice((*TYPES, ""))}
        match self.chance.randrange(3):
            case 0:
                query = "&".join(f"{name}={_quoted(word)}" for name, word in words.items())
                self._form_of(self._json("GET", f"/s3/params?{query}"))
            case 1:
                begun = self._json("POST", "/s3/multipart", {**words, "metadata": {}})
                if begun:
                    self.uploads.append((begun["key"], begun["uploadId"]))
            case _:
                method = self.chance.choice(("PUT", "POST"))
                signed = self._json("POST", "/s3/presign", {"method": method, "key": self.chance.choice(NAMES)})
                self._signed(method, signed)
        if self.uploads:
            self._go_on(*self.chance.choice(self.uploads))

    def _signed(self, method: str, signed: Any) -> None:
        if not signed:
            return
        if method == "PUT":
            self._form_of(signed)
            return
        for _ in range(self.chance.choice((1, 2))):
            # The address is the front door's own, and its signature stands in for the token.
            address = urlsplit(signed["url"])
            answer = self.ask(Request("POST", f"{address.path}?{address.query}"))
            begun = re.search(r"<UploadId>(.+?)</UploadId>", answer.text)
            if begun:
                self.uploads.append((signed["key"], begun[1]))

    def _go_on(self, key: str, upload_id: str) -> None:
        path, query = f"/s3/multipart/{_quoted(upload_id)}", f"key={_quoted(key)}"
        etag = ""
        for number in self.chance.choices(("1", "2", "10001", "0", "x", "-1"), (8, 2, 1, 1, 1, 1)):
            signed = self._json("GET", f"{path}/{number}?{query}")
            if signed:
                etag = self._put(signed["url"], self._data())
        self._json(
            "GET", f"{path}/batch?{query}&partNumbers={self.chance.choice(('1', '1,2', '', ',', '0', '1,' * 2000))}"
        )
        self._json("GET", f"{path}?{query}")
        match self.chance.randrange(4):
            case 0:
                self._json("DELETE", f"{path}?{query}")
            case 1:
                for _ in range(2):
                    self._json("POST", f"{path}/complete?{query}", {"parts": [{"PartNumber": 1, "ETag": etag}]})
            case 2:
                method = self.chance.choice(("GET", "POST", "DELETE", "PUT"))
                document: dict[str, Any] = {"method": method, "key": key, "uploadId": upload_id}
                signed = self._json("POST", "/s3/presign", document | ({"partNumber": 1} if method == "PUT" else {}))
                if signed:
                    data = {"PUT": self._data(), "POST": COMPLETE.format(etag or "none").encode()}.get(method)
                    self.send(method, signed["url"], data=data, timeout=30)

    def import_(self) -> None:
        """A file by URL, mostly from the hostile source."""
        url = f"{self.source}/{self.chance.randrange(10_000)}"
        if self.chance.random() < 0.15:
            elsewhere = (
                "http://169.254.169.254/",
                "http://[::1]/",
                "ftp://a/",
                "http://a.invalid/",
                "http://\ud83d/",
                "",
            )
            url = self.chance.choice(elsewhere)
        document: dict[str, Any] = {"source_url": url}
        if self.chance.random() < 0.3:
            document["size"] = self.chance.choice((1, 100, 10**15))
        self._create(document, self.ask if self.chance.random() < 0.1 else self.backend)

    def any_request(self) -> None:
        """Any operation of the API, with anything in its path, its query, its headers and its body."""
        operation = self.chance.choice(OPERATIONS)
        # A token may not do most of it. What it may do is tried more often.
        if not operation.tokens:
            operation = self.chance.choice(OPERATIONS)
        path = re.sub(r"{(\w+)}", lambda _: _quoted(self._name()), operation.path)
        if operation.query and self.chance.random() < 0.7:
            wanted = [(".".join(map(str, place)), odd(self.chance)) for place, _ in places(operation.query)]
            path += "?" + "&".join(f"{_quoted(name)}={_quoted(str(value))[:2000]}" for name, value in wanted)
        headers = {name: self._header() for name in operation.headers if self.chance.random() < 0.3}
        self.ask(Request(operation.method, path, body_of(operation, self.chance), headers))

    def _header(self) -> str:
        """A value that HTTP can carry."""
        text = next(attacks((3, 60, 300), self.chance, 1))
        return "".join(each for each in text if " " <= each < "\x7f").strip()

    def _name(self) -> str:
        strange = next(attacks((3, 40), self.chance, 1)).replace("/", "").strip(".") or "x"
        invented = "file_" + "".join(self.chance.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=26))
        return self.chance.choice((*self.files[-5:], invented, strange))

    def _data(self) -> bytes:
        return bytes_of_a_file(self.chance, int(self.token["max_bytes"]))

    def _create(self, document: dict[str, Any], ask: Ask | None = None) -> Any:
        name, values = self.chance.choice((*NAMES, *["a.jpg"] * 15)), {}
        if self.chance.random() < 0.15:
            values = {self.chance.choice((*document, "filename", "metadata", "tags", "sha256")): odd(self.chance)}
        made = self._json("POST", "/v1/files", {"filename": name, **document, **values}, ask)
        if made:
            self.files.append(made["id"])
        return made

    def _json(self, method: str, path: str, document: Any = None, ask: Ask | None = None) -> Any:
        """The answer's document; None if it is a refusal."""
        body = None if document is None else json.dumps(document)
        answer = (ask or self.ask)(Request(method, path, body))
        return json.loads(answer.text or "null") if answer.status < 300 else None

    def _form_of(self, signed: Any) -> None:
        if signed and "fields" in signed:
            self._fill(signed, self._data())

    def _fill(self, form: Any, data: bytes) -> None:
        fields = dict(form["fields"])
        if self.chance.random() < 0.1:
            fields[self.chance.choice(("Content-Type", "key"))] = "text/html"
        self.send("POST", form["url"], data=fields, files={"file": data}, timeout=30)

    def _put(self, url: str, data: bytes) -> str:
        """The part's ETag."""
        return self.send("PUT", url, data=data, timeout=30).headers.get("ETag", "")


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "replace"), safe="")


# --- A viewer


def viewed(chance: random.Random, known: list[str]) -> str:
    """An address of a rendition: an invented one, or one that is known, with one thing changed."""
    if known and chance.random() < 0.5:
        path = chance.choice(known)
        at = chance.randrange(1, len(path))  # an address begins with a slash
        return path[:at] + chance.choice("abc019.-%_") + path[at + 1 :] if chance.random() < 0.7 else path
    file_id = "file_" + "".join(chance.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=26))
    version = "".join(chance.choices("0123456789abcdef", k=chance.choice((0, 1, 16, 33))))
    name = chance.choice(
        ("w640.avif", "w1.avif", "w99999999999.jpg", "original", "w640.avif.avif", "..", "%00", "w-1.webp")
    )
    return f"/f/{chance.choice(('public', 'private', 'x'))}/{file_id}/{version or '-'}/{name}"
