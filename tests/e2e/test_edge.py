"""Files through the front door of the deployed stack: the distribution's own function, policies, groups and keys."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from PIL import Image

from chalicelib import keyring
from tests import images
from tests.e2e.stack import address, execute_api, shown, upload
from tests.edge.cases import CASES, CHROME, FILE, FOLDER, VERSION, Case, checks

if TYPE_CHECKING:
    from ops.local.stage import LocalStage
    from tests.local import Api

Get = Callable[..., http.client.HTTPResponse]


@pytest.fixture(scope="module")
def stored(local_stage: LocalStage) -> Iterator[dict[str, bytes]]:
    """What S3 holds, by path, of a file that the API doesn't know."""
    paths = {case.to for case in CASES if case.to} | {f"{FOLDER.replace('public', 'private')}/w640.jpg"}
    bodies = {path: path.encode() for path in paths}
    s3, bucket = local_stage.client("s3"), local_stage.variables()["FILEMILL_DERIVED_BUCKET"]
    for path, body in bodies.items():
        s3.put_object(Bucket=bucket, Key=path[1:], Body=body, ContentType="image/x-test")
    yield bodies
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": path[1:]} for path in bodies]})


@pytest.fixture(scope="module")
def get(local_stage: LocalStage) -> Get:
    """A request whose path nobody tidies up; the body is in `.body`."""

    def get(path: str, accept: tuple[str, ...] = (), **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", local_stage.port, timeout=60)
        with closing(connection):
            connection.putrequest("GET", path, skip_host=True)
            connection.putheader("Host", f"localhost:{local_stage.port}")
            for value in accept:
                connection.putheader("Accept", value)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            response: Any = connection.getresponse()
            response.body = response.read()
            return response  # type: ignore[no-any-return]

    return get


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_table_of_the_function(stored: dict[str, bytes], get: Get, case: Case) -> None:
    response: Any = get(case.path, case.accept)
    if case.path.startswith("/f/private/") and case.to is None and response.status == 403:
        return  # the signature is checked before the function runs
    if case.to is None:
        assert response.status == 404
        assert response.headers["X-Cache"] == "FunctionGeneratedResponse from cloudfront"
        return
    assert (response.status, response.body) == (200, stored[case.to])
    chosen = "." not in urlsplit(case.path).path
    assert ("Accept" in response.headers.get("Vary", "")) == chosen
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]


def test_the_table_of_checks_by_the_stages_own_key(local_stage: LocalStage, stored: dict[str, bytes], get: Get) -> None:
    name = local_stage.variables()["FILEMILL_SECRET_PARAMETER"]
    secret = local_stage.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    for case in checks(keyring.derived_address_key(secret.encode())):
        response: Any = get(case.path, case.accept)
        if case.to is None:
            assert response.status == 404, case.name
            assert response.headers["X-Cache"] == "FunctionGeneratedResponse from cloudfront", case.name
        else:
            assert (response.status, response.body) == (200, stored[case.to]), case.name


