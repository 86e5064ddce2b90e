"""The check that the package index serves what requirements.txt locks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.errors import OpsError
from ops.preflight import locked
from ops.preflight.site import Site
from ops.report import Mark
from tests.index import DAMAGES, Index, fill, serve

SAYS = {
    "a tampered wheel for arm64": "is not the file that requirements.txt locks",
    "a tampered wheel for all": "is not the file that requirements.txt locks",
    "a changed hash": "is not the file that requirements.txt locks",
    "a needed package is not locked": "is needed, but is not in requirements.txt; run `make lock`",
    "a package without hashes": "has no hash in requirements.txt; run `make lock`",
    "no hashes at all": "has no hash in requirements.txt; run `make lock`",
    "no wheel for arm64": "pip finds no wheel of",
}

NOT_TOLD = "no wheel for arm64"  # pip's message is the one of a network that fails


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    with serve(tmp_path / "index") as served:
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        yield served


def test_the_locked_packages_pass(site: Callable[..., Site], project: Path, index: Index) -> None:
    (project / "requirements.txt").write_text(fill(index))
    assert locked.check(site()).mark is Mark.OK


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_sentence_names_the_package(site: Callable[..., Site], project: Path, index: Index, damage: str) -> None:
    change, package = DAMAGES[damage]
    (project / "requirements.txt").write_text(change(index, fill(index)))
    verdict = locked.check(site())
    assert verdict.mark is (Mark.UNKNOWN if damage == NOT_TOLD else Mark.REFUSED)
    assert SAYS[damage] in verdict.sentence
    assert package in verdict.sentence
    assert "\n" not in verdict.sentence and len(verdict.sentence) < 400


def test_after_packing_has_failed_a_tampered_wheel_is_the_reason_that_is_given(project: Path, index: Index) -> None:
    lock = fill(index)
    (project / "requirements.txt").write_text(lock)
    (project / ".chalice/config.json").write_text(json.dumps({"lambda_architecture": "arm64", "stages": {}}))
    locked.explain(project, "dev")
    change, _ = DAMAGES["a tampered wheel for arm64"]
    change(index, lock)
    with pytest.raises(OpsError, match=r"millarm==1\.0 from .* is not the file that requirements.txt locks"):
        locked.explain(project, "dev")


def test_without_a_network_it_cannot_tell(
    site: Callable[..., Site], project: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "requirements.txt").write_text(fill(index))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    verdict = locked.check(site())
    assert verdict.mark is Mark.UNKNOWN
    assert "check the network" in verdict.sentence
