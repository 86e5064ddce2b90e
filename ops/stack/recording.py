"""The record of a stage that `ops provision` writes for Chalice: its variables, and one IAM policy per function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from chalicelib.settings import PREFIX, camel_to_variable
from ops import config
from ops.stack import signing_key
from ops.stack.names import policy_file
from ops.stack.policies import POLICIES, Place, traced

Progress = Callable[[str], None]


def variables(stage: str, outputs: Mapping[str, str], key_id: str, front_door: str | None) -> dict[str, str]:
    """The functions' environment variables, made of the stack's outputs.

    `key_id` is CloudFront's id of the public key. `front_door` replaces the distribution's own address, if given.
    """
    found = {camel_to_variable(name): value for name, value in outputs.items()} | {
        f"{PREFIX}STAGE": stage,
        f"{PREFIX}CDN_KEY_ID": key_id,
        f"{PREFIX}CDN_KEY_PARAMETER": signing_key.key_parameter(stage),
        f"{PREFIX}SECRET_PARAMETER": signing_key.secret_parameter(stage),
    }
    if front_door:
        found[f"{PREFIX}FRONT_DOOR"] = front_door.rstrip("/")
    return found


def record(
    project_dir: Path,
    stage: str,
    variables: Mapping[str, str],
    stack_id: str,
    architecture: str | None,
    progress: Progress,
) -> None:
    """Writes the functions' policies and the stage's entry in `.chalice/config.json`, as far as they have changed."""
    # Read again: creating a stack takes minutes, and a run for another stage may have written meanwhile.
    before = config.read_config(project_dir)
    place = place_of(before, stage, variables, stack_id)
    files = {function: policy_file(stage, name) for function, (name, _) in POLICIES.items()}
    changed = False
    for function, (_, policy) in POLICIES.items():
        if config.write_json(project_dir / ".chalice" / files[function], traced(policy(place), place)):
            progress(f"wrote .chalice/{files[function]}")
            changed = True
    after = config.with_stage(before, stage, variables, files, architecture)
    if config.write_json(config.config_path(project_dir), after):
        progress(f"recorded stage {stage} in .chalice/config.json")
        changed = True
    if changed and config.deployed_resources(project_dir, stage):
        progress(f"run `chalice deploy --stage {stage}` to give the functions these changes")


def place_of(recorded: config.Config, stage: str, variables: Mapping[str, str], stack_id: str) -> Place:
    """The stage's resources, as the policies need them. `stack_id` is an ARN: it names the account and the region."""
    _, partition, _, region, account, *_ = stack_id.split(":")
    return Place(
        stage=stage,
        partition=partition,
        region=region,
        account=account,
        originals_bucket=variables[f"{PREFIX}ORIGINALS_BUCKET"],
        derived_bucket=variables[f"{PREFIX}DERIVED_BUCKET"],
        table=variables[f"{PREFIX}TABLE"],
        table_stream_arn=variables[f"{PREFIX}TABLE_STREAM_ARN"],
        ingest_queue_arn=variables[f"{PREFIX}INGEST_QUEUE_ARN"],
        import_queue_arn=variables[f"{PREFIX}IMPORT_QUEUE_ARN"],
        distribution_id=variables[f"{PREFIX}DISTRIBUTION_ID"],
        parameters=(variables[f"{PREFIX}CDN_KEY_PARAMETER"], variables[f"{PREFIX}SECRET_PARAMETER"]),
        app_name=recorded.get("app_name", "filemill"),
        xray=bool(recorded.get("stages", {}).get(stage, {}).get("xray", recorded.get("xray", False))),
    )
