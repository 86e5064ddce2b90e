"""`python -m ops provision`: makes a stage's buckets, table, queues and distribution, and tells Chalice about them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from chalicelib import issuers, wheels
from chalicelib.keyring import derived_address_key, derived_door_secret, derived_edge_secret
from chalicelib.settings import PREFIX, NotProvisionedError, check_room
from ops import config, package, sources
from ops.errors import OpsError, as_sentences, sentence
from ops.stack import (
    adoption,
    cloudformation,
    concurrency,
    console,
    console_config,
    counted_logs,
    deployment,
    emulator_gaps,
    encryption,
    event_sources,
    gateway,
    inventory,
    logs,
    media_layer,
    on_demand,
    recording,
    recursion,
    regions,
    services,
    signing_key,
    socket_gateway,
    template,
)
from ops.stack import tags as stage_tags
from ops.stack.cloudformation import Progress
from ops.stack.former_roles import FormerRoles
from ops.stack.names import (
    FUNCTIONS,
    ROLE_IDS,
    WITH_FFMPEG,
    bucket_name,
    chalice_role,
    function_name,
    functions_of,
    has_media,
    stack_name,
    whereabouts,
)
from ops.stack.plan import Stack
from ops.stack.signing_key import SigningKey
from ops.stack.template_bucket import TemplateBucket

EXAMPLES = (
    "provision --stage dev",
    "provision --stage prod --set AlarmTopicArn=arn:aws:sns:eu-west-1:123456789012:ops",
    "provision --stage dev --delete",
    "provision --stage dev --delete --delete-files --yes",
)


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
    config.add_parameter_argument(
        parser, "set a parameter of .chalice/resources.yaml; it keeps this value until you set it again"
    )
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        type=config.assignment,
        metavar="NAME=VALUE",
        help="tag everything of the stage with this; it is kept in .chalice/config.json (repeatable)",
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
    parser.add_argument(
        "--yes", action="store_true", help="with --delete: do not ask for the stage's name (default: ask)"
    )


CONSOLE_PARAMETERS = ("FrontDoorOrigin", "ConsoleConnects", "DerivedOrigin")

# Output of a stack whose table is being replaced (ops/restore/switch.py).
SWITCHING = "RestoredTable"


def main(args: argparse.Namespace) -> int:
    say = partial(print, flush=True)
    if args.delete_files and not args.delete:
        raise OpsError("--delete-files can only be used together with --delete.")
    if args.yes and not args.delete:
        raise OpsError("--yes can only be used together with --delete.")
    if args.delete:
        from ops.unprovision import unprovision

        unprovision(args.stage, args.project_dir, delete_files=args.delete_files, yes=args.yes, progress=say)
        return 0
    sources.check(args.project_dir)
    provision(
        args.stage,
        args.project_dir,
        front_door=args.front_door,
        architecture=args.architecture,
        parameters=dict(args.set),
        tags=dict(args.tag),
        allow_replacement=args.allow_replacement,
        revert_drift=args.revert_drift,
        progress=say,
    )
    package.write(args.project_dir, wheels.architecture_of(config.read_config(args.project_dir), args.stage), say)
    return 0


def provision(
    stage: str,
    project_dir: Path,
    *,
    front_door: str | None = None,
    architecture: str | None = None,
    parameters: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
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
    tags
        More tags for everything of the stage. Those that were given before stay.

    Returns
    -------
    dict
        The stage's environment variables, as recorded.

    Raises
    ------
    OpsError
        It failed; the message says what failed and what to do.
    """
    config.check_stage(stage, FUNCTIONS)
    body = template.document(project_dir)
    with as_sentences():
        run = begin(stage, project_dir, progress, tags or {})
        refuse_half_a_switch(run)
        former_roles(run).check_chalice(recording.own_roles(run.recorded, stage)[0])
        fit = fit_concurrency(run)
        run = replace(run, caps=fit.variables)
        adopt(run)
        ensure_log_groups(run)
        key = ensure_signing_key(run)
        sign_in = console_sign_in(run)
        given = parameters or {}
        asks = console_parameters(run, given, front_door, sign_in)
        console_config.check(body, asks)
        chosen = {**stack_parameters(run, key, given), **asks}
        stack = deploy_stack(run, body, chosen, allow_replacement=allow_replacement, revert_drift=revert_drift)
        outputs = read_outputs(run, stack)
        emulator_gaps.enable_expiry(run.session, outputs)
        emulator_gaps.enable_recovery(run.session, outputs)
        configure_api(run)
        configure_event_sources(run, outputs)
        tag_the_rest(run)
        variables = {**recording.variables(stage, outputs, key.key_id, front_door), **fit.variables}
        architecture = architecture or emulator_gaps.architecture(run.endpoint_url)
        roles = {function: outputs[ROLE_IDS[function]] for function in functions_of(run.variables)}
        layers = ensure_layer(run, architecture)
        recording.record(project_dir, stage, variables, roles, tags or {}, architecture, progress, fit.reserved, layers)
        remove_former_roles(run, roles.values())
        publish_console(run, variables, sign_in)
    progress(f"front door: {variables[f'{PREFIX}FRONT_DOOR']}")
    return variables


