"""Reads and writes `.chalice/config.json`, keeping what an operator has added; and reads what Chalice has deployed."""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from chalicelib.settings import NotProvisionedError
from ops.errors import OpsError

Config = dict[str, Any]

STAGE_PATTERN = re.compile(r"[a-z]([a-z0-9-]{0,14}[a-z0-9])?")


def check_stage(stage: str, functions: Iterable[str]) -> None:
    """Refuses a name that can't be a stage's.

    A bucket is named `filemill-STAGE-originals-ACCOUNT-REGION`. It has at most 63 characters
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html); with a region of 14 characters, 16
    are left for the stage. Chalice names a function `filemill-STAGE-FUNCTION`, so the API of stage `a-process` would
    overwrite the function `process` of stage `a`.

    Raises
    ------
    OpsError
        The name is too long, or has a character or an ending that is not allowed.
    """
    if not STAGE_PATTERN.fullmatch(stage):
        raise OpsError(
            f"{stage!r} can't be a stage's name, because it is part of the buckets' names. Use 1 to 16 of a-z, 0-9 and "
            "-, with a letter first and no - at the end."
        )
    for function in functions:
        if stage.endswith(f"-{function}"):
            raise OpsError(
                f"{stage!r} can't be a stage's name, because its API would get the name of another stage's function "
                f"{function!r}. Choose a name that does not end with -{function}."
            )


def add_stage_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--stage` and `--project-dir`, which every command on a stage has."""
    parser.add_argument("--stage", required=True, help="name of the stage, such as dev or prod")
    parser.add_argument(
        "--project-dir", type=Path, default=Path(), metavar="DIR", help="folder with app.py and .chalice (default: .)"
    )


def add_parameter_argument(parser: argparse.ArgumentParser, explanation: str) -> None:
    """Adds `--set PARAMETER=VALUE`, which can be repeated."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=assignment,
        metavar="PARAMETER=VALUE",
        help=f"{explanation} (repeatable)",
    )


def assignment(text: str) -> tuple[str, str]:
    """Reads an argument of the form `NAME=VALUE`."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form Name=Value")
    return name, value


def config_path(project_dir: Path) -> Path:
    return project_dir / ".chalice" / "config.json"


def read_config(project_dir: Path) -> Config:
    """The content of `.chalice/config.json`.

    Raises
    ------
    OpsError
        The file is missing, or is not a JSON object.
    """
    path = config_path(project_dir)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OpsError(
            f"There is no {path}: run this in the folder of app.py, or name it with --project-dir."
        ) from None
    except ValueError as error:
        raise OpsError(f"{path} is not JSON ({error}): correct it, or restore it from version control.") from None
    if not isinstance(config, dict):
        raise OpsError(f"{path} is not a JSON object: restore it from version control.")
    if damaged := next(_damaged(config), None):
        raise OpsError(f"{path}: {damaged} is not a JSON object. Correct it, or restore the file from version control.")
    return config


def _damaged(config: Config) -> Iterator[str]:
    """Names of entries that must be objects and are not."""
    stages = config.get("stages", {})
    entries = {"stages": stages, **(stages if isinstance(stages, dict) else {}), "the file": config}
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            yield name
            continue
        for part in ("environment_variables", "lambda_functions"):
            if not isinstance(entry.get(part, {}), dict):
                yield f"{part} of {name}"


def write_json(path: Path, value: Mapping[str, Any]) -> bool:
    """Writes a file as a whole or not at all. Returns False if it had this content already."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True


def with_stage(
    config: Config,
    stage: str,
    variables: Mapping[str, str],
    roles: Mapping[str, str],
    architecture: str | None = None,
    tags: Mapping[str, str] | None = None,
    reserved: Mapping[str, int | None] | None = None,
    layers: Mapping[str, str] | None = None,
) -> Config:
    """The configuration with this stage's entry as it was provisioned. Everything else stays as it was.

    `variables` and `tags` replace the recorded ones. Settings that an operator may choose (architecture, layer) are set
    only if they are missing. `roles` are ARNs by function name, of the functions that take the stack's roles. Such a
    function loses its `iam_policy_file`, which a former version recorded. `reserved` is the reserved concurrency by
    function; None takes it away. An empty variable is taken away. `layers` are ARNs of layers of our own by function:
    each replaces a former version, and stands beside the operator's.
    """
    result = deepcopy(config)
    entry = result.setdefault("stages", {}).setdefault(stage, {})
    entry.setdefault("api_gateway_stage", result.get("api_gateway_stage", "api"))
    entry.setdefault("automatic_layer", True)
    entry.setdefault("lambda_architecture", "arm64")
    if architecture:
        entry["lambda_architecture"] = architecture
    known = entry.setdefault("environment_variables", {})
    known.update({name: value for name, value in variables.items() if value})
    for name in (name for name, value in variables.items() if not value):
        known.pop(name, None)
    functions = entry.setdefault("lambda_functions", {})
    for function, arn in roles.items():
        settings = functions.setdefault(function, {})
        settings.pop("iam_policy_file", None)
        settings.update(manage_iam_role=False, iam_role_arn=arn)
    for function, number in (reserved or {}).items():
        if number is None:
            functions.get(function, {}).pop("reserved_concurrency", None)
        else:  # where it stands, so that a second run writes the same text
            functions.setdefault(function, {})["reserved_concurrency"] = number
    for function, arn in (layers or {}).items():
        given = function_settings(result, stage, function).get("layers", [])
        others = [each for each in given if each.rpartition(":")[0] != arn.rpartition(":")[0]]
        functions.setdefault(function, {})["layers"] = [*others, arn]
    if tags is not None:
        entry["tags"] = dict(tags)
    return result


def app_name(config: Config) -> str:
    """The app's name, with which Chalice begins the names of functions, layers and roles."""
    return str(config.get("app_name", "filemill"))


def api_stage(config: Config, stage: str) -> str:
    """Name of the REST API's stage, as Chalice reads it."""
    entry = config.get("stages", {}).get(stage, {})
    return str(entry.get("api_gateway_stage") or config.get("api_gateway_stage") or "api")


def without_stage(config: Config, stage: str) -> Config:
    """The configuration without this stage's entry."""
    result = deepcopy(config)
    result.get("stages", {}).pop(stage, None)
    return result


def stage_variables(config: Config, stage: str, function: str = "") -> dict[str, str]:
    """The environment variables of a stage, or of one function in it, merged in Chalice's order.

    The app's variables come first, then the stage's, then the function's; a later one replaces an earlier one.
    """
    entry = config.get("stages", {}).get(stage, {})
    places = (config, entry, entry.get("lambda_functions", {}).get(function, {}))
    return {name: value for place in places for name, value in place.get("environment_variables", {}).items()}


def function_settings(config: Config, stage: str, function: str) -> dict[str, Any]:
    """The recorded settings of a function, merged in Chalice's order: https://aws.github.io/chalice/topics/configfile.html

    The app's settings come first, then the function's, the stage's, and the function's in this stage; a later one
    replaces an earlier one.
    """
    entry = config.get("stages", {}).get(stage, {})
    everybody = (config, config.get("lambda_functions", {}).get(function, {}))
    places = (*everybody, entry, entry.get("lambda_functions", {}).get(function, {}))
    return {name: value for place in places for name, value in place.items() if value is not None}


def is_traced(config: Config, stage: str) -> bool:
    """True if the stage's functions send traces to X-Ray."""
    return bool(config.get("stages", {}).get(stage, {}).get("xray", config.get("xray", False)))


def load_stage(project_dir: Path, stage: str) -> dict[str, str]:
    """A provisioned stage's environment variables, for `chalicelib.settings.load`.

    Raises
    ------
    NotProvisionedError
        The stage has no variables yet; the message says what to run, and which stages exist.
    """
    config = read_config(project_dir)
    variables = stage_variables(config, stage)
    if "FILEMILL_STAGE" not in variables:
        raise NotProvisionedError(
            f"Stage {stage!r} is not provisioned: {_did_you_mean(config, stage)}run `python -m ops provision --stage "
            f"{stage}` first. {provisioned_here(config)}"
        )
    return variables


