"""The operations that are stopped at every call: each with the stage that it finds, and with how it is done again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest

from chalicelib import aws, keyring, settings
from chalicelib.api.routes.render import HEADER
from chalicelib.catalog import edits
from chalicelib.catalog.dynamodb import attributes
from chalicelib.events import indexing, publish
from chalicelib.model import Caption, Status, rendition_key, rendition_prefix
from chalicelib.processing import labels, reading
from chalicelib.queues.worker import MAX_RECEIVES
from chalicelib.renditions import captions, recipes
from chalicelib.storage import originals as original_objects
from ops import redrive
from ops.progress import Pace
from tests import archives, images, playlists
from tests.client import Answer, Client
from tests.faults.killing import FAULTS, Point, Process, Role, as_function, run
from tests.faults.looking import is_file, record_of, records, shown_again
from tests.faults.queues import Queue
from tests.faults.world import A_LEASE, World
from tests.making import set_item
from tests.outbound.servers import answer, saying, serving
from tests.serving import OWN_FUNCTION, own_function
from tests.serving import answer as answer_of_service
from tests.sockets import Listener
from tests.stage import MEDIA_STAGE, aws_client, functions_in_process, lambda_context

PHOTO = images.jpeg(64, 48)
TEXT = b"nothing but words\n"
# The least that a part may have which is not the last one.
LARGE = b"0123456789abcdef" * (5 * 1024**2 // 16)

WEB = (recipes.Encoding("webp", quality=60), recipes.Encoding("jpeg", quality=60))
# The real recipes have up to twelve renditions of six widths. So many calls of one kind find no more faults.
SMALL = {
    "photo": recipes.Recipe("photo", widths=(16, 32), encodings=WEB, on_demand=(recipes.Encoding("avif", quality=60),)),
    "avatar": recipes.Recipe("avatar", widths=(16,), encodings=WEB, aspect=(1, 1), fit="cover"),
    "document": recipes.Recipe("document", widths=(16,), encodings=WEB),
}

Prepared = Any


@dataclass(frozen=True)
class Operation:
    """`prepare` makes the stage. `run` is the process that is stopped, and gets what `prepare` returns.

    `again`: a client asked for it, and asks again if no answer comes. Otherwise its message is delivered again.
    `doubles`: the client's second request is another one, because nothing says that it is the same.
    `role`: which process is stopped, the one that asks or the function that it invokes.
    """

    name: str
    prepare: Callable[[World], Prepared]
    run: Callable[[World, Prepared], object]
    again: bool = False
    doubles: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    role: Role = "caller"


@contextmanager
def surroundings(*, small: bool = True) -> Iterator[None]:
    """Small recipes, and a source on this machine to import from, at $SOURCE."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, recipe in SMALL.items() if small else ():
            patch.setitem(recipes.RECIPES, name, recipe)
        # 64 shards would be 64 Queries in each sweep.
        for module in ("chalicelib.catalog.keys", "chalicelib.upkeep.sweep") if small else ():
            patch.setattr(f"{module}.DUE_SHARDS", 2)
        server = stack.enter_context(serving(lambda head, connection: _serve(head, connection)))
        patch.setenv("SOURCE", server.url("/"))
        patch.setenv("FILEMILL_IMPORT_NETWORKS", "127.0.0.0/8")
        patch.setenv("FILEMILL_WEBHOOK_NETWORKS", "127.0.0.0/8")
        patch.setattr(original_objects, "IMPORT_PART", len(PHOTO) // 2)
        patch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)
        patch.setattr(labels, "MIN_SIDE", 8)  # Rekognition takes the small pictures, too
        settings.settings.cache_clear()
        stack.enter_context(functions_in_process(as_function))
        patch.setattr(redrive, "EMPTY", 1)
        unwaiting = ("before-parameter-build.sqs.ReceiveMessage", lambda params, **_: params.update(WaitTimeSeconds=0))
        aws.sqs().meta.events.register(*unwaiting)
        stack.callback(aws.sqs().meta.events.unregister, *unwaiting)
        yield
    settings.settings.cache_clear()


def _serve(head: str, connection: Any) -> None:
    path = head.split(" ", 2)[1]
    if path.startswith("/hooks/"):
        _hear(head, connection)
        saying(answer(b"so be it", status=f"{path.rpartition('/')[2]} Said"))(head, connection)
    else:
        saying(answer(PHOTO if "parts" in path else TEXT))(head, connection)


