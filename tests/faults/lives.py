"""Random lives of files, led by clients and strangers, with a word of its own in every field that a client gives.

`Lives` does one step after another, and remembers whose words stand in which file. `broken` tells which promises of
`Promise` do not hold once all has come to an end.
"""

from __future__ import annotations

import json
import logging
import os
import re
import traceback
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib import keyring
from chalicelib.api.routes.render import HEADER
from chalicelib.catalog import memory
from chalicelib.catalog.credentials import revoke_api_key
from chalicelib.model import File, Status, rendition_prefix
from chalicelib.observability import logger
from tests import images
from tests.client import Answer, Client, new_client
from tests.faults.looking import backend, multipart_uploads, originals, records, table
from tests.faults.signed import Reply, send, send_form
from tests.faults.world import SOON, World
from tests.stage import aws_client

MIB = 1024**2
LARGE = 6 * MIB
PARTS = {1: 5 * MIB, 2: MIB}
"""The parts of a file of `LARGE` bytes, by number."""

TOKEN_BYTES = LARGE
"""The most bytes that a token allows a file."""

WINDOW = timedelta(hours=1)


class Promise(StrEnum):
    """The promises that must hold after the end of a file, or of a key."""

    BYTES = "no byte above its bound is stored of a file"
    UPLOADS = "no upload is open for a file that has ended"
    TEXT = "no text of a client stands anywhere after the end of its file"
    LOGS = "no text of a client is in the logs, ever"
    KEYS = "a key does not work after it was revoked"
    TOKENS = "a token does not work after its key was revoked"
    NOTHING = "no object, part or message is left of deleted files"


Step = tuple[str, int, Any]


@dataclass
class Key:
    """An API key, and the tokens that were made with it."""

    client: Client
    id: str
    revoked: bool = False
    tokens: list[Client] = field(default_factory=list)


@dataclass
class Life:
    """One file, with the words in it and the addresses that its client holds."""

    id: str
    by: Client
    bound: int
    photo: bytes
    words: set[str]
    request: tuple[str, Any, dict[str, str]]
    form: dict[str, str] | None = None
    begin: str | None = None
    uploads: list[str] = field(default_factory=list)
    part: str | None = None
    etags: dict[int, str] = field(default_factory=dict)
    uppy: bool = False

    @property
    def key(self) -> str:
        return f"acme/{self.id}"