def provisioned_here(config: Config) -> str:
    """The sentence that names the stages of a configuration."""
    return f"Provisioned here: {', '.join(sorted(config.get('stages', {}))) or 'none'}."


def _did_you_mean(config: Config, stage: str) -> str:
    close = get_close_matches(stage, config.get("stages", {}), n=1)
    return f"if you did not mean {close[0]!r}, " if close else ""


def deployed_resources(project_dir: Path, stage: str) -> list[dict[str, Any]] | None:
    """The resources that Chalice recorded as deployed. None if it never deployed the stage from here, [] after
    `chalice delete`."""
    path = project_dir / ".chalice" / "deployed" / f"{stage}.json"
    try:
        resources = json.loads(path.read_text(encoding="utf-8")).get("resources", [])
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OpsError(
            f"{path} is not JSON ({error}). Restore it: without it Chalice does not know what it has deployed."
        ) from None
    assert isinstance(resources, list)
    return resources


def forget_deployed(project_dir: Path, stage: str, resources: list[dict[str, Any]]) -> None:
    """Removes these resources from Chalice's record of what it has deployed."""
    left = [each for each in deployed_resources(project_dir, stage) or [] if each not in resources]
    record_deployed(project_dir, stage, left)


def record_deployed(project_dir: Path, stage: str, resources: list[dict[str, Any]]) -> None:
    """Writes Chalice's record of what it has deployed, in the form of chalice/deploy/deployer.py."""
    path = project_dir / ".chalice" / "deployed" / f"{stage}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"resources": resources, "schema_version": "2.0", "backend": "api"})


def rest_api_id(resources: list[dict[str, Any]]) -> str:
    """Id of the deployed REST API, or an empty string."""
    return next((str(r["rest_api_id"]) for r in resources if r.get("resource_type") == "rest_api"), "")


def websocket_api_id(resources: list[dict[str, Any]]) -> str:
    """Id of the deployed WebSocket API, or an empty string."""
    return next((str(r["websocket_api_id"]) for r in resources if r.get("resource_type") == "websocket_api"), "")
