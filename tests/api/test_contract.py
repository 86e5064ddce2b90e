"""The OpenAPI document against the app itself, on moto. tests/e2e/test_contract.py tries the deployed stack."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import pytest

from chalicelib.api.routes import reading
from ops.openapi.document import TARGET
from tests import contract
from tests.client import new_client
from tests.stage import Calls

# `make contract` asks for many more.
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "6"))


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait` uses a clock that only its own pauses move, so it takes no time."""
    moment = [0.0]
    clock = SimpleNamespace(monotonic=lambda: moment[0], sleep=lambda s: moment.__setitem__(0, moment[0] + s))
    monkeypatch.setattr(reading, "time", clock)


@pytest.mark.usefixtures("_no_waiting")
def test_the_app_answers_as_its_document_says(stage: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    import app

    key = new_client("acme").key
    assert key
    document = json.loads(TARGET.read_text())
    with contract.gateway(app.app) as url:
        report = contract.run(document, key, base_url=url, examples=EXAMPLES, sequences=EXAMPLES * 5)
    with capsys.disabled():
        report.show("in process on moto")
    assert not report.failures, str(report)
    assert report.cases >= 500
    assert report.followed


@pytest.mark.parametrize(
    ("life", "lived"),
    [(contract.LIFE, contract.LIVED), (contract.WEBHOOK_LIFE, contract.WEBHOOK_LIVED)],
    ids=["file", "webhook"],
)
@pytest.mark.usefixtures("_no_waiting")
def test_a_life_goes_along_the_documents_links(
    stage: Calls, capsys: pytest.CaptureFixture[str], life: tuple[str, ...], lived: set[str]
) -> None:
    import app

    key = new_client("acme").key
    assert key
    document = json.loads(TARGET.read_text())
    followed: set[str] = set()
    with contract.gateway(app.app) as url:
        for _ in range(50):  # which links are followed is chance
            report = contract.run(document, key, base_url=url, examples=EXAMPLES, sequences=EXAMPLES * 10, only=life)
            with capsys.disabled():
                report.show("a life, in process on moto")
            assert not report.failures, str(report)
            followed |= set(report.followed)
            if followed >= lived:
                break
    assert followed >= lived
