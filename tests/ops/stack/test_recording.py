"""The record for Chalice has the stack's roles, unless the operator has his own, and nothing of the former ones."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from ops import config
from ops.errors import OpsError
from ops.stack import recording
from ops.stack.names import FUNCTIONS, chalice_role, is_stack_role, policy_file, role_id
from tests.stage import template


def arn(function: str, suffix: str = "ABC123", path: str = "/") -> str:
    return f"arn:aws:iam::123456789012:role{path}filemill-prod-{role_id(function)}-{suffix}"


ROLES = {function: arn(function) for function in FUNCTIONS}
THEIRS = "arn:aws:iam::123456789012:role/company/media-worker"


def role_entry(function: str) -> dict[str, str]:
    """A role in Chalice's record."""
    name = chalice_role("filemill", "prod", function)
    where = f"arn:aws:iam::123456789012:role/{name}"
    return {"name": f"{function}_role", "resource_type": "iam_role", "role_arn": where, "role_name": name}


API = {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "abc123"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A stage of the version in which Chalice made the roles, deployed."""
    (tmp_path / ".chalice" / "deployed").mkdir(parents=True)
    functions = {function: {"iam_policy_file": policy_file("prod", function)} for function in FUNCTIONS}
    stage = {"lambda_functions": functions, "environment_variables": {"FILEMILL_STAGE": "prod"}}
    (tmp_path / ".chalice" / "config.json").write_text(
        json.dumps({"version": "2.0", "app_name": "filemill", "autogen_policy": False, "stages": {"prod": stage}})
    )
    for function in FUNCTIONS:
        (tmp_path / ".chalice" / policy_file("prod", function)).write_text("{}")
    deployed = [*(role_entry(function) for function in FUNCTIONS), API]
    (tmp_path / ".chalice" / "deployed" / "prod.json").write_text(json.dumps({"resources": deployed}))
    return tmp_path


def record(project: Path, roles: dict[str, str] = ROLES, **tags: str) -> list[str]:
    said: list[str] = []
    recording.record(project, "prod", {"FILEMILL_STAGE": "prod"}, roles, tags, None, said.append)
    return said


def functions(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = config.read_config(project)["stages"]["prod"]["lambda_functions"]
    return found


def settings(project: Path, function: str, **values: Any) -> None:
    """The operator edits a function's entry."""
    written = config.read_config(project)
    written["stages"]["prod"]["lambda_functions"][function] = values
    config.write_json(config.config_path(project), written)


def test_a_stage_of_chalices_roles_moves_over_to_the_stacks(project: Path) -> None:
    said = record(project)
    assert functions(project) == {f: {"manage_iam_role": False, "iam_role_arn": ROLES[f]} for f in FUNCTIONS}
    assert "run `chalice deploy --stage prod` to give the functions these changes" in said
    assert list((project / ".chalice").glob("policy-*")) == []
    assert config.deployed_resources(project, "prod") == [API], "or Chalice would delete roles that are in use"
    assert record(project) == []


def test_chalices_record_is_changed_before_the_configuration(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped between the two, Chalice still makes the roles and finds them by name. Otherwise it would delete them."""
    before = config.read_config(project)
    write = config.write_json

    def stopped(path: Path, value: Any) -> bool:
        if path == config.config_path(project):
            raise KeyboardInterrupt
        return write(path, value)

    monkeypatch.setattr(config, "write_json", stopped)
    with pytest.raises(KeyboardInterrupt):
        record(project)
    assert config.read_config(project) == before
    assert config.deployed_resources(project, "prod") == [API]


def test_a_role_that_the_stack_replaced_is_recorded_anew(project: Path) -> None:
    record(project)
    moved = {function: arn(function, "XYZ", "/media/") for function in FUNCTIONS}
    record(project, moved)
    assert {f: v["iam_role_arn"] for f, v in functions(project).items()} == moved


@pytest.mark.parametrize(
    "own",
    [
        {"manage_iam_role": False, "iam_role_arn": THEIRS},
        {"iam_role_arn": THEIRS, "iam_policy_file": "policy-prod-process.json"},
        {"manage_iam_role": True, "iam_policy_file": "policy-prod-process.json"},
        {"iam_policy_file": "mine.json"},
    ],
)
def test_an_operators_own_role_or_policy_stays(project: Path, own: dict[str, Any]) -> None:
    settings(project, "process", **own)
    record(project)
    assert functions(project)["process"] == own
    assert functions(project)["fetch"]["iam_role_arn"] == ROLES["fetch"]
    assert (project / ".chalice" / "policy-prod-process.json").exists()
    assert config.deployed_resources(project, "prod") == [role_entry("process"), API]
    managed, arns = recording.own_roles(config.read_config(project), "prod")
    assert (managed, arns) == (([], [THEIRS]) if own.get("manage_iam_role") is False else (["process"], []))


def test_a_role_for_the_whole_stage_stays(project: Path) -> None:
    written = config.read_config(project)
    written["stages"]["prod"] |= {"manage_iam_role": False, "iam_role_arn": THEIRS}
    config.write_json(config.config_path(project), written)
    record(project)
    assert recording.own_roles(config.read_config(project), "prod") == ([], [THEIRS] * len(FUNCTIONS))
    assert all("iam_role_arn" not in entry for entry in functions(project).values())


def former_checkout(project: Path) -> None:
    """Does to a stage's entry what the version before the stack's roles does: adds its policy files."""
    written = config.read_config(project)
    for function in FUNCTIONS:
        entry = written["stages"]["prod"]["lambda_functions"].setdefault(function, {})
        entry.setdefault("iam_policy_file", policy_file("prod", function))
        (project / ".chalice" / policy_file("prod", function)).write_text("{}")
    config.write_json(config.config_path(project), written)


def test_rolled_back_the_functions_keep_the_stacks_roles_and_forward_again_they_get_the_new_ones(
    project: Path,
) -> None:
    record(project)
    former_checkout(project)
    for function, entry in functions(project).items():
        # Chalice takes `iam_role_arn` then, and does not read the policy file. The role is retained by the stack.
        assert (entry["manage_iam_role"], entry["iam_role_arn"]) == (False, ROLES[function])
    again = {function: arn(function, "NEW") for function in FUNCTIONS}
    record(project, again)
    assert functions(project) == {f: {"manage_iam_role": False, "iam_role_arn": again[f]} for f in FUNCTIONS}
    assert list((project / ".chalice").glob("policy-*")) == []


def test_rolled_back_together_with_its_records_the_stage_moves_over_once_more(project: Path) -> None:
    committed = {path: path.read_text() for path in (project / ".chalice").rglob("*.json")}
    record(project)
    for path, text in committed.items():
        path.write_text(text)
    record(project)
    assert config.deployed_resources(project, "prod") == [API]
    assert functions(project)["sweep"] == {"manage_iam_role": False, "iam_role_arn": ROLES["sweep"]}


def test_the_roles_are_no_environment_variables() -> None:
    outputs = {role_id("process"): arn("process"), "IngestQueueUrl": "https://sqs"}
    found = recording.variables("prod", outputs, "K1", None)
    assert found["FILEMILL_INGEST_QUEUE_URL"] == "https://sqs"
    assert not [name for name, value in found.items() if "ROLE" in name or value.startswith("arn:aws:iam")]


def test_the_tags_are_chalices_so_that_the_functions_get_them(project: Path) -> None:
    record(project, team="media")
    assert config.read_config(project)["stages"]["prod"]["tags"] == {
        "app": "filemill",
        "stage": "prod",
        "team": "media",
    }
    record(project, team="web", cost="7")
    tags = deepcopy(config.read_config(project)["stages"]["prod"]["tags"])
    assert (tags["team"], tags["cost"]) == ("web", "7")


def test_the_stacks_roles_are_told_from_others_by_their_names() -> None:
    assert is_stack_role("prod", "process", arn("process"))
    assert is_stack_role("prod", "process", "filemill-prod-ProcessRole-1AB")
    for other in (
        arn("fetch"),
        THEIRS,
        "filemill-prod-process",
        "filemill-prod-ProcessRole",
        "filemill-prod-ProcessRole-a-b",
        "filemill-prod-b-ProcessRole-1AB",
    ):
        assert not is_stack_role("prod", "process", other)


def test_more_variables_than_lambda_takes_are_refused_before_anything_is_written(project: Path) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    path = config.config_path(project)
    recorded = config.read_config(project)
    recorded["stages"]["prod"]["lambda_functions"]["media"]["environment_variables"] = {"FILEMILL_LONG": "x" * 4200}
    path.write_text(json.dumps(recorded))
    before = path.read_text()
    with pytest.raises(OpsError, match=r"variables of media have 42\d\d bytes, and Lambda takes 4096.*FILEMILL_LONG"):
        record(project)
    assert path.read_text() == before
    assert len(config.deployed_resources(project, "prod") or []) == len(FUNCTIONS) + 1


def test_a_stage_with_everything_leaves_room_for_the_operators_own_variables() -> None:
    """With the longest names of stage and region, a third of what Lambda takes is left."""
    place = "ap-southeast-1:123456789012:filemill-abcdefghijklmnop"
    longest = {
        "QueueUrl": "https://sqs.ap-southeast-1.amazonaws.com/123456789012/filemill-abcdefghijklmnop-{}-ABCDEFGHIJKL",
        "QueueArn": f"arn:aws:sqs:{place}-{{}}-ABCDEFGHIJKL",
        "StreamArn": f"arn:aws:dynamodb:{place}-{{}}-ABCDEFGHIJKL/stream/2026-01-01T00:00:00.000",
        "Bucket": "filemill-abcdefghijklmnop-{}-123456789012-ap-southeast-1",
    }
    outputs = {}
    for name in template()["Outputs"]:
        kind = next((each for each in longest if name.endswith(each)), "")
        outputs[name] = longest.get(kind, "filemill-abcdefghijklmnop-{}-ABCDEFGHIJKL").format(name.removesuffix(kind))
    found = recording.variables("abcdefghijklmnop", outputs, "K" * 14, None)
    assert not recording.refuse_variables({"environment_variables": {**found, "FILEMILL_MINE": "x" * 1200}}, "prod")
