"""Writes the fixture of compatibility: `python -m tests.compatibility.write_fixture`, in a checkout of the release.

It makes a small stage on moto with the code of the checkout that it runs in, with files of every kind in every state,
and keeps all that is in it (table, buckets, queues, stream), and what clients were answered, in previous_release.zip.
The next release's tests read that file with their own code. So run it when a release is made, and commit the file with
the next change. With a path as its argument it writes there.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.ExifTags import Base

from chalicelib import aws
from tests.client import Answer
from tests.compatibility.stage import (
    ENGINE,
    FIXTURE,
    SOURCE,
    Clock,
    DiedError,
    Kept,
    Stage,
    changed_calls,
    dying_at,
    environment_of,
    items,
    objects,
    record_of,
    save,
    setting,
    time_of,
    unsigned,
    uploads,
)
from tests.outbound.servers import Server, answer, serving
from tests.stage import STAGE, aws_client, functions_in_process, mocked_cloud, new_cdn_key, provisioned

BEGIN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

# The least that S3 takes for a part that is not the last one; zeros, which the fixture packs to next to nothing.
PART = bytes(5 * 1024**2)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
TEXT = b"nothing but words, and a few of them\n"


def main(to: Path) -> int:
    kept = write()
    save(kept, to)
    sizes = f"{len(kept.table)} items, {len(kept.objects)} objects, {len(kept.answers)} answers"
    sys.stderr.write(f"{to}: {to.stat().st_size} bytes: {sizes}\n")
    return 0


def write() -> Kept:
    """The stage of this checkout's code."""
    with mocked_cloud():
        provisioned(new_cdn_key())
        with _source() as server, functions_in_process(), setting(import_networks="127.0.0.0/8"):
            stage = Stage(Clock(BEGIN))
            with time_of(stage.clock):
                return _Writer(stage, server).write()


@contextmanager
def _source() -> Iterator[Server]:
    """A server with two files to import."""

    def serve(head: str, connection: Any) -> None:
        found = {"/notes.txt": TEXT, "/late.txt": TEXT}.get(head.split(" ", 2)[1])
        connection.sendall(answer(found) if found else answer(b"gone", status="404 Not Found"))

    with serving(serve) as server:
        yield server


