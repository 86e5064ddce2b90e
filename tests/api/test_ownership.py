"""Which file is the caller's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.api.auth.callers import Caller
from chalicelib.api.errors import Problem
from chalicelib.api.ownership import find_own_file, own_file
from chalicelib.api.routing import Call
from chalicelib.catalog import files
from chalicelib.model import Status, UploadToken, Visibility, now
from tests import making
from tests.stage import Calls

pytestmark = pytest.mark.usefixtures("stage")


def token(token_id: str, tenant: str = "acme") -> UploadToken:
    return UploadToken(
        id=token_id,
        hash="0" * 64,
        tenant=tenant,
        created_at=now(),
        expires_at=now(),
        max_files=1,
        max_bytes=1,
        content_types=[],
        tags=[],
        visibility=Visibility.PRIVATE,
        recipe="photo",
    )


def call(tenant: str, bearer: UploadToken | None = None) -> Call:
    return Call(SimpleNamespace(headers={}), "r", Caller(tenant, "k", frozenset(), bearer))


def stored(**values: Any) -> str:
    file = making.file(1, status=Status.AWAITING_UPLOAD, **values)
    files.create(file)
    return file.id


def test_a_key_finds_every_file_of_its_tenant_and_no_other() -> None:
    file_id = stored(token_id="t1")
    assert own_file(call("acme"), file_id).id == file_id
    assert find_own_file(call("other"), file_id) is None
    with pytest.raises(Problem) as refused:
        own_file(call("other"), file_id)
    assert refused.value.code == "not_found"


@pytest.mark.parametrize(("made_with", "found"), [("t1", True), ("t2", False), (None, False)])
def test_a_token_finds_only_what_was_created_with_it(made_with: str | None, found: bool) -> None:
    file_id = stored(token_id=made_with)
    assert (find_own_file(call("acme", token("t1")), file_id) is not None) is found
    assert find_own_file(call("other", token("t1", "other")), file_id) is None


@pytest.mark.parametrize(
    "file_id", ["", "x", "file_", "file_" + "U" * 26, "../file", "file_01K8Z0000000000000000000AA "]
)
def test_what_can_be_no_id_is_not_looked_for(stage: Calls, file_id: str) -> None:
    stage.clear()
    assert find_own_file(call("acme"), file_id) is None
    assert stage.names == []