@dataclass(frozen=True)
class Provisioning:
    """One run of `provision`: which stage, in which region, and who hears about the progress."""

    stage: str
    project_dir: Path
    session: boto3.Session
    account: str
    region: str
    tags: Mapping[str, str]
    progress: Progress
    caps: Mapping[str, str] = field(default_factory=dict)
    """Variables that this run is about to record, because of the account's size."""

    @property
    def endpoint_url(self) -> str:
        """Where CloudFormation answers: AWS or an emulator."""
        return str(self.session.client("cloudformation").meta.endpoint_url)

    @property
    def recorded(self) -> config.Config:
        """What `.chalice/config.json` says now."""
        return config.read_config(self.project_dir)

    @property
    def variables(self) -> dict[str, str]:
        """The stage's environment variables, as they are recorded now or are about to be."""
        return {**config.stage_variables(self.recorded, self.stage), **self.caps}

    @property
    def api_stage(self) -> str:
        """Name of the REST API's stage."""
        return config.api_stage(self.recorded, self.stage)

    @property
    def deployed(self) -> list[dict[str, Any]] | None:
        """The resources of the stage that Chalice has deployed; None when it never did from this folder."""
        return config.deployed_resources(self.project_dir, self.stage)


def begin(stage: str, project_dir: Path, progress: Progress, given_tags: Mapping[str, str]) -> Provisioning:
    """Finds the account and region, and refuses a stage in two places, a region that lacks much, and wrong tags."""
    session = boto3.Session()
    recorded = config.read_config(project_dir)
    account, region = whereabouts(session, stage, config.stage_variables(recorded, stage))
    check_sign_in(config.stage_variables(recorded, stage))
    regions.check_region(session, region)
    regions.check_bucket_name(bucket_name(stage, "originals", account, region))
    progress(f"stage {stage}: account {account}, region {region}")
    return Provisioning(
        stage, project_dir, session, account, region, stage_tags.of_stage(recorded, stage, given_tags), progress
    )


def check_sign_in(variables: Mapping[str, str]) -> None:
    """Raises OpsError if the issuers of sign-in tokens are wrong, or the variables are more than a function takes."""
    try:
        check_room(variables)
        issuers.read(variables.get("FILEMILL_OIDC", ""))
    except NotProvisionedError as error:
        raise OpsError(str(error)) from None
    except ValueError as error:
        raise OpsError(f"FILEMILL_OIDC in .chalice/config.json {error}.") from None


def ensure_log_groups(run: Provisioning) -> None:
    """Makes the functions' log groups before a function writes to them, and sets how long logs are kept.

    API Gateway's own log, if somebody has turned it on, is kept for as long as the API function's.
    """
    wanted = logs.days(run.recorded, run.stage)
    if_there = {}
    days = next(iter(wanted.values()))
    if api_id := config.rest_api_id(run.deployed or []):
        if_there[logs.api_group(api_id, run.api_stage)] = days
    if api_id := config.websocket_api_id(run.deployed or []):
        if_there[logs.socket_group(api_id, run.api_stage)] = days
    if changed := logs.ensure(run.session.client("logs"), wanted, if_there=if_there):
        run.progress(f"set how long logs are kept ({len(changed)} log groups)")


@dataclass(frozen=True)
class Fit:
    """How the stage fits into the account's concurrency: variables that bound its queues, and reservations by function.

    A reservation of None is taken away. What is not named stays as it is recorded.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    reserved: Mapping[str, int | None] = field(default_factory=dict)


def fit_concurrency(run: Provisioning) -> Fit:
    """Bounds the queues' functions to what the account can run, and reserves parts for viewers. Says what it caps.

    Without an answer of the account nothing changes.

    Raises
    ------
    OpsError
        The stage wants to reserve more than Lambda allows.
    """
    try:
        account = concurrency.examine(run.session.client("lambda"), run.recorded, run.stage)
    except ClientError as error:
        run.progress(
            f"can't tell how many functions this account runs at once, so nothing is capped: {sentence(error)}"
        )
        return Fit()
    reserved = concurrency.reservations(account, run.recorded, run.stage)
    account = concurrency.reserving(account, reserved)
    if refusal := concurrency.refuse_reservation(account):
        raise OpsError(f"{refusal[0].upper()}{refusal[1:]}.")
    caps = concurrency.caps(account.after, account.wanted)
    waits = concurrency.waits_cap(account.after, account.wanted)
    for explanation in (concurrency.explain(account, caps), concurrency.explain_waits(account, waits)):
        if explanation:
            run.progress(explanation)
    return Fit(concurrency.variables(caps, waits), reserved)


def adopt(run: Provisioning) -> None:
    """Corrects Chalice's record of the stage, in case a deployment was stopped or was made from another computer."""
    stack = cloudformation.describe(run.session.client("cloudformation"), stack_name(run.stage))
    place = (run.session.get_partition_for_region(run.region), run.region, run.account)
    here = inventory.deployment(run.project_dir, run.stage, place, stack)
    client: Any = run.session.client
    adoption.adopt(client, run.project_dir, here, run.progress)


