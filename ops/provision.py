"""`python -m ops provision`: makes a stage's buckets, table, queues and distribution, and tells Chalice about them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from chalicelib.keyring import derived_edge_secret
from chalicelib.settings import PREFIX
from ops import config, package
from ops.errors import OpsError, as_sentences
from ops.stack import (
    cloudformation,
    deployment,
    emulator_gaps,
    event_sources,
    gateway,
    recording,
    signing_key,
    template,
)
from ops.stack.cloudformation import Progress
from ops.stack.names import stack_name, whereabouts
from ops.stack.plan import Stack
from ops.stack.policies import POLICIES
from ops.stack.signing_key import SigningKey


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    parser.add_argument(
        "--front-door", metavar="URL", help="the address that browsers use, if it is not the distribution's own"
    )
    parser.add_argument(
        "--architecture",
        choices=["arm64", "x86_64"],
        help="the functions' processor (default: the recorded one, at first arm64; on the emulator this machine's)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=_assignment,
        metavar="PARAMETER=VALUE",
        help="set a parameter of .chalice/resources.yaml; it keeps this value until you set it again (repeatable)",
    )
    parser.add_argument(
        "--allow-replacement", action="store_true", help="continue even if a bucket or the table would be replaced"
    )
    parser.add_argument(
        "--revert-drift", action="store_true", help="also undo changes that were made outside of the template"
    )
    parser.add_argument("--delete", action="store_true", help="delete the stage's resources instead of making them")
    parser.add_argument(
        "--delete-files", action="store_true", help="with --delete: also delete every file and every old version"
    )


# Output of a stack whose table is being replaced (ops/restore/switch.py).
SWITCHING = "RestoredTable"


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form Parameter=Value")
    return name, value


def main(args: argparse.Namespace) -> int:
    say = partial(print, flush=True)
    if args.delete_files and not args.delete:
        raise OpsError("--delete-files can only be used together with --delete.")
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

    It can be repeated: a resource that is as it should be is left alone. Credentials, region and endpoint are found in
    boto3's usual places.

    Parameters
    ----------
    front_door
        The address that browsers use (http://localhost:8000), if it is not the distribution's own.
    architecture
        `arm64` or `x86_64`. None keeps the recorded one, at first arm64; an emulator uses this machine's.
    parameters
        Parameters of the template by name. One that was set before keeps its value.

    Returns
    -------
    dict
        The stage's environment variables, as recorded.

    Raises
    ------
    OpsError
        It failed; the message says what failed and what to do.
    """
    config.check_stage(stage, POLICIES)
    body = template.read(project_dir)
    with as_sentences():
        run = begin(stage, project_dir, progress)
        refuse_half_a_switch(run)
        key = ensure_signing_key(run)
        chosen = stack_parameters(run, key, parameters or {})
        stack = deploy_stack(run, body, chosen, allow_replacement=allow_replacement, revert_drift=revert_drift)
        outputs = read_outputs(run, stack)
        emulator_gaps.enable_expiry(run.session, outputs)
        emulator_gaps.enable_recovery(run.session, outputs)
        configure_api(run)
        configure_event_sources(run, outputs)
    variables = recording.variables(stage, outputs, key.key_id, front_door)
    architecture = architecture or emulator_gaps.architecture(run.endpoint_url)
    recording.record(project_dir, stage, variables, stack["StackId"], architecture, progress)
    progress(f"front door: {variables[f'{PREFIX}FRONT_DOOR']}")
    return variables


@dataclass(frozen=True)
class Provisioning:
    """One run of `provision`: which stage, in which region, and who hears about the progress."""

    stage: str
    project_dir: Path
    session: boto3.Session
    region: str
    progress: Progress

    @property
    def endpoint_url(self) -> str:
        """Where CloudFormation answers: AWS or an emulator."""
        return str(self.session.client("cloudformation").meta.endpoint_url)

    @property
    def deployed(self) -> list[dict[str, Any]] | None:
        """The resources of the stage that Chalice has deployed; None when it never did from this folder."""
        return config.deployed_resources(self.project_dir, self.stage)


def begin(stage: str, project_dir: Path, progress: Progress) -> Provisioning:
    """Finds the account and region, and refuses to provision a stage in two places."""
    session = boto3.Session()
    recorded = config.stage_variables(config.read_config(project_dir), stage)
    account, region = whereabouts(session, stage, recorded)
    progress(f"stage {stage}: account {account}, region {region}")
    return Provisioning(stage, project_dir, session, region, progress)


