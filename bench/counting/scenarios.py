"""The operations whose bill is counted: each on a stage of its own, after what it needs is there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

import pytest
from ulid import ULID

from bench.counting.samples import SAMPLES, SMALL, Sample
from bench.counting.stage import TENANT, VIEWER, Stage
from chalicelib import importing, settings
from chalicelib.processing import pipeline
from chalicelib.upkeep import sweep
from tests.events import hooks
from tests.faults.looking import record_of
from tests.making import MIB, item
from tests.outbound.servers import answer, saying, serving
from tests.stage import STAGE, aws_client

PAGE = 50
PARTS = 3


@dataclass(frozen=True)
class Scenario:
    """`prepare` is not counted; `run` gets what it returns. `said` describes it on the page.

    `each`: how many of it one run does; the page shows one.
    """

    name: str
    said: str
    run: Callable[[Stage, Any], object]
    prepare: Callable[[Stage], Any] = lambda stage: None
    each: int = 1


def uploaded(sample: Sample, **more: Any) -> Callable[[Stage, Any], str]:
    """One file, from its creation until it is ready and everybody knows."""

    def run(stage: Stage, _: Any) -> str:
        file_id = stage.create(sample.filename, sample.content_type, len(sample.body), **{"tags": ["cats"], **more})
        stage.follow()
        stage.process(file_id, stage.put(file_id, sample.body), len(sample.body))
        file = record_of(file_id)
        assert file.status == "ready", (sample.kind, file.error)
        return file_id

    return run


def ready(sample: Sample = SMALL, **more: Any) -> Callable[[Stage], str]:
    return lambda stage: uploaded(sample, **more)(stage, None)


TOGETHER = 20


def _together(stage: Stage, _: Any) -> None:
    """Photos that come all at once: each is created and processed by itself, and their changes are told together."""
    stage.held = True
    for _number in range(TOGETHER):
        uploaded(SMALL)(stage, None)
    stage.follow_together()


def _created(stage: Stage, _: Any) -> None:
    stage.create("a.jpg", "image/jpeg", 1000, tags=["cats"])
    stage.follow()


def _in_parts(stage: Stage, _: Any) -> None:
    size = PARTS * 5 * MIB
    body = {"filename": "a.bin", "content_type": "application/octet-stream", "size": size}
    made = stage.api("POST", "/v1/files", body | {"upload": "multipart", "part_size": 5 * MIB, "tags": ["cats"]}).json
    stage.follow()
    file = record_of(made["id"])
    s3, parts = aws_client("s3"), []
    for number in range(1, PARTS + 1):
        sent = bytes([number]) * (5 * MIB)
        named = {"Bucket": "originals", "Key": f"{TENANT}/{file.id}", "UploadId": file.upload_id}
        etag = s3.upload_part(**named, PartNumber=number, Body=sent)["ETag"]
        parts.append({"part_number": number, "etag": etag})
        stage.sends("s3.UploadPart", len(sent))
    stage.api("POST", f"/v1/files/{file.id}/complete", {"parts": parts})
    stage.follow()
    head = s3.head_object(Bucket="originals", Key=f"{TENANT}/{file.id}")
    stage.process(file.id, head["VersionId"], size)
    assert record_of(file.id).status == "ready"


def _imported(stage: Stage, _: Any) -> None:
    body = SMALL.body
    with pytest.MonkeyPatch.context() as patch, serving(saying(answer(body))) as server:
        patch.setenv("FILEMILL_IMPORT_NETWORKS", "127.0.0.0/8")
        settings.settings.cache_clear()
        asked = {"source_url": server.url("/a.jpg"), "filename": "a.jpg", "tags": ["cats"]}
        file_id = stage.api("POST", "/v1/files", asked).json["id"]
        stage.follow()
        stage.work_off("imports", "fetch", importing.handle)
    head = aws_client("s3").head_object(Bucket="originals", Key=f"{TENANT}/{file_id}")
    stage.process(file_id, head["VersionId"], head["ContentLength"])
    assert record_of(file_id).status == "ready"


def _fifty(stage: Stage) -> None:
    """A page of private photos: one that was processed, and copies of its record under other ids."""
    file_id = ready(replace(SMALL, filename="red boat.jpg"))(stage)
    text = json.dumps(item(file_id))
    for _ in range(PAGE - 1):
        made = json.loads(text.replace(file_id, f"file_{ULID.from_datetime(stage.clock.now(UTC))}"))
        aws_client("dynamodb").put_item(TableName=STAGE["FILEMILL_TABLE"], Item=made)
    stage.follow()


def _at(method: str, path: str, body: Any = None, *, follow: bool = True) -> Callable[[Stage, str], None]:
    """A request about one file, and what follows of it."""

    def run(stage: Stage, file_id: str) -> None:
        stage.api(method, path.replace("{id}", str(file_id)), body)
        if follow:
            stage.follow()

    return run


def _reprocessed(stage: Stage, file_id: str) -> None:
    stage.api("POST", f"/v1/files/{file_id}/reprocess", {"recipe": "document"})
    stage.follow()
    stage.work_off("ingest", "process", pipeline.handle)
    assert record_of(file_id).status == "ready"


def _in_the_window(stage: Stage) -> str:
    """A deleted file that can be restored."""
    stage.patch.setenv("FILEMILL_DELETE_WINDOW", "86400")
    settings.settings.cache_clear()
    file_id = ready()(stage)
    stage.api("DELETE", f"/v1/files/{file_id}")
    stage.follow()
    return file_id


def _restored(stage: Stage, file_id: str) -> None:
    stage.api("POST", f"/v1/files/{file_id}/restore")
    stage.follow()
    stage.work_off("ingest", "process", pipeline.handle)
    assert record_of(file_id).status == "ready"


def _swept(stage: Stage, _: Any) -> None:
    with stage.meter.run("sweep"):
        sweep.run()
    stage.follow()


def _swept_once(stage: Stage) -> None:
    sweep.run()  # looks through both buckets, which it does once a day


def _hooked(stage: Stage) -> str:
    """A file, and a webhook that has had an event."""
    file_id = ready()(stage)
    hooks.hook()
    stage.counting = True  # so that it hears
    stage.follow()
    stage.api("PATCH", f"/v1/files/{file_id}", {"tags": ["first"]})
    stage.follow()
    return file_id


def _shared(stage: Stage) -> str:
    file_id = ready()(stage)
    url: str = stage.api("POST", f"/v1/files/{file_id}/shares", {}).json["url"]
    stage.follow()
    return "/" + url.split("/", 3)[3]


def _missing(name: str, sample: Sample = SMALL) -> Callable[[Stage], str]:
    def prepare(stage: Stage) -> str:
        file = record_of(ready(sample)(stage))
        return f"/f/{file.visibility}/{file.id}/{file.source_version}/{name}"

    return prepare


def _viewed(function: str) -> Callable[[Stage, str], None]:
    def run(stage: Stage, path: str) -> None:
        stage.view(path, function)
        stage.follow()

    return run


def _delivered(stage: Stage, _: Any) -> None:
    """A rendition from CloudFront, which asks S3 for it: no code of ours but the distribution's functions runs."""
    stage.meter.add(VIEWER, "s3.GetObject")


