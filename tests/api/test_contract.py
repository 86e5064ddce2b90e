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
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "3"))


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
        report = contract.run(document, key, base_url=url, examples=EXAMPLES, sequences=EXAMPLES * 10)
    with capsys.disabled():
        report.show("in process on moto")
    assert not report.failures, str(report)
    assert report.cases >= 500
    assert report.followed


@pytest.mark.parametrize("life", contract.LIVES.values(), ids=contract.LIVES)
@pytest.mark.usefixtures("_no_waiting")
def test_a_life_answers_as_the_document_says(
    stage: Calls, capsys: pytest.CaptureFixture[str], life: tuple[str, ...]
) -> None:
    report = _lived(life, EXAMPLES * 20)
    with capsys.disabled():
        report.show("a life, in process on moto")
    assert report.followed


@pytest.mark.parametrize(("link", "operations"), contract.LINKS.items(), ids=contract.LINKS)
@pytest.mark.usefixtures("_no_waiting")
def test_each_link_leads_where_the_document_says(stage: Calls, link: str, operations: tuple[str, ...]) -> None:
    # A seed may make no webhook that is accepted, so several are tried.
    assert any(link in _lived(operations, EXAMPLES * 4, seed).followed for seed in range(20))


def _lived(operations: tuple[str, ...], sequences: int, seed: int = 1) -> contract.Report:
    """Sequences of these operations alone, which must all be answered as the document says."""
    import app

    key = new_client("acme").key
    assert key
    document = json.loads(TARGET.read_text())
    with contract.gateway(app.app) as url:
        report = contract.run(
            document, key, base_url=url, examples=EXAMPLES, sequences=sequences, seed=seed, only=operations
        )
    assert not report.failures, str(report)
    return report