def _hear(head: str, connection: Any) -> None:
    """Reads the rest of an event that is sent to a receiver: a connection that is closed before may lose the answer."""
    fields, _, body = head.partition("\r\n\r\n")
    length = int(next(line for line in fields.lower().splitlines() if line.startswith("content-length")).split(":")[1])
    left = length - len(body)
    while left > 0:
        left -= len(connection.recv(left))


# --- what clients do


def create(world: World, *, key: str | None = None, **more: Any) -> Answer:
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO), **more}
    return world.request("POST", "/v1/files", body, **({"Idempotency-Key": key} if key else {}))


def import_(world: World, path: str, *, key: str | None = None) -> Answer:
    body = {"source_url": os.environ["SOURCE"] + path, "filename": path}
    return world.request("POST", "/v1/files", body, **({"Idempotency-Key": key} if key else {}))


def created(world: World, **more: Any) -> str:
    reply = create(world, **more)
    assert reply.status == 201, reply.text
    return str(reply.json["id"])


def ready(world: World, body: bytes = PHOTO, **more: Any) -> str:
    file_id = created(world, size=len(body), **more)
    world.put(file_id, body)
    world.drain()
    assert record_of(file_id).status is Status.READY
    return file_id


LARGE_FILE: dict[str, Any] = {
    "filename": "a.bin",
    "content_type": "application/octet-stream",
    "size": len(LARGE),
    "upload": "multipart",
}


def parts_sent(world: World) -> tuple[str, str]:
    file_id = created(world, **LARGE_FILE)
    upload_id = str(record_of(file_id).upload_id)
    reply = aws_client("s3").upload_part(
        Bucket="originals", Key=f"acme/{file_id}", UploadId=upload_id, PartNumber=1, Body=LARGE
    )
    world.index()
    return file_id, reply["ETag"]


def complete_upload(world: World, sent: tuple[str, str]) -> Answer:
    parts = [{"part_number": 1, "etag": sent[1]}]
    return world.request("POST", f"/v1/files/{sent[0]}/complete", {"parts": parts})


TOKEN: dict[str, Any] = {"max_bytes": 10**6, "max_files": 9}
TOO_SMALL: dict[str, Any] = {"max_bytes": 10, "max_files": 9}


def _by_token(world: World) -> Client:
    return Client(world.request("POST", "/v1/upload-tokens", TOO_SMALL).json["token"])


def _too_much_sent(world: World) -> tuple[Client, str, str]:
    """An upload in parts by Uppy, of which S3 holds more bytes than its token allows."""
    browser = _by_token(world)
    begun = browser("POST", "/s3/multipart", {"filename": "a.bin"}).json
    reply = aws_client("s3").upload_part(
        Bucket="originals", Key=begun["key"], UploadId=begun["uploadId"], PartNumber=1, Body=b"x" * 11
    )
    world.index()
    return browser, begun["key"].partition("/")[2], reply["ETag"]


def _complete_by_token(world: World, sent: tuple[Client, str, str]) -> Answer:
    browser, file_id, etag = sent
    return browser("POST", f"/v1/files/{file_id}/complete", {"parts": [{"part_number": 1, "etag": etag}]})


def _refused_sent(world: World) -> None:
    """A file whose bytes are not what it says, of a token."""
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": 10}
    file_id: str = _by_token(world)("POST", "/v1/files", body).json["id"]
    world.put(file_id, b"only words")
    world.index()
    world.notify()


def _minted(world: World) -> Client:
    return Client(world.request("POST", "/v1/upload-tokens", TOKEN).json["token"])


def _create_by(browser: Client, key: str | None = None) -> Answer:
    body = {"filename": "a.jpg", "content_type": "image/jpeg", "size": len(PHOTO)}
    return browser("POST", "/v1/files", body, headers={"Idempotency-Key": key} if key else {})


def _tagged(world: World) -> tuple[str, str]:
    file_id = ready(world)
    return file_id, world.request("GET", f"/v1/files/{file_id}").headers["ETag"]


def _change_if_unchanged(world: World, tagged: tuple[str, str]) -> Answer:
    return world.request("PATCH", f"/v1/files/{tagged[0]}", {"tags": ["new"]}, If_Match=tagged[1])


