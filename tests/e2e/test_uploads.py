"""Uploads that break, and still get their file in, once, with the right bytes."""

from __future__ import annotations

import hashlib
import os
import socket
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from ops.local.stage import LocalStage
from tests.e2e.stack import finished, png, upload
from tests.local import Api

MIB = 1024**2
PART = 5 * MIB
DATA = os.urandom(12 * MIB)
NUMBERS = (1, 2, 3)


def begin(api: Api, **more: Any) -> dict[str, Any]:
    body = {"filename": "v.bin", "content_type": "application/x-video", "size": len(DATA), "upload": "multipart"}
    answer = api("POST", "/v1/files", json=body | {"part_size": PART} | more)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


def piece(number: int) -> bytes:
    return DATA[(number - 1) * PART : number * PART]


def address(api: Api, file_id: str, number: int) -> str:
    answer = api("POST", f"/v1/files/{file_id}/parts", json={"part_numbers": [number]})
    url: str = answer.json()["parts"][0]["url"]
    return url


def send(api: Api, file_id: str, *numbers: int) -> list[dict[str, Any]]:
    sent = []
    for number in numbers:
        answer = requests.put(address(api, file_id, number), data=piece(number), timeout=60)
        assert answer.ok, answer.text
        sent.append({"part_number": number, "etag": answer.headers["ETag"]})
    return sent


def complete(api: Api, file_id: str, parts: list[dict[str, Any]]) -> requests.Response:
    return api("POST", f"/v1/files/{file_id}/complete", json={"parts": parts})


def versions(stage: LocalStage, file_id: str) -> list[dict[str, Any]]:
    bucket = stage.variables()["FILEMILL_ORIGINALS_BUCKET"]
    found: list[dict[str, Any]] = stage.client("s3").list_object_versions(Bucket=bucket, Prefix=f"demo/{file_id}")[
        "Versions"
    ]
    return found


def test_an_upload_that_broke_off_is_resumed_from_the_file_id_alone(local_stage: LocalStage, api: Api) -> None:
    file_id = begin(api)["id"]
    send(api, file_id, 1)
    # Another process, which knows nothing but the id.
    state = api("GET", f"/v1/files/{file_id}/parts").json()
    assert [(p["part_number"], p["size"]) for p in state["parts"]] == [(1, PART)]
    missing = set(range(1, state["part_count"] + 1)) - {p["part_number"] for p in state["parts"]}
    parts = [{"part_number": p["part_number"], "etag": p["etag"]} for p in state["parts"]]
    parts += send(api, file_id, *sorted(missing))
    assert complete(api, file_id, parts).status_code == 200
    record = finished(api, file_id)
    assert (record["status"], record["sha256"]) == ("ready", hashlib.sha256(DATA).hexdigest())
    assert len(versions(local_stage, file_id)) == 1


