"""Requests that clients send to S3 with our signatures, carried out as S3 does: only if the signature covers them.

moto checks no signatures. S3 refuses a request whose signed headers have other values than those that were signed, and
one that comes too late.
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from chalicelib import aws
from tests.faults.clock import Clock
from tests.faults.looking import backend
from tests.stage import aws_client

REFUSED = 403


@dataclass(frozen=True)
class Reply:
    status: int
    body: str
    etag: str = ""


@contextmanager
def signing_at(clock: Clock) -> Iterator[None]:
    """Meanwhile signatures are dated by this clock."""

    def present(remove_tzinfo: bool = False) -> datetime:
        moment = clock.now(UTC)
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    with pytest.MonkeyPatch.context() as patch:
        for module in ("botocore.auth", "botocore.signers"):
            patch.setattr(f"{module}.get_current_datetime", present)
        yield


def send(clock: Clock, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
    """Sends a request to an address that is signed."""
    sent = {"content-length": str(len(body)), **{name.lower(): value for name, value in (headers or {}).items()}}
    if not _is_signed(clock, method, url, sent):
        return Reply(REFUSED, "SignatureDoesNotMatch or AccessDenied")
    upload = parse_qs(urlsplit(url).query).get("uploadId")
    if upload and upload[0] not in backend("s3", "aws").buckets["originals"].multiparts:
        return Reply(404, "NoSuchUpload")  # moto has no answer to this
    reply = requests.request(method, url, data=body, headers=dict(headers or {}), timeout=5)
    return Reply(reply.status_code, reply.text, reply.headers.get("ETag", ""))


def _is_signed(clock: Clock, method: str, url: str, sent: Mapping[str, str]) -> bool:
    address = urlsplit(url)
    query = parse_qs(address.query, keep_blank_values=True)
    signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if clock.now(UTC) > signed_at + timedelta(seconds=int(query["X-Amz-Expires"][0])):
        return False
    names = [name for name in query["X-Amz-SignedHeaders"][0].split(";") if name != "host"]
    rest = [(name, value) for name, value in parse_qsl(address.query, True) if name != "X-Amz-Signature"]
    unsigned = address._replace(query=urlencode(rest)).geturl()
    request: Any = AWSRequest(method, unsigned, headers={name: sent.get(name, "") for name in names})
    request.context["timestamp"] = query["X-Amz-Date"][0]
    credentials: Any = aws.s3()._request_signer._credentials  # type: ignore[attr-defined]
    signer: Any = S3SigV4QueryAuth(credentials, "s3", "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return bool(signer.signature(text, request) == query["X-Amz-Signature"][0])


def send_form(clock: Clock, fields: Mapping[str, str], body: bytes) -> Reply:
    """Sends a form. S3 checks its policy: the time, the size, and the fields.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
    """
    policy = json.loads(base64.b64decode(fields["policy"]))
    if clock.now(UTC) > datetime.fromisoformat(policy["expiration"]):
        return Reply(REFUSED, "Policy expired")
    for condition in policy["conditions"]:
        if isinstance(condition, list) and condition[0] == "content-length-range":
            if not condition[1] <= len(body) <= condition[2]:
                return Reply(400, "EntityTooLarge or EntityTooSmall")
        elif isinstance(condition, dict):
            ((name, value),) = condition.items()
            if name != "bucket" and fields.get(name) != value:
                return Reply(REFUSED, f"Policy condition on {name} failed")
    reply = aws_client("s3").put_object(
        Bucket="originals", Key=fields["key"], Body=body, ContentType=fields.get("Content-Type", "")
    )
    return Reply(201, "", reply["ETag"])
