"""Checks of the region and of this computer: what AWS does not offer there, or this Python can't deploy."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ops import config
from ops.doctor.functions import RUNTIMES
from ops.preflight.site import GLOBAL_REGIONS, Check, Site, Verdict, fine, refused, unknown
from ops.stack import conditions, regions, services, template
from ops.stack.names import has_media

# Services that are called without a resource in the template: by ops itself, and by `chalice deploy`.
SERVICES = ("apigateway", "events", "lambda", "ssm")

# AWS's services that a stage calls if FILEMILL_SERVICES names the word. Neither is in every region:
# https://docs.aws.amazon.com/general/latest/gr/mediaconvert.html
# https://docs.aws.amazon.com/general/latest/gr/rekognition.html
ASKED = {"labels": "rekognition", "mediaconvert": "mediaconvert"}


def check_enabled(site: Site) -> Verdict:
    """Every other check needs this one: in a region that is off, AWS refuses any credentials."""
    if site.enabled:
        return fine()
    return refused(
        f"the region {site.region} is not turned on in account {site.account}; run `aws account enable-region "
        f"--region-name {site.region}` and wait some minutes, or set AWS_DEFAULT_REGION to another one"
    )


def check_services(site: Site) -> Verdict:
    if site.partition not in GLOBAL_REGIONS:
        return refused(
            f"CloudFront is not offered in the partition {site.partition}, where {site.region} is; choose a region of "
            "another partition, with an account there"
        )
    if lacking := _unknown_of(site, SERVICES):
        return unknown(
            f"this boto3 does not know {', '.join(lacking)} in {site.region}, which may be newer than boto3; {_LOOK}"
        )
    named = config.stage_variables(site.recorded, site.stage, "process").get(services.VARIABLE, "").split(",")
    if lacking := _unknown_of(site, [ASKED[word] for word in named if word in ASKED]):
        return unknown(
            f"{services.VARIABLE} needs {', '.join(lacking)}, which this boto3 does not know in {site.region}. Without "
            f"it the service ends as `failed` for each file; {_LOOK}, and take the word out, or choose another region"
        )
    return fine()


_LOOK = "look at https://aws.amazon.com/about-aws/global-infrastructure/regional-product-services/"


def _unknown_of(site: Site, names: Iterable[str]) -> list[str]:
    """Those of AWS's services that boto3 does not know in the stage's region."""
    return [name for name in names if site.region not in site.session.get_available_regions(name, site.partition)]


def check_films(site: Site) -> Verdict:
    """Without function URLs nobody makes the parts of a film when they are first asked for."""
    if not has_media(config.stage_variables(site.recorded, site.stage)):
        return fine()
    if site.region not in regions.WITHOUT_FUNCTION_URLS:
        return fine()
    return unknown(
        f"Lambda has no function URLs in {site.region}, so a film or a sound plays there only if its recipe has all of "
        'it made before anybody watches (eager="all"). Choose such a recipe, or another region, or set '
        "FILEMILL_MEDIA to false"
    )


def check_types(site: Site) -> Verdict:
    """CloudFormation refuses a template with a type that its region lacks."""
    document = template.document(site.project_dir)
    parameters = conditions.parameters(document, {**site.stack_parameters, **site.given}, site.region)
    wanted = {each["Type"] for each in conditions.resources(document, parameters).values()}
    if site.stands:  # the ones that the stack has are there
        return fine()
    client = site.client("cloudformation")
    missing = []
    for name in sorted(wanted):
        try:
            client.describe_type(Type="RESOURCE", TypeName=name)
        except client.exceptions.TypeNotFoundException:
            missing.append(name)
    return assess_types(missing, site.region)


def assess_types(missing: Iterable[str], region: str) -> Verdict:
    names = ", ".join(missing)
    if not names:
        return fine()
    return refused(f"CloudFormation has no {names} in {region}; choose another region, or leave out what needs it")


def check_cdn(site: Site) -> Verdict:
    """AWS verifies new accounts before they may have a distribution. Nothing can be asked for it beforehand."""
    if site.stands or site.distributions:
        return fine()
    return unknown(
        "the account has no CloudFront distribution yet, and some new accounts must be verified before they may have "
        "one; if `ops provision` is refused for that, open a support case that quotes its message, and run it again"
    )


def check_python(site: Site) -> Verdict:
    return assess_python(sys.version_info)


def assess_python(version: Any) -> Verdict:
    here = f"{version[0]}.{version[1]}"
    if here in RUNTIMES:
        return fine()
    return refused(
        f"this is Python {here}, and Chalice deploys to the runtime of the Python that it runs on; use one of "
        f"{', '.join(RUNTIMES)} (delete .venv, then `make venv`)"
    )


def check_architecture(site: Site) -> Verdict:
    return assess_architecture(site.recorded, site.stage)


def assess_architecture(recorded: Mapping[str, Any], stage: str) -> Verdict:
    chosen = recorded.get("stages", {}).get(stage, {}).get("lambda_architecture", "arm64")
    if chosen in ("arm64", "x86_64"):
        return fine()
    return refused(
        f"lambda_architecture in .chalice/config.json is {chosen!r}, which Lambda does not have; use arm64 or x86_64"
    )


ENABLED: dict[str, Check] = {"the region is turned on": check_enabled}

CHECKS: dict[str, Check] = {
    "this Python deploys": check_python,
    "Lambda has this architecture": check_architecture,
    "the region has the services": check_services,
    "the region has the stack's resource types": check_types,
    "films play in the region": check_films,
    "CloudFront takes a distribution": check_cdn,
}