class _Writer:
    """Makes the files one after the other. What the sweep must not touch is made after it ran."""

    def __init__(self, stage: Stage, server: Server) -> None:
        self.stage = stage
        self.server = server
        self.files: dict[str, str] = {}
        self.to_come: dict[str, bytes] = {}
        self.calls: list[dict[str, Any]] = []

    def write(self) -> Kept:
        self._credentials()
        self._ready()
        self._failed()
        self._ended_long_ago()
        self._reused()
        self._ended()
        self._left_by_the_dead()
        self._rendered()
        self._waiting()
        self._at_work()
        return self._kept()

    # --- steps

    def _credentials(self) -> None:
        """Keys and a tenant's default are set by the commands that an operator has."""
        self.stage.keys["acme"] = _ops("keys", "create", "--tenant", "acme", "--name", "backend")
        reader = _ops("keys", "create", "--tenant", "acme", "--scope", "files:read")
        revoked = _ops("keys", "create", "--tenant", "acme")
        self.stage.keys |= {"reader": reader, "revoked": revoked}
        self.stage.keys["globex"] = _ops("keys", "create", "--tenant", "globex")
        _ops("keys", "revoke", revoked.split("_")[1])
        _ops("tenants", "set", "globex", "--default-recipe", "avatar")
        token = self._said(
            self.stage.request(
                "POST",
                "/v1/upload-tokens",
                {"max_files": 3, "max_bytes": 5000, "content_types": ["image/*"], "tags": ["shop"], "expires_in": 86400}
                | {"visibility": "public"},
            )
        )
        self.stage.keys["token"] = token["token"]

    def _ready(self) -> None:
        facts: dict[str, Any] = {"metadata": {"order": 7, "ratio": 1.5, "by": "Zoë 🐈"}, "tags": ["cats", "holiday"]}
        photo = _jpeg(200, 150, {Base.ImageDescription: "A cat by the sea", Base.Artist: "Ada"})
        self._processed("private", photo, filename="Zoë at the sea.jpg", **facts)
        self._processed("public", _png(120, 90), "image/png", filename="logo.png", visibility="public", tags=["logo"])
        self._processed("focus", _jpeg(180, 130), recipe="avatar", focus={"x": 0.2, "y": 0.7}, tags=["people"])
        self._processed("animated", _moving(), "image/webp", filename="moving cat.webp", visibility="public")
        self._processed("document", _jpeg(150, 200), recipe="document", filename="scan 2.jpg", tags=["holiday"])
        self._processed("original_only", _jpeg(60, 40), recipe="original-only", filename="raw.jpg")
        self._made("text", TEXT, "text/plain; charset=utf-8", filename="notes.txt", tags=["cats"])
        self._made("pdf", PDF, "application/pdf", filename="Bill #12.pdf")
        self._made("globex", _jpeg(100, 100), tenant="globex", tags=["cats"])
        self._parts("multipart", complete=True)
        self._imported("imported", "notes.txt")
        self.stage.drain()
        self.stage.arrived(self.files["imported"])
        self.stage.drain()

    def _failed(self) -> None:
        self._made("corrupt", _jpeg(90, 90)[:400])
        self._made("mismatch", TEXT, "image/png", filename="words.png", tags=["holiday"])
        self._imported("import_failed", "missing.txt")
        self.stage.drain()

    def _ended_long_ago(self) -> None:
        """Two hours later: the sweep has run, and stopped in the middle of both buckets."""
        self._awaited("expired", _jpeg(70, 70))
        self._processed("purged", _jpeg(80, 60), visibility="public")
        self._says("DELETE", "purged", status=204)
        self.stage.index()
        aws_client("s3").put_object(Bucket="derived", Key=f"f/private/{_ghost('B')}/{'0' * 16}/w160.webp", Body=b"lost")
        aws_client("s3").put_object(Bucket="originals", Key=f"acme/{_ghost('C')}", Body=b"lost")
        self.stage.clock.forward(hours=2)
        with (
            setting(sweep_pages=1),
            changed_calls("s3", "ListObjectsV2", MaxKeys=3),
            changed_calls("s3", "ListObjectVersions", MaxKeys=3),
        ):
            self.stage.sweep()
        self.stage.index()

    def _reused(self) -> None:
        """Files that went back into processing: one is `ready` again with an error, one waits for its message."""
        self._processed("ready_with_error", _jpeg(100, 70))
        self._says("POST", "ready_with_error", "/reprocess", {"recipe": "avatar"}, status=202)
        [message] = self.stage.take("ingest")
        with dying_at("s3", "GetObject", error=RuntimeError), contextlib.suppress(RuntimeError):
            self.stage.deliver("ingest", message, receives=5)
        self._processed("edited", _jpeg(110, 70), visibility="public", filename="before.jpg")
        self._says("PATCH", "edited", body={"filename": "after.jpg", "visibility": "private", "tags": ["edited"]})
        self._processed("reprocessed", _jpeg(170, 90), filename="again.jpg")
        self._says("POST", "reprocessed", "/reprocess", {"recipe": "document"}, status=202)
        self.stage.drain()
        self._created("over")
        self.stage.clock.forward(minutes=65)

    def _ended(self) -> None:
        with setting(delete_window=30 * 86400):
            self._processed("restorable", _jpeg(120, 60), filename="back.jpg", tags=["holiday"])
            self._says("DELETE", "restorable", status=204)
            self._processed("restorable_text", TEXT + b"more", "text/plain")
            self._says("DELETE", "restorable_text", status=204)

    def _left_by_the_dead(self) -> None:
        """What stands where a process ended in the middle."""
        self._processed("leftovers", _jpeg(130, 60), visibility="public")
        with _death(), dying_at("s3", "ListObjectsV2"):
            self._says("PATCH", "leftovers", body={"visibility": "private"})
        self._processed("half_deleted", _jpeg(140, 60), visibility="public")
        with _death(), dying_at("s3", "ListObjectVersions"):
            self._says("DELETE", "half_deleted")
        self._processed("half_retired", _jpeg(150, 60))
        with _death(), dying_at("s3", "ListObjectsV2"), setting(delete_window=30 * 86400):
            self._says("DELETE", "half_retired")

    def _rendered(self) -> None:
        """Leases on renditions: one was made, one can't be made for an hour."""
        self._viewed("public", "w120.avif", status=200)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1")
            self._viewed("document", "w150.avif", status=404)

    def _waiting(self) -> None:
        """Files whose bytes or messages have yet to come."""
        self._awaited("form", _jpeg(160, 120), tags=["late"])
        self._parts("parts", complete=False)
        self._made("stored", _jpeg(100, 120))
        self._imported("import_waiting", "late.txt")
        self._awaited("by_token", _jpeg(65, 65), key="token")
        body = {"filename": "once.jpg", "content_type": "image/jpeg", "size": 10}
        said = self.stage.request("POST", "/v1/files", body, headers={"Idempotency-Key": "order-12"})
        self.files["idempotent"] = self._said(said)["id"]
        self._processed("to_reprocess", _jpeg(190, 90))
        self._says("POST", "to_reprocess", "/reprocess", {"recipe": "document"}, status=202)
        self.stage.index()

    def _at_work(self) -> None:
        """Workers that have a file: one has been silent for longer than its lease, one took it just now."""
        for name in ("lease_over", "lease_lives"):
            self.stage.clock.forward(minutes=2)
            message = self._made(name, _jpeg(125, 125), send=False)
            with _death(), dying_at("s3", "GetObject"):
                self.stage.deliver("ingest", message)
        with _death(), dying_at("lambda", "Invoke"):
            self._viewed("focus", "w128.avif")
        self.stage.index()
        self._says("PATCH", "pdf", body={"tags": ["unindexed"]})

    # --- making files

    def _created(self, name: str, *, tenant: str = "", key: str = "", **more: Any) -> dict[str, Any]:
        body = {"filename": f"{name}.jpg", "content_type": "image/jpeg", "size": 100, **more}
        said: dict[str, Any] = self._said(self.stage.request("POST", "/v1/files", body, key=key or tenant or "acme"))
        self.files[name] = said["id"]
        self.stage.clock.forward(seconds=1)
        return said

    def _made(
        self,
        name: str,
        body: bytes,
        content_type: str = "image/jpeg",
        *,
        tenant: str = "acme",
        send: bool = True,
        **more: Any,
    ) -> str:
        """Created and stored; S3's message waits if it is to be sent."""
        self._created(name, size=len(body), content_type=content_type, tenant=tenant, **more)
        return self.stage.put(self.files[name], body, tenant=tenant, content_type=content_type, notify=send)

    def _processed(self, name: str, body: bytes, content_type: str = "image/jpeg", **more: Any) -> None:
        """A file that is processed at once; messages of others wait on."""
        told = self._made(name, body, content_type, send=False, **more)
        self.stage.deliver("ingest", told)
        self.stage.index()

    def _awaited(self, name: str, body: bytes, **more: Any) -> None:
        """A file whose bytes the readers of the fixture send."""
        self._created(name, size=len(body), **more)
        self.to_come[name] = body

    def _parts(self, name: str, *, complete: bool) -> None:
        """A multipart upload of two parts, one of which is sent; both, and the end of it, with `complete`."""
        size = len(PART) + len(TEXT)
        facts = {"filename": f"{name}.bin", "content_type": "application/octet-stream", "upload": "multipart"}
        said = self._created(name, size=size, part_size=len(PART), **facts)
        key, upload_id = f"acme/{said['id']}", record_of(said["id"])["upload_id"]["S"]
        etags = []
        for number, body in enumerate((PART, TEXT) if complete else (PART,), 1):
            part = {"Bucket": "originals", "Key": key, "UploadId": upload_id, "PartNumber": number}
            etags.append(aws_client("s3").upload_part(**part, Body=body)["ETag"])
        if complete:
            sent = [{"part_number": number, "etag": etag} for number, etag in enumerate(etags, 1)]
            self._says("POST", name, "/complete", {"parts": sent})
            self.stage.arrived(said["id"])

    def _imported(self, name: str, path: str) -> None:
        said = self.stage.request(
            "POST", "/v1/files", {"source_url": self.server.url(f"/{path}"), "filename": path, "tags": ["imported"]}
        )
        self.files[name] = self._said(said)["id"]
        self.stage.clock.forward(seconds=1)

    # --- asking

    def _said(self, said: Answer, status: int = 0) -> Any:
        assert said.status == status if status else said.status < 300, said.text
        return said.json if said.text else None

    def _says(self, method: str, name: str, path: str = "", body: Any = None, *, status: int = 0) -> Any:
        self.stage.clock.forward(seconds=1)
        return self._said(self.stage.request(method, f"/v1/files/{self.files[name]}{path}", body), status)

    def _address(self, name: str, rendition: str) -> str:
        item = record_of(self.files[name])
        return f"f/{item['visibility']['S']}/{self.files[name]}/{item['source_version']['S']}/{rendition}"

    def _viewed(self, name: str, rendition: str, status: int = 0) -> None:
        """What CloudFront asks for when S3 has no such rendition; and what the API then sends to the function."""

        def keep(request: Any, **_: Any) -> None:
            self.calls.append({"function": "render", "event": json.loads(request.body)})

        headers = {"x-filemill-edge": _edge_secret(), "Accept": "image/avif"}
        events = aws.functions().meta.events
        events.register_first("before-sign.lambda.Invoke", keep)
        try:
            said = self.stage.request("GET", f"/render/{self._address(name, rendition)}", headers=headers)
        finally:
            events.unregister("before-sign.lambda.Invoke", keep)
        assert said.status == status if status else True, said.text

    # --- keeping

    def _kept(self) -> Kept:
        stage = self.stage
        stream, moment = stage.unindexed(), stage.clock.moment.isoformat()
        for name in stage.keys:
            stage.request("GET", "/v1/stats", key=name)  # the first request of an hour is noted in the key
        table, stored, unfinished = items(), objects(), uploads()
        answers = list(self._answers())
        assert items() == table, "a request that reads has written"
        messages = {queue: [self._plain(text) for text in stage.take(queue)] for queue in ("ingest", "imports")}
        parameter = aws_client("ssm").get_parameter(Name=STAGE["FILEMILL_SECRET_PARAMETER"], WithDecryption=True)
        facts = {
            "release": _git("rev-parse", "HEAD"),
            "engine": ENGINE,
            "moment": moment,
            "secret": parameter["Parameter"]["Value"],
            "keys": stage.keys,
            "files": self.files,
        }
        documents = (facts, table, stored, unfinished, messages, stream, answers, self.calls, self.to_come)
        return Kept(*(self._plain(document) for document in documents))

    def _plain(self, document: Any) -> Any:
        """With the name that the fixture has for the server of imports."""
        here = f"localhost:{self.server.port}"
        if isinstance(document, str):
            return document.replace(here, SOURCE)
        if isinstance(document, dict):
            return {name: self._plain(value) for name, value in document.items()}
        if isinstance(document, list):
            return [self._plain(value) for value in document]
        return document

    def _answers(self) -> Iterator[dict[str, Any]]:
        for name, file_id in self.files.items():
            yield self._asked("record", name, f"/v1/files/{file_id}", key="globex" if name == "globex" else "acme")
        for name, query in _LISTS.items():
            yield self._asked("list", name, "/v1/files", query=query)
        query = {"sha256": record_of(self.files["private"])["sha256"]["S"]}
        yield self._asked("list", "of these bytes", "/v1/files", query=query)
        first = self._asked("list", "first page", "/v1/files", query={"limit": "5"})
        cursor = first["body"]["next_cursor"]
        yield first
        yield self._asked("list", "second page", "/v1/files", query={"limit": "5", "cursor": cursor})
        first = self._asked("list", "first page of a tag", "/v1/files", query={"tag": "holiday", "limit": "1"})
        cursor = first["body"]["next_cursor"]
        yield first
        query = {"tag": "holiday", "limit": "1", "cursor": cursor}
        yield self._asked("list", "second page of a tag", "/v1/files", query=query)
        yield self._asked("list", "another tenant's", "/v1/files", key="globex")
        for words in ("cat", "holiday sea", "zoë", "bill 12", "after", "back"):
            yield self._asked("search", words, "/v1/search", query={"q": words})
        changes = self._asked("feed", "all changes", "/v1/changes", query={"limit": "200"})
        yield changes
        first = self._asked("feed", "first changes", "/v1/changes", query={"limit": "4"})
        yield first
        query = {"limit": "4", "after": first["body"]["next_after"]}
        yield self._asked("feed", "next changes", "/v1/changes", query=query)
        query = {"after": changes["body"]["next_after"]}
        yield self._asked("feed", "no changes", "/v1/changes", query=query)
        yield self._asked("counts", "acme", "/v1/stats")
        yield self._asked("counts", "globex", "/v1/stats", key="globex")
        ids = {"ids": list(self.files.values())}
        yield self._asked("batch", "all", "/v1/files/batch-get", body=ids)
        yield self._asked("parts", "held", f"/v1/files/{self.files['parts']}/parts")

    def _asked(
        self, group: str, name: str, path: str, *, query: Any = None, body: Any = None, key: str = "acme"
    ) -> dict[str, Any]:
        method = "POST" if body else "GET"
        said = self.stage.request(method, path, body, query=query, key=key)
        request = {"method": method, "path": path, "query": query, "body": body, "key": key}
        # Signatures and the address of the source differ where the fixture is read, and an ETag is of all that is said.
        same = "Signature=" not in said.text and "localhost" not in said.text
        return {
            "group": group,
            "name": name,
            "request": request,
            "status": said.status,
            "etag": said.headers.get("ETag") if same else None,
            "body": _without_request_id(unsigned(said.json)),
        }


