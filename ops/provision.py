"""`python -m ops provision`: a stage's buckets, table, queue and distribution, and what Chalice must know of them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from chalicelib.keyring import derived_edge_secret
from chalicelib.settings import PREFIX, camel_to_variable
from ops import config, package
from ops.errors import OpsError, as_sentences
from ops.stack import deployment, emulator_gaps, event_sources, gateway, signing_key, template
from ops.stack.names import policy_file, stack_name, whereabouts
from ops.stack.policies import POLICIES, Place, traced

Progress = deployment.Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument("--front-door", metavar="URL", help="where browsers come in, if not at the distribution")
    parser.add_argument(
        "--architecture",
        choices=["arm64", "x86_64"],
        help="of the functions (default: as recorded, else arm64; at an emulator this machine's)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_assignment,
        metavar="PARAMETER=VALUE",
        help="a parameter of .chalice/resources.yaml; kept until it is set again",
    )
    parser.add_argument(
        "--allow-replacement", action="store_true", help="go on although a bucket or the table would be replaced"
    )
    parser.add_argument("--revert-drift", action="store_true", help="undo what was changed without the template, too")
    parser.add_argument("--delete", action="store_true", help="delete the stage's resources instead")
    parser.add_argument("--delete-files", action="store_true", help="with --delete: every file and version as well")


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form Parameter=Value")
    return name, value


def main(args: argparse.Namespace) -> int:
    say = partial(print, flush=True)
    if args.delete_files and not args.delete:
        raise OpsError("--delete-files goes with --delete.")
    if args.delete:
        from ops.unprovision import unprovision

        unprovision(args.stage, args.project_dir, delete_files=args.delete_files, progress=say)
        return 0
    provision(
        args.stage,
        args.project_dir,
        front_door=args.front_door,
        architecture=args.architecture,
        parameters=dict(args.set),
        allow_replacement=args.allow_replacement,
        revert_drift=args.revert_drift,
        progress=say,
    )
    package.write(args.project_dir, config.architecture_of(config.read_config(args.project_dir), args.stage), say)
    return 0


def provision(
    stage: str,
    project_dir: Path,
    *,
    front_door: str | None = None,
    architecture: str | None = None,
    parameters: Mapping[str, str] | None = None,
    allow_replacement: bool = False,
    revert_drift: bool = False,
    progress: Progress = print,
) -> dict[str, str]:
    """Brings a stage's resources to `.chalice/resources.yaml` and records them in `.chalice/config.json`.

    It can be repeated: what is as it should be stays untouched. Credentials, region and endpoint are boto3's usual.

    Parameters
    ----------
    front_door
        Where browsers come in (no trailing slash), if not at the distribution: http://localhost:8000.
    architecture
        `arm64` or `x86_64`; None keeps what is recorded, at first arm64. An emulator runs functions on this machine.
    parameters
        Of the template, by name. One that was set before keeps its value.

    Returns
    -------
    dict
        The stage's environment variables, as recorded.

    Raises
    ------
    OpsError
        A sentence that says what failed and what to do.
    """
    config.check_stage(stage, POLICIES)
    recorded = config.stage_variables(config.read_config(project_dir), stage)
    body = template.read(project_dir)

    with as_sentences():
        session = boto3.Session()
        account, region = whereabouts(session, stage, recorded)
        progress(f"stage {stage}: account {account}, region {region}")
        ssm, cloudfront = session.client("ssm"), session.client("cloudfront")
        key = signing_key.ensure_key_group(cloudfront, stage, region, signing_key.ensure_secrets(ssm, stage))
        cloudformation = session.client("cloudformation")
        ours = {
            "Stage": stage,
            "KeyGroupId": key.group_id,
            "EdgeSecret": derived_edge_secret(signing_key.read_secret(ssm, stage)),
            "RequireTls": emulator_gaps.requires_tls(cloudformation.meta.endpoint_url),
        }
        made = deployment.deploy(
            cloudformation,
            stack_name(stage),
            template.compact(emulator_gaps.template(cloudformation.meta.endpoint_url, body)),
            choose(ours, config.deployed_resources(project_dir, stage), region, parameters or {}),
            progress,
            allow_replacement=allow_replacement,
            revert_drift=revert_drift,
        )
        outputs = deployment.outputs(made)
        outputs["TableStreamArn"] = stream_of(session.client("dynamodb"), outputs["Table"]) or outputs["TableStreamArn"]
        architecture = architecture or emulator_gaps.architecture(cloudformation.meta.endpoint_url)
        emulator_gaps.mend(session, outputs)
        set_up_api(session, project_dir, stage, progress)
        functions = session.client("lambda")
        if event_sources.drop_former(functions, project_dir, stage, outputs["TableStreamArn"]):
            progress("deleted the trigger of the table's former stream")
        if event_sources.configure(functions, config.deployed_resources(project_dir, stage) or []):
            progress("set which records wake the index")

    variables = {camel_to_variable(name): value for name, value in outputs.items()} | {
        f"{PREFIX}STAGE": stage,
        f"{PREFIX}CDN_KEY_ID": key.key_id,
        f"{PREFIX}CDN_KEY_PARAMETER": signing_key.key_parameter(stage),
        f"{PREFIX}SECRET_PARAMETER": signing_key.secret_parameter(stage),
    }
    if front_door:
        variables[f"{PREFIX}FRONT_DOOR"] = front_door.rstrip("/")
    record(project_dir, stage, variables, made["StackId"], architecture, progress)
    progress(f"front door: {variables[f'{PREFIX}FRONT_DOOR']}")
    return variables


def set_up_api(session: boto3.Session, project_dir: Path, stage: str, progress: Progress) -> None:
    """What Chalice leaves of the deployed API, if there is one: its own error answers, and its throttling."""
    api_id = config.rest_api_id(config.deployed_resources(project_dir, stage) or [])
    if not api_id:
        return
    recorded = config.read_config(project_dir)
    api_stage = recorded.get("stages", {}).get(stage, {}).get("api_gateway_stage", "api")
    if gateway.configure(session.client("apigateway"), api_id, api_stage, config.stage_variables(recorded, stage)):
        progress("set API Gateway's error answers and throttling")


def stream_of(dynamodb: Any, table: str) -> str:
    """A table's stream as it is; turned off and on it is another one, which CloudFormation does not notice."""
    try:
        return str(dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamArn", ""))
    except dynamodb.exceptions.ResourceNotFoundException:
        return ""


def choose(
    ours: Mapping[str, str], deployed: list[dict[str, Any]] | None, region: str, given: Mapping[str, str]
) -> dict[str, str]:
    """The template's parameters: what is found out here, the API's address, and what the operator gives.

    `deployed` None means never deployed, or from another computer: the stack then keeps the address it has.
    """
    if reserved := sorted(set(ours) & set(given)):
        raise OpsError(f"{', '.join(reserved)} can't be set: it is found out here.")
    address = {}
    if deployed is not None:
        api_id = config.rest_api_id(deployed)
        address["ApiDomain"] = f"{api_id}.execute-api.{region}.amazonaws.com" if api_id else ""
    return {**ours, **address, **given}


def record(
    project_dir: Path,
    stage: str,
    variables: Mapping[str, str],
    stack_id: str,
    architecture: str | None,
    progress: Progress,
) -> None:
    """Writes the functions' policies and the stage's entry in `.chalice/config.json`, where they differ."""
    # Read anew: a stack may have taken minutes, and another stage's run may have written meanwhile.
    before = config.read_config(project_dir)
    _, partition, _, region, account, *_ = stack_id.split(":")
    place = Place(
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
        app_name=before.get("app_name", "filemill"),
        xray=bool(before.get("stages", {}).get(stage, {}).get("xray", before.get("xray", False))),
    )
    files = {}
    changed = False
    for function, (name, policy) in POLICIES.items():
        files[function] = policy_file(stage, name)
        if config.write_json(project_dir / ".chalice" / files[function], traced(policy(place), place)):
            progress(f"wrote .chalice/{files[function]}")
            changed = True
    after = config.with_stage(before, stage, variables, files, architecture)
    if config.write_json(config.config_path(project_dir), after):
        progress(f"recorded stage {stage} in .chalice/config.json")
        changed = True
    if changed and config.deployed_resources(project_dir, stage):
        progress(f"run `chalice deploy --stage {stage}` so that the functions get this")
