"""Checks of names: nothing of the stage's names may exist already, unless it is the stage's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ops.preflight.site import Check, Site, Verdict, fine, refused, unknown
from ops.stack import recording
from ops.stack.former_roles import FormerRoles
from ops.stack.names import FUNCTIONS, bus_name, function_name, stack_name
from ops.stack.plan import Step, next_step


def check_stack(site: Site) -> Verdict:
    return assess_stack(site.stack, site.stage)


def assess_stack(stack: Mapping[str, Any] | None, stage: str) -> Verdict:
    if stack is None:
        return fine()
    name, status = stack_name(stage), stack["StackStatus"]
    parameters = {each["ParameterKey"]: each.get("ParameterValue") for each in stack.get("Parameters", [])}
    if status != "REVIEW_IN_PROGRESS" and parameters.get("Stage") != stage:
        return refused(f"the stack {name} is not Filemill's, so it would be overwritten; choose another stage name")
    if status == "DELETE_FAILED":
        return refused(
            f"the stack {name} was being deleted, and that failed; see why in its events, and finish it with "
            f"`python -m ops provision --stage {stage} --delete`"
        )
    if next_step(status) is Step.STUCK:
        return refused(
            f"the stack {name} is in {status}, from which CloudFormation accepts no change; run "
            f"`aws cloudformation continue-update-rollback --stack-name {name}` and wait until that has ended"
        )
    if next_step(status) is Step.WAIT:
        return fine(f"the stack is in {status}, and `ops provision` will wait until that has ended")
    return fine()


def check_buckets(site: Site) -> Verdict:
    """A bucket of the stage's name is in the way, unless the stage's stack has made it."""
    s3 = site.client("s3")
    findings = []
    for kind in ("originals", "derived"):
        name = f"filemill-{site.stage}-{kind}-{site.account}-{site.region}"
        if site.stands and site.outputs.get(f"{kind.capitalize()}Bucket", name) == name:
            continue
        try:
            s3.head_bucket(Bucket=name)
            status = 200
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        findings.append(assess_bucket(name, status))
    return next((each for each in findings if each.sentence), fine())


def assess_bucket(name: str, status: int) -> Verdict:
    """`status` is S3's answer (HTTP) to HeadBucket."""
    other = "or choose another stage name"
    if status == 404:
        return fine()
    if status in (200, 301, 307):
        return refused(
            f"the bucket {name} exists, but the stage's stack does not; if it is left from a former stage and you need "
            f"nothing in it, delete it with `aws s3 rb s3://{name} --force`, {other}"
        )
    if status == 403:
        return refused(
            f"the bucket {name} exists, and it belongs to another account or is closed to you; find its owner, {other}"
        )
    return unknown(f"S3 answers {status} when asked for the bucket {name}")


def check_functions(site: Site) -> Verdict:
    """A function of the same name that is not the stage's own would be overwritten by `chalice deploy`."""
    client = site.client("lambda")
    found = {}
    for function in FUNCTIONS:
        name = function_name(site.app, site.stage, function)
        try:
            reply = client.get_function_configuration(FunctionName=name)
        except client.exceptions.ResourceNotFoundException:
            continue
        found[name] = reply.get("Environment", {}).get("Variables", {})
    return assess_functions(found, site.stage)


def assess_functions(found: Mapping[str, Mapping[str, str]], stage: str) -> Verdict:
    """`found` are the environment variables of the functions that exist, by their names."""
    if others := [name for name, variables in found.items() if variables.get("FILEMILL_STAGE") != stage]:
        return refused(
            f"the Lambda function {', '.join(others)} is another app's (it has no FILEMILL_STAGE={stage}), and "
            "`chalice deploy` would overwrite it; choose another stage name, or delete that function"
        )
    return fine()


def check_roles(site: Site) -> Verdict:
    """Chalice names the roles that it makes without their region, so it would take over those of another region.

    The functions with a role of the stack, or of the operator's own, take over nothing.
    """
    roles = FormerRoles(site.client("iam"), site.client("lambda"), site.app, site.stage, site.region)
    roles.check_chalice(recording.own_roles(site.recorded, site.stage)[0])  # raises OpsError, which is a refusal
    return fine()


def check_bus(site: Site) -> Verdict:
    """A bus of the stage's name is in the way, unless the stage's stack has made it."""
    events, name = site.client("events"), bus_name(site.stage)
    if site.stands and "EventBus" in site.outputs:
        return fine()
    try:
        events.describe_event_bus(Name=name)
    except events.exceptions.ResourceNotFoundException:
        return fine()
    return refused(
        f"the event bus {name} exists, but the stage's stack does not have it, as after a return to a former version "
        "while the bus had rules; note its rules, delete them, delete the bus with `aws events delete-event-bus --name "
        f"{name}`, and make the rules again after the deployment"
    )


def check_cdn_names(site: Site) -> Verdict:
    """CloudFront's names must be unique in the account. What a failed deletion left behind is in the way."""
    if site.stands:
        return fine()
    return assess_cdn_names(site.cdn_names, site.stage, site.region)


def own_names(stage: str, region: str) -> set[str]:
    """The names in CloudFront that the template gives."""
    base = f"filemill-{stage}-{region}"
    suffixes = ("files", "app", "console", "module", "negotiate", "render", "socket")
    return {base, *(f"{base}-{suffix}" for suffix in suffixes)}


def assess_cdn_names(found: Mapping[str, Iterable[str]], stage: str, region: str) -> Verdict:
    """`found` are the names in the account by what they are."""
    ours = own_names(stage, region)
    taken = [f"{kind} {name}" for kind, names in found.items() for name in names if name in ours]
    if not taken:
        return fine()
    return refused(
        f"CloudFront has the {', '.join(taken)} already, but the stage's stack does not exist; delete what is left "
        "from a former stage in CloudFront's console, or choose another stage name"
    )


def check_tables(site: Site) -> Verdict:
    """A table that a former stage left is in nobody's way, because CloudFormation makes a new name. It costs money."""
    if site.stands:
        return fine()
    left = [
        name
        for name in site.pages("dynamodb", "list_tables", "TableNames")
        if name.startswith(f"{stack_name(site.stage)}-Table-")
    ]
    if not left:
        return fine()
    return fine(f"the table {', '.join(left)} is left from a former stage of this name; the new stage will not use it")


CHECKS: dict[str, Check] = {
    "the stack can be made or changed": check_stack,
    "the buckets' names are free": check_buckets,
    "the table's name is free": check_tables,
    "the functions' names are free": check_functions,
    "the roles are this region's": check_roles,
    "the event bus's name is free": check_bus,
    "CloudFront's names are free": check_cdn_names,
}