def refuse_half_a_switch(run: Provisioning) -> None:
    """Raises OpsError if a restore was interrupted between its two changes of the stack, which has no table then."""
    cfn = run.session.client("cloudformation")
    stack = cloudformation.describe(cfn, stack_name(run.stage))
    if stack and SWITCHING in cloudformation.outputs(stack) and resource_of(cfn, run.stage, "Table") is None:
        raise OpsError(
            f"A restore of stage {run.stage} was interrupted while it replaced the table. End it first: run the same "
            f"`python -m ops restore --stage {run.stage} …` again."
        )


def resource_of(cfn: Any, stage: str, logical_id: str) -> str | None:
    """The physical id of a resource of the stage's stack; None if the stack has no such resource."""
    pages = cfn.get_paginator("list_stack_resources").paginate(StackName=stack_name(stage))
    return next(
        (
            str(each["PhysicalResourceId"])
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["LogicalResourceId"] == logical_id and not each["ResourceStatus"].startswith("DELETE_")
        ),
        None,
    )


def ensure_signing_key(run: Provisioning) -> SigningKey:
    """Makes the stage's secrets in SSM and its key group in CloudFront, as far as they are missing."""
    private_key = signing_key.ensure_secrets(run.session.client("ssm"), run.stage)
    return signing_key.ensure_key_group(run.session.client("cloudfront"), run.stage, run.region, private_key)


def stack_parameters(run: Provisioning, key: SigningKey, given: Mapping[str, str]) -> dict[str, str]:
    """The template's parameters: the ones that are found out here, the API's address, and the operator's own.

    Without a record of a deployment (never deployed, or deployed from another computer) the API's address is left out,
    so that the stack keeps the address it has.

    Raises
    ------
    OpsError
        The operator sets a parameter that is found out here.
    """
    ours = {
        "Stage": run.stage,
        "KeyGroupId": key.group_id,
        "EdgeSecret": derived_edge_secret(signing_key.read_secret(run.session.client("ssm"), run.stage)),
        "RequireTls": emulator_gaps.requires_tls(run.endpoint_url),
    }
    if reserved := sorted(set(ours) & set(given)):
        raise OpsError(f"{', '.join(reserved)} can't be set: this command finds the value itself. Leave it out.")
    address = {}
    if run.deployed is not None:
        api_id = config.rest_api_id(run.deployed)
        address["ApiDomain"] = f"{api_id}.execute-api.{run.region}.amazonaws.com" if api_id else ""
    return {**ours, **address, **given}


def deploy_stack(
    run: Provisioning,
    body: str,
    parameters: Mapping[str, str],
    *,
    allow_replacement: bool,
    revert_drift: bool,
    imported: Sequence[Mapping[str, Any]] = (),
) -> Stack:
    """Creates or updates the stage's CloudFormation stack. `body` is the template's text.

    `imported` are existing resources that the stack takes over.
    """
    return deployment.deploy(
        run.session.client("cloudformation"),
        stack_name(run.stage),
        template.compact(emulator_gaps.template(run.endpoint_url, body)),
        parameters,
        run.progress,
        allow_replacement=allow_replacement,
        revert_drift=revert_drift,
        imported=imported,
    )


def read_outputs(run: Provisioning, stack: Stack) -> dict[str, str]:
    """The stack's outputs, with the table's present stream: CloudFormation does not notice when it has a new one."""
    outputs = cloudformation.outputs(stack)
    stream_arn = stream_of(run.session.client("dynamodb"), outputs["Table"])
    return {**outputs, "TableStreamArn": stream_arn or outputs["TableStreamArn"]}


def stream_of(dynamodb: Any, table: str) -> str:
    """ARN of a table's present stream, or an empty string. A stream that is turned off and on again is a new one."""
    try:
        return str(dynamodb.describe_table(TableName=table)["Table"].get("LatestStreamArn", ""))
    except dynamodb.exceptions.ResourceNotFoundException:
        return ""


def configure_api(run: Provisioning) -> None:
    """Sets what Chalice can't set on the deployed API, if there is one: its own error answers, and its throttling."""
    api_id = config.rest_api_id(run.deployed or [])
    if not api_id:
        return
    recorded = config.read_config(run.project_dir)
    api_stage = recorded.get("stages", {}).get(run.stage, {}).get("api_gateway_stage", "api")
    variables = config.stage_variables(recorded, run.stage)
    if gateway.configure(run.session.client("apigateway"), api_id, api_stage, variables):
        run.progress("set API Gateway's error answers and throttling")


def configure_event_sources(run: Provisioning, outputs: Mapping[str, str]) -> None:
    """Sets what Chalice can't set on the trigger of the index function, and removes the trigger of a former stream."""
    functions = run.session.client("lambda")
    if event_sources.drop_former(functions, run.project_dir, run.stage, outputs["TableStreamArn"]):
        run.progress("deleted the trigger of the table's former stream")
    if event_sources.configure(functions, run.deployed or []):
        run.progress("set which records start the index function")
