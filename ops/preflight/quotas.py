"""Checks of the account's quotas: there must be room for everything that a new stage makes.

The numbers are Service Quotas' own where it tells them. The documented default of a quota that it does not tell, or
that you may not read, may have been raised: then the finding is "can't tell" and not a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from botocore.exceptions import ClientError

from ops.preflight import taken
from ops.preflight.site import Check, Site, Verdict, fine, refused, unknown
from ops.stack import concurrency, signing_key
from ops.stack.names import FUNCTIONS

# Bytes that a deployment adds to Lambda's storage: the layer (32 MB) twice, that with FFmpeg (40 MB) twice, and 2.3 MB
# for each function.
CODE_BYTES = 144 * 1000**2 + len(FUNCTIONS) * 2_300_000

# Roles of a stage, one for each function.
ROLES = len(FUNCTIONS)


@dataclass(frozen=True)
class Quota:
    """One quota.

    Parameters
    ----------
    what
        The things that are counted, in the plural.
    service, code
        Service Quotas' codes; without a code it is not in Service Quotas.
    default
        AWS's documented value.
    needed
        How many a new stage makes.
    used
        How many the account has.
    owned
        True if the stage has made its own already, so that nothing more is needed.
    has
        How many of them the stage has already: one of a former release may have fewer than it needs now.
    fixed
        True if AWS does not raise it.
    everywhere
        True if it is counted over all regions, so that the partition's first region is asked.
    """

    what: str
    service: str
    code: str
    default: int
    needed: int
    used: Callable[[Site], int]
    owned: Callable[[Site], bool]
    fixed: bool = False
    everywhere: bool = False
    has: Callable[[Site], int] = lambda site: 0


def _stands(site: Site) -> bool:
    return site.stands


def _has_key_group(site: Site) -> bool:
    return signing_key.find_key_group(site.client("cloudfront"), site.stage, site.region) is not None


def _listed(service: str, operation: str, *path: str) -> Callable[[Site], int]:
    return lambda site: len(site.pages(service, operation, *path))


def _cloudfront(
    what: str,
    code: str,
    default: int,
    needed: int,
    used: Callable[[Site], int],
    owned: Callable[[Site], bool] = _stands,
) -> Quota:
    return Quota(f"CloudFront {what}", "cloudfront", code, default, needed, used, owned, everywhere=True)


def _named(what: str, plural: str, code: str, default: int, needed: int) -> Quota:
    """A quota of those CloudFront objects that have names, by which the stage's own are known."""

    def has(site: Site) -> int:
        return len(taken.own_names(site.stage, site.region) & {*site.cdn_names[what]}) if site.stands else 0

    quota = _cloudfront(plural, code, default, needed, lambda site: len(site.cdn_names[what]), lambda site: False)
    return replace(quota, has=has)


def _key_groups(site: Site) -> int:
    return len(site.marked("list_key_groups", "KeyGroupList"))


def _public_keys(site: Site) -> int:
    return sum(1 for _ in signing_key.public_keys(site.client("cloudfront")))


def _buckets(site: Site) -> int:
    return len(site.pages("s3", "list_buckets", "Buckets", PaginationConfig={"PageSize": 1000}))


def _buses(site: Site) -> int:
    """boto3 has no paginator for them. The account's own bus, `default`, does not count."""
    names: list[str] = []
    more: dict[str, str] = {}
    while True:
        page = site.client("events").list_event_buses(**more)
        names += [each["Name"] for each in page["EventBuses"] if each["Name"] != "default"]
        if not page.get("NextToken"):
            return len(names)
        more = {"NextToken": page["NextToken"]}


def _apis(site: Site) -> int:
    """REST, HTTP and WebSocket APIs."""
    return len(site.pages("apigateway", "get_rest_apis", "items")) + len(
        site.pages("apigatewayv2", "get_apis", "Items")
    )


def _has(*kinds: str) -> Callable[[Site], bool]:
    return lambda site: all(site.deployed(kind) for kind in kinds)


