"""The API's function in a process of its own, with the code of one checkout. `run` starts one for each revision.

It reads lines from its standard input: an operation, and how many requests to send. For each line it answers the
seconds of CPU that those requests took. With a third word, `counted`, it counts the calls of functions instead, which
are the same on every machine. AWS is played by `_answer`, below botocore's HTTP session: everything that
botocore does for a call is counted, but neither sending it nor TLS.
"""

from __future__ import annotations

import cProfile
import gc
import io
import json
import os
import pstats
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PHOTO = json.loads((Path(__file__).parent / "photo.json").read_text())

CREDENTIAL = "fm_0123456789ab_" + "0" * 48
KEY_ID = "0123456789ab"
LONG_AGO = {"S": "2026-11-01T00:00:00.000Z"}
NEVER = {"S": "9999-01-01T00"}  # the key was used "now" already: no request notes it

LIST = 50
FILES = 60  # more than a page, so that its answer has a cursor

BODY = {
    "filename": "IMG 4032.jpg",
    "content_type": "image/jpeg",
    "size": 2_766_997,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "tags": ["holiday", "2026"],
    "metadata": {"album": "Summer", "order": 17},
}

# As CloudFront hands them on, and API Gateway after it.
HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "Authorization": f"Bearer {CREDENTIAL}",
    "CloudFront-Forwarded-Proto": "https",
    "CloudFront-Viewer-Country": "DE",
    "Host": "abcdefghij.execute-api.eu-west-1.amazonaws.com",
    "User-Agent": "python-requests/2.32.5",
    "Via": "2.0 0123456789abcdef0123456789abcdef.cloudfront.net (CloudFront)",
    "X-Amz-Cf-Id": "0123456789-abcdefghijklmnopqrstuvwxyz-0123456789abcdefgh==",
    "X-Amzn-Trace-Id": "Root=1-69286e9a-0123456789abcdef01234567",
    "X-Forwarded-For": "203.0.113.7, 130.176.1.2",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Proto": "https",
}


# --- AWS's answers


def _files() -> list[dict[str, Any]]:
    """The records of as many photos, the newest first."""
    found = []
    for number in range(FILES, 0, -1):
        file_id = f"file_01KAP3Y5ZD4Q8R2V7W9XAB{number:04d}"
        values = {"pk": f"FILE#{file_id}", "id": file_id, "list_sk": file_id, "sha256": f"{number:064x}"}
        values["source_version"] = f"{number:016x}"
        found.append(PHOTO | {name: {"S": value} for name, value in values.items()})
    return found


def _items(hash_key: Callable[[str], str]) -> dict[str, bytes]:
    """GetItem's answers, by the partition key."""
    key = {
        "id": {"S": KEY_ID},
        "hash": {"S": hash_key(CREDENTIAL)},
        "tenant": PHOTO["tenant"],
        "name": {"S": "bench"},
        "scopes": {"L": [{"S": "files:read"}, {"S": "files:write"}]},
        "created_at": LONG_AGO,
        "used_at": NEVER,
    }
    tenant = {"name": PHOTO["tenant"], "changed_by": {"M": {"at": LONG_AGO}}}
    found = {f"KEY#{KEY_ID}": key, f"TENANT#{PHOTO['tenant']['S']}": tenant}
    found |= {each["pk"]["S"]: each for each in _files()}
    return {pk: json.dumps({"Item": item}).encode() for pk, item in found.items()}


def _page() -> bytes:
    """Query's answer: one record more than the list has, as its reader asks for."""
    items = _files()[: LIST + 1]
    last = {name: items[-1][name] for name in ("pk", "sk", "list_pk", "list_sk")}
    return json.dumps({"Items": items, "Count": len(items), "LastEvaluatedKey": last}).encode()


