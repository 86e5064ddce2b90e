"""Files fetched by URL, by the deployed function."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ops.local.stage import LocalStage
from tests.e2e.stack import finished, png
from tests.local import Api

PICTURE = png((320, 240))


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
RAW = {
    "/minus-five": CHUNKED + b"-5\r\nabcde\r\n0\r\n\r\n",
    "/minus-one": CHUNKED + b"-1\r\nabcde\r\n0\r\n\r\n",
    "/long": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "/zeros": bytes(100),
}


class Handler(BaseHTTPRequestHandler):
    """`/a.png` is a picture, `/moved` leads to it, `/inside` to where instances get their credentials.

    The paths of RAW answer what no HTTP server should.
    """

    def do_GET(self) -> None:
        if self.path in RAW:
            self.wfile.write(RAW[self.path])
            return
        moved = {"/moved": "/a.png", "/inside": "http://169.254.169.254/latest/meta-data/"}.get(self.path)
        body = PICTURE if self.path == "/a.png" else b""
        self.send_response(302 if moved else 200 if body else 404)
        if moved:
            self.send_header("Location", moved)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def loopback_allowed(local_stage: LocalStage) -> Iterator[None]:
    """What an operator's FILEMILL_IMPORT_NETWORKS does, for the test's own server is on loopback."""
    client = local_stage.client("lambda")
    functions = ("filemill-local", "filemill-local-fetch")
    before = {
        name: client.get_function_configuration(FunctionName=name)["Environment"]["Variables"] for name in functions
    }
    for name, variables in before.items():
        allowed = variables | {"FILEMILL_IMPORT_NETWORKS": "127.0.0.0/8"}
        client.update_function_configuration(FunctionName=name, Environment={"Variables": allowed})
    yield
    for name, variables in before.items():
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "ftp://example.com/a",
    ],
)
def test_an_address_inside_is_refused_at_once(api: Api, url: str) -> None:
    answer = api("POST", "/v1/files", json={"source_url": url})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "source_refused", "source_url")


def test_a_name_that_leads_inside_ends_as_refused(api: Api) -> None:
    made = api("POST", "/v1/files", json={"source_url": "http://localhost:8080/a.png"})
    assert made.status_code == 201
    assert "upload" not in made.json()
    record = finished(api, made.json()["id"])
    assert (record["status"], record["error"]["code"]) == ("failed", "source_refused")


def test_a_file_is_fetched_and_goes_on_like_any_other(api: Api, source: str, loopback_allowed: None) -> None:
    for path in ("/a.png", "/moved"):
        record = finished(api, api("POST", "/v1/files", json={"source_url": source + path}).json()["id"])
        assert (record["status"], record["kind"], record["size"]) == ("ready", "image", len(PICTURE))
        assert record["sha256"] == hashlib.sha256(PICTURE).hexdigest()
        assert record["content_type"] == "image/png"


@pytest.mark.parametrize(
    ("path", "more", "code"),
    [
        ("/nothing", {}, "source_unreachable"),
        ("/inside", {}, "source_refused"),
        *((path, {}, "source_unreachable") for path in RAW),
        ("/a.png", {"size": 10}, "size_mismatch"),
        ("/a.png", {"content_type": "image/jpeg"}, "type_mismatch"),
    ],
)
def test_a_source_at_fault_ends_with_its_code(
    api: Api, source: str, loopback_allowed: None, path: str, more: dict[str, object], code: str
) -> None:
    record = finished(api, api("POST", "/v1/files", json={"source_url": source + path} | more).json()["id"])
    assert (record["status"], record["error"]["code"]) == ("failed", code)


def test_no_source_made_a_dead_letter(local_stage: LocalStage) -> None:
    url = local_stage.variables()["FILEMILL_IMPORT_DEAD_LETTER_QUEUE_URL"]
    asked = local_stage.client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )
    assert {*asked["Attributes"].values()} == {"0"}
