"""Access for whole organisations, on the deployed stack: keys over the API, suspension, share links, and the audit."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import requests

from chalicelib.catalog.dynamodb import typed
from chalicelib.catalog.keys import position_key
from chalicelib.upkeep import sealing
from ops import listen
from ops.local.stage import ROOT, LocalStage
from tests.e2e import stack
from tests.e2e.stack import ops, sweep
from tests.local import Api


def key_of(stage: LocalStage, *words: str) -> Api:
    made = ops(stage, "keys", "create", "--name", "test", *words)
    assert made.returncode == 0, made.stderr
    return Api(stage.front_door, made.stdout.strip())


def until(seconds: float, is_so: Any) -> bool:
    """True as soon as this is so; False if it is not within so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(1)
    return False


def test_a_key_that_was_made_over_the_api_works_and_ends(local_stage: LocalStage) -> None:
    admin = key_of(local_stage, "--tenant", "keys-here")
    body = {"name": "reader", "scopes": ["files:read"], "networks": ["127.0.0.0/8", "::1/128"]}
    made = admin("POST", "/v1/keys", json=body)
    assert made.status_code == 201, made.text
    reader = Api(local_stage.front_door, made.json()["key"])
    assert reader("GET", "/v1/files").json()["items"] == []
    forged = reader("GET", "/v1/files", headers={"X-Forwarded-For": "203.0.113.9"})
    assert forged.status_code == 200, "the front door knows the address, whatever the client writes"
    path = f"/v1/keys/{made.json()['id']}"
    elsewhere = admin("PATCH", path, json={"networks": ["203.0.113.0/24"]})
    assert elsewhere.status_code == 200, elsewhere.text
    assert until(65, lambda: reader("GET", "/v1/files").status_code == 403)
    forged = reader("GET", "/v1/files", headers={"X-Forwarded-For": "203.0.113.9", "X-Filemill-Door": "x"})
    assert forged.json()["code"] == "network_not_allowed"
    assert admin("DELETE", path).status_code == 204
    assert until(65, lambda: reader("GET", "/v1/files").status_code == 401)


def test_a_socket_of_a_suspended_tenant_is_closed(local_stage: LocalStage) -> None:
    key = key_of(local_stage, "--tenant", "late-payer")
    operator = key_of(local_stage, "--operator")

    async def suspended_meanwhile() -> Any:
        async with aiohttp.ClientSession() as session:
            headers = {"Authorization": f"Bearer {key.key}"}
            async with session.ws_connect(listen.address(local_stage.front_door), headers=headers) as opened:
                await opened.send_json({"action": "subscribe", "all": True})
                assert (await opened.receive_json(timeout=30))["type"] == "subscribed"
                path, body = "/v1/tenants/late-payer", {"suspended": True}
                answer = await asyncio.to_thread(lambda: operator("PATCH", path, json=body))
                assert answer.status_code == 200, answer.text
                return (await opened.receive(timeout=90)).type

    closed = asyncio.run(suspended_meanwhile())
    assert closed in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED)
    refused = key("GET", "/v1/files")
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant_suspended")
    operator("PATCH", "/v1/tenants/late-payer", json={"suspended": False})
    assert until(65, lambda: key("GET", "/v1/files").status_code == 200)


def test_a_share_link_shows_its_page_through_the_front_door(local_stage: LocalStage, api: Api) -> None:
    picture = stack.png((64, 48))
    file_id = stack.upload(api, picture, filename="holiday.png")["id"]
    made = api("POST", f"/v1/files/{file_id}/shares", json={"password": "open sesame"}).json()
    assert made["url"].startswith(f"{local_stage.front_door}/s/")
    question = requests.get(made["url"], timeout=30)
    assert question.status_code == 200
    assert "holiday" not in question.text
    wrong = requests.post(made["url"], data={"password": "open barley"}, timeout=30)
    assert (wrong.status_code, "holiday" in wrong.text) == (403, False)
    page = requests.post(made["url"], data={"password": "open sesame"}, timeout=30)
    assert page.status_code == 200, page.text
    assert "holiday.png" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    preview, download = (
        re.search(pattern, page.text)[1].replace("&amp;", "&")  # type: ignore[index]
        for pattern in (r'<img src="([^"]+)"', r'class="act" href="([^"]+)"')
    )
    assert requests.get(preview, timeout=30).headers["Content-Type"].startswith("image/")
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    followed = requests.get(
        download, headers={**link, "Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1"}, timeout=30
    )
    assert followed.content == picture, "as Chromium follows the link"
    assert api("DELETE", f"/v1/files/{file_id}/shares/{made['id']}").status_code == 204
    assert requests.get(made["url"], timeout=30).status_code == 404


# Writes two entries as of a moment, in a process of its own: in this one, AWS may be mocked by another test.
_WRITE = """
import json, sys
from datetime import datetime
from chalicelib.catalog.audit import pages
from chalicelib.catalog.audit.entries import Entry
from chalicelib.catalog.keys import audit_partition
from chalicelib.model import timestamp
then = datetime.fromisoformat(sys.argv[1])
pages.now = lambda: then
by = {"type": "system", "id": "ops"}
written = [Entry(f"evt_{n}", "sealed", f"key{n}", "filemill.audit.key.changed", timestamp(then), by) for n in "ab"]
assert pages.write(written) == 2
page = next(iter(pages.of_hour("sealed", timestamp(then)[:13])))
print(json.dumps({"pk": {"S": audit_partition("sealed", page.shard)}, "sk": {"S": page.key}}))
"""


def test_the_deployed_sweep_seals_the_audit_and_a_change_of_it_is_found(local_stage: LocalStage) -> None:
    key_of(local_stage, "--tenant", "sealed")
    # An hour is sealed some time after its end. So these entries are written as three hours ago.
    then = datetime.now(UTC) - timedelta(hours=3)
    written = subprocess.run(
        [sys.executable, "-c", _WRITE, then.isoformat()],
        cwd=ROOT,
        env={**local_stage.environment, **local_stage.variables()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert written.returncode == 0, written.stderr
    # A sweep of another test may have sealed that hour before, so this one begins a day ago, as the first one does.
    table = local_stage.variables()["FILEMILL_TABLE"]
    local_stage.client("dynamodb").delete_item(TableName=table, Key=typed(dict(position_key(sealing.WALK))))
    sweep(local_stage)
    verified = ops(local_stage, "audit", "verify", "--tenant", "sealed", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    report = json.loads(verified.stdout)
    assert report["sealed"]["seals"] == 1, report
    local_stage.client("dynamodb").delete_item(TableName=table, Key=json.loads(written.stdout))
    found = ops(local_stage, "audit", "verify", "--tenant", "sealed")
    assert found.returncode == 1, found.stdout + found.stderr
    assert then.isoformat()[:13] in found.stdout
