"""The main job through the deployed app: a photo goes in over HTTP, its renditions come out of the front door."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from PIL import Image
from PIL.ExifTags import IFD

from ops.local.stage import LocalStage
from tests import images
from tests.e2e.stack import upload
from tests.local import Api

PHOTO = images.jpeg(1500, 2000, orientation=6, gps=True)  # stored as 2000 x 1500


@pytest.fixture(scope="module")
def photo(api: Api) -> dict[str, Any]:
    return upload(api, PHOTO, filename="Menü +1 猫.jpg", content_type="image/jpeg", tags=["cats"])


def test_a_photo_is_ready_with_what_there_is_to_know_of_it(photo: dict[str, Any]) -> None:
    assert (photo["status"], photo["kind"], photo["filename"]) == ("ready", "image", "Menü +1 猫.jpg")
    assert photo["sha256"] == hashlib.sha256(PHOTO).hexdigest()
    assert (photo["image"]["width"], photo["image"]["height"], photo["image"]["format"]) == (1500, 2000, "jpeg")
    assert photo["image"]["thumbhash"]
    assert photo["image"]["dominant_color"].startswith("#")
    assert "gps" not in repr(photo["image"]["exif"]).lower()


def test_each_rendition_comes_from_the_front_door_with_its_type_size_orientation_and_no_place(
    photo: dict[str, Any],
) -> None:
    assert len(photo["renditions"]) >= 6
    for rendition in photo["renditions"]:
        answer = requests.get(rendition["url"], timeout=60)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == rendition["content_type"]
        assert len(answer.content) == rendition["size"]
        image = Image.open(io.BytesIO(answer.content))
        assert image.size == (rendition["width"], rendition["height"])
        assert not image.getexif().get_ifd(IFD.GPSInfo)
        assert b"GPS" not in answer.content
        seen = image.convert("RGB").getpixel((image.width // 4, image.height // 4))
        assert isinstance(seen, tuple)
        assert all(abs(a - b) < 16 for a, b in zip(seen, images.QUADRANTS["top_left"], strict=True)), rendition


def test_it_was_the_deployed_zip_in_a_process_of_its_own_that_did_it(
    local_stage: LocalStage, photo: dict[str, Any]
) -> None:
    logs = local_stage.client("logs")
    # The emulator gives the first 10,000 events that match, and no token for more.
    wanted = {"logGroupName": "/aws/lambda/filemill-local-process", "filterPattern": f'"{photo["id"]}"'}
    deadline = time.monotonic() + 20
    found: list[str] = []
    while not found and time.monotonic() < deadline:
        events = logs.filter_log_events(**wanted)["events"]
        lines = [line for e in events for line in e["message"].splitlines()]
        found = [line for line in lines if "file processed" in line and photo["id"] in line]
        time.sleep(0.2)
    assert found, "the function's own log group has its line"
    assert '"correlation_id"' in found[0]


WRONG: list[tuple[str, bytes, str]] = [
    ("type_mismatch", images.text(), "image/jpeg"),
    ("corrupt", images.truncated(images.jpeg(800, 600)), "image/jpeg"),
    ("empty", b"", "image/jpeg"),
    ("too_many_pixels", images.huge_png(), "image/png"),
]


@pytest.mark.parametrize(("code", "data", "content_type"), WRONG, ids=[w[0] for w in WRONG])
def test_a_file_at_fault_ends_with_its_code_at_once(
    local_stage: LocalStage, api: Api, code: str, data: bytes, content_type: str
) -> None:
    record = upload(api, data, content_type=content_type)
    assert (record["status"], record["error"]["code"]) == ("failed", code)
    assert record["revision"] == 3, "claimed once, failed once: nothing was retried"
    queue = local_stage.variables()["FILEMILL_DEAD_LETTER_QUEUE_URL"]
    attributes = local_stage.client("sqs").get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "0"


def test_an_unknown_kind_is_kept_and_hashed(api: Api) -> None:
    record = upload(api, b"\0\1\2", filename="t.bin", content_type="application/octet-stream")
    assert (record["status"], record["kind"], record["renditions"]) == ("ready", "other", [])
    assert record["sha256"] == hashlib.sha256(b"\0\1\2").hexdigest()


def test_a_table_is_described_and_drawn(api: Api) -> None:
    record = upload(api, b"name,age\nAda,36\n", filename="t.csv", content_type="text/csv")
    assert (record["status"], record["kind"], record["text"]["rows"]) == ("ready", "text", 1)
    assert [column["name"] for column in record["text"]["columns"]] == ["name", "age"]
    for rendition in record["renditions"]:
        answer = requests.get(rendition["url"], timeout=30)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, rendition["content_type"])
    assert {rendition["format"] for rendition in record["renditions"]} == {"txt", "webp", "jpeg"}


def test_s3_refuses_what_the_form_does_not_say(api: Api) -> None:
    made = api("POST", "/v1/files", json={"filename": "a.jpg", "content_type": "image/jpeg", "size": 9}).json()
    form = made["upload"]
    tries = {
        "more bytes": (form["fields"], b"x" * 10),
        "fewer bytes": (form["fields"], b"x" * 8),
        "another type": (form["fields"] | {"Content-Type": "text/html"}, b"x" * 9),
        "another key": (form["fields"] | {"key": f"other/{made['id']}"}, b"x" * 9),
        "another field": (form["fields"] | {"acl": "public-read"}, b"x" * 9),
    }
    for what, (fields, data) in tries.items():
        answer = requests.post(form["url"], data=fields, files={"file": data}, timeout=60)
        assert answer.status_code in (400, 403), what
    assert api("GET", f"/v1/files/{made['id']}").json()["status"] == "awaiting_upload"


def test_another_tenant_sees_nothing(api_of: Callable[[str], Api], photo: dict[str, Any]) -> None:
    other = api_of("other")
    assert other("GET", f"/v1/files/{photo['id']}").status_code == 404
    assert other("DELETE", f"/v1/files/{photo['id']}").status_code == 404
    assert other("GET", "/v1/files").json() == {"items": [], "next_cursor": None}


def test_a_deleted_file_is_gone_from_record_list_and_buckets(local_stage: LocalStage, api: Api) -> None:
    record = upload(api, images.jpeg(300, 200), content_type="image/jpeg")
    assert api("DELETE", f"/v1/files/{record['id']}").status_code == 204
    assert api("GET", f"/v1/files/{record['id']}").status_code == 404
    assert record["id"] not in api("GET", "/v1/files?limit=200").text
    s3, variables = local_stage.client("s3"), local_stage.variables()
    assert (
        s3.list_objects_v2(Bucket=variables["FILEMILL_DERIVED_BUCKET"], Prefix=f"f/private/{record['id']}")["KeyCount"]
        == 0
    )
    versions = s3.list_object_versions(Bucket=variables["FILEMILL_ORIGINALS_BUCKET"], Prefix=f"demo/{record['id']}")
    assert not versions.get("Versions")


def test_a_list_pages_through_the_front_door(api: Api, photo: dict[str, Any]) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api("GET", "/v1/files", params={"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert photo["id"] in seen
    assert seen == sorted(set(seen), reverse=True)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "unknown_route"),
        ("GET", "/v1/files/x/y/z", 404, "unknown_route"),
        ("PUT", "/v1/files", 405, "method_not_allowed"),
        ("GET", "/v1/files/file_nope", 404, "not_found"),
        ("POST", "/v1/files", 400, "invalid_json"),
    ],
)
def test_refusals_are_problem_documents_with_cors(api: Api, method: str, path: str, status: int, code: str) -> None:
    headers = {"Origin": "https://app.example"}
    answer = api(method, path, data="{", headers=headers | {"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"]


def test_a_browsers_preflight_is_answered(local_stage: LocalStage) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = requests.options(f"{local_stage.front_door}/v1/files", headers=asked, timeout=60)
    assert answer.status_code == 200
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