def _at(method: str, path: str, body: Any = None) -> Callable[[World, str], Answer]:
    return lambda world, file_id: world.request(method, f"/v1/files/{file_id}{path}", body)


def address_of(file_id: str) -> str:
    """The address of a rendition that is made on demand."""
    file = record_of(file_id)
    return rendition_prefix(file.visibility, file.id, str(file.source_version)) + "w16.avif"


def viewed(world: World) -> tuple[str, str]:
    return address_of(ready(world)), keyring.edge_secret()


def _entry(world: World) -> tuple[str, str]:
    """The address of one entry of an archive, which is made on demand."""
    data = archives.zip_of({"a.txt": b"words"})
    file_id = ready(world, data, filename="a.zip", content_type="application/zip")
    return address_of(file_id).replace("w16.avif", "e0.bin"), keyring.edge_secret()


def ask(world: World, asked: tuple[str, str]) -> Answer:
    """As CloudFront asks for a viewer. The viewer asks again if the answer says so."""
    address, secret = asked
    for _ in range(4):
        reply = world.request("GET", f"/render/{address}", **{HEADER: secret, "Accept": "image/avif"})
        if reply.status != 503:
            break
        world.clock.forward(timedelta(seconds=int(reply.headers["Retry-After"])))
    assert reply.status in (200, 404, 503), reply.text
    return reply


def view(world: World, asked: tuple[str, str]) -> Answer:
    """As CloudFront asks the function URL of `render` for a viewer, who asks again if the answer says so."""
    import app

    http = {"method": "GET", "path": f"/{asked[0]}"}
    event = {"version": "2.0", "rawPath": f"/{asked[0]}", "requestContext": {"http": http}}
    for _ in range(4):
        reply = app.render(event, lambda_context())
        if reply["statusCode"] != 503:
            break
        world.clock.forward(timedelta(seconds=int(reply["headers"]["Retry-After"])))
    assert reply["statusCode"] in (200, 404, 503), reply["body"]
    return Answer(reply["statusCode"], reply["headers"], reply["body"], reply["isBase64Encoded"])


def _nothing(world: World) -> None:
    world.index()


# --- what workers do


def stored(body: bytes, **more: Any) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        world.put(created(world, size=len(body), **more), body)
        world.index()
        world.notify()

    return prepare


def _reprocessed(world: World) -> None:
    file_id = ready(world)
    reply = world.request("POST", f"/v1/files/{file_id}/reprocess", {"recipe": "document"})
    assert reply.status == 202, reply.text
    world.index()


def _asked_to_import(path: str) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        assert import_(world, path).status == 201
        world.index()

    return prepare


def _deliver(world: World, _: Prepared) -> None:
    world.ingest.deliver(world.ingest.waiting()[0])


def film_stored(world: World) -> None:
    from tests import films  # FFmpeg: only these operations need it

    stored(films.small(), filename="a.mp4", content_type="video/mp4")(world)


def film_handed_over(world: World) -> None:
    film_stored(world)
    _deliver(world, None)
    world.index()


def deliver_media(world: World, _: Prepared) -> None:
    world.media.deliver(world.media.waiting()[0])


CAPTIONS: dict[str, Any] = {"language": "en", "text": playlists.VTT}


def _playing(world: World, **more: Any) -> str:
    """A film that plays, as processing leaves it. No FFmpeg: its record is that of a text otherwise."""
    file_id = ready(world, TEXT, content_type="text/plain", **more)
    file = record_of(file_id)
    master = playlists.renditions()[0][0]
    assert edits.caption(file, [], [master, *file.other_renditions], [])
    for rendition, body in playlists.renditions():
        key = rendition_key(file.visibility, file.id, str(file.source_version), rendition)
        aws_client("s3").put_object(Bucket="derived", Key=key, Body=body)
    world.index()
    return file_id


def _captioned(world: World) -> str:
    file_id = _playing(world, visibility="public")
    assert world.request("POST", f"/v1/files/{file_id}/captions", CAPTIONS).status == 200
    world.index()
    return file_id


def captioned_film_handed_over(world: World) -> None:
    film_handed_over(world)
    [file] = records()
    caption = Caption(language="en", label="en", name=f"av/captions-{'0' * 16}.vtt", sha256="")
    set_item(file.id, "captions", attributes({"of": [caption.model_dump(mode="json")]})["of"])
    key = captions.kept_key(file, caption.name)
    aws_client("s3").put_object(Bucket="derived", Key=key, Body=b"WEBVTT")


