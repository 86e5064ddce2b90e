"""Signed browser forms."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from botocore.auth import S3SigV4PostAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from chalicelib import aws
from chalicelib.model import original_key
from chalicelib.settings import MAX_POST_BYTES
from chalicelib.storage import forms
from tests import making
from tests.stage import Calls


def policy(**values: Any) -> tuple[forms.PostPolicy, list[Any]]:
    """A form for a file of these values, and the conditions that S3 checks."""
    form = forms.sign(making.file(1, **values), 60)
    conditions: list[Any] = json.loads(b64decode(form.fields["policy"]))["conditions"]
    return form, conditions


def test_a_form_is_for_one_key_one_type_and_one_size(stage: Calls) -> None:
    form, conditions = policy(content_type="image/jpeg", size=5)
    file = making.file(1)
    assert form.url.startswith("https://originals.")
    assert form.fields["key"] == original_key(file.tenant, file.id)
    assert form.fields["Content-Type"] == "image/jpeg"
    for wanted in (
        {"key": original_key(file.tenant, file.id)},
        {"bucket": "originals"},
        {"Content-Type": "image/jpeg"},
        {"success_action_status": "201"},
        ["content-length-range", 5, 5],
    ):
        assert wanted in conditions
    assert "x-amz-checksum-sha256" not in form.fields
    assert stage.names == []


def test_a_declared_sha256_is_for_s3_to_check(stage: Calls) -> None:
    form, conditions = policy(declared_sha256="00" * 32)
    checksum = "A" * 43 + "="
    assert form.fields["x-amz-checksum-sha256"] == checksum
    assert {"x-amz-checksum-sha256": checksum} in conditions
    assert {"x-amz-checksum-algorithm": "SHA256"} in conditions


@pytest.mark.parametrize(
    ("values", "largest"),
    [
        ({"size": None}, MAX_POST_BYTES),
        ({"size": None, "max_bytes": 7}, 7),
        ({"size": None, "max_bytes": MAX_POST_BYTES + 1}, MAX_POST_BYTES),
    ],
)
def test_a_file_of_unknown_size_has_a_largest_one_and_is_not_empty(
    values: dict[str, Any], largest: int, stage: Calls
) -> None:
    _, conditions = policy(**values)
    assert ["content-length-range", 1, largest] in conditions
    assert forms.largest_upload(making.file(1, **values)) == largest


def test_a_form_is_signed_as_botocore_signs_it(stage: Calls) -> None:
    form, conditions = policy(declared_sha256="00" * 32)
    fixed = [{name: value} for name, value in form.fields.items() if name[:12] in ("Content-Type", "success_acti")]
    theirs = aws.s3().generate_presigned_post("originals", form.fields["key"], {}, [*fixed], ExpiresIn=60)
    request = AWSRequest("POST", form.url)
    request.context["timestamp"] = form.fields["x-amz-date"]
    signed = S3SigV4PostAuth(aws.credentials(), "s3", "eu-west-1").signature(form.fields["policy"], request)
    assert form.url == theirs["url"]
    assert form.fields["x-amz-signature"] == signed
    assert {*theirs["fields"]} <= {*form.fields}
    names = {name for each in json.loads(b64decode(theirs["fields"]["policy"]))["conditions"] for name in each}
    assert names <= {name for each in conditions if isinstance(each, dict) for name in each}


def test_a_form_with_a_session_s_credentials_has_their_token(stage: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "credentials", lambda: ReadOnlyCredentials("AKID", "secret", "token"))
    form, conditions = policy()
    assert form.fields["x-amz-security-token"] == "token"
    assert {"x-amz-security-token": "token"} in conditions