def test_nothing_of_a_file_is_open_but_through_the_front_door(
    local_stage: LocalStage, stored: dict[str, bytes], get: Get
) -> None:
    variables = local_stage.variables()
    for bucket, key in {
        variables["FILEMILL_DERIVED_BUCKET"]: f"{FOLDER[1:]}/w640.jpg",
        variables["FILEMILL_ORIGINALS_BUCKET"]: f"demo/{FILE}",
    }.items():
        assert requests.get(f"{local_stage.endpoint_url}/{bucket}/{key}", timeout=10).status_code == 403
    resources = json.loads((local_stage.project_dir / ".chalice" / "deployed" / "local.json").read_text())["resources"]
    (api,) = [r["rest_api_id"] for r in resources if r["resource_type"] == "rest_api"]
    direct = f"{local_stage.endpoint_url}/restapis/{api}/api/_user_request_/render{FOLDER}/w640.avif"
    for headers in ({}, {"X-Filemill-Edge": ""}, {"X-Filemill-Edge": "0" * 64}):
        assert requests.get(direct, headers=headers, timeout=30).status_code == 404
        through = requests.get(f"{local_stage.front_door}/render{FOLDER}/w640.avif", headers=headers, timeout=30)
        assert through.status_code == 404
    assert get(FOLDER.replace("public", "private") + "/w640.jpg").status == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{FOLDER}/w640.jpg", 200),
        ("HEAD", f"{FOLDER}/w640.jpg", 200),
        ("GET", f"{FOLDER}/w641.jpg", 404),  # the API's
        ("GET", f"{FOLDER}/w640.exe", 404),  # the function's
        ("GET", FOLDER.replace("public", "private") + "/w640.jpg", 403),
        ("POST", f"{FOLDER}/w640.jpg", 403),
        ("GET", "/", 404),  # API Gateway's; the front door's is the console (test_console.py)
        ("GET", "/nowhere", 404),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/asyncapi.json", 200),
        ("GET", "/v1/health", 200),
        ("GET", "/v1/files", 401),
        ("PUT", "/v1/files", 405),
        ("OPTIONS", "/v1/files", 200),
        ("GET", "/s3/params", 401),
    ],
)
def test_every_kind_of_address_forbids_guessing_its_type(
    local_stage: LocalStage, stored: dict[str, bytes], method: str, path: str, status: int
) -> None:
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"} if method == "OPTIONS" else {}
    bases = [] if path == "/" else [local_stage.front_door]
    bases += [] if path.startswith("/f/") else [execute_api(local_stage, "")]
    for base in bases:  # through the edge, and from API Gateway itself
        answer = requests.request(method, base + path, headers=asked, timeout=60)
        assert answer.status_code == status
        assert answer.headers["X-Content-Type-Options"] == "nosniff", base


def test_html_that_is_declared_as_sound_is_saved(api: Api) -> None:
    html = b"<!doctype html><script>alert(1)</script>"
    record = upload(api, html, filename="a.ape", content_type="audio/x-ape")
    assert record["status"] == "ready"
    answer = api("GET", f"/v1/files/{record['id']}/original?disposition=inline")
    assert (answer.status_code, answer.content) == (200, html), "from S3"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_a_rendition_of_an_unknown_file_is_a_404_that_the_edge_keeps(get: Get) -> None:
    path = f"/f/public/{FILE[:-1]}W/{VERSION}/w640"
    first = get(path, (CHROME,))
    assert first.status == 404
    assert first.headers["Cache-Control"] == "public, max-age=60"
    again = get(path, (CHROME,))
    assert (again.status, "Age" in again.headers) == (404, True)


def test_an_invalidation_through_cloudfronts_api_reaches_the_edge(
    local_stage: LocalStage, stored: dict[str, bytes], get: Get
) -> None:
    path = f"{FOLDER}/w640.jpg"
    get(path)
    assert get(path).headers["X-Cache"] == "Hit from cloudfront"
    local_stage.client("cloudfront").create_invalidation(
        DistributionId=local_stage.variables()["FILEMILL_DISTRIBUTION_ID"],
        InvalidationBatch={"Paths": {"Quantity": 1, "Items": [f"{FOLDER}/*"]}, "CallerReference": str(time.time_ns())},
    )
    deadline = time.monotonic() + 5
    while get(path).headers["X-Cache"].startswith("Hit"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert get(path).headers["X-Cache"] == "Hit from cloudfront"


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_two_hundred_first_viewers_of_an_avif_are_one_request_to_the_origins(
    local_stage: LocalStage, api: Api, visibility: str
) -> None:
    photo = upload(api, images.jpeg(1000, 750), content_type="image/jpeg", visibility=visibility)
    viewed = address(shown(api, photo["id"]), "w640")
    start = threading.Barrier(200)

    def view(_: int) -> requests.Response:
        start.wait()
        return requests.get(viewed, headers={"Accept": CHROME}, timeout=120)

    with ThreadPoolExecutor(200) as viewers:
        answers = list(viewers.map(view, range(200)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert Counter(a.headers["X-Cache"] for a in answers) == {"Miss from cloudfront": 1, "Hit from cloudfront": 199}
    with Image.open(BytesIO(answers[0].content)) as image:
        assert (image.format, image.width) == ("AVIF", 640)
    again = requests.get(viewed, headers={"Accept": CHROME}, timeout=10)
    assert again.headers["X-Cache"] == "Hit from cloudfront"
    assert requests.get(viewed.partition("?")[0], timeout=10).status_code == (200 if visibility == "public" else 403)