def deliver_film_that_plays(world: World, prepared: Prepared) -> None:
    with playlists.written():
        deliver_media(world, prepared)


@contextmanager
def all_are_large() -> Iterator[None]:
    """Meanwhile every file is one that is hashed when it is `ready` already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "HASHED_AT_ONCE", 0)
        yield


def _deliver_large(world: World, prepared: Prepared) -> None:
    with all_are_large():
        _deliver(world, prepared)


def _unhashed(world: World) -> None:
    stored(TEXT, content_type="text/plain")(world)
    _deliver_large(world, None)
    world.index()


def _asked(world: World) -> None:
    stored(PHOTO)(world)
    _deliver(world, None)
    world.index()


def _answered(world: World) -> None:
    """A file about which the operator's function was asked, and the event of its answer."""
    asked: list[dict[str, Any]] = []
    _asked(world)
    with own_function(asked.append):
        _deliver(world, None)
    world.index()
    body = answer_of_service(asked[0]["job"], result={"a": 1}, words=["word"])
    aws_client("sqs").send_message(QueueUrl=os.environ["FILEMILL_INGEST_QUEUE_URL"], MessageBody=body)


def _fetch(world: World, _: Prepared) -> None:
    world.imports.deliver(world.imports.waiting()[0])


def _changed(world: World) -> list[dict[str, Any]]:
    """A batch with new files, changed ones, and a deleted one."""
    kept, gone = ready(world, tags=["a", "b"]), ready(world, filename="b.jpg")
    world.request("PATCH", f"/v1/files/{kept}", {"tags": ["b", "c"], "filename": "c.jpg"})
    created(world, filename="d.jpg")
    world.request("DELETE", f"/v1/files/{gone}")
    return [record for record in world.stream() if is_file(record)]


def _index(_: World, batch: list[dict[str, Any]]) -> None:
    indexing.handle({"Records": batch}, lambda_context())


def _much_changed(world: World) -> list[dict[str, Any]]:
    """A batch that brings more events than one call to the bus takes, to a tenant with a webhook and a socket."""
    listener = Listener(world.sockets, "c1")
    assert listener.connect(world.client.key) == 200
    assert listener.send({"action": "subscribe", "all": True})[-1]["type"] == "subscribed"
    world.listeners.append(listener)
    made = world.request("POST", "/v1/webhooks", {"url": "http://127.0.0.1:9999/"})
    assert made.status == 201, made.text
    kept, gone = ready(world), ready(world, visibility="public")
    for number in range(9):
        world.request("PATCH", f"/v1/files/{kept}", {"tags": [str(number)]})
    world.request("DELETE", f"/v1/files/{gone}")
    created(world, filename="d.jpg")
    world.index()
    return world.unpublished()


def _publish(_: World, batch: list[dict[str, Any]]) -> None:
    publish.handle({"Records": batch}, lambda_context())


def _windowed(world: World) -> str:
    file_id = ready(world, visibility="public")
    assert world.request("DELETE", f"/v1/files/{file_id}").status == 204
    world.index()
    return file_id


def _window_over(world: World) -> str:
    file_id = _windowed(world)
    world.clock.forward(timedelta(seconds=3601))
    return file_id


def _much_to_sweep(world: World) -> None:
    """One of each thing that only the sweep comes back for."""
    moved = ready(world, filename="moved.jpg", visibility="public")
    gone = ready(world, TEXT, filename="gone.txt", content_type="text/plain")
    # Stopped right after the record was written, with the objects at the old addresses still there.
    _stop(lambda: world.request("PATCH", f"/v1/files/{moved}", {"visibility": "private"}), "dynamodb.UpdateItem")
    _stop(lambda: world.request("DELETE", f"/v1/files/{gone}"), "dynamodb.UpdateItem")
    created(world, filename="never.jpg")
    created(world, **LARGE_FILE)
    again = ready(world, TEXT, filename="again.txt", content_type="text/plain")
    _stop(lambda: world.request("POST", f"/v1/files/{again}/reprocess", {"force": True}), "dynamodb.UpdateItem")
    stalled = created(world, filename="stalled.txt", content_type="text/plain", size=len(TEXT))
    world.put(stalled, TEXT)
    world.notify()
    message = world.ingest.waiting()[0]
    _stop(lambda: world.ingest.deliver(message), "dynamodb.UpdateItem")
    world.ingest.lose(message)
    world.index()
    world.clock.forward(timedelta(hours=2))


