"""The bucket whose objects the tests adopt, and what is looked at afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from chalicelib.catalog import files
from chalicelib.model import File
from ops.__main__ import main
from tests.stage import aws_client

# The operator's policy of the tests is that of all stages, so a bucket of this name may be read.
BUCKET = "filemill-test-old"


class Bucket:
    """Somebody's bucket. Nothing in it may ever be changed."""

    def put(self, key: str, body: bytes = b"words\n", **more: Any) -> str:
        return str(aws_client("s3").put_object(Bucket=BUCKET, Key=key, Body=body, **more)["ETag"])

    def state(self) -> list[Any]:
        """Everything that is in it."""
        listed = aws_client("s3").list_object_versions(Bucket=BUCKET)
        return [
            (each["Key"], each["ETag"], each["LastModified"], each["VersionId"]) for each in listed.get("Versions", [])
        ]


@dataclass
class Adopting:
    """The command. `said` is what it wrote for the person at the terminal, of the last run."""

    capsys: pytest.CaptureFixture[str]
    said: str = ""

    def __call__(self, *words: str, prefix: str = "", code: int | None = 0, tenant: str = "acme") -> dict[str, Any]:
        self.capsys.readouterr()
        line = ["adopt", f"s3://{BUCKET}/{prefix}", "--stage", "test", "--tenant", tenant, "--json", "--rate", "1000"]
        found = main([*line, *([] if "--dry-run" in words else ["--yes"]), *words])
        printed = self.capsys.readouterr()
        self.said = printed.err
        assert code in (None, found), printed.err
        return dict(json.loads(printed.out)) if printed.out else {}


def adopted(tenant: str = "acme") -> dict[str, File]:
    """The tenant's files by name. Fails if two have the same name."""
    found: dict[str, File] = {}
    pages = aws_client("dynamodb").get_paginator("scan").paginate(TableName="filemill-test")
    for item in (item for page in pages for item in page["Items"]):
        if item["sk"]["S"] == "FILE":
            file = files.as_file(item)
            if file.tenant == tenant:
                assert file.filename not in found, file.filename
                found[file.filename] = file
    return found


def original(file: File) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a file's original, and what S3 says of it."""
    reply = aws_client("s3").get_object(Bucket="originals", Key=f"{file.tenant}/{file.id}")
    return reply["Body"].read(), reply


def versions() -> list[str]:
    """The key of each version in the originals bucket; one comes again for each further version."""
    listed = aws_client("s3").list_object_versions(Bucket="originals")
    return sorted(each["Key"] for each in listed.get("Versions", []))


def first_copy_wins(call: Callable[..., Any]) -> Callable[..., Any]:
    """S3 refuses a copy with If-None-Match over an object, as it refuses such a put; moto does not look at it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """

    def made(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "CopyObject" and parameters["IfNoneMatch"] == "*":
            found = aws_client("s3").list_objects_v2(Bucket=parameters["Bucket"], Prefix=parameters["Key"])
            if found["KeyCount"]:
                error: Any = {"Error": {"Code": "PreconditionFailed", "Message": "It is there already."}}
                raise ClientError(error, operation)
        return call(client, operation, parameters)

    return made


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_at(number: int, *, after: bool = False) -> Iterator[None]:
    """Kills the process at its n-th AWS call, before it or after it. No later call is made, in no thread."""
    call, made = BaseClient._make_api_call, count(1)  # type: ignore[attr-defined]

    def counted(client: Any, operation: str, parameters: Any) -> Any:
        this = next(made)
        if this > number or (this == number and not after):
            raise Killed
        reply = call(client, operation, parameters)
        if this == number:
            raise Killed
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", counted)
        yield


@contextmanager
def answering(operation: str, code: str, status: int, *, key: str = "", message: str = "no") -> Iterator[list[str]]:
    """AWS refuses an operation, on one key or on all. Gives the operations that were called meanwhile."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]
    called: list[str] = []

    def answered(client: Any, name: str, parameters: Any) -> Any:
        called.append(name)
        source = parameters.get("CopySource", {})
        about = source.get("Key") if isinstance(source, dict) and source else parameters.get("Key")
        if name == operation and key in ("", about):
            error: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(error, name)
        return call(client, name, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", answered)
        yield called
