"""Changed, processed again and deleted, on the deployed stack."""

from __future__ import annotations

import time
from typing import Any

import requests

from tests.e2e.stack import png, upload
from tests.local import Api


def finished(api: Api, file_id: str) -> dict[str, Any]:
    for _ in range(150):
        record: dict[str, Any] = api("GET", f"/v1/files/{file_id}").json()
        if record["status"] != "processing":
            return record
        time.sleep(0.2)
    raise AssertionError(f"still processing after 30 s: {record}")


def test_a_picture_is_made_private_processed_again_and_deleted(api: Api) -> None:
    file = upload(api, png(), visibility="public")
    address = f"/v1/files/{file['id']}"
    tag = api("GET", address).headers["ETag"]
    assert api("GET", address, headers={"If-None-Match": tag}).status_code == 304

    answer = api("PATCH", address, json={"visibility": "private", "tags": ["x"]}, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    assert api("PATCH", address, json={"tags": []}, headers={"If-Match": tag}).status_code == 412
    private = answer.json()["renditions"][0]["url"]
    assert requests.get(private, timeout=60).status_code == 200
    old = file["renditions"][0]["url"]
    assert requests.get(old, timeout=60).status_code == 404

    answer = api("POST", f"{address}/reprocess", json={"recipe": "avatar"})
    assert (answer.status_code, answer.json()["status"]) == (202, "processing"), answer.text
    made = finished(api, file["id"])
    assert (made["status"], made["recipe"], made["error"]) == ("ready", "avatar", None)
    assert all(requests.get(r["url"], timeout=60).status_code == 200 for r in made["renditions"])

    assert api("DELETE", address).status_code == 204
    assert api("GET", address).status_code == 404
    assert api("POST", f"{address}/restore").status_code == 404