def test_a_connection_that_is_cut_mid_part_leaves_no_part(api: Api) -> None:
    file_id = begin(api)["id"]
    url = urlsplit(address(api, file_id, 1))
    with socket.create_connection((url.hostname, url.port or 80)) as line:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {PART}\r\n\r\n"
        line.sendall(head.encode() + piece(1)[: PART // 2])
    time.sleep(0.5)
    assert api("GET", f"/v1/files/{file_id}/parts").json()["parts"] == []
    parts = send(api, file_id, *NUMBERS)
    assert complete(api, file_id, parts).status_code == 200
    assert finished(api, file_id)["sha256"] == hashlib.sha256(DATA).hexdigest()


def test_a_part_that_is_sent_again_replaces_itself(api: Api) -> None:
    file_id = begin(api)["id"]
    requests.put(address(api, file_id, 2), data=b"\0" * PART, timeout=60).raise_for_status()
    parts = send(api, file_id, 1, 2, 2, 3)
    assert complete(api, file_id, [parts[0], *parts[2:]]).status_code == 200
    assert finished(api, file_id)["sha256"] == hashlib.sha256(DATA).hexdigest()


def test_a_part_of_another_length_than_was_signed_is_refused_by_s3(api: Api) -> None:
    file_id = begin(api)["id"]
    for number in NUMBERS:
        for body in (piece(number) + b"x", piece(number)[:-1], b"x" * 8 * PART):
            refused = requests.put(address(api, file_id, number), data=body, timeout=60)
            assert refused.status_code == 403, refused.text
            assert "SignatureDoesNotMatch" in refused.text
    assert api("GET", f"/v1/files/{file_id}/parts").json()["parts"] == []
    assert complete(api, file_id, send(api, file_id, *NUMBERS)).status_code == 200


def test_completing_again_gives_the_record_unless_the_parts_are_others(api: Api) -> None:
    file_id = begin(api)["id"]
    parts = send(api, file_id, *NUMBERS)
    assert [complete(api, file_id, parts).status_code for _ in range(2)] == [200, 200]
    assert finished(api, file_id)["status"] == "ready"
    again = complete(api, file_id, parts)
    assert (again.status_code, again.json()["status"]) == (200, "ready")
    other = complete(api, file_id, parts[:-1])
    assert (other.status_code, other.json()["code"]) == (409, "already_uploaded")


def test_an_address_that_begins_an_upload_begins_one(local_stage: LocalStage, api: Api) -> None:
    begun = api("POST", "/s3/presign", json={"method": "POST", "key": "a.bin"}).json()
    answers = [requests.post(begun["url"], headers={"Content-Type": "image/jpeg"}, timeout=60) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    bucket = local_stage.variables()["FILEMILL_ORIGINALS_BUCKET"]
    listed = local_stage.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert len([upload for upload in listed if upload["Key"] == begun["key"]]) == 1
    assert api("DELETE", f"/v1/files/{begun['key'].partition('/')[2]}").status_code == 204
    assert requests.post(begun["url"], timeout=60).status_code == 404
    listed = local_stage.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert begun["key"] not in {upload["Key"] for upload in listed}


def test_completing_twice_at_once_makes_one_file(local_stage: LocalStage, api: Api) -> None:
    file_id = begin(api)["id"]
    parts = send(api, file_id, *NUMBERS)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: complete(api, file_id, parts), range(4)))
    statuses = sorted(a.status_code for a in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {200, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"already_uploaded"}
    record = finished(api, file_id)
    assert (record["status"], record["sha256"], record["revision"]) == ("ready", hashlib.sha256(DATA).hexdigest(), 3)
    assert len(versions(local_stage, file_id)) == 1


def test_two_clients_on_one_upload_make_one_file_of_the_right_bytes(local_stage: LocalStage, api: Api) -> None:
    file_id = begin(api)["id"]
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda order: send(api, file_id, *order), (NUMBERS, reversed(NUMBERS)))
    assert sorted(one, key=lambda p: p["part_number"]) == sorted(two, key=lambda p: p["part_number"])
    assert complete(api, file_id, one).status_code == 200
    assert finished(api, file_id)["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert len(versions(local_stage, file_id)) == 1


def test_parts_with_checksums_are_checked_by_s3(api: Api) -> None:
    file_id = begin(api, part_checksums=True)["id"]
    parts = []
    for number in NUMBERS:
        digest = hashlib.sha256(piece(number)).digest()
        asked = {"parts": [{"part_number": number, "sha256": digest.hex()}]}
        url = api("POST", f"/v1/files/{file_id}/parts", json=asked).json()["parts"][0]["url"]
        header = {"x-amz-checksum-sha256": b64encode(digest).decode()}
        assert requests.put(url, data=b"x" * len(piece(number)), headers=header, timeout=60).status_code == 400
        answer = requests.put(url, data=piece(number), headers=header, timeout=60)
        assert answer.ok, answer.text
        parts.append({"part_number": number, "etag": answer.headers["ETag"]})
    answer = complete(api, file_id, parts)
    assert answer.status_code == 200, answer.text
    assert finished(api, file_id)["sha256"] == hashlib.sha256(DATA).hexdigest()


def test_bytes_that_have_not_the_declared_hash_are_never_ready(api: Api) -> None:
    data = png((64, 48))
    body = {"filename": "a.png", "content_type": "image/png", "size": len(data)}
    made = api("POST", "/v1/files", json=body | {"sha256": hashlib.sha256(data).hexdigest()}).json()
    form = made["upload"]
    sent = requests.post(form["url"], data=form["fields"], files={"file": data[:-1] + b"x"}, timeout=60)
    # S3 refuses them by the form's x-amz-checksum-sha256; the emulator takes them, and processing finds out.
    if sent.ok:
        record = finished(api, made["id"])
        assert (record["status"], record["error"]["code"]) == ("failed", "checksum_mismatch")
    else:
        assert sent.status_code == 400


def test_replaying_a_form_or_a_part_after_completion_changes_nothing(local_stage: LocalStage, api: Api) -> None:
    data = png((300, 200))
    made = api("POST", "/v1/files", json={"filename": "a", "content_type": "image/png", "size": len(data)}).json()
    form = made["upload"]

    def post(body: bytes) -> requests.Response:
        return requests.post(form["url"], data=form["fields"], files={"file": body}, timeout=60)

    assert post(data).ok
    before = finished(api, made["id"])
    assert post(b"\0" * len(data)).ok, "S3 takes it, as a version that nobody will look at"
    time.sleep(2)
    assert api("GET", f"/v1/files/{made['id']}").json() == before
    assert requests.get(before["renditions"][0]["url"], timeout=60).status_code == 200

    file_id = begin(api)["id"]
    late = address(api, file_id, 1)
    complete(api, file_id, send(api, file_id, *NUMBERS))
    before = finished(api, file_id)
    assert requests.put(late, data=b"\0" * PART, timeout=60).status_code == 404
    assert api("GET", f"/v1/files/{file_id}").json() == before


def test_waiting_returns_when_the_file_is_ready(api: Api) -> None:
    data = png((200, 100))
    made = api("POST", "/v1/files", json={"filename": "a", "content_type": "image/png", "size": len(data)}).json()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(api, "GET", f"/v1/files/{made['id']}?wait=20")
        time.sleep(1)
        assert not waiting.done()
        assert requests.post(made["upload"]["url"], data=made["upload"]["fields"], files={"file": data}, timeout=60).ok
        answer = waiting.result(timeout=15)
    assert answer.json()["status"] in ("processing", "ready")
    assert finished(api, made["id"])["status"] == "ready"


def test_a_browsers_token_uploads_and_sees_its_own_file(local_stage: LocalStage, api: Api) -> None:
    minted = api("POST", "/v1/upload-tokens", json={"max_bytes": MIB, "content_types": ["image/*"]}).json()
    browser = Api(local_stage.front_door, minted["token"])
    record = upload(browser, png((160, 120)))
    assert record["status"] == "ready"
    assert browser("GET", "/v1/files").status_code == 403
    spent = browser("POST", "/v1/files", json={"filename": "b", "content_type": "image/png", "size": 9})
    assert (spent.status_code, spent.json()["code"]) == (403, "token_spent")


def test_a_duplicate_is_given_back_without_a_byte(api: Api) -> None:
    data = os.urandom(100)
    body = {"filename": "a", "content_type": "application/x-a", "size": 100}
    digest = hashlib.sha256(data).hexdigest()
    record = upload(api, data, **body, sha256=digest)
    answer = api("POST", "/v1/files", json=body | {"sha256": digest, "on_duplicate": "reuse"})
    assert (answer.status_code, answer.json()["id"]) == (200, record["id"])


@pytest.mark.parametrize("method_path", [("GET", "parts"), ("POST", "parts"), ("POST", "complete"), ("DELETE", "")])
def test_another_tenant_has_no_part_in_an_upload(
    api: Api, api_of: Callable[[str], Api], method_path: tuple[str, str]
) -> None:
    method, path = method_path
    file_id = begin(api)["id"]
    bodies: dict[str, Any] = {"parts": {"part_numbers": [1]}, "complete": {"parts": [{"part_number": 1, "etag": "x"}]}}
    answer = api_of("other")(method, f"/v1/files/{file_id}/{path}".rstrip("/"), json=bodies.get(path))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