class _Aws:
    """Answers botocore's requests as AWS does, and counts them."""

    def __init__(self, cdn_key: bytes, hash_key: Callable[[str], str]) -> None:
        from botocore.awsrequest import AWSResponse

        self._response = AWSResponse
        self._items = _items(hash_key)
        self._page = _page()
        self._parameters = {"cdn-signing-key": cdn_key.decode(), "secret": "s" * 43}
        self.calls = 0

    def send(self, request: Any) -> Any:
        self.calls += 1
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        body = getattr(self, f"_{operation}")(request.body)
        headers: Any = {"Content-Type": "application/x-amz-json-1.0"}
        return self._response(request.url, 200, headers, _Raw(body))

    def _GetItem(self, body: bytes) -> bytes:  # noqa: N802
        return self._items[json.loads(body)["Key"]["pk"]["S"]]

    def _Query(self, body: bytes) -> bytes:  # noqa: N802
        return self._page

    def _PutItem(self, body: bytes) -> bytes:  # noqa: N802
        return b"{}"

    def _GetParameter(self, body: bytes) -> bytes:  # noqa: N802
        name = json.loads(body)["Name"]
        return json.dumps({"Parameter": {"Value": self._parameters[name.rpartition("/")[2]]}}).encode()


class _Raw(io.BytesIO):
    """The body of an answer, as urllib3 gives it to botocore."""

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.read()


# --- API Gateway's events


def _event(method: str, resource: str, door: str, **more: Any) -> dict[str, Any]:
    headers = HEADERS | {"X-Filemill-Door": door} | more.pop("headers", {})
    event = {
        "resource": resource,
        "path": resource,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "abc123",
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/api{resource}",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "api",
            "requestTimeEpoch": 1764216000000,
            "requestId": str(uuid.uuid4()),
            "identity": {"sourceIp": "130.176.1.2", "userAgent": "Amazon CloudFront"},
            "apiId": "abcdefghij",
        },
        "body": None,
        "isBase64Encoded": False,
    }
    return event | more


def _events(door: str) -> dict[str, list[dict[str, Any]]]:
    """By operation: the events that are sent in turn."""
    ids = [each["id"]["S"] for each in _files()]
    one, all_of_them, json_body = "/v1/files/{file_id}", "/v1/files", {"Content-Type": "application/json"}
    query: dict[str, Any] = {
        "queryStringParameters": {"limit": str(LIST)},
        "multiValueQueryStringParameters": {"limit": [str(LIST)]},
    }
    return {
        "get": [_event("GET", one, door, pathParameters={"file_id": each}) for each in ids],
        "list": [_event("GET", all_of_them, door, **query)],
        "create": [_event("POST", all_of_them, door, headers=json_body, body=json.dumps(BODY))],
    }


STATUS = {"get": 200, "list": 200, "create": 201}


def _started() -> Callable[[str, int], dict[str, Any]]:
    """Imports the checkout's function. Gives what sends requests to it and measures them."""
    from tests.stage import new_cdn_key

    os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "filemill-test"
    from botocore.httpsession import URLLib3Session

    import app
    from chalicelib import keyring
    from chalicelib.catalog.credentials import hash_key

    played = _Aws(new_cdn_key(), hash_key)
    session: Any = URLLib3Session
    session.send = lambda _, request: played.send(request)
    events = _events(keyring.door_secret())
    context = SimpleNamespace(aws_request_id="r", function_name="filemill-test", memory_limit_in_mb=1769)
    handler: Any = app.app

    def send(operation: str, count: int) -> dict[str, Any]:
        sent, calls = events[operation], played.calls
        answer: dict[str, Any] = {}
        gc.collect()
        begin = time.process_time()
        for number in range(count):
            answer = handler(sent[number % len(sent)], context)
        seconds = time.process_time() - begin
        assert answer["statusCode"] == STATUS[operation], answer
        return {"seconds": seconds, "calls": played.calls - calls, "bytes": len(answer["body"])}

    return send


def main() -> None:
    told = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the function's log
    send = _started()
    for line in sys.stdin:
        operation, count, *counted = line.split()
        answer = _counted(send, operation, int(count)) if counted else send(operation, int(count))
        told.write(json.dumps(answer) + "\n")
        told.flush()


def _counted(send: Callable[[str, int], dict[str, Any]], operation: str, count: int) -> dict[str, Any]:
    """How many functions are called in so many requests, those that are written in C included."""
    profile = cProfile.Profile()
    profile.runcall(send, operation, count)
    return {"functions": pstats.Stats(profile).total_calls}  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
