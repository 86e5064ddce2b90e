"""AWS carries a write out, its answer is lost, and botocore sends it again inside the call. Nobody notices."""

from __future__ import annotations

import pytest

from chalicelib.catalog import dynamodb
from tests.faults import harness
from tests.faults.harness import REPORT, lose_every_answer
from tests.faults.operations import CONDITIONAL, OPERATIONS

pytestmark = pytest.mark.usefixtures("broken_stage")

NAMED = {operation.name: operation for operation in (*OPERATIONS, *CONDITIONAL)}
# `make test` has time for these.
FEW = (
    "create multipart",
    "create with a token, key",
    "create a token",
    "change if unchanged",
    "process another file",
    "reprocess",
    "delete for now",
    "render",
)
CHOSEN = list(NAMED) if harness.PROGRAMS else FEW


@pytest.mark.parametrize("name", CHOSEN)
def test_a_write_that_is_sent_again_inside_its_call_is_made_once(name: str) -> None:
    report = lose_every_answer([NAMED[name]], in_turn=not harness.PROGRAMS)

    REPORT.add(report)
    assert report.resent or name == "redrive"
    assert not report.broken, "\n".join(report.lines())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("create", "answered 500 instead of 201"),
        ("create multipart", "answered 500 instead of 201"),
        ("create with a token", "answered 500 instead of 201"),
        ("create a token", "answered 500 instead of 201"),
        ("change if unchanged", "answered 412 instead of 200"),
        ("process another file", "instead of 0"),
    ],
)
def test_a_write_that_does_not_know_its_own_first_try_is_found(
    name: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamodb, "_retries", lambda _: 0)

    report = lose_every_answer([NAMED[name]], in_turn=True)

    assert any(says in str(resent.broken) for resent in report.broken), [each.broken for each in report.broken]
    assert "answer lost of dynamodb." in "\n".join(report.lines())
