"""`python -m ops auth`: it explains a token step by step, and records issuers that are right."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ops import auth
from ops.__main__ import main
from tests.issuers import Issuer, Signer, issuing, part, stage_with
from tests.outbound.servers import answer
from tests.stage import STAGE, Calls

Said = tuple[int, str, str]
"""Exit code, and what went to the standard output and error."""


@pytest.fixture
def issuer(stage: Calls, tmp_path: Path) -> Iterator[Issuer]:
    with issuing(tmp_path) as issuer, stage_with(issuer.entry()):
        yield issuer


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    monkeypatch.setattr(auth, "load_stage", lambda *_: STAGE)

    def run(*words: str) -> Said:
        capsys.readouterr()
        code = main(["auth", "check", *words, "--stage", "test"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_an_acceptance_names_tenant_owner_scopes_and_end(issuer: Issuer, check: Callable[..., Said]) -> None:
    code, said, _ = check(issuer.token(exp=4_000_000_000))
    assert code == 0
    assert said.count("  ok  ") == 6
    assert "Accepted until 2096-10-02T07:07:40Z: tenant acme, owner 'ann'" in said
    assert "scopes events:read files:read files:write" in said


def test_it_can_be_read_by_a_program(issuer: Issuer, check: Callable[..., Said]) -> None:
    code, said, _ = check(issuer.token(), "--json")
    report = json.loads(said)
    assert (code, report["accepted"], report["tenant"], report["owner"]) == (0, True, "acme", "ann")
    code, said, _ = check(issuer.token(aud="other"), "--json")
    assert (code, json.loads(said)["accepted"]) == (1, False)


@pytest.mark.parametrize(
    ("make", "steps", "why"),
    [
        (lambda _: "fm_1", 0, "three parts"),
        (lambda issuer: f"{part(issuer.header(alg='none'))}.{part(issuer.claims())}.", 0, "`alg`"),
        (lambda issuer: issuer.token(iss="https://evil.example.com"), 1, "`iss`"),
        (lambda issuer: issuer.token(Signer("other")), 2, "no key of this `kid`"),
        (lambda issuer: Signer("first", serial=1).signed(issuer.header(), issuer.claims()), 2, "signature"),
        (lambda issuer: issuer.token(aud="other"), 3, "`aud`"),
        (lambda issuer: issuer.token(sub=None), 4, "`sub`"),
        (lambda issuer: issuer.token(exp=int(time.time()) - 100), 5, "expired"),
    ],
)
def test_a_refusal_has_the_steps_before_it_and_the_reason(
    issuer: Issuer, check: Callable[..., Said], make: Callable[[Issuer], str], steps: int, why: str
) -> None:
    code, said, _ = check(make(issuer))
    assert (code, said.count("  ok  ")) == (1, steps)
    assert why in said.splitlines()[-1]
    assert said.splitlines()[-1].startswith("Refused: ")


def test_keys_that_cannot_be_had_are_told_of(issuer: Issuer, check: Callable[..., Said]) -> None:
    issuer.script = lambda: answer(b"", status="500 Oops")
    assert "keys can't be had" in check(issuer.token())[1]


def test_a_token_can_come_on_the_standard_input(
    issuer: Issuer, check: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"Bearer {issuer.token()}\n"))
    assert check("-")[0] == 0


def test_a_stage_without_issuers_says_how_to_set_them(stage: Calls, check: Callable[..., Said]) -> None:
    with stage_with():
        assert "ops auth set" in check("a.b.c")[1]


# --- set


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".chalice").mkdir()
    entry = {"environment_variables": {**STAGE, "FILEMILL_LOG_LEVEL": "DEBUG"}}
    (tmp_path / ".chalice/config.json").write_text(json.dumps({"stages": {"dev": entry}}))
    return tmp_path


def put(project: Path, issuers: Any, stage: str = "dev") -> int:
    (project / "issuers.json").write_text(issuers if isinstance(issuers, str) else json.dumps(issuers, indent=2))
    path = str(project / "issuers.json")
    return main(["auth", "set", path, "--stage", stage, "--project-dir", str(project)])


def recorded(project: Path) -> dict[str, str]:
    config = json.loads((project / ".chalice/config.json").read_text())
    variables: dict[str, str] = config["stages"]["dev"]["environment_variables"]
    return variables


ENTRY = {
    "issuer": "https://id.example.com",
    "jwks": "https://id.example.com/keys",
    "audience": "filemill",
    "tenant": "acme",
    "scopes": "files:read",
}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.stages.enter", lambda args: None)


def test_issuers_are_recorded_as_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert put(project, [ENTRY]) == 0
    assert recorded(project)["FILEMILL_OIDC"] == json.dumps([ENTRY], separators=(",", ":"))
    assert recorded(project)["FILEMILL_LOG_LEVEL"] == "DEBUG"
    assert "1 issuer of sign-in tokens" in capsys.readouterr().out
    assert put(project, []) == 0
    assert "FILEMILL_OIDC" not in recorded(project)


@pytest.mark.parametrize(
    ("issuers", "sentence"),
    [
        ("{", "issuers are wrong"),
        ([{**ENTRY, "tenant": "A"}], "issuer 1: `tenant`"),
        ([{**ENTRY, "audience": ["x" * 400] * 6}], "at most 2000 fit"),
    ],
)
def test_wrong_issuers_are_refused_and_nothing_is_written(
    project: Path, capsys: pytest.CaptureFixture[str], issuers: Any, sentence: str
) -> None:
    before = (project / ".chalice/config.json").read_bytes()
    assert put(project, issuers) == 1
    assert sentence in capsys.readouterr().err
    assert (project / ".chalice/config.json").read_bytes() == before


def test_more_than_a_function_takes_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = json.loads((project / ".chalice/config.json").read_text())
    config["stages"]["dev"]["environment_variables"]["FILEMILL_SCAN_COMMAND"] = "x" * 3200
    (project / ".chalice/config.json").write_text(json.dumps(config))
    assert put(project, [ENTRY]) == 1
    assert "AWS Lambda takes 4096 bytes" in capsys.readouterr().err


def test_an_unknown_stage_is_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert put(project, [ENTRY], "other") == 1
    assert "Provisioned here: dev" in capsys.readouterr().err