def ensure_layer(run: Provisioning, architecture: str | None) -> dict[str, str]:
    """The ARN of the layer with FFmpeg, by the functions that get it. Former versions that nobody uses are deleted."""
    client, app = run.session.client("lambda"), config.app_name(run.recorded)
    name = media_layer.name_of(app, run.stage)
    used = [arn for each in WITH_FFMPEG for arn in media_layer.layers_of(client, function_name(app, run.stage, each))]
    layers = {}
    if has_media(run.variables):
        recorded = run.recorded.get("stages", {}).get(run.stage, {}).get("lambda_architecture")
        chosen = architecture or recorded or "arm64"
        layer = media_layer.ensure(client, run.project_dir, app, run.stage, chosen, run.progress)
        layers = dict.fromkeys(WITH_FFMPEG, layer)
    if deleted := media_layer.remove_unused(client, name, [*used, *layers.values()]):
        run.progress(f"deleted {deleted} former version{'s' * (deleted != 1)} of the layer with FFmpeg")
    return layers


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
    """The template's parameters: the ones that are found out here, the APIs' addresses, and the operator's own.

    Without a record of a deployment (never deployed, or deployed from another computer) the addresses are left out, so
    that the stack keeps those it has.

    Raises
    ------
    OpsError
        The operator sets a parameter that is found out here, or a key that the stage can't take.
    """
    secret = signing_key.read_secret(run.session.client("ssm"), run.stage)
    app = config.app_name(run.recorded)
    ours = {
        "Stage": run.stage,
        "App": app,
        "Tracing": "true" if config.is_traced(run.recorded, run.stage) else "false",
        "KeyGroupId": key.group_id,
        "EdgeSecret": derived_edge_secret(secret),
        "DoorSecret": derived_door_secret(secret),
        "AddressKey": derived_address_key(secret),
        **on_demand.parameters(run.session.client("lambda"), app, run.stage, run.region),
        "Media": "true" if has_media(run.variables) else "false",
        "RequireTls": emulator_gaps.requires_tls(run.endpoint_url),
        **counted_logs.parameters(run.variables),
        **services.parameters(
            config.stage_variables(run.recorded, run.stage, "process"),
            run.session.get_partition_for_region(run.region),
            run.region,
            run.account,
        ),
    }
    if reserved := sorted({*ours, *CONSOLE_PARAMETERS} & set(given)):
        raise OpsError(f"{', '.join(reserved)} can't be set: this command finds the value itself. Leave it out.")
    stack = cloudformation.describe(run.session.client("cloudformation"), stack_name(run.stage))
    if refusal := encryption.refuse_change(stack, given):
        raise OpsError(f"{refusal[0].upper()}{refusal[1:]}.")
    addresses = {}
    if run.deployed is not None:
        for name, api_id in (
            ("ApiDomain", config.rest_api_id(run.deployed)),
            ("SocketDomain", config.websocket_api_id(run.deployed)),
        ):
            addresses[name] = regions.api_domain(api_id, run.region) if api_id else ""
    return {**ours, **addresses, **given}


def console_sign_in(run: Provisioning) -> list[console_config.Entry]:
    """The issuers with which people may sign in to the console."""
    setting = run.variables.get("FILEMILL_OIDC", "")
    if not setting:
        return []
    former = console.former(run.session.client("s3"), bucket_name(run.stage, "derived", run.account, run.region))
    return console_config.sign_in(setting, former, run.progress)


def console_parameters(
    run: Provisioning, given: Mapping[str, str], front_door: str | None, sign_in: Sequence[console_config.Entry]
) -> dict[str, str]:
    """The template's parameters that say whom the console may ask.

    The distribution's own name is known when it is made, so a new stage's second run (`make deploy`) tells it.
    """
    made = cloudformation.describe(run.session.client("cloudformation"), stack_name(run.stage))
    door = front_door or ""
    if not door and (domain := given.get("Domain")):
        door = f"https://{domain}"
    if not door and made:
        outputs = cloudformation.outputs(made)
        named = outputs.get("DistributionDomain", "") if "Domain" in given else outputs.get("FrontDoor", "")
        door = named if "://" in named or not named else f"https://{named}"
    originals, derived = (bucket_name(run.stage, what, run.account, run.region) for what in ("originals", "derived"))
    return {
        "FrontDoorOrigin": console_config.origin(door) if door else "",
        "ConsoleConnects": console_config.connects(run.session, originals, door, sign_in),
        "DerivedOrigin": console_config.bucket_origin(run.session, derived),
    }


