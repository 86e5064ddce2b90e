"""Every route refuses another tenant: the routes are read off the app, so that a new one cannot be forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.api import routing
from tests.client import Client, new_client
from tests.making import deliver, put
from tests.stage import aws_client

# Bodies that would be right, had the file been theirs.
BODIES: dict[str, Any] = {
    "/v1/files/{file_id}/reprocess": {"force": True},
    "/v1/files/{file_id}/grant": {},
    "/v1/files/{file_id}/parts": {"part_numbers": [1]},
    "/v1/files/{file_id}/complete": {"parts": [{"part_number": 1, "etag": "x"}]},
}
PATCH = {"visibility": "public", "tags": ["theirs"]}
# Routes that name no file: what they answer is the caller's own.
WITHOUT_A_FILE = {
    ("GET", "/v1/changes"),
    ("GET", "/v1/files"),
    ("GET", "/v1/search"),
    ("GET", "/v1/stats"),
    ("POST", "/v1/files"),
    ("POST", "/v1/files/batch-get"),  # tests/api/routes/test_finding.py: it leaves out what is not the caller's
    ("POST", "/v1/grants"),  # as batch-get: tests/api/routes/test_access.py
    ("POST", "/v1/upload-tokens"),
}
RENDER = "/render/f/{visibility}/{file_id}/{version}/{name}"
# CloudFront's secret, and not a credential, opens RENDER: tests/api/routes/test_render.py.
OPEN = {
    ("GET", "/v1/health"): 200,
    ("GET", "/s3/sts"): 404,
    ("DELETE", "/s3/session"): 204,
    ("GET", "/openapi.json"): 200,
    ("GET", "/docs"): 200,
    ("GET", "/docs/{asset}"): 404,
    ("GET", RENDER): 404,
    ("HEAD", RENDER): 404,
}


def routes() -> list[tuple[str, str]]:
    import app

    fallbacks = {"method_not_allowed", "unknown_route"}
    return [
        (method, path)
        for path, methods in app.app.routes.items()
        for method, entry in methods.items()
        if entry.view_name.rpartition(".")[2] not in fallbacks and entry.view_function.__name__ not in fallbacks
    ]


@pytest.mark.parametrize(("method", "path"), routes(), ids=lambda v: v)
def test_a_route_needs_a_credential(stage: Any, method: str, path: str) -> None:
    answer = Client(None)(method, path.replace("{file_id}", "file_x"), BODIES.get(path))
    assert answer.status == OPEN.get((method, path), 401)


# The routes below /s3 name a file by its key: tests/api/routes/test_uppy.py has them.
NAME_A_FILE = [r for r in routes() if r not in WITHOUT_A_FILE | OPEN.keys() and not r[1].startswith("/s3/")]


@pytest.mark.parametrize(("method", "path"), NAME_A_FILE, ids=lambda v: v)
def test_a_route_that_names_a_file_answers_another_tenant_as_if_there_were_none(
    client: Client, method: str, path: str
) -> None:
    assert "{file_id}" in path, "say in this test what this new route does with another tenant's files"
    multipart = {"filename": "v", "content_type": "application/x-v", "size": 10**7, "upload": "multipart"}
    waiting = client("POST", "/v1/files", multipart).json["id"]
    done = client("POST", "/v1/files", {"filename": "a", "content_type": "text/csv", "size": 3}).json["id"]
    put(done, b"a,b")
    deliver(done)
    other = new_client("other")
    token = Client(other("POST", "/v1/upload-tokens", {"max_bytes": 10**9}).json["token"])
    neighbour = Client(client("POST", "/v1/upload-tokens", {"max_bytes": 10**9}).json["token"])
    takes_tokens = any(o.tokens for o in routing.OPERATIONS if (o.method, o.path) == (method, path))
    before = [client("GET", f"/v1/files/{file_id}").json for file_id in (waiting, done)]
    for file_id in (waiting, done):
        for stranger in (other, token, neighbour):
            body = PATCH if method == "PATCH" else BODIES.get(path)
            answer = stranger(method, path.replace("{file_id}", file_id), body)
            refused = stranger is not other and not takes_tokens
            assert answer.json["code"] == ("missing_scope" if refused else "not_found")
            assert answer.status == (403 if refused else 404)
    assert [client("GET", f"/v1/files/{file_id}").json for file_id in (waiting, done)] == before
    assert len(aws_client("s3").list_multipart_uploads(Bucket="originals")["Uploads"]) == 1
    assert len(aws_client("s3").list_object_versions(Bucket="originals")["Versions"]) == 1
