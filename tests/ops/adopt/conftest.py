"""A bucket of somebody's, beside a stage, and `ops adopt` on it."""

from __future__ import annotations

import pytest
from botocore.client import BaseClient

from tests.ops.adopt.bucket import BUCKET, Adopting, Bucket, first_copy_wins
from tests.stage import Calls, aws_client


@pytest.fixture
def bucket(stage: Calls) -> Bucket:
    """An empty bucket of the account, without versions."""
    place = {"LocationConstraint": "eu-west-1"}
    aws_client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    return Bucket()


@pytest.fixture
def adopt(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Adopting:
    """`adopt("--tag", "x")`: runs the command on that bucket for tenant `acme`, and gives its report and exit code."""
    from chalicelib.catalog import reserves

    monkeypatch.setattr(BaseClient, "_make_api_call", first_copy_wins(BaseClient._make_api_call))  # type: ignore[attr-defined]
    monkeypatch.setattr("ops.config.load_stage", lambda *_: {})
    monkeypatch.setattr("ops.stages.enter", lambda _: None)
    monkeypatch.setattr(reserves, "RESERVES", reserves.Reserves())
    return Adopting(capsys)
