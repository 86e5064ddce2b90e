"""Every command: its help, the stage that it is given, and the account that the stage is in."""

from __future__ import annotations

import json
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3
import pytest

from ops import __main__ as ops
from ops import config, sources
from ops.errors import OpsError

EXAMPLES = [
    shlex.split(line) for path, _ in ops.COMMANDS.values() for line in getattr(import_module(path), "EXAMPLES", ())
]
# `policy` makes no AWS call.
ON_A_STAGE = [words for words in EXAMPLES if "--stage" in words and words[0] != "policy"]
# These are for a stage that there is not yet, too.
NEW = ("plan", "preflight", "provision")
ON_A_KNOWN_STAGE = [words for words in ON_A_STAGE if words[0] not in NEW or "--delete" in words]
WHERE = "arn:aws:sqs:eu-west-1:123456789012:ingest"


@pytest.fixture(scope="module")
def session(cloud: None) -> boto3.Session:
    """One session for all tests, because reading the services' models takes long."""
    return boto3.Session()


@pytest.fixture
def project(session: boto3.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with stage `prod` in account 123456789012, region eu-west-1."""
    monkeypatch.setattr(boto3, "Session", lambda: session)
    (tmp_path / ".chalice").mkdir()
    variables = {"FILEMILL_STAGE": "prod", "FILEMILL_INGEST_QUEUE_ARN": WHERE}
    stages = {"prod": {"environment_variables": variables}}
    config.config_path(tmp_path).write_text(json.dumps({"version": "2.0", "stages": stages}))
    return tmp_path


def on(words: list[str], stage: str, project: Path) -> int:
    """Runs an example on another stage of a project."""
    words = [*words]
    words[words.index("--stage") + 1] = stage
    return ops.main([*words, "--project-dir", str(project)])


def test_every_command_has_examples() -> None:
    assert {words[0] for words in EXAMPLES} == set(ops.COMMANDS)


@pytest.mark.parametrize("words", EXAMPLES, ids=" ".join)
def test_every_example_can_be_typed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    parser, _ = ops.parser_for(words[0])
    parser.parse_args(words)
    with pytest.raises(SystemExit):
        parser.parse_args([words[0], "--help"])
    shown = capsys.readouterr().out
    assert f"python -m ops {words[0]}" in shown.partition("examples:")[2]


@pytest.mark.parametrize("words", ON_A_STAGE, ids=" ".join)
@pytest.mark.parametrize(("account", "region"), [("123456789012", "us-west-2"), ("999999999999", "eu-west-1")])
def test_a_wrong_region_or_account_is_named_by_every_command(
    words: list[str],
    account: str,
    region: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = config.config_path(project).read_text()
    config.config_path(project).write_text(text.replace(WHERE, f"arn:aws:sqs:{region}:{account}:ingest"))
    assert on(words, "prod", project) == 1
    said = capsys.readouterr().err
    assert f"is in account {account}, region {region}; you are in account 123456789012, region eu-west-1" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", ON_A_KNOWN_STAGE, ids=" ".join)
def test_a_stage_that_there_is_not_is_an_error_of_every_command(
    words: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert on(words, "prdo", project) == 1
    printed = capsys.readouterr()
    assert "'prdo'" in printed.err
    assert "Provisioned here: prod." in printed.err
    assert printed.err.count("\n") == 1
    assert "deleted" not in printed.out


@pytest.mark.parametrize("words", ON_A_STAGE, ids=" ".join)
def test_the_local_stage_is_never_to_be_provisioned_by_hand(
    words: list[str], project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert on(words, "local", project) == 1
    said = capsys.readouterr().err
    assert "`make run` is not running" in said
    assert "ops provision --stage" not in said


@pytest.mark.parametrize("words", ON_A_STAGE, ids=" ".join)
@pytest.mark.parametrize(
    "damaged",
    [
        "{",
        "[]",
        '{"stages": []}',
        '{"stages": {"prod": 1}}',
        '{"stages": {"prod": {"environment_variables": []}}}',
        '{"environment_variables": 1}',
        None,
    ],
)
def test_a_damaged_configuration_is_a_sentence_of_every_command(
    words: list[str], damaged: str | None, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config.config_path(project)
    if damaged is None:
        path.unlink()
        path.mkdir()
    else:
        path.write_text(damaged)
    assert on(words, "prod", project) == 1
    said = capsys.readouterr().err
    assert str(path) in said
    assert "fault of Filemill" not in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", ["app.py", "chalicelib/api/wire.py"])
def test_a_syntax_error_is_named_with_its_file_and_line(
    name: str, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("a = 1\ndef f(:\n    pass\n")
    with pytest.raises(OpsError, match=rf"^{name}, line 2: .*\. Correct this"):
        sources.check(project)
    assert on(["provision", "--stage", "prod"], "prod", project) == 1
    assert f"{name}, line 2: " in capsys.readouterr().err
    file.write_text("a = 1\n")
    sources.check(project)


def test_a_source_that_is_no_text_is_a_sentence_too(project: Path) -> None:
    (project / "app.py").write_bytes(b"a = '\xff\xfe'\n")
    with pytest.raises(OpsError, match=r"^app\.py"):
        sources.check(project)
    (project / "app.py").write_bytes(b"a\0b")
    with pytest.raises(OpsError, match=r"^app\.py"):
        sources.check(project)


def test_a_local_stage_that_runs_keeps_its_front_door_and_is_not_deleted_under_its_feet(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ops.local import running

    found = running.Running("http://127.0.0.1:4567", "http://localhost:8001", str(project), "state", 1)
    monkeypatch.setattr(running, "attach", lambda _: found)
    given: list[Any] = []
    monkeypatch.setattr("ops.provision.provision", lambda *args, **options: given.append((args, options)))
    monkeypatch.setattr("ops.package.write", lambda *_: None)
    assert ops.main(["provision", "--stage", "local"]) == 0
    assert given[0][0] == ("local", project)
    assert given[0][1]["front_door"] == "http://localhost:8001"
    assert ops.main(["provision", "--stage", "local", "--delete", "--yes"]) == 1
    assert "stop `make run`" in capsys.readouterr().err
