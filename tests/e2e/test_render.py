"""Renditions that nobody made yet: by the front door, and by the API as a distribution of a former release asks it."""

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
from tests.e2e.stack import address, invocations, renders, shown, stored_path, upload
from tests.local import Api

VIEWERS = 15


@pytest.fixture(scope="module")
def photo(api: Api) -> dict[str, Any]:
    return shown(api, upload(api, images.jpeg(1500, 2000, orientation=6), content_type="image/jpeg")["id"])


@pytest.fixture(scope="module")
def secret(local_stage: LocalStage) -> str:
    name = local_stage.variables()["FILEMILL_SECRET_PARAMETER"]
    reply = local_stage.client("ssm").get_parameter(Name=name, WithDecryption=True)
    return derived_edge_secret(str(reply["Parameter"]["Value"]).encode())


def path(record: dict[str, Any], name: str) -> str:
    """The key in S3 of a rendition beside the file's others."""
    beside = urlsplit(str(record["renditions"][0]["url"])).path
    return stored_path(beside).rpartition("/")[0] + f"/{name}"


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
    key = path(photo, "w640.avif")
    answer = ask(local_stage, key, secret)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/avif"), answer.text
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    with Image.open(io.BytesIO(answer.content)) as image:
        image.load()
        assert (image.format, image.size) == ("AVIF", (640, 853))
        seen = image.convert("RGB").getpixel((160, 213))
        assert isinstance(seen, tuple)
        assert all(abs(a - b) < 16 for a, b in zip(seen, images.QUADRANTS["top_left"], strict=True))
    stored = s3.get_object(Bucket=bucket, Key=key.lstrip("/"))
    assert stored["Body"].read() == answer.content
    assert (stored["ContentType"], stored["CacheControl"]) == ("image/avif", "public, max-age=31536000, immutable")


def test_many_at_once_make_one(local_stage: LocalStage, photo: dict[str, Any], secret: str) -> None:
    key = path(photo, "w960.avif")
    with ThreadPoolExecutor(VIEWERS) as viewers:
        # So many processes of the API's take a small machine a minute to start, and a render may take 20 s.
        nothing = path(photo, "nothing.avif")
        assert {a.status_code for a in viewers.map(lambda _: ask(local_stage, nothing, secret), range(VIEWERS))} == {
            404
        }
        answers = list(viewers.map(lambda _: ask(local_stage, key, secret), range(VIEWERS)))
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


# --- through the front door


API, RENDER = "filemill-local", "filemill-local-render"


@pytest.fixture
def another(api: Api) -> dict[str, Any]:
    made = upload(api, images.jpeg(900, 700), content_type="image/jpeg", visibility="public")
    return shown(api, made["id"])


def test_a_first_viewer_is_answered_by_render_and_the_api_is_not_called(
    local_stage: LocalStage, another: dict[str, Any]
) -> None:
    before = invocations(local_stage, API), invocations(local_stage, RENDER)
    head = requests.head(address(another, "w640.avif"), timeout=60)
    assert (head.status_code, head.headers["Content-Type"]) == (200, "image/avif")
    answer = requests.get(address(another, "w640.avif"), timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/avif")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert head.headers["Content-Length"] == answer.headers["Content-Length"] == str(len(answer.content))
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, image.size) == ("AVIF", (640, 498))
    assert (invocations(local_stage, API), invocations(local_stage, RENDER)) == (before[0], before[1] + 1)


def test_a_get_by_a_first_viewer_is_the_picture_itself(local_stage: LocalStage, another: dict[str, Any]) -> None:
    answer = requests.get(address(another, "w320"), headers={"Accept": "image/avif"}, timeout=60)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/avif")
    assert answer.headers["Vary"].endswith("Accept")
    stored = local_stage.client("s3").get_object(
        Bucket=local_stage.variables()["FILEMILL_DERIVED_BUCKET"], Key=path(another, "w320.avif")[1:]
    )
    assert stored["Body"].read() == answer.content


def test_an_invented_address_calls_no_api_and_render_once_a_minute_at_most(
    local_stage: LocalStage, another: dict[str, Any]
) -> None:
    before = invocations(local_stage, API), invocations(local_stage, RENDER)
    known, unknown = path(another, "w641.avif"), f"/f/public/file_{'0' * 25}1/{'0' * 16}/w640.avif"
    for invented in (known, unknown):
        for _ in range(3):
            answer = requests.get(local_stage.front_door + invented, timeout=60)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
            assert answer.headers["Cache-Control"] == "public, max-age=60"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (invocations(local_stage, API), invocations(local_stage, RENDER)) == (before[0], before[1] + 2)


def test_an_address_with_a_wrong_check_calls_no_function(local_stage: LocalStage, another: dict[str, Any]) -> None:
    before = invocations(local_stage, API), invocations(local_stage, RENDER)
    right = urlsplit(address(another, "w640.webp")).path
    folder, _, name = right.rpartition("/")
    digit = "0" if folder[-1] != "0" else "1"
    for wrong in (f"{folder[:-1]}{digit}/{name}", f"/f/public/file_{'0' * 26}/{'0' * 16}-{'0' * 16}/{name}"):
        answer = requests.get(local_stage.front_door + wrong, timeout=60)
        assert (answer.status_code, answer.headers["X-Cache"]) == (404, "FunctionGeneratedResponse from cloudfront")
    assert requests.get(local_stage.front_door + right, timeout=60).status_code == 200
    assert (invocations(local_stage, API), invocations(local_stage, RENDER)) == before


def test_an_address_that_a_former_release_gave_works_on(local_stage: LocalStage, another: dict[str, Any]) -> None:
    """It has no check. What is stored comes from S3, and what is made on demand is made."""
    for name, kind in (("w640.webp", "image/webp"), ("w160.avif", "image/avif")):
        answer = requests.get(local_stage.front_door + path(another, name), timeout=60)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)


def test_the_functions_url_answers_nobody_but_the_distribution(
    local_stage: LocalStage, another: dict[str, Any]
) -> None:
    config = local_stage.client("lambda").get_function_url_config(FunctionName=RENDER)
    assert config["AuthType"] == "AWS_IAM"
    host = urlsplit(config["FunctionUrl"]).netloc
    direct = requests.get(
        f"{local_stage.endpoint_url}/_aws/lambda-url/{host.partition('.')[0]}{path(another, 'w640.avif')}", timeout=60
    )
    assert direct.status_code == 403


def test_a_signed_address_of_a_private_file_opens_what_is_made_on_demand(photo: dict[str, Any]) -> None:
    assert requests.get(address(photo, "w320.avif"), timeout=60).headers["Content-Type"] == "image/avif"
    unsigned = address(photo, "w320.avif").partition("?")[0]
    assert requests.get(unsigned, timeout=60).status_code == 403
