"""The scan gate in tests: GuardDuty's results, a scanner's stand-in, and S3 as the bucket's policy has it."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.processing import pipeline
from chalicelib.settings import settings
from tests.making import sqs_event
from tests.stage import aws_client, lambda_context

# The test file that every scanner reports, in two parts, so that no scanner takes this source for malware.
# https://www.eicar.org/download-anti-malware-testfile/
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*"
SIGNATURE = "Filemill.Test.EICAR"


def zipped(body: bytes, name: str = "inner.txt") -> bytes:
    """A zip with one compressed file."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return packed.getvalue()


def turn_on(monkeypatch: pytest.MonkeyPatch, mode: str, **more: str) -> None:
    """Turns the gate on, for as long as the test takes."""
    monkeypatch.setenv("FILEMILL_SCAN", mode)
    for name, value in more.items():
        monkeypatch.setenv(f"FILEMILL_{name.upper()}", value)
    settings.cache_clear()


def result(file_id: str, version_id: str, status: str, *threats: str, bucket: str = "originals") -> dict[str, Any]:
    """GuardDuty's event, as AWS documents it:
    https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html
    """
    return {
        "version": "0",
        "id": "72c7d362-737a-6dce-fc78-9e27a0171419",
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "source": "aws.guardduty",
        "account": "123456789012",
        "time": "2026-11-22T12:00:05Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:guardduty:eu-west-1:123456789012:malware-protection-plan/b4c7f464ab3a4EXAMPLE"],
        "detail": {
            "schemaVersion": "1.0",
            "scanStatus": "COMPLETED" if status != "UNSUPPORTED" else "SKIPPED",
            "resourceType": "S3_OBJECT",
            "s3ObjectDetails": {
                "bucketName": bucket,
                "objectKey": f"acme/{file_id}",
                "eTag": "ASIAI44QH8DHBEXAMPLE",
                "versionId": version_id,
                "s3Throttled": False,
            },
            "scanResultDetails": {
                "scanResultStatus": status,
                "threats": [{"name": name} for name in threats] or None,
            },
        },
    }


def hear(event: dict[str, Any], *, receives: int = 1) -> None:
    """Delivers an event to `process`, as the rule puts it into the ingest queue."""
    pipeline.handle(sqs_event(json.dumps(event), receives=receives), lambda_context())


def tag(file_id: str, version_id: str, value: str, key: str = "GuardDutyMalwareScanStatus") -> None:
    """Tags an original, as GuardDuty does."""
    tags = {"TagSet": [{"Key": key, "Value": value}]}
    aws_client("s3").put_object_tagging(Bucket="originals", Key=f"acme/{file_id}", VersionId=version_id, Tagging=tags)


def tags_of(file_id: str, version_id: str) -> dict[str, str]:
    reply = aws_client("s3").get_object_tagging(Bucket="originals", Key=f"acme/{file_id}", VersionId=version_id)
    return {each["Key"]: each["Value"] for each in reply["TagSet"]}


@contextmanager
def policy_of_originals(*, exempt: bool = False) -> Iterator[list[str]]:
    """S3 refuses our code's reads of originals as the bucket's policy says. Gives the keys of the reads it allowed.

    With `exempt` the reader is the one whom the policy lets read everything.
    """
    allowed: list[str] = []

    def check(params: Any, context: Any, **_: Any) -> None:
        asked = context["asked"]
        if asked["Bucket"] != "originals":
            return
        tags = tags_of(asked["Key"].partition("/")[2], asked["VersionId"]) if "VersionId" in asked else {}
        clean = (
            tags.get("GuardDutyMalwareScanStatus") == "NO_THREATS_FOUND" or tags.get("filemill-scan") in _MAY_BE_READ
        )
        found = tags.get("GuardDutyMalwareScanStatus") == "THREATS_FOUND" or tags.get("filemill-scan") == "infected"
        if not exempt and (found or not clean):
            answer = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(answer, "GetObject")  # type: ignore[arg-type]
        allowed.append(asked["Key"])

    def remember(params: Any, context: Any, **_: Any) -> None:
        context["asked"] = dict(params)

    events = aws.s3().meta.events
    for operation in ("GetObject", "HeadObject"):
        events.register(f"provide-client-params.s3.{operation}", remember)
        events.register(f"before-call.s3.{operation}", check)
    try:
        yield allowed
    finally:
        for operation in ("GetObject", "HeadObject"):
            events.unregister(f"provide-client-params.s3.{operation}", remember)
            events.unregister(f"before-call.s3.{operation}", check)


_MAY_BE_READ = frozenset({"clean", "accepted"})


@contextmanager
def guardduty() -> Iterator[list[dict[str, Any]]]:
    """A GuardDuty that takes questions and answers none. Gives the objects that it was asked about."""
    asked: list[dict[str, Any]] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        asked.append(json.loads(request.body)["s3Object"])
        return AWSResponse(request.url, 200, HTTPHeaders(), _Empty())

    events = aws.guardduty().meta.events
    events.register_first("before-send.guardduty.SendObjectMalwareScan", answer)
    try:
        yield asked
    finally:
        events.unregister("before-send.guardduty.SendObjectMalwareScan", answer)


class _Empty:
    """The body of an answer that has none."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield b""

    def read(self) -> bytes:
        return b""


_STAND_IN = """
import sys, io, zipfile, pathlib
body = pathlib.Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else sys.stdin.buffer.read()
parts = [body]
if zipfile.is_zipfile(io.BytesIO(body)):
    archive = zipfile.ZipFile(io.BytesIO(body))
    parts += [archive.read(name) for name in archive.namelist()]
if any(b"EICAR-STANDARD-" in part for part in parts):
    print("/a/file: Filemill.Test.EICAR.UNOFFICIAL FOUND")
    sys.exit(1)
sys.exit(0)
"""


def command(folder: Path, *, by_path: bool = True) -> str:
    """A scan command: ClamAV's `clamscan` with one signature of ours if it is installed, else a script like it."""
    clamscan = shutil.which("clamscan")
    if clamscan and by_path:
        signatures = folder / "filemill.ndb"
        signatures.write_text(f"{SIGNATURE}:0:*:{EICAR[30:60].hex()}\n")
        return f"{clamscan} --no-summary --infected -d {signatures} {{}}"
    script = folder / "scanner.py"
    script.write_text(_STAND_IN)
    return f"{sys.executable} -I {script}" + (" {}" if by_path else "")
