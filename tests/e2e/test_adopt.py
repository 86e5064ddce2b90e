"""`ops adopt` on the deployed stack: thirty real objects become files that are ready. It is killed, and repeated."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from PIL import Image

from ops.local.stage import LocalStage
from tests import pdfs
from tests.e2e.stack import ops, png
from tests.local import Api
from tests.stage import ROOT

BUCKET = "filemill-old-photos"


def jpeg(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.effect_mandelbrot((300 + number, 200), (-2 + number / 40, -1.2, 0.7, 1.2), 40).save(buffer, "JPEG")
    return buffer.getvalue()


def objects() -> dict[str, tuple[bytes, str]]:
    """Thirty objects by key: pictures, texts and PDFs, in folders, some with a type that says nothing."""
    pictures = {f"2026/0{number % 9 + 1}/IMG {number}.jpg": (jpeg(number), "image/jpeg") for number in range(18)}
    more = {f"2026/scans/{number}.png": (png((120 + number, 90)), "binary/octet-stream") for number in range(4)}
    texts = {f"notes/ünï {number}.txt": (f"words of note {number}\n".encode(), "text/plain") for number in range(5)}
    papers = {f"papers/{number}.pdf": (pdfs.pages([f"Page of {number}"]), "application/pdf") for number in range(3)}
    return pictures | more | texts | papers


@pytest.fixture
def old(local_stage: LocalStage) -> Iterator[dict[str, tuple[bytes, str]]]:
    """A bucket of the account with those objects. It is as it was, afterwards."""
    s3 = local_stage.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    found = objects()
    for key, (body, content_type) in found.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType=content_type, Metadata={"from": "camera"})
    s3.put_object(Bucket=BUCKET, Key="2026/empty.jpg", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="2026/", Body=b"")
    before = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    yield found
    assert s3.list_objects_v2(Bucket=BUCKET)["Contents"] == before
    for each in before:
        s3.delete_object(Bucket=BUCKET, Key=each["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def every_file(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = api(
            "GET", "/v1/files", params={"limit": 100, "tag": "adopted", **({"cursor": cursor} if cursor else {})}
        )
        found += page.json()["items"]
        cursor = page.json()["next_cursor"]
        if not cursor:
            return found


def test_thirty_objects_become_files_each_once_although_the_command_is_killed(
    local_stage: LocalStage, api: Api, old: dict[str, tuple[bytes, str]]
) -> None:
    command = ["adopt", f"s3://{BUCKET}", "--tenant", "demo", "--tag", "adopted", "--json"]
    plan = ops(local_stage, *command, "--dry-run")
    assert plan.returncode == 0, plan.stderr
    planned = json.loads(plan.stdout)
    assert planned["planned"]["files"] == len(old) == 30
    assert planned["planned"]["by_kind"] == {"image": 22, "other": 5, "pdf": 3}
    assert (planned["passed"]["folders"], planned["refused"]) == (1, {"empty": 1})
    assert every_file(api) == []

    killed = subprocess.Popen(
        [
            *(sys.executable, "-m", "ops", *command, "--yes", "--rate", "5"),
            *("--stage", "local", "--project-dir", str(local_stage.project_dir)),
        ],
        cwd=ROOT,
        env=local_stage.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    originals = local_stage.variables()["FILEMILL_ORIGINALS_BUCKET"]
    s3 = local_stage.client("s3")
    before = len(s3.list_objects_v2(Bucket=originals, Prefix="demo/").get("Contents", []))
    until = time.monotonic() + 120
    while len(s3.list_objects_v2(Bucket=originals, Prefix="demo/").get("Contents", [])) < before + 3:
        assert time.monotonic() < until
        time.sleep(0.1)
    killed.send_signal(signal.SIGKILL)
    killed.wait(30)

    report = ops(local_stage, *command, "--yes", "--rate", "50")
    said = json.loads(report.stdout)
    assert report.returncode == 1, "one object has no bytes"
    assert [(each["key"], each["code"]) for each in said["failures"]] == [("2026/empty.jpg", "empty")]
    assert said["passed"]["already"] >= 2
    assert sum(said["done"][each] for each in ("adopted", "resumed", "already")) + said["passed"]["already"] == 30
    assert json.loads(ops(local_stage, *command, "--dry-run").stdout)["passed"]["already"] == 30

    until = time.monotonic() + 240
    while len(found := every_file(api)) < 30 or {each["status"] for each in found} != {"ready"}:
        assert time.monotonic() < until, [(each["filename"], each["status"], each["error"]) for each in found]
        time.sleep(2)
    by_key = {each["metadata"]["adopted_from"].removeprefix(f"s3://{BUCKET}/"): each for each in found}
    assert by_key.keys() == old.keys()
    for key, (body, _) in old.items():
        file = by_key[key]
        assert file["filename"] == key.rpartition("/")[2]
        assert file["sha256"] == hashlib.sha256(body).hexdigest()
        assert file["metadata"]["from"] == "camera"
    assert by_key["2026/scans/1.png"]["content_type"] == "image/png"
    photo = api("GET", f"/v1/files/{by_key['2026/01/IMG 0.jpg']['id']}").json()
    addresses = {(each["name"], each["format"]): each["url"] for each in photo["renditions"]}
    shown = requests.get(addresses["w160", "webp"], timeout=60)
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/webp")
