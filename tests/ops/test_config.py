"""`.chalice/config.json`: what is committed, and what provisioning makes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import chalice.config
import pytest

from chalicelib.settings import NotProvisionedError
from ops import config
from ops.errors import OpsError

ROOT = Path(__file__).parents[2]


def project(directory: Path, value: Any = None) -> Path:
    (directory / ".chalice").mkdir()
    text = value if isinstance(value, str) else json.dumps(value or {"version": "2.0", "stages": {}})
    config.config_path(directory).write_text(text)
    return directory


def known_keys() -> set[str]:
    """The keys that this Chalice looks up; any other it ignores without a word."""
    source = Path(chalice.config.__file__).read_text()
    looked_up = re.findall(r"_chain_(?:lookup|merge)\(\s*'(\w+)'", source)
    return {*looked_up, "version", "stages", "lambda_functions"}


def keys_of(node: dict[str, Any]) -> set[str]:
    found = set(node)
    for holder in ("stages", "lambda_functions"):
        for entry in node.get(holder, {}).values():
            found |= keys_of(entry)
    return found


def test_chalice_knows_every_key_of_the_committed_file() -> None:
    committed = json.loads((ROOT / ".chalice" / "config.json").read_text())
    assert {"lambda_memory_size", "autogen_policy", "minimum_compression_size"} <= known_keys()
    assert keys_of(committed) <= known_keys()
    assert committed["autogen_policy"] is False
    assert committed["stages"] == {}


def test_chalice_knows_every_key_that_provisioning_adds() -> None:
    made = config.with_stage({"version": "2.0"}, "prod", {"A": "1"}, {"process": "arn"}, None, {"app": "filemill"})
    assert keys_of(made) <= known_keys()


def test_a_new_stage_gets_its_variables_roles_tags_layer_and_architecture() -> None:
    tags = {"app": "filemill"}
    made = config.with_stage({"api_gateway_stage": "api"}, "prod", {"A": "1"}, {"process": "arn"}, None, tags)
    assert made["stages"]["prod"] == {
        "api_gateway_stage": "api",
        "automatic_layer": True,
        "lambda_architecture": "arm64",
        "environment_variables": {"A": "1"},
        "lambda_functions": {"process": {"manage_iam_role": False, "iam_role_arn": "arn"}},
        "tags": {"app": "filemill"},
    }


def test_what_an_operator_added_stays() -> None:
    theirs = {
        "tags": {"team": "media"},
        "stages": {
            "dev": {"environment_variables": {"X": "1"}},
            "prod": {
                "xray": True,
                "lambda_architecture": "x86_64",
                "automatic_layer": False,
                "environment_variables": {"FILEMILL_LIST_SHARDS": "8", "FILEMILL_TABLE": "old"},
                "lambda_functions": {"process": {"reserved_concurrency": 20, "iam_policy_file": "mine.json"}},
            },
        },
    }
    before = json.dumps(theirs)
    made = config.with_stage(theirs, "prod", {"FILEMILL_TABLE": "new"}, {"fetch": "arn"})
    assert json.dumps(theirs) == before, "the argument is left alone"
    prod = made["stages"]["prod"]
    assert made["tags"] == {"team": "media"}
    assert made["stages"]["dev"] == theirs["stages"]["dev"]  # type: ignore[index]
    assert prod["environment_variables"] == {"FILEMILL_LIST_SHARDS": "8", "FILEMILL_TABLE": "new"}
    assert prod["lambda_functions"]["process"] == {"reserved_concurrency": 20, "iam_policy_file": "mine.json"}
    assert (prod["xray"], prod["lambda_architecture"], prod["automatic_layer"]) == (True, "x86_64", False)


def test_an_architecture_that_is_asked_for_replaces_the_recorded_one() -> None:
    recorded = {"stages": {"prod": {"lambda_architecture": "arm64"}}}
    made = config.with_stage(recorded, "prod", {}, {}, "x86_64")
    assert made["stages"]["prod"]["lambda_architecture"] == "x86_64"


def test_deleting_a_stage_leaves_the_others() -> None:
    assert config.without_stage({"stages": {"a": {}, "b": {"x": 1}}}, "a") == {"stages": {"b": {"x": 1}}}


def test_writing_the_same_again_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert config.write_json(path, {"a": "ä"})
    stamp = path.stat().st_mtime_ns
    assert not config.write_json(path, {"a": "ä"})
    assert path.stat().st_mtime_ns == stamp
    assert path.read_text() == '{\n  "a": "ä"\n}\n'


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    config.write_json(path, {"a": 1})

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        config.write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_variables_of_a_stage_are_everybodys_and_its_own(tmp_path: Path) -> None:
    directory = project(
        tmp_path,
        {
            "environment_variables": {"A": "all", "B": "all"},
            "stages": {"prod": {"environment_variables": {"B": "prod", "FILEMILL_STAGE": "prod"}}},
        },
    )
    assert config.load_stage(directory, "prod") == {"A": "all", "B": "prod", "FILEMILL_STAGE": "prod"}


def test_a_stage_that_is_not_provisioned_is_a_sentence_with_the_command(tmp_path: Path) -> None:
    directory = project(tmp_path, {"stages": {"dev": {}}})
    with pytest.raises(NotProvisionedError, match=r"ops provision --stage prod` first\. Provisioned here: dev"):
        config.load_stage(directory, "prod")


@pytest.mark.parametrize(("text", "says"), [("{", "is not JSON"), ("[]", "is not a JSON object")])
def test_a_configuration_that_is_not_a_json_object_is_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(OpsError, match=says):
        config.read_config(project(tmp_path, text))


def test_another_directory_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="--project-dir"):
        config.read_config(tmp_path)


@pytest.mark.parametrize("stage", ["a", "prod", "pr-123", "s" * 16, "process"])
def test_valid_stage_names_are_accepted(stage: str) -> None:
    config.check_stage(stage, ["process"])


@pytest.mark.parametrize("stage", ["", "Prod", "1st", "a_b", "a-", "-a", "s" * 17, "a.b", "prod\n", "é"])
def test_stage_names_that_would_break_a_buckets_name_are_refused(stage: str) -> None:
    with pytest.raises(OpsError, match="1 to 16"):
        config.check_stage(stage, ["process"])


def test_a_stage_whose_api_would_be_another_stages_function_is_refused() -> None:
    with pytest.raises(OpsError, match="another stage's function"):
        config.check_stage("a-process", ["process"])


def test_never_deployed_deployed_and_deleted_are_told_apart(tmp_path: Path) -> None:
    directory = project(tmp_path)
    assert config.deployed_resources(directory, "prod") is None
    path = directory / ".chalice" / "deployed" / "prod.json"
    path.parent.mkdir()
    path.write_text('{"resources": [], "schema_version": "2.0"}')
    assert config.deployed_resources(directory, "prod") == []
    path.write_text('{"resources": [{"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "abc"}]}')
    assert config.rest_api_id(config.deployed_resources(directory, "prod") or []) == "abc"
    path.write_text("{")
    with pytest.raises(OpsError, match="is not JSON"):
        config.deployed_resources(directory, "prod")


def test_a_stages_settings_of_a_function_come_before_the_apps() -> None:
    recorded = {
        "lambda_timeout": 1,
        "environment_variables": {"A": "everybody", "B": "everybody"},
        "lambda_functions": {"process": {"lambda_timeout": 2, "lambda_memory_size": 256}},
        "stages": {
            "dev": {
                "environment_variables": {"B": "dev"},
                "lambda_functions": {"process": {"lambda_timeout": 4, "environment_variables": {"C": "its own"}}},
            },
            "prod": {"lambda_timeout": 3},
        },
    }
    assert config.function_settings(recorded, "dev", "process")["lambda_timeout"] == 4
    assert config.function_settings(recorded, "dev", "process")["lambda_memory_size"] == 256
    assert config.function_settings(recorded, "prod", "process")["lambda_timeout"] == 3
    assert config.function_settings(recorded, "dev", "sweep")["lambda_timeout"] == 1
    assert config.stage_variables(recorded, "dev") == {"A": "everybody", "B": "dev"}
    assert config.stage_variables(recorded, "dev", "process") == {"A": "everybody", "B": "dev", "C": "its own"}
