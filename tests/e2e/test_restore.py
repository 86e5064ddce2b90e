"""A restore on the deployed stack, as an operator rehearses it: the drill of docs/operations.md."""

from __future__ import annotations

import json
import time
from typing import Any

import requests

from chalicelib.settings import PREFIX
from ops.local.stage import LocalStage
from tests.e2e.stack import finished, ops, png, upload
from tests.local import Api


def changes(api: Api, after: str | None = None) -> tuple[dict[str, Any], str]:
    """All changes behind a cursor by file, and the cursor behind them."""
    found: dict[str, Any] = {}
    while True:
        answer = api("GET", "/v1/changes", params={"after": after} if after else {}).json()
        found |= {item["id"]: item for item in answer["items"]}
        after = answer["next_after"]
        if not answer["more"]:
            return found, str(after)


def test_records_go_back_to_a_moment_and_agree_with_the_buckets(local_stage: LocalStage, api: Api) -> None:
    before = local_stage.variables()[f"{PREFIX}TABLE"]
    edited, deleted, remade = (upload(api, png((width, 48)), tags=["then"]) for width in (70, 71, 72))
    time.sleep(2)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    time.sleep(2.5)
    assert api("PATCH", f"/v1/files/{edited['id']}", json={"tags": ["since"]}).status_code == 200
    assert api("DELETE", f"/v1/files/{deleted['id']}").status_code == 204
    assert api("POST", f"/v1/files/{remade['id']}/reprocess", json={"force": True}).status_code == 202
    assert finished(api, remade["id"])["status"] == "ready"
    later = upload(api, png((73, 48)))
    time.sleep(1)
    _, cursor = changes(api)

    assert "is in the future" in ops(local_stage, "restore", "--at", "2100-01-01T00:00:00Z").stderr
    asked = ops(local_stage, "restore", "--at", at)
    assert asked.returncode == 1
    assert "Add --yes" in asked.stderr
    assert local_stage.variables()[f"{PREFIX}TABLE"] == before
    done = ops(local_stage, "restore", "--at", at, "--yes", "--json")
    assert done.returncode == 0, done.stderr

    report = json.loads(done.stdout)
    assert report["former_table"] == before
    assert report["table"] == local_stage.variables()[f"{PREFIX}TABLE"] != before
    assert f"demo/{later['id']}" in report["records"]["newer"]
    assert f"demo/{deleted['id']}" in report["records"]["lost"]
    mended = {(each["file_id"], each["problem"]): each["mended"] for each in report["findings"]}
    assert mended[remade["id"], "renditions_missing"] is True

    assert api("GET", f"/v1/files/{edited['id']}").json()["tags"] == ["then"]
    assert api("GET", f"/v1/files/{deleted['id']}").status_code == 404
    assert api("GET", f"/v1/files/{later['id']}").status_code == 404
    again = finished(api, remade["id"])
    assert again["status"] == "ready"
    assert all(requests.get(each["url"], timeout=30).ok for each in again["renditions"])
    time.sleep(2)  # the index
    found, _ = changes(api, cursor)
    assert found.keys() >= {edited["id"], later["id"], remade["id"]}
    assert found[later["id"]]["deleted"]

    assert api("POST", f"/v1/files/{later['id']}/restore").status_code == 202
    assert finished(api, later["id"])["status"] == "ready"
    assert upload(api, png((74, 48)))["status"] == "ready"
    doctor = ops(local_stage, "doctor")
    assert doctor.returncode == 0, doctor.stdout
    # The stack is one like any other: it is provisioned, and its table stays.
    provisioned = ops(local_stage, "provision", "--front-door", local_stage.front_door)
    assert "nothing to change" in provisioned.stdout, provisioned.stderr
    assert local_stage.variables()[f"{PREFIX}TABLE"] == report["table"]
