"""Checks of names: nothing of the stage's names may exist already, unless it is the stage's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ops.preflight.site import Check, Site, Verdict, fine, refused, unknown
from ops.stack import regions
from ops.stack.names import FUNCTIONS, chalice_role, function_name, stack_name
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
    """Chalice names roles without their region, so the same stage name in a second region would take them over."""
    iam = site.client("iam")
    found = {}
    for function in FUNCTIONS:
        role = chalice_role(site.app, site.stage, function)
        try:
            found[role] = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
        except iam.exceptions.NoSuchEntityException:
            continue
    return assess_roles(found, site.region, site.stage)


def assess_roles(found: Mapping[str, Any], region: str, stage: str) -> Verdict:
    """`found` are the policies of the roles that exist, by the roles' names."""
    for role, policy in found.items():
        others = regions.named_in(policy) - {region}
        if others:
            return refused(
                f"the IAM role {role} serves the stage {stage!r} in {', '.join(sorted(others))}, and a deployment in "
                f"{region} would take it over: that stage would stop working; choose another stage name for {region}"
            )
    return fine()


def check_cdn_names(site: Site) -> Verdict:
    """CloudFront's names must be unique in the account. What a failed deletion left behind is in the way."""
    if site.stands:
        return fine()
    return assess_cdn_names(site.cdn_names, site.stage, site.region)


def assess_cdn_names(found: Mapping[str, Iterable[str]], stage: str, region: str) -> Verdict:
    """`found` are the names in the account by what they are."""
    base = f"filemill-{stage}-{region}"
    ours = {base, *(f"{base}-{suffix}" for suffix in ("files", "app", "negotiate", "render"))}
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
    "CloudFront's names are free": check_cdn_names,
}