_LISTS: dict[str, dict[str, Any]] = {
    "newest first": {"limit": "200"},
    "oldest first": {"sort": "created", "limit": "200"},
    "ready": {"status": "ready", "limit": "200"},
    "failed": {"status": "failed"},
    "expired": {"status": "expired"},
    "waiting": {"status": "awaiting_upload"},
    "processing": {"status": "processing"},
    "of a kind": {"kind": "other"},
    "with a tag": {"tag": "cats"},
    "with two tags": {"tag": ["cats", "holiday"]},
    "of a type": {"content_type": "image/*", "kind": "image", "limit": "200"},
    "by name": {"filename_prefix": "z"},
    "by size": {"sort": "-size", "limit": "200"},
    "by change": {"sort": "updated", "limit": "200"},
    "by name backwards": {"sort": "-filename", "limit": "200"},
    "made before": {"created_before": "2026-11-02T09:00:20Z"},
    "some fields": {"fields": "filename,renditions", "kind": "image", "limit": "200"},
}


def _ops(*arguments: str) -> str:
    """What a command of `ops` prints."""
    from ops.__main__ import main as ops_main

    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        project = environment_of(Path(folder))
        with contextlib.redirect_stderr(io.StringIO()):
            code = ops_main([*arguments, "--stage", STAGE["FILEMILL_STAGE"], "--project-dir", str(project)])
    assert code == 0, printed.getvalue()
    return printed.getvalue().strip()


