"""An unmodified @uppy/aws-s3 uploads through the front door, in both its ways, and the API shows the file ready."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests import images
from tests.local import Api

if TYPE_CHECKING:
    from ops.local.stage import LocalStage

OpenPage = Callable[..., Page]

MIB = 1024**2
# A name that every step on the way must keep: query, form, JSON, table.
NAME = "Menü +1 & 猫 100%.jpg"
SMALL = images.jpeg(640, 480)
# A JPEG of 11 MiB, so of three parts of 5: what follows a picture's end is no part of the picture.
LARGE = SMALL + bytes(11 * MIB)


@pytest.fixture
def token(api: Api) -> str:
    limits = {"max_bytes": 20 * MIB, "content_types": ["image/*"], "tags": ["uppy"]}
    made = api("POST", "/v1/upload-tokens", json=limits)
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


def choose(page: Page, folder: Path, data: bytes, name: str = NAME) -> None:
    """Picks the file in the page, as a person does."""
    file = folder / name
    file.write_bytes(data)
    page.set_input_files("#file", file)


def outcome(page: Page) -> str:
    """What the page says in the end: `success`, or `failed: …`."""
    status = page.locator("#status")
    expect(status).to_have_text(re.compile("^(success|failed)"), timeout=60_000)
    return status.inner_text()


def uploaded(page: Page, api: Api) -> dict[str, Any]:
    """The record of what Uppy says it uploaded, once it is done."""
    assert outcome(page) == "success"
    (body,) = page.evaluate("window.uploaded")
    tenant, _, file_id = body["key"].partition("/")
    assert tenant == "demo"
    deadline = time.monotonic() + 60
    while True:
        file: dict[str, Any] = api("GET", f"/v1/files/{file_id}").json()
        if file["status"] not in ("awaiting_upload", "processing"):
            return file
        assert time.monotonic() < deadline, file
        time.sleep(0.2)


def is_ready(file: dict[str, Any], data: bytes) -> bool:
    assert (file["status"], file["error"]) == ("ready", None)
    assert (file["sha256"], file["size"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (file["filename"], file["content_type"], file["tags"]) == (NAME, "image/jpeg", ["uppy"])
    assert (file["kind"], file["image"]["width"], file["image"]["height"]) == ("image", 640, 480)
    assert file["renditions"]
    return True


def open_session(page: Page, token: str) -> None:
    """What an app's page does with a token from its backend before it starts Uppy."""
    status = page.evaluate(
        "token => fetch('/s3/session', {method: 'POST', headers: {Authorization: `Bearer ${token}`}})"
        ".then(reply => reply.status)",
        token,
    )
    assert status == 200
    assert page.evaluate("document.cookie") == ""


def requests_of(page: Page) -> list[Request]:
    """The page's requests from here on."""
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request))
    return seen


def steps(seen: list[Request]) -> list[tuple[str, str]]:
    """What was asked of Filemill, preflights aside: method and path, ids left out."""
    asked = [(r.method, r.url.partition("?")[0].partition("/s3/")[2].split("/")) for r in seen if "/s3/" in r.url]
    return [(m, "/".join(["ID" if i == 1 else p for i, p in enumerate(path)])) for m, path in asked if m != "OPTIONS"]


# --- companionEndpoint, with the session's cookie


def test_a_small_file_by_companion_endpoint(
    local_stage: LocalStage, api: Api, open_page: OpenPage, token: str, tmp_path: Path
) -> None:
    page = open_page(local_stage.front_door, mode="companion")
    open_session(page, token)
    seen = requests_of(page)
    choose(page, tmp_path, SMALL)
    file = uploaded(page, api)
    assert is_ready(file, SMALL)
    assert file["metadata"] == {"album": "Été 2026"}
    assert steps(seen) == [("GET", "params")]
    assert not any("authorization" in request.headers for request in seen)


def test_a_file_in_parts_by_companion_endpoint(
    local_stage: LocalStage, api: Api, open_page: OpenPage, token: str, tmp_path: Path
) -> None:
    page = open_page(local_stage.front_door, mode="companion", multipart="1")
    open_session(page, token)
    seen = requests_of(page)
    choose(page, tmp_path, LARGE)
    file = uploaded(page, api)
    assert is_ready(file, LARGE)
    assert file["metadata"] == {"album": "Été 2026"}
    assert [part["PartNumber"] for part in page.evaluate("window.parts")] == [1, 2, 3]
    assert steps(seen) == [
        ("POST", "multipart"),
        *[("GET", f"multipart/ID/{number}") for number in (1, 2, 3)],
        ("POST", "multipart/ID/complete"),
    ]