def publish_console(run: Provisioning, variables: Mapping[str, str], sign_in: Sequence[console_config.Entry]) -> None:
    """Puts the console of this checkout, if it has one, into the derived bucket."""
    found = console.release(run.project_dir)
    if found is None:
        return  # the doctor says so
    told = console_config.document(run.stage, variables[f"{PREFIX}FRONT_DOOR"], sign_in)
    console.publish(run.session.client("s3"), variables[f"{PREFIX}DERIVED_BUCKET"], found, told, run.progress)


def fitted_template(run: Provisioning, body: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The parsed template as the stage's region can take it, with these parameters."""
    present = cloudformation.parameters(
        cloudformation.describe(run.session.client("cloudformation"), stack_name(run.stage))
    )
    return regions.fitted(body, run.region, {**present, **parameters})


def template_bucket(run: Provisioning) -> TemplateBucket:
    name = bucket_name(run.stage, "templates", run.account, run.region)
    return TemplateBucket(run.session.client("s3"), name, run.account, run.region)


def deploy_stack(
    run: Provisioning,
    body: Mapping[str, Any],
    parameters: Mapping[str, str],
    *,
    allow_replacement: bool,
    revert_drift: bool,
    imported: Sequence[Mapping[str, Any]] = (),
) -> Stack:
    """Creates or updates the stage's CloudFormation stack. `body` is the parsed template.

    `imported` are existing resources that the stack takes over.
    """
    fitted = fitted_template(run, body, parameters)
    bucket = template_bucket(run)
    bucket.ensure(run.tags, tls_only=emulator_gaps.requires_tls(run.endpoint_url) == "true")
    return deployment.deploy(
        run.session.client("cloudformation"),
        stack_name(run.stage),
        bucket.upload(fitted),
        parameters,
        run.tags,
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
    """Sets what Chalice can't set on the deployed APIs: error answers, throttling, the WebSocket API's deployment."""
    variables = config.stage_variables(run.recorded, run.stage)
    if (api_id := config.rest_api_id(run.deployed or [])) and gateway.configure(
        run.session.client("apigateway"), api_id, run.api_stage, variables
    ):
        run.progress("set API Gateway's error answers and throttling")
    if (api_id := config.websocket_api_id(run.deployed or [])) and socket_gateway.configure(
        run.session.client("apigatewayv2"),
        api_id,
        run.api_stage,
        variables,
        socket_gateway.quota_of(run.session.client("apigateway")),
    ):
        run.progress("deployed the WebSocket API's routes")


def configure_event_sources(run: Provisioning, outputs: Mapping[str, str]) -> None:
    """Sets what Chalice can't set on the triggers of the stream's readers and of `deliver`.

    Triggers of a former stream are removed.
    """
    functions = run.session.client("lambda")
    if event_sources.drop_former(functions, run.project_dir, run.stage, outputs["TableStreamArn"]):
        run.progress("deleted the triggers of the table's former stream")
    if event_sources.configure(functions, run.deployed or []):
        run.progress("set which changes of the table start `index` and `publish`")
    if recursion.configure(functions, run.deployed or []):
        run.progress("allowed `deliver` to send to its own queue again and again")


def tag_the_rest(run: Provisioning) -> None:
    """Tags what neither the stack nor `chalice deploy` tags."""
    place = f"{regions.PARTITION}:{run.region}:{run.account}"
    stage_tags.put(run.session, run.stage, place, run.deployed or [], run.api_stage, dict(run.tags))


def former_roles(run: Provisioning) -> FormerRoles:
    app = config.app_name(run.recorded)
    return FormerRoles(run.session.client("iam"), run.session.client("lambda"), app, run.stage, run.region)


def remove_former_roles(run: Provisioning, stacks: Iterable[str]) -> None:
    """Deletes the roles that no function has any more. `stacks` are the ARNs of the roles that the stack has now."""
    managed, theirs = recording.own_roles(run.recorded, run.stage)
    roles = former_roles(run)
    made = [chalice_role(roles.app, run.stage, function) for function in managed]
    deleted, left = roles.remove_unused([*stacks, *theirs, *made])
    for role in deleted:
        run.progress(f"deleted the role {role}, which no function uses any more")
    if left:
        run.progress(
            f"{len(left)} former roles stay for now ({', '.join(left)}), because functions may still run with them: a "
            "later run deletes them"
        )
