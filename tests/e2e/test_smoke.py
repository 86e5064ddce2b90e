"""The deployed stack stands: the front door, the API behind it, the storage, and what keeps strangers out."""

from __future__ import annotations

import stat

import requests

from ops.local.stage import LocalStage
from tests.e2e.stack import png, upload
from tests.local import Api

NINE_BYTES = {"filename": "a.png", "content_type": "image/png", "size": 9}


def test_health_over_the_front_door(local_stage: LocalStage) -> None:
    health = requests.get(f"{local_stage.front_door}/v1/health", timeout=60)
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert health.headers["X-Content-Type-Options"] == "nosniff"


def test_the_api_wants_a_key(local_stage: LocalStage, api: Api) -> None:
    assert requests.get(f"{local_stage.front_door}/v1/files", timeout=60).status_code == 401
    assert api("GET", "/v1/files").status_code == 200


def test_the_key_is_kept_for_its_owner_only_and_used_again(local_stage: LocalStage, api: Api) -> None:
    file = local_stage.home / "api-key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() == api.key == local_stage.api_key()


def test_a_public_picture_arrives_becomes_renditions_and_is_cached(api: Api) -> None:
    record = upload(api, png(), visibility="public")
    assert record["status"] == "ready", record["error"]
    url = record["renditions"][0]["url"]
    first, second = requests.get(url, timeout=60), requests.get(url, timeout=60)
    assert first.status_code == 200
    assert len(first.content) == record["renditions"][0]["size"]
    assert [r.headers["X-Cache"].split()[0] for r in (first, second)] == ["Miss", "Hit"]
    assert second.headers["Content-Security-Policy"].endswith("sandbox")


def test_a_private_picture_opens_by_its_signature_alone(api: Api) -> None:
    record = upload(api, png((320, 200)), visibility="private")
    url = record["renditions"][0]["url"]
    assert requests.get(url, timeout=60).status_code == 200
    assert requests.get(url.partition("?")[0], timeout=60).status_code == 403
    other = record["renditions"][0]["url"].replace(record["id"], "file_00000000000000000000000000")
    assert requests.get(other, timeout=60).status_code == 403


def test_what_is_not_there_is_404_and_what_is_not_for_cloudfront_is_shut(local_stage: LocalStage) -> None:
    missing = f"{local_stage.front_door}/f/public/file_0/x/w640.webp"
    assert requests.get(missing, timeout=60).status_code == 404
    bucket = local_stage.variables()["FILEMILL_DERIVED_BUCKET"]
    assert requests.get(f"{local_stage.endpoint_url}/{bucket}/f/public/x", timeout=60).status_code == 403


def test_a_page_elsewhere_can_neither_run_code_nor_upload(local_stage: LocalStage, api: Api) -> None:
    evil = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    functions = f"{local_stage.endpoint_url}/2015-03-31/functions"
    assert requests.post(functions, data="{}", headers=evil, timeout=60).status_code == 403
    ours = {"Origin": local_stage.front_door, "Content-Type": "text/plain"}
    assert requests.post(functions, data="{}", headers=ours, timeout=60).status_code == 403
    form = api("POST", "/v1/files", json=NINE_BYTES).json()["upload"]
    sent = requests.post(
        form["url"], data=form["fields"], files={"file": b"x" * 9}, headers=evil | {"Content-Type": ""}
    )
    assert sent.status_code == 403


def test_a_name_that_dns_could_point_here_is_refused(local_stage: LocalStage) -> None:
    rebound = {"Host": "rebound.evil.example"}
    for base in (local_stage.endpoint_url, local_stage.front_door):
        assert requests.get(f"{base}/v1/health", headers=rebound, timeout=60).status_code == 403


def test_an_upload_must_be_what_was_announced(api: Api) -> None:
    form = api("POST", "/v1/files", json=NINE_BYTES).json()["upload"]
    for fields, data in (
        (form["fields"], b"x" * 10),
        (form["fields"] | {"key": "other/key"}, b"x" * 9),
        (form["fields"] | {"x-amz-signature": "0" * 64}, b"x" * 9),
    ):
        assert requests.post(form["url"], data=fields, files={"file": data}, timeout=60).status_code in (400, 403)