def _stop(work: Callable[[], object], name: str) -> None:
    """Stops a process after its first call of that name."""
    process = Process()

    def kill(called: str, point: Point) -> None:
        if called == name and point.moment == "after":
            process.dead = True

    process.meanwhile = kill
    run(work, process)


def _walked(world: World) -> None:
    """Objects in both buckets that belong to no record, and an original that S3 told nobody of."""
    kept = ready(world, filename="kept.jpg", visibility="public")
    ask(world, (address_of(kept), keyring.edge_secret()))
    old = address_of(kept)
    gone = ready(world, filename="gone.jpg")
    _stop(lambda: world.request("DELETE", f"/v1/files/{gone}"), "dynamodb.UpdateItem")
    world.request("PATCH", f"/v1/files/{kept}", {"visibility": "private"})
    for key in (old, address_of(gone)):
        aws_client("s3").put_object(Bucket="derived", Key=key, Body=b"too late")
    world.put("file_" + "0" * 26, TEXT)
    world.put(created(world, filename="untold.txt", content_type="text/plain", size=len(TEXT)), TEXT)
    world.forget_notices()
    world.index()
    world.clock.forward(timedelta(days=2))


def _sweep(world: World, _: Prepared) -> None:
    world.sweep()


DEAD = {"ingest": "ingest-dead", "imports": "imports-dead"}


def _dead(world: World, queue: Queue) -> None:
    """A fault of ours ends a file, and its message becomes a dead letter."""
    world.notify()
    for _ in range(MAX_RECEIVES):
        [message] = queue.waiting()
        run(
            lambda message=message: queue.deliver(message),  # type: ignore[misc]
            Process(fault=lambda name, _: FAULTS["s3"][0] if name == "s3.PutObject" else None),
        )
        world.clock.forward(A_LEASE)
    assert not queue.waiting()
    sqs = aws_client("sqs")
    url = sqs.create_queue(QueueName=DEAD[queue.name])["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": MAX_RECEIVES})
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": policy})
    for letter in queue.dead.values():
        sqs.send_message(QueueUrl=url, MessageBody=letter.body)
    queue.acknowledged |= queue.dead.keys()
    queue.dead.clear()
    world.index()


def _redrive(queue: str) -> Callable[[World, Prepared], object]:
    def work(_: World, __: Prepared) -> None:
        shown_again(DEAD[queue])
        with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
            redrive.redrive(queue.removesuffix("s"), redrive.Wanted(), dry_run=False, pace=Pace(1e6))

    return work


def _import_dead(world: World) -> None:
    import_(world, "a.txt")
    _dead(world, world.imports)


def _ingest_dead(world: World) -> None:
    world.put(created(world), PHOTO)
    _dead(world, world.ingest)


PUBLIC: dict[str, Any] = {"visibility": "public"}
PRIVATE: dict[str, Any] = {"visibility": "private"}
WINDOW = {"FILEMILL_DELETE_WINDOW": "3600"}
LABELS = {"FILEMILL_SERVICES": "labels"}
FUNCTION = {"FILEMILL_SERVICES": "function", "FILEMILL_SERVICE_FUNCTION": OWN_FUNCTION}

# A stage with the function `media`.
MEDIA = MEDIA_STAGE