# What, (service), code, default, how many a stage needs. Codes and defaults:
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
# https://docs.aws.amazon.com/general/latest/gr/s3.html, …/ddb.html, …/cfn.html, …/ev.html
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
QUOTAS = (
    _cloudfront("distributions", "L-24B04930", 500, 1, lambda site: len(site.distributions)),
    _named("cache policy", "cache policies", "L-7D134442", 20, 1),
    _named("response headers policy", "response headers policies", "L-CF0D4FC5", 20, 4),
    _named("function", "functions", "", 100, 3),
    _named("origin access control", "origin access controls", "", 100, 2),
    _cloudfront("key groups", "L-D64DA6E2", 10, 1, _key_groups, _has_key_group),
    _cloudfront("public keys", "", 10, 1, _public_keys, _has_key_group),
    Quota("S3 buckets", "s3", "L-DC2B2D3D", 10_000, 2, _buckets, _stands, everywhere=True),
    Quota(
        "DynamoDB tables", "dynamodb", "L-F98FE922", 2500, 1, _listed("dynamodb", "list_tables", "TableNames"), _stands
    ),
    Quota(
        "CloudFormation stacks",
        "cloudformation",
        "L-0485CB21",
        2000,
        1,
        _listed("cloudformation", "describe_stacks", "Stacks"),
        _stands,
    ),
    Quota(
        "regional APIs",
        "apigateway",
        "",
        600,
        2,
        _apis,
        _has("rest_api", "websocket_api"),
        fixed=True,
    ),
    Quota("EventBridge event buses", "events", "", 100, 1, _buses, lambda site: "EventBus" in site.outputs),
    Quota(
        "EventBridge rules",
        "events",
        "L-244521F2",
        300,
        1,
        _listed("events", "list_rules", "Rules"),
        _has("cloudwatch_event"),
    ),
)


def check_quota(quota: Quota, site: Site) -> Verdict:
    if quota.owned(site):
        return fine()
    missing = replace(quota, needed=quota.needed - quota.has(site))
    if missing.needed <= 0:
        return fine()
    used = quota.used(site)
    limit = applied(quota, site)  # a new account may have less than AWS's documented default
    return assess(missing, used, limit, site.global_region if quota.everywhere else site.region)


def applied(quota: Quota, site: Site) -> int | None:
    """The quota as it applies to this account, or None if it can't be read."""
    if quota.fixed:
        return quota.default
    if not quota.code:
        return None
    client = site.global_client("service-quotas") if quota.everywhere else site.client("service-quotas")
    # The first call tells a value that was raised, the second one AWS's default.
    for ask in (client.get_service_quota, client.get_aws_default_service_quota):
        try:
            return int(ask(ServiceCode=quota.service, QuotaCode=quota.code)["Quota"]["Value"])
        except ClientError:
            continue
    return None


def assess(quota: Quota, used: int, limit: int | None, region: str) -> Verdict:
    allowed = quota.default if limit is None else limit
    if used + quota.needed <= allowed:
        return fine()
    full = f"the account has {used:,} of at most {allowed:,} {quota.what}, and a stage needs {quota.needed} more"
    free = "delete some that nobody needs"
    if quota.fixed:
        return refused(f"{full}; {free}, or use another region: AWS does not raise this quota")
    if limit is None:
        return unknown(
            f"{full}, unless AWS has raised the quota, which can't be read here; {free}, or ask AWS support for more"
        )
    return refused(
        f"{full}; {free}, or ask for more with `aws service-quotas request-service-quota-increase --service-code "
        f"{quota.service} --quota-code {quota.code} --desired-value {used + quota.needed} --region {region}`"
    )


def check_concurrency(site: Site) -> Verdict:
    """Lambda refuses a reservation that leaves too little. A small account is fine: `provision` caps the queues."""
    account = concurrency.examine(site.client("lambda"), site.recorded, site.stage)
    if refusal := concurrency.refuse_reservation(account):
        return refused(refusal)
    return fine(concurrency.explain(account, concurrency.caps(account.after, account.wanted)))


def check_code_storage(site: Site) -> Verdict:
    reply = site.client("lambda").get_account_settings()
    limit, used = reply["AccountLimit"]["TotalCodeSize"], reply["AccountUsage"]["TotalCodeSize"]
    if used + CODE_BYTES <= limit:
        return fine()
    return refused(
        f"Lambda stores {used / 1000**2:,.0f} of at most {limit / 1000**2:,.0f} MB of code in this region, and a "
        f"deployment adds {CODE_BYTES / 1000**2:.0f} MB; delete old versions of functions and layers, or ask for more "
        "with `aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-2ACBD22F "
        f"--desired-value {limit // 1024**3 + 75} --region {site.region}`"
    )


def check_roles(site: Site) -> Verdict:
    if site.stands:
        return fine()
    summary = site.client("iam").get_account_summary()["SummaryMap"]
    used, limit = summary["Roles"], summary["RolesQuota"]
    if used + ROLES <= limit:
        return fine()
    return refused(
        f"the account has {used:,} of at most {limit:,} IAM roles, and a stage needs {ROLES}; delete some that nobody "
        "needs, or ask for more with `aws service-quotas request-service-quota-increase --service-code iam "
        f"--quota-code L-FE177D64 --desired-value {limit + 100} --region us-east-1`"
    )


CHECKS: dict[str, Check] = {
    "the account runs enough functions at once": check_concurrency,
    "Lambda has room for the code": check_code_storage,
    "there is room for IAM roles": check_roles,
    **{f"there is room for {quota.what}": partial(check_quota, quota) for quota in QUOTAS},
}