@contextmanager
def _death() -> Iterator[None]:
    with contextlib.suppress(DiedError):
        yield


def _edge_secret() -> str:
    from chalicelib import keyring

    return keyring.edge_secret()


def _without_request_id(body: Any) -> Any:
    return {name: value for name, value in body.items() if name != "request_id"} if isinstance(body, dict) else body


def _ghost(letter: str) -> str:
    """An id of no record, as old as any."""
    return "file_01" + letter * 24


def _jpeg(width: int, height: int, exif: dict[int, str] | None = None) -> bytes:
    tags = Image.Exif()
    tags.update(exif or {})
    return _encoded(_drawn(width, height), "JPEG", quality=70, exif=tags)


def _png(width: int, height: int) -> bytes:
    image = _drawn(width, height)
    image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return _encoded(image, "PNG")


def _moving() -> bytes:
    first, *others = (_drawn(60, 40).rotate(turn) for turn in (0, 90, 180))
    return _encoded(first, "WEBP", save_all=True, append_images=others, duration=[80, 120, 80], loop=0)


def _drawn(width: int, height: int) -> Image.Image:
    """Two gradients and a square, so that sizes, turns and crops show."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    image = Image.merge("RGB", (across, down, Image.new("L", (width, height), width % 256)))
    image.paste((250, 240, 30), (width // 8, height // 2, width // 3, height // 2 + height // 4))
    return image


def _encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else FIXTURE))