class _Listener(logging.Handler):
    """Keeps all that is logged, with the fields and the tracebacks."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = json.dumps({name: str(value) for name, value in vars(record).items()}, ensure_ascii=False)
        if record.exc_info and record.exc_info[1]:
            text += "".join(traceback.format_exception(record.exc_info[1]))
        self.lines.append(text)


@contextmanager
def overheard() -> Iterator[list[str]]:
    """The lines that are logged meanwhile."""
    listener = _Listener()
    logger.addHandler(listener)
    try:
        yield listener.lines
    finally:
        logger._logger.removeHandler(listener)


class Lives:
    """The clients of one stage, and their files. `log` has all that is logged."""

    def __init__(self, world: World, log: list[str]) -> None:
        self.world, self.log = world, log
        self.keys = [self._new_key(), self._new_key()]
        self.files: list[Life] = []
        self.others: set[str] = set()
        """Words of clients that belong to no one file: those of tokens."""
        self.violated: dict[Promise, str] = {}
        self._count = 0
        self._secret = keyring.edge_secret()

    def step(self, step: Step) -> None:
        name, number, value = step
        work = getattr(self, f"do_{name}")
        if name in BEGINNINGS:
            work(number, value)
        elif self.files:
            work(self.files[number % len(self.files)], value)
        self.world.check()

    # --- credentials

    def _new_key(self) -> Key:
        client = new_client("acme")
        return Key(client, str(client.key).split("_")[1])

    def do_mint(self, number: int, _: Any) -> None:
        key = self.keys[number % len(self.keys)]
        word = self._word("tokentag")
        self.others.add(word)
        body = {"max_bytes": TOKEN_BYTES, "max_files": 9, "tags": [word], "expires_in": 24 * 3600}
        made = key.client("POST", "/v1/upload-tokens", body)
        if made.status == 201:
            key.tokens.append(Client(made.json["token"]))

    def do_revoke(self, number: int, _: Any) -> None:
        """The first key stays, so that somebody can still delete."""
        key = self.keys[1]
        if number % 2:
            revoke_api_key(key.id)
            key.revoked = True

    def _caller(self, number: int) -> Client:
        callers = [caller for key in self.keys for caller in (key.client, *key.tokens)]
        return callers[number % len(callers)]

    # --- beginnings

    def _word(self, field_: str) -> str:
        self._count += 1
        return f"zq{self._count:05d}{field_}"

    def _described(self, caller: Client, words: set[str], size: int) -> dict[str, Any]:
        named = {name: self._word(name) for name in ("name", "type", "tag", "key", "value")}
        words |= set(named.values())
        body: dict[str, Any] = {
            "filename": f"{named['name']}.jpg",
            "content_type": f"image/jpeg; name={named['type']}",
            "size": size,
            "metadata": {named["key"]: {"in": [named["value"]]}},
        }
        if not self._is_token(caller):
            body |= {"tags": [named["tag"]], "visibility": "public"}
        return body

    def _is_token(self, caller: Client) -> bool:
        return str(caller.key).startswith("fmu_")

    def _photo(self, words: set[str]) -> bytes:
        artist, title, rights = (self._word(name) for name in ("artist", "title", "rights"))
        words |= {artist, title, rights}
        return images.jpeg(64, 48, exif={0x013B: artist, 0x010E: title, 0x8298: rights})

    def _create(self, caller: Client, body: Any, words: set[str], photo: bytes, bound: int) -> Life | None:
        headers = {"Idempotency-Key": self._word("once")}
        words.add(headers["Idempotency-Key"])
        made = caller("POST", "/v1/files", body, headers=headers)
        if made.status != 201:
            return None
        upload = made.json.get("upload", {})
        life = Life(made.json["id"], caller, bound, photo, words, ("/v1/files", body, headers), upload.get("fields"))
        self.files.append(life)
        return life

    def do_form(self, number: int, _: Any) -> None:
        caller, words = self._caller(number), set[str]()
        photo = self._photo(words)
        self._create(caller, self._described(caller, words, len(photo)), words, photo, len(photo))

    def do_parts(self, number: int, _: Any) -> None:
        caller, words = self._caller(number), set[str]()
        body = {**self._described(caller, words, LARGE), "upload": "multipart", "part_size": PARTS[1]}
        if life := self._create(caller, body, words, b"", LARGE):
            life.uploads.append(str(self._record(life).upload_id))

    def do_fetched(self, number: int, value: str) -> None:
        """An import; its source answers, or nobody is there."""
        words = {word := self._word("url")}
        source = os.environ["SOURCE"] if value == "answers" else "http://localhost:65533/"
        body = {"source_url": f"{source}parts/{word}.jpg?secret={word}"}
        self._create(self.keys[number % 2].client, body, words, b"", 2**40)

    def do_uppy(self, number: int, value: str) -> None:
        """Uppy's `signRequest`: a form, or an address with which the browser begins an upload in parts by itself."""
        caller, words = self._caller(number), {word := self._word("uppy")}
        body = {"method": value, "key": f"{word}.jpg", "metadata": {word: word}, "contentType": "image/jpeg"}
        made = caller("POST", "/s3/presign", body)
        if made.status != 200:
            return
        bound = TOKEN_BYTES if self._is_token(caller) else 2**40
        life = Life(
            made.json["key"].partition("/")[2], caller, bound, self._photo(words), words, ("/s3/presign", body, {})
        )
        life.uppy, life.form = True, made.json.get("fields")
        if "uploads" in parse_qs(urlsplit(made.json["url"]).query, keep_blank_values=True):
            life.begin = made.json["url"]
        if upload := made.json.get("uploadId"):
            life.uploads.append(upload)
        self.files.append(life)

    # --- what strangers send to S3

    def do_send(self, life: Life, value: str) -> None:
        if life.form:
            bodies = {"right": life.photo, "another": b"words " * (len(life.photo) // 6 + 1), "more": bytes(7 * MIB)}
            send_form(self.world.clock, life.form, bodies[value][: None if value == "more" else len(life.photo)])

    def do_begin(self, life: Life, _: Any) -> None:
        """Once more, by the same address."""
        if life.begin:
            reply = send(self.world.clock, "POST", life.begin)
            life.uploads += re.findall("<UploadId>(.+?)</UploadId>", reply.body)

    def do_part(self, life: Life, value: tuple[int, int]) -> None:
        """Sends a part, over one that was sent before; (part number, bytes), 0 bytes for as many as are right."""
        number, size = value
        if not life.uploads:
            return
        if life.uppy:
            body = {"method": "PUT", "key": life.key, "uploadId": life.uploads[number % len(life.uploads)]}
            answer = life.by("POST", "/s3/presign", {**body, "partNumber": number})
        else:
            answer = life.by("POST", f"/v1/files/{life.id}/parts", {"part_numbers": [number]})
        if answer.status == 200:
            life.part = answer.json["url"] if life.uppy else answer.json["parts"][0]["url"]
            self._send_part(life, number, size or PARTS.get(number, MIB))

    def do_part_again(self, life: Life, value: tuple[int, int]) -> None:
        """To the address that the client got last, whatever has become of the file."""
        if life.part:
            self._send_part(life, value[0], value[1] or PARTS.get(value[0], MIB))

    def _send_part(self, life: Life, number: int, size: int) -> None:
        reply = send(self.world.clock, "PUT", str(life.part), bytes(size))
        if reply.status == 200:
            life.etags[number] = reply.etag

    def do_complete(self, life: Life, _: Any) -> None:
        etags = sorted(life.etags.items())
        if life.uppy and life.uploads:
            body = {"method": "POST", "key": life.key, "uploadId": life.uploads[0]}
            answer = life.by("POST", "/s3/presign", body)
            if answer.status == 200:
                self._send_list(answer.json["url"], etags)
        elif life.uploads:
            parts = [{"part_number": number, "etag": etag} for number, etag in etags]
            life.by("POST", f"/v1/files/{life.id}/complete", {"parts": parts})

    def _send_list(self, url: str, etags: list[tuple[int, str]]) -> Reply:
        parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in etags)
        text = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"
        return send(self.world.clock, "POST", url, text.encode())

    # --- what clients ask for

    def _ask(self, life: Life, method: str, path: str = "", body: Any = None) -> Answer:
        return self.keys[0].client(method, f"/v1/files/{life.id}{path}", body)

    def do_change(self, life: Life, value: str) -> None:
        words = {self._word(name) for name in ("newtag", "newname", "newkey")}
        tag, name, key = sorted(words)
        body = {"tags": [tag], "filename": f"{name}.jpg", "metadata": {key: key}, "visibility": value}
        if self._ask(life, "PATCH", "", body).status == 200:
            life.words |= words

    def do_again(self, life: Life, _: Any) -> None:
        self._ask(life, "POST", "/reprocess", {"recipe": "document", "force": True})

    def do_replay(self, life: Life, _: Any) -> None:
        """The request that made the file, once more. It may make another file with the same words."""
        path, body, headers = life.request
        if headers:
            answer = life.by("POST", path, body, headers=headers)
            if answer.status == 201 and answer.json["id"] != life.id:
                fields = answer.json.get("upload", {}).get("fields")
                self.files.append(
                    Life(answer.json["id"], life.by, life.bound, life.photo, life.words, life.request, fields)
                )

    def do_delete(self, life: Life, _: Any) -> None:
        self._ask(life, "DELETE")

    def do_abort(self, life: Life, _: Any) -> None:
        life.by("DELETE", f"/v1/files/{life.id}")

    def do_restore(self, life: Life, _: Any) -> None:
        self._ask(life, "POST", "/restore")

    def do_view(self, life: Life, _: Any) -> None:
        file = self._record(life)
        address = rendition_prefix(file.visibility, file.id, file.source_version or "0" * 16) + "w16.avif"
        self.world.request("GET", f"/render/{address}", **{HEADER: self._secret, "Accept": "image/avif"})

    # --- time

    def do_wait(self, _: Life, value: timedelta) -> None:
        self.world.clock.forward(value)

    def do_work(self, *_: Any) -> None:
        self.world.drain()

    def do_sweep(self, *_: Any) -> None:
        self.world.clock.forward(SOON)
        self.world.sweep()
        self.world.drain()

    # --- the end

    def broken(self) -> dict[Promise, str]:
        """Lets all come to its end, step by step, and gives the promises that do not hold, with an example each."""
        self.do_work()
        for wait in (SOON, timedelta(hours=3), timedelta(hours=3)):
            self.world.clock.forward(wait)
            self.world.sweep()
            self.world.drain()
        self._check_credentials()
        self._check_bounds()
        self._check_text(*(life for life in self.files if self._has_ended(life)))
        for life in self.files:
            assert self._ask(life, "DELETE").status in (204, 404)
        for wait in (2 * WINDOW, SOON, timedelta(days=2)):
            self.world.clock.forward(wait)
            self.world.sweep()
            self.world.drain()
        self._check_text(*self.files)
        self._check_nothing_is_left()
        self.world.clock.forward(timedelta(days=60))
        self._apply_ttl()
        self.world.index()
        self._check_words("the table, after its TTL", self.others | {w for life in self.files for w in life.words})
        return self.violated

    def _violated(self, promise: Promise, example: str) -> None:
        self.violated.setdefault(promise, example)

    def _record(self, life: Life) -> File:
        return next(file for file in records() if file.id == life.id)

    def _has_ended(self, life: Life) -> bool:
        file = self._record(life)
        return file.status is Status.DELETED and file.restore_until is None

    def _check_credentials(self) -> None:
        memory.forget()  # a minute is over
        for key in self.keys:
            if key.revoked:
                if key.client("GET", "/v1/files").status != 401:
                    self._violated(Promise.KEYS, key.id)
                for token in key.tokens:
                    if token("GET", f"/v1/files/{'file_' + '0' * 26}").status != 401:
                        self._violated(Promise.TOKENS, f"of the key {key.id}")

    def _check_bounds(self) -> None:
        uploads = backend("s3", "aws").buckets["originals"].multiparts.values()
        stored: dict[str, int] = defaultdict(int)
        for key, _, size in originals():
            stored[key] = max(stored[key], size)
        for upload in uploads:
            parts = sum(len(part.value) for part in upload.parts.values())
            stored[upload.key_name] = max(stored[upload.key_name], parts)
        for life in self.files:
            if stored[life.key] > life.bound:
                self._violated(
                    Promise.BYTES,
                    f"{stored[life.key]} bytes instead of {life.bound} of a {self._record(life).status} file",
                )
            is_open = any(upload.key_name == life.key for upload in uploads)
            if is_open and self._record(life).status is not Status.AWAITING_UPLOAD:
                self._violated(Promise.UPLOADS, f"an upload of a {self._record(life).status} file")

    def _check_text(self, *lives: Life) -> None:
        self._check_words("a place", {word for life in lives for word in life.words})
        every = self.others | {word for life in self.files for word in life.words}
        for line in self.log:
            if found := [word for word in every if word in line.casefold()]:
                self._violated(Promise.LOGS, f"{found[0]} in {line[:300]}")

    def _check_words(self, where: str, words: set[str]) -> None:
        for place, text in self._places():
            if found := sorted(word for word in words if word in text.casefold()):
                self._violated(Promise.TEXT, f"{found} in {where}: {place}")

    def _places(self) -> Iterator[tuple[str, str]]:
        """Every item of the table, every message, and the key and the metadata of every object version and upload."""
        for key, values in table().items():
            yield f"the item {key[1]} {sorted(values)}", json.dumps([key, values], default=str, ensure_ascii=False)
        for name, queue in backend("sqs").queues.items():
            for message in queue._messages:
                yield f"a message in {name}", message.body
        for each in (self.world.ingest, self.world.imports):
            for message in each.dead.values():
                yield f"a dead letter of {each.name}", message.body
        for name, bucket in backend("s3", "aws").buckets.items():
            for key in list(bucket.keys):
                for version in bucket.keys.getlist(key):
                    yield f"an object in {name}", f"{key} {dict(getattr(version, 'metadata', {}))}"
            for upload in bucket.multiparts.values():
                yield f"an upload in {name}", f"{upload.key_name} {upload.metadata}"

    def _check_nothing_is_left(self) -> None:
        left = [f"the original {key}" for key, _, _ in originals()]
        left += [f"the rendition {key}" for key in backend("s3", "aws").buckets["derived"].keys]
        left += [f"a message in {queue.name}" for queue in (self.world.ingest, self.world.imports) if queue.waiting()]
        if left:
            self._violated(Promise.NOTHING, left[0])
        if multipart_uploads():
            self._violated(Promise.UPLOADS, "an upload of a deleted file")

    def _apply_ttl(self) -> None:
        for (pk, sk), values in table().items():
            if values.get("ttl", 2**60) <= self.world.clock.moment.timestamp():
                aws_client("dynamodb").delete_item(TableName="filemill-test", Key={"pk": {"S": pk}, "sk": {"S": sk}})


BEGINNINGS: Mapping[str, Any] = dict.fromkeys(("mint", "revoke", "form", "parts", "fetched", "uppy"))
"""The steps that are not about a file which is there already."""
