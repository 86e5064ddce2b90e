"""What nobody made yet, through the deployed API as CloudFront calls it."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

from chalicelib.keyring import derived_edge_secret
from ops.config import deployed_resources, rest_api_id
from ops.local.project import STAGE
from ops.local.stage import LocalStage
from tests import images
from tests.e2e.stack import renders, upload
from tests.local import Api

VIEWERS = 15


@pytest.fixture(scope="module")
def photo(api: Api) -> dict[str, Any]:
    return upload(api, images.jpeg(1500, 2000, orientation=6), content_type="image/jpeg")


@pytest.fixture(scope="module")
def secret(local_stage: LocalStage) -> str:
    name = local_stage.variables()["FILEMILL_SECRET_PARAMETER"]
    reply = local_stage.client("ssm").get_parameter(Name=name, WithDecryption=True)
    return derived_edge_secret(str(reply["Parameter"]["Value"]).encode())


def path(record: dict[str, Any], name: str) -> str:
    """Of a rendition beside the file's others."""
    beside = urlsplit(str(record["renditions"][0]["url"])).path
    return beside.rpartition("/")[0] + f"/{name}"


def ask(stage: LocalStage, path: str, secret: str) -> requests.Response:
    api = rest_api_id(deployed_resources(stage.project_dir, STAGE) or [])
    return requests.get(
        f"{stage.endpoint_url}/restapis/{api}/api/_user_request_/render{path}",
        headers={"X-Filemill-Edge": secret, "Accept": "image/avif"},
        timeout=240,
    )


def test_an_avif_is_made_when_it_is_first_asked_for_and_stays(
    local_stage: LocalStage, photo: dict[str, Any], secret: str
) -> None:
    s3, bucket = local_stage.client("s3"), local_stage.variables()["FILEMILL_DERIVED_BUCKET"]
    address = path(photo, "w640.avif")
    answer = ask(local_stage, address, secret)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/avif"), answer.text
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    with Image.open(io.BytesIO(answer.content)) as image:
        image.load()
        assert (image.format, image.size) == ("AVIF", (640, 853))
        seen = image.convert("RGB").getpixel((160, 213))
        assert isinstance(seen, tuple)
        assert all(abs(a - b) < 16 for a, b in zip(seen, images.QUADRANTS["top_left"], strict=True))
    stored = s3.get_object(Bucket=bucket, Key=address.lstrip("/"))
    assert stored["Body"].read() == answer.content
    assert (stored["ContentType"], stored["CacheControl"]) == ("image/avif", "public, max-age=31536000, immutable")


def test_many_at_once_make_one(local_stage: LocalStage, photo: dict[str, Any], secret: str) -> None:
    address = path(photo, "w960.avif")
    with ThreadPoolExecutor(VIEWERS) as viewers:
        # So many processes of the API's take a small machine a minute to start, and a render may take 20 s.
        nothing = path(photo, "nothing.avif")
        assert {a.status_code for a in viewers.map(lambda _: ask(local_stage, nothing, secret), range(VIEWERS))} == {
            404
        }
        answers = list(viewers.map(lambda _: ask(local_stage, address, secret), range(VIEWERS)))
    assert [answer.status_code for answer in answers] == [200] * VIEWERS
    assert len({answer.content for answer in answers}) == 1
    deadline = time.monotonic() + 10
    while not renders(local_stage, photo["id"], "w960.avif") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert renders(local_stage, photo["id"], "w960.avif") == 1


def test_without_the_secret_there_is_nothing(local_stage: LocalStage, photo: dict[str, Any]) -> None:
    for wrong in ("", "0" * 64):
        answer = ask(local_stage, path(photo, "w1280.avif"), wrong)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_route")


@pytest.mark.parametrize("name", ["w641.avif", "w1920.avif", "w640.png", "nonsense"])
def test_nothing_else_is_made(local_stage: LocalStage, photo: dict[str, Any], secret: str, name: str) -> None:
    answer = ask(local_stage, path(photo, name), secret)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["Cache-Control"] == "public, max-age=60"


def test_a_deleted_file_gets_no_new_renditions(local_stage: LocalStage, api: Api, secret: str) -> None:
    record = upload(api, images.jpeg(700, 500), content_type="image/jpeg")
    assert api("DELETE", f"/v1/files/{record['id']}").status_code == 204
    assert ask(local_stage, path(record, "w320.avif"), secret).status_code == 404