PHOTO = ready()

SCENARIOS = (
    Scenario("create", "`POST /v1/files`, without the upload", _created),
    Scenario("multipart", f"a file in {PARTS} parts, until it is ready", _in_parts),
    Scenario("import", "a photo from a URL, until it is ready", _imported),
    Scenario("load", f"a photo of three widths among {TOGETHER} that come at once", _together, each=TOGETHER),
    Scenario("get", "`GET /v1/files/{id}`", _at("GET", "/v1/files/{id}"), PHOTO),
    Scenario("list", f"a page of {PAGE} of `GET /v1/files`", _at("GET", f"/v1/files?limit={PAGE}"), _fifty),
    Scenario("list by tag", "the same with a filter", _at("GET", f"/v1/files?tag=cats&limit={PAGE}"), _fifty),
    Scenario("search", f"`GET /v1/search`, a page of {PAGE}", _at("GET", f"/v1/search?q=boat&limit={PAGE}"), _fifty),
    Scenario("changes", f"`GET /v1/changes`, a page of {PAGE}", _at("GET", f"/v1/changes?limit={PAGE}"), _fifty),
    Scenario("patch", "another tag", _at("PATCH", "/v1/files/{id}", {"tags": ["cats", "dogs"]}), PHOTO),
    Scenario("delete", "`DELETE /v1/files/{id}` of a photo", _at("DELETE", "/v1/files/{id}"), PHOTO),
    Scenario("restore", "`POST /v1/files/{id}/restore`, until it is ready again", _restored, _in_the_window),
    Scenario("reprocess", "`POST /v1/files/{id}/reprocess`, until it is ready again", _reprocessed, PHOTO),
    Scenario("on demand", "the first view of an AVIF", _viewed("render"), _missing("w640.avif")),
    Scenario(
        "segment", "the first view of a film's segment", _viewed("stream"), _missing("av/v240-0.m4s", SAMPLES["video"])
    ),
    Scenario("view", "a rendition that CloudFront does not have", _delivered),
    Scenario("share", "`POST /v1/files/{id}/shares`", _at("POST", "/v1/files/{id}/shares", {}), PHOTO),
    Scenario("share page", "the page of a link, once", lambda stage, path: stage.page(path), _shared),
    Scenario("webhook", "a change that one webhook hears", _at("PATCH", "/v1/files/{id}", {"tags": ["a"]}), _hooked),
    Scenario("sweep", "a run of the sweep that finds nothing", _swept, _swept_once),
)

KINDS = tuple(Scenario(kind, sample.said, uploaded(sample)) for kind, sample in SAMPLES.items())
