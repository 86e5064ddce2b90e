"""Which kind a file is; and that one module and one line add a kind, as `swatch.py` does for these tests."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
from PIL import Image

from chalicelib.delivery.preview import CLEAR
from chalicelib.model import Kind, Visibility
from chalicelib.processing import kinds
from chalicelib.processing.content_types import one_name
from chalicelib.processing.kinds import PROCESSORS, TYPES, Processor, processor_of
from tests.client import Client
from tests.making import deliver, derived, upload
from tests.stage import Calls, aws_client

SWATCH = Processor(Kind.OTHER, "text/x-colour".__eq__, "tests.processing.swatch", in_memory=64)


@pytest.mark.parametrize(
    "name", ["jpeg", "jpg", "png", "gif", "webp", "avif", "tiff", "bmp", "mpo", "heic", "heif", "jp2", "x-icon"]
)
def test_a_format_that_can_be_decoded_is_an_image(name: str) -> None:
    assert processor_of(f"image/{name}").kind is Kind.IMAGE


@pytest.mark.parametrize("content_type", ["image/jxl", "", "application/x-invented", "model/stl", "audio/midi"])
def test_a_format_that_nobody_knows_is_other(content_type: str) -> None:
    assert processor_of(content_type).kind is Kind.OTHER


@pytest.mark.parametrize(("kind", "types"), TYPES.items())
def test_each_kind_has_its_types_by_one_name(kind: Kind, types: frozenset[str]) -> None:
    assert {processor_of(content_type).kind for content_type in types} == {kind}
    if kind not in (Kind.AUDIO, Kind.VIDEO):  # they share their formats: video/mp4 and audio/mp4
        assert {one_name(content_type) for content_type in types} == types


def test_no_type_is_of_two_kinds() -> None:
    assert sum(map(len, TYPES.values())) == len(frozenset().union(*TYPES.values()))


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("audio/mp4", Kind.AUDIO),
        ("audio/x-m4a", Kind.AUDIO),
        ("audio/webm", Kind.AUDIO),
        ("audio/mp3", Kind.AUDIO),
        ("video/ogg", Kind.VIDEO),
        ("audio/3gpp", Kind.AUDIO),
        ("video/x-m4v", Kind.VIDEO),
        ("text/x-python; charset=utf-8", Kind.TEXT),
        ("application/ld+json", Kind.TEXT),
        ("application/atom+xml", Kind.TEXT),
        ("application/javascript", Kind.TEXT),
        ("text/rtf", Kind.DOCUMENT),
        ("application/vnd.ms-excel.sheet.macroEnabled.12", Kind.SPREADSHEET),
        ("application/x-java-archive", Kind.ARCHIVE),
        ("application/x-font-ttf", Kind.FONT),
    ],
)
def test_a_kind_is_known_by_other_names_of_its_types(content_type: str, kind: Kind) -> None:
    assert processor_of(content_type).kind is kind


@pytest.mark.parametrize("content_type", ["IMAGE/JPEG", "image/jpeg; charset=binary", " image/pjpeg "])
def test_a_kind_is_known_by_any_name_of_its_types(content_type: str) -> None:
    assert processor_of(content_type).kind is Kind.IMAGE


def test_every_processor_has_a_module_with_a_function_process() -> None:
    modules = [processor.module for processor in PROCESSORS if processor.module]
    assert modules
    assert all(callable(import_module(module).process) for module in modules)


def test_asking_for_a_kind_imports_none_of_its_libraries() -> None:
    code = "import sys, chalicelib.processing.kinds as k; k.processor_of('image/png'); sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- a kind that only these tests know


@pytest.fixture
def swatches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "PROCESSORS", (SWATCH, *PROCESSORS))


def colour(client: Client, body: bytes = b"#a1b2c3\n", **more: Any) -> str:
    return upload(client, body, name="sky.colour", content_type="text/x-colour", **more)


@pytest.mark.usefixtures("swatches")
def test_a_file_of_an_added_kind_goes_through_the_pipeline(client: Client, stage: Calls) -> None:
    file_id = colour(client)
    stage.clear()
    deliver(file_id)
    assert (stage.count("s3.GetObject"), stage.count("s3.PutObject"), stage.count("dynamodb.UpdateItem")) == (1, 2, 2)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["kind"], record["image"]) == ("ready", "other", None)
    assert record["sha256"] == hashlib.sha256(b"#a1b2c3\n").hexdigest()
    assert [(r["name"], r["format"]) for r in record["renditions"]] == [("w160", "jpeg"), ("w160", "webp")]
    path = record["renditions"][1]["url"].removeprefix("https://d111.cloudfront.net/").partition("?")[0]
    with Image.open(aws_client("s3").get_object(Bucket="derived", Key=path)["Body"]) as image:
        assert image.size == (160, 120)


@pytest.mark.usefixtures("swatches")
def test_a_fault_that_an_added_kind_finds_is_the_files(client: Client) -> None:
    file_id = colour(client, b"no such colour")
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["error"]["code"]) == ("failed", "corrupt")
    assert derived() == []


@pytest.mark.usefixtures("swatches")
@pytest.mark.parametrize(("size", "status"), [(64, "ready"), (65, "failed")])
def test_a_file_that_its_kind_cannot_hold_in_memory_is_too_large(client: Client, size: int, status: str) -> None:
    file_id = colour(client, b"#a1b2c3".ljust(size))
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert record["status"] == status
    if status == "failed":
        assert record["error"]["code"] == "too_large"


# --- a record with renditions and without `image`


@pytest.mark.usefixtures("swatches")
def test_renditions_without_an_image_have_addresses_and_markup(client: Client, stage: Calls) -> None:
    file_id = colour(client)
    deliver(file_id)
    stage.settle()
    record = client("GET", f"/v1/files/{file_id}?include=delivery").json
    delivery = record["delivery"]
    assert list(delivery["srcset"]) == ["webp", "jpeg"], "AVIF is made on demand of images alone"
    assert delivery["placeholder"] == CLEAR
    assert f"{delivery['base_url']}w160.jpg" in delivery["picture"]
    [listed] = client("GET", "/v1/files?include=details").json["items"]
    assert listed["renditions"] == record["renditions"]


@pytest.mark.usefixtures("swatches")
def test_renditions_without_an_image_move_with_their_file(client: Client, stage: Calls) -> None:
    file_id = colour(client)
    deliver(file_id)
    before = derived()
    answer = client("PATCH", f"/v1/files/{file_id}", {"visibility": "public"})
    assert answer.status == 200
    assert len(derived()) == 2
    assert not {*derived()} & {*before}, "the private ones are gone"
    for rendition in answer.json["renditions"]:
        assert rendition["url"].removeprefix("https://d111.cloudfront.net/") in derived()


@pytest.mark.usefixtures("swatches")
def test_a_new_focal_point_makes_cropped_renditions_again_without_an_image_too(client: Client) -> None:
    file_id = colour(client, recipe="avatar")
    deliver(file_id)
    answer = client("PATCH", f"/v1/files/{file_id}", {"focus": {"x": 0.1, "y": 0.9}})
    assert (answer.status, answer.json["status"]) == (200, "processing")


@pytest.mark.usefixtures("swatches")
def test_renditions_without_an_image_are_deleted_with_their_file(client: Client, stage: Calls) -> None:
    file_id = colour(client, visibility=Visibility.PUBLIC)
    deliver(file_id)
    stage.clear()
    assert client("DELETE", f"/v1/files/{file_id}").status == 204
    assert derived() == []
    assert stage.count("cloudfront.CreateInvalidation") == 1


@pytest.mark.usefixtures("swatches")
def test_renditions_without_an_image_are_replaced_when_the_file_is_processed_again(client: Client) -> None:
    file_id = colour(client)
    deliver(file_id)
    before = derived()
    assert client("POST", f"/v1/files/{file_id}/reprocess", {"force": True}).status == 202
    deliver(file_id)
    assert client("GET", f"/v1/files/{file_id}").json["status"] == "ready"
    assert len(derived()) == 2
    assert not {*derived()} & {*before}


# --- a client that tells no type


@pytest.mark.parametrize(
    ("body", "content_type", "format"),
    [
        (b"a,b,c\n1,2,3\n4,5,6\n", "text/csv", "csv"),
        (b'{"a": [1, 2]}', "application/json", "json"),
        (b"Just words.\n", "text/plain", "plain"),
    ],
)
def test_a_text_without_a_type_is_described_as_what_it_is(
    client: Client, body: bytes, content_type: str, format: str
) -> None:
    file_id = upload(client, body, name="a", content_type="application/octet-stream")
    deliver(file_id)
    record = client("GET", f"/v1/files/{file_id}").json
    assert (record["status"], record["kind"], record["content_type"]) == ("ready", "text", content_type)
    assert record["text"]["format"] == format