OPERATIONS = (
    Operation("create", _nothing, lambda w, _: create(w), again=True, doubles=True),
    Operation("create, with a key", _nothing, lambda w, _: create(w, key="k"), again=True),
    Operation("create multipart", _nothing, lambda w, _: create(w, **LARGE_FILE), again=True, doubles=True),
    Operation("create multipart, key", _nothing, lambda w, _: create(w, key="k", **LARGE_FILE), again=True),
    Operation("create import", _nothing, lambda w, _: import_(w, "a"), again=True, doubles=True),
    Operation("create import, key", _nothing, lambda w, _: import_(w, "a", key="k"), again=True),
    Operation("complete", parts_sent, complete_upload, again=True),
    Operation("complete with too many bytes", _too_much_sent, _complete_by_token, again=True),
    Operation("import", _asked_to_import("a.txt"), _fetch),
    Operation("import, in parts", _asked_to_import("parts.jpg"), _fetch),
    Operation("process an image", stored(PHOTO), _deliver),
    Operation("process another file", stored(TEXT, content_type="text/plain"), _deliver),
    Operation("process a broken image", stored(PHOTO[:200]), _deliver),
    Operation("process a refused file", _refused_sent, _deliver),
    Operation("process a large file", stored(TEXT, content_type="text/plain"), _deliver_large),
    Operation("hash a large file", _unhashed, _deliver),
    Operation("hand a film over", film_stored, _deliver, environ=MEDIA),
    Operation("process a film", film_handed_over, deliver_media, environ=MEDIA),
    Operation("begin a service that answers at once", _asked, _deliver, environ=LABELS),
    Operation("answer of a service", _answered, _deliver, environ=FUNCTION),
    Operation("process again", _reprocessed, _deliver),
    Operation("reprocess", ready, _at("POST", "/reprocess", {"recipe": "document"}), again=True),
    Operation("add captions", _playing, _at("POST", "/captions", CAPTIONS), again=True),
    Operation(
        "replace captions", _captioned, _at("POST", "/captions", {**CAPTIONS, "text": playlists.SRT}), again=True
    ),
    Operation("delete captions", _captioned, _at("DELETE", "/captions/en"), again=True),
    Operation("public to private, with captions", _captioned, _at("PATCH", "", PRIVATE), again=True),
    Operation("change tags", ready, _at("PATCH", "", {"tags": ["new"]}), again=True),
    Operation("private to public", ready, _at("PATCH", "", PUBLIC), again=True),
    Operation("public to private", lambda w: ready(w, **PUBLIC), _at("PATCH", "", PRIVATE), again=True),
    Operation(
        "change focus", lambda w: ready(w, recipe="avatar"), _at("PATCH", "", {"focus": {"x": 0, "y": 0}}), again=True
    ),
    Operation("delete", lambda w: ready(w, **PUBLIC), _at("DELETE", ""), again=True),
    Operation("delete, made with a key", lambda w: ready(w, key="k"), _at("DELETE", ""), again=True),
    Operation("delete an upload", lambda w: parts_sent(w)[0], _at("DELETE", ""), again=True),
    Operation("delete for now", lambda w: ready(w, **PUBLIC), _at("DELETE", ""), again=True, environ=WINDOW),
    Operation("restore", _windowed, _at("POST", "/restore"), again=True, environ=WINDOW),
    Operation("end a delete", _window_over, _at("DELETE", ""), again=True, environ=WINDOW),
    Operation("render", viewed, ask, again=True),
    Operation("render, the function", viewed, ask, again=True, role="function"),
    Operation("render, by its URL", viewed, view, again=True),
    Operation("one entry", _entry, view, again=True),
    Operation("index", _changed, _index),
    Operation("publish", _much_changed, _publish),
    Operation("redrive", _ingest_dead, _redrive("ingest"), again=True),
    Operation("redrive an import", _import_dead, _redrive("imports"), again=True),
    Operation("sweep", _much_to_sweep, _sweep),
    Operation("sweep, the walk", _walked, _sweep),
)

# More of those whose writes depend on a condition, for answers that are lost.
CONDITIONAL = (
    Operation("create with a token", _minted, lambda _, browser: _create_by(browser), again=True, doubles=True),
    Operation("create with a token, key", _minted, lambda _, browser: _create_by(browser, "k"), again=True),
    Operation("create a token", _nothing, lambda w, _: w.request("POST", "/v1/upload-tokens", TOKEN), again=True),
    Operation("change if unchanged", _tagged, _change_if_unchanged, again=True),
)


def whole(operation: Operation, world: World) -> list[str]:
    """The AWS calls of the undisturbed operation."""
    prepared = operation.prepare(world)
    world.restart()
    return run(lambda: operation.run(world, prepared), Process(role=operation.role)).calls


def stopped(operation: Operation, world: World, point: Point) -> Prepared:
    """Stops the operation at a point, and checks what must hold. The next process remembers nothing of it.

    Returns what the operation was prepared with.
    """
    prepared = operation.prepare(world)
    world.restart()
    run(lambda: operation.run(world, prepared), Process(kill_at=point, role=operation.role))
    world.restart()
    world.check()
    return prepared


__all__ = ["A_LEASE", "OPERATIONS", "Operation", "stopped", "surroundings", "whole"]
