"""What tests ask of the deployed stack: uploads, waiting for their end, what was made, API Gateway's own address."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections import Counter
from typing import Any

import requests
from PIL import Image

from ops.config import deployed_resources, rest_api_id
from ops.local.stage import LocalStage
from tests.local import Api
from tests.stage import ROOT

# The Python in which the emulator runs.
PYTHON = ROOT / ".local" / "emulator" / "bin" / "python"


def execute_api(stage: LocalStage, path: str) -> str:
    """API Gateway's own address of the stage, with its prefix."""
    api_id = rest_api_id(deployed_resources(stage.project_dir, "local") or [])
    return f"{stage.endpoint_url}/restapis/{api_id}/api/_user_request_{path}"


def ops(stage: LocalStage, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m ops`, for the stage."""
    return subprocess.run(
        [sys.executable, "-m", "ops", *words, "--stage", "local", "--project-dir", str(stage.project_dir)],
        cwd=ROOT,
        env=stage.environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def sweep(stage: LocalStage) -> None:
    """Runs the deployed sweep, as its schedule does."""
    answer = stage.client("lambda").invoke(FunctionName="filemill-local-sweep", Payload=json.dumps(SCHEDULED))
    assert "FunctionError" not in answer, answer["Payload"].read()


SCHEDULED: dict[str, Any] = {
    "version": "0",
    "id": "i",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-11-22T12:00:00Z",
    "region": "eu-west-1",
    "resources": [],
    "detail": {},
}


def png(size: tuple[int, int] = (400, 300)) -> bytes:
    buffer = io.BytesIO()
    Image.effect_mandelbrot(size, (-2, -1.2, 0.7, 1.2), 60).save(buffer, "PNG")
    return buffer.getvalue()


def finished(api: Api, file_id: str) -> dict[str, Any]:
    """The record of a file, once it is `ready` or `failed`: at most 100 seconds from now."""
    for _ in range(10):
        record: dict[str, Any] = api("GET", f"/v1/files/{file_id}?wait=10").json()
        if record["status"] not in ("awaiting_upload", "processing"):
            return record
    raise AssertionError(record)


def store(form: dict[str, Any], data: bytes) -> None:
    """Sends a file's bytes to S3, as its answer's `upload` says."""
    sent = requests.post(form["url"], data=form["fields"], files={"file": data}, timeout=60)
    assert sent.ok, sent.text


def upload(api: Api, data: bytes, **fields: Any) -> dict[str, Any]:
    """A file, sent as a browser sends it; its record once it is done."""
    body = {"filename": "IMG 1.png", "content_type": "image/png", "size": len(data), **fields}
    made = api("POST", "/v1/files", json=body)
    assert made.status_code == 201, made.text
    store(made.json()["upload"], data)
    return finished(api, made.json()["id"])


def shown(api: Api, file_id: str) -> dict[str, Any]:
    """A file's record with `delivery`."""
    record: dict[str, Any] = api("GET", f"/v1/files/{file_id}?include=delivery").json()
    return record


def address(record: dict[str, Any], name: str) -> str:
    """The address of any rendition of such a record. A private file's is signed for all of them."""
    delivery = record["delivery"]
    return f"{delivery['base_url']}{name}" + (f"?{delivery['query']}" if delivery["query"] else "")


def stored_path(path: str) -> str:
    """The path of a rendition without the check of its address: the key in S3, after a slash."""
    return re.sub(r"(/[0-9a-f]{16})-[0-9a-f]{16}/", r"\1/", path)


def log_lines(stage: LocalStage, function: str, pattern: str) -> list[str]:
    """The lines of a function's log that have this text, however long the log is.

    One answer of CloudWatch Logs has at most 10,000 events, so the filter is its own, and all answers are read.
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    """
    pages = stage.client("logs").get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=f"/aws/lambda/{function}", filterPattern=f'"{pattern}"')
    lines = (line for page in found for event in page["events"] for line in event["message"].splitlines())
    return [line for line in lines if pattern in line]


def invocations(stage: LocalStage, function: str) -> int:
    """How often a function was called. Each call begins with a line in its log, which is there at once."""
    return sum(line.startswith("START ") for line in log_lines(stage, function, "START "))


def made_by(stage: LocalStage, function: str, file_id: str) -> Counter[str]:
    """How often the function `render` or `stream` says that it made each rendition of a file.

    The emulator reads what a process logged after its answer when it calls it the next time: here, for nothing.
    """
    name = "w1.avif" if function == "render" else "av/v1.m3u8"
    nothing = {"visibility": "public", "file_id": "file_" + "0" * 26, "version": "0" * 16, "name": name}
    stage.client("lambda").invoke(FunctionName=f"filemill-local-{function}", Payload=json.dumps(nothing).encode())
    said = (
        json.loads(line) for line in log_lines(stage, f"filemill-local-{function}", file_id) if '"rendered"' in line
    )
    return Counter(each["rendition"] for each in said if each["outcome"] == "made")


def renders(stage: LocalStage, file_id: str, name: str) -> int:
    """How often the function `render` says that it made this."""
    return made_by(stage, "render", file_id)[name]


def break_connections(stage: LocalStage) -> int:
    """Ends every socket at the front door, as a network does. Returns their number."""
    assert stage.edge
    tunnels = list(stage.edge.edge.tunnels)
    for tunnel in tunnels:
        stage.edge._loop.result().call_soon_threadsafe(tunnel.close)
    return len(tunnels)