def test_without_a_session_nothing_is_uploaded(local_stage: LocalStage, open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(local_stage.front_door, mode="companion")
    choose(page, tmp_path, SMALL)
    assert outcome(page) == "failed: Companion request failed: Unauthorized"


# --- signRequest


def elsewhere(local_stage: LocalStage) -> str:
    """Another origin, indeed another site, whose pages the emulator lets in too."""
    return local_stage.front_door.replace("//localhost:", "//127.0.0.1:")


@pytest.mark.parametrize("cross_origin", [False, True], ids=["same origin", "cross origin"])
def test_a_small_file_by_sign_request(
    local_stage: LocalStage, api: Api, open_page: OpenPage, token: str, tmp_path: Path, cross_origin: bool
) -> None:
    origin = elsewhere(local_stage) if cross_origin else local_stage.front_door
    page = open_page(origin, mode="sign", token=token, api=local_stage.front_door)
    seen = requests_of(page)
    choose(page, tmp_path, SMALL)
    assert is_ready(uploaded(page, api), SMALL)
    assert steps(seen) == [("POST", "presign")]


@pytest.mark.parametrize("cross_origin", [False, True], ids=["same origin", "cross origin"])
def test_a_file_in_parts_by_sign_request(
    local_stage: LocalStage, api: Api, open_page: OpenPage, token: str, tmp_path: Path, cross_origin: bool
) -> None:
    origin = elsewhere(local_stage) if cross_origin else local_stage.front_door
    page = open_page(origin, mode="sign", token=token, api=local_stage.front_door, multipart="1")
    seen = requests_of(page)
    choose(page, tmp_path, LARGE)
    assert is_ready(uploaded(page, api), LARGE)
    assert [part["PartNumber"] for part in page.evaluate("window.parts")] == [1, 2, 3]
    presign = ("POST", "presign")
    assert steps(seen) == [presign, ("POST", "multipart/ID/begun"), *[presign] * 4]


# --- what goes wrong


def test_a_refused_type_is_told_in_the_page(
    local_stage: LocalStage, open_page: OpenPage, token: str, tmp_path: Path
) -> None:
    page = open_page(local_stage.front_door, mode="sign", token=token)
    choose(page, tmp_path, b"%PDF-1.7", "a.pdf")
    assert outcome(page) == "failed: This upload token allows image/* only."


def test_more_bytes_than_the_token_allows_are_refused_by_s3(
    local_stage: LocalStage, api: Api, open_page: OpenPage, tmp_path: Path
) -> None:
    token = api("POST", "/v1/upload-tokens", json={"max_bytes": len(SMALL) - 1}).json()["token"]
    page = open_page(local_stage.front_door, mode="sign", token=token)
    choose(page, tmp_path, SMALL)
    assert outcome(page).startswith("failed: S3 returned 400")
    assert outcome(page).endswith("EntityTooLarge")


@pytest.mark.parametrize("mode", ["companion", "sign"])
def test_an_upload_goes_on_where_it_broke_off(
    local_stage: LocalStage, api: Api, open_page: OpenPage, token: str, tmp_path: Path, mode: str
) -> None:
    page = open_page(local_stage.front_door, mode=mode, token=token, multipart="1")
    if mode == "companion":
        open_session(page, token)
    page.route("**/*partNumber=3*", lambda route: route.fulfill(status=400, body=""))
    choose(page, tmp_path, LARGE)
    assert outcome(page).startswith("failed")
    page.unroute("**/*partNumber=3*")
    seen = requests_of(page)
    page.evaluate("document.getElementById('status').textContent = 'again'; window.uppy.retryAll()")
    assert is_ready(uploaded(page, api), LARGE)
    sent = [request for request in seen if request.method == "PUT"]
    assert len(sent) == 1


@pytest.mark.parametrize("mode", ["companion", "sign"])
def test_a_cancelled_upload_leaves_nothing(
    local_stage: LocalStage, api: Api, open_page: OpenPage, token: str, tmp_path: Path, mode: str
) -> None:
    page = open_page(local_stage.front_door, mode=mode, token=token, multipart="1")
    if mode == "companion":
        open_session(page, token)
    bucket = local_stage.variables()["FILEMILL_ORIGINALS_BUCKET"]
    s3 = local_stage.client("s3")

    def open_uploads() -> list[str]:
        return [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]

    before = open_uploads()
    page.route("**/*partNumber=3*", lambda route: None)  # the third part is never answered
    choose(page, tmp_path, LARGE)
    page.wait_for_function("window.parts.length === 2")
    (key,) = set(open_uploads()) - set(before)
    with page.expect_response(lambda reply: reply.request.method == "DELETE") as ended:
        page.evaluate("window.uppy.cancelAll()")
    assert ended.value.ok
    assert open_uploads() == before
    assert api("GET", f"/v1/files/{key.partition('/')[2]}").status_code == 404
