"""Webhooks of the deployed stack, to a receiver on this computer that checks them with the standard's own library."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import pytest
from standardwebhooks import Webhook

from ops.local.stage import LocalStage
from tests.e2e import stack
from tests.local import Api


class Receiver:
    """Answers with the next of `statuses`, then with 204. `got` are the requests, as (headers, body)."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.got: Queue[tuple[dict[str, str], bytes]] = Queue()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.put(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 204)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"

    def next(self) -> tuple[dict[str, str], bytes]:
        return self.got.get(timeout=60)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


@pytest.fixture
def webhook(api: Api, receiver: Receiver) -> Iterator[dict[str, Any]]:
    made = api("POST", "/v1/webhooks", json={"url": receiver.url, "types": ["filemill.file.ready"]})
    assert made.status_code == 201, made.text
    yield made.json()
    assert api("DELETE", f"/v1/webhooks/{made.json()['id']}").ok


def test_a_receiver_on_this_computer_gets_a_signed_event(api: Api, receiver: Receiver, webhook: dict[str, Any]) -> None:
    record = stack.upload(api, stack.png())
    headers, body = receiver.next()
    event: Any = Webhook(webhook["secret"]).verify(body, headers)
    assert headers["webhook-id"] == event["id"] == f"evt_{record['id']}_{record['revision']}"
    assert event["type"] == "filemill.file.ready"
    assert event["data"]["file"]["renditions"]
    with pytest.raises(Exception, match="signature"):
        Webhook(webhook["secret"]).verify(body.replace(b"ready", b"READY"), headers)


def test_a_receiver_that_fails_is_tried_again(api: Api, receiver: Receiver, webhook: dict[str, Any]) -> None:
    receiver.statuses = [500]
    stack.upload(api, stack.png())
    first, second = receiver.next(), receiver.next()
    assert first[0]["webhook-id"] == second[0]["webhook-id"]
    assert json.loads(first[1])["id"] == json.loads(second[1])["id"]
    Webhook(webhook["secret"]).verify(second[1], second[0])


def test_other_networks_stay_closed(api: Api, local_stage: LocalStage) -> None:
    for url in ("http://10.0.0.1/hooks", "http://169.254.169.254/latest", "http://192.168.1.1:8080/"):
        refused = api("POST", "/v1/webhooks", json={"url": url})
        assert refused.status_code == 422, refused.text
        assert refused.json()["code"] == "url_refused"
