"""`make audit` reports what the databases answer, and takes no answer for none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from ops import audit

# The form of pip-audit's answer: https://github.com/pypa/pip-audit#examples
SOUND = {"name": "idna", "version": "3.20", "vulns": []}
FAULTY = {
    "name": "pillow",
    "version": "9.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["9.1", "10.0"], "aliases": [], "description": "…"}],
}
SKIPPED = {"name": "boto3", "skip_reason": "Dependency not found on PyPI and could not be audited: boto3 (1.44.5)"}
# The form of npm's: https://docs.npmjs.com/cli/commands/npm-audit
NPM_SOUND = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 32}}}
NPM_FAULTY = {
    "vulnerabilities": {
        "sharp": {"severity": "high", "range": "<0.35", "via": [{"title": "Reads too far"}]},
        "user-of-sharp": {"severity": "high", "range": "*", "via": ["sharp"]},
    },
    "metadata": {"dependencies": {"total": 32}},
}


def run_with(monkeypatch: pytest.MonkeyPatch, python: object, npm: object) -> int:
    """`make audit` with these answers for every lock file. A string is an error instead of an answer."""

    def run(command: Sequence[str], folder: Path) -> tuple[str, str]:
        answer = npm if command[0] == "npm" else python
        return ("", answer) if isinstance(answer, str) else (json.dumps(answer), "")

    monkeypatch.setattr(audit, "run", run)
    return audit.main()


def test_all_is_checked_and_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, {"dependencies": [SOUND]}, NPM_SOUND) == 0
    said = capsys.readouterr().out
    assert "requirements.txt: 1 checked, 0 faults known" in said
    assert "bench/package-lock.json: 32 checked, 0 faults known" in said
    assert "NOT CHECKED" not in said


def test_a_known_fault_is_named_with_the_version_that_mends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, {"dependencies": [SOUND, FAULTY, SKIPPED]}, NPM_FAULTY) == 1
    said = capsys.readouterr().out
    assert "pillow 9.0: PYSEC-1, fixed in 9.1, 10.0" in said
    assert "sharp <0.35: high, Reads too far" in said
    assert "user-of-sharp *: high, through sharp" in said


@pytest.mark.parametrize(
    ("python", "npm", "sentence"),
    [
        ({"dependencies": [SOUND, SKIPPED]}, NPM_SOUND, "NOT CHECKED: boto3: PyPI answered nothing"),
        ("Traceback …\nrequests.exceptions.ConnectionError: no route", NPM_SOUND, "ConnectionError: no route"),
        ("", NPM_SOUND, "pip-audit failed: it says nothing"),
        ({"dependencies": [SOUND]}, {"message": "405 Method Not Allowed"}, "no advisories: 405 Method Not Allowed"),
        ({"dependencies": [SOUND]}, "npm is not installed", "npm is not installed"),
    ],
)
def test_what_nobody_answers_for_is_not_taken_for_sound(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], python: object, npm: object, sentence: str
) -> None:
    assert run_with(monkeypatch, python, npm) == 2
    said = capsys.readouterr().out
    assert sentence in said
    assert "not all packages could be checked" in said


def test_a_command_that_is_missing_is_a_sentence(tmp_path: Path) -> None:
    assert audit.run(["no-such-command"], tmp_path) == ("", "no-such-command is not installed")
