"""Checks of the parameters that are about to be set: the certificate and its domain, the topic, the web ACL, the logs.

A value that the stack has already is not checked again, so that it can't stop a running stage from being deployed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.settings import PREFIX
from ops import config
from ops.errors import OpsError
from ops.preflight.site import Check, Site, Verdict, fine, refused, unknown
from ops.stack import encryption, template
from ops.stack.plan import choose_parameters


def check_names(site: Site) -> Verdict:
    known = template.document(site.project_dir)["Parameters"]
    try:
        choose_parameters(known, site.given, ())
    except OpsError as error:
        return refused(str(error).removesuffix("."))
    return fine()


def check_certificate(site: Site) -> Verdict:
    domain, arn = site.parameter("Domain"), site.parameter("CertificateArn")
    if not site.new_parameter("Domain") and not site.new_parameter("CertificateArn"):
        return fine()
    if not domain or not arn:
        return refused("Domain and CertificateArn need each other; give both, or neither")
    if wrong := assess_arn(arn, "acm", site.global_region, "CertificateArn", "CloudFront looks for certificates there"):
        return wrong
    acm = site.global_client("acm")
    try:
        found = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    except acm.exceptions.ResourceNotFoundException:
        return refused(f"there is no certificate {arn}; request it in {site.global_region}, or correct CertificateArn")
    return assess_certificate(found, domain)


def assess_arn(arn: str, service: str, region: str, parameter: str, why: str) -> Verdict | None:
    """A refusal if an ARN is not of this service and region."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != service:
        return refused(f"{parameter} is {arn!r}, which is no ARN of {service}; correct it")
    if parts[3] != region:
        return refused(
            f"{parameter} is in {parts[3] or 'no region'}, but it must be in {region}: {why}; make one there"
        )
    return None


def assess_certificate(found: Mapping[str, Any], domain: str) -> Verdict:
    if found["Status"] != "ISSUED":
        return refused(
            f"the certificate is {found['Status']}, so CloudFront would refuse it; validate it (ACM shows the DNS "
            "record to make), or request a new one"
        )
    names = {found["DomainName"], *found.get("SubjectAlternativeNames", [])}
    if not any(covers(name, domain) for name in names):
        return refused(
            f"the certificate is for {', '.join(sorted(names))} and does not cover {domain}; request one for {domain}"
        )
    return fine()


def covers(name: str, domain: str) -> bool:
    """True if a certificate's name covers a domain. `*.example.com` covers one more label, and not example.com."""
    name, domain = name.lower(), domain.lower()
    return name == domain or (name.startswith("*.") and domain.partition(".")[2] == name[2:])


def check_alias(site: Site) -> Verdict:
    domain = site.new_parameter("Domain")
    if not domain:
        return fine()
    return assess_alias(domain, site.distributions, site.outputs.get("DistributionId", ""))


def assess_alias(domain: str, distributions: Iterable[Mapping[str, Any]], ours: str) -> Verdict:
    """`ours` is the id of the stage's distribution, or an empty string."""
    for each in distributions:
        if each["Id"] != ours and domain in each.get("Aliases", {}).get("Items", []):
            return refused(
                f"{domain} is an alias of the distribution {each['Id']} already; remove it there or choose another name"
            )
    return unknown(f"another account's distribution may have {domain} as its alias, which CloudFront does not tell")


def check_topic(site: Site) -> Verdict:
    arn = site.new_parameter("AlarmTopicArn")
    if not arn:
        return fine()
    why = "an alarm tells only topics of its own region"
    if wrong := assess_arn(arn, "sns", site.region, "AlarmTopicArn", why):
        return wrong
    sns = site.client("sns")
    try:
        sns.get_topic_attributes(TopicArn=arn)
    except sns.exceptions.NotFoundException:
        return refused(f"there is no topic {arn}; make it with `aws sns create-topic`, or correct AlarmTopicArn")
    return fine()


def check_web_acl(site: Site) -> Verdict:
    arn = site.new_parameter("WebAclArn")
    if not arn:
        return fine()
    if wrong := assess_arn(arn, "wafv2", site.global_region, "WebAclArn", "web ACLs for CloudFront are there"):
        return wrong
    scope, _, rest = arn.split(":", 5)[5].partition("/webacl/")
    name, _, acl_id = rest.partition("/")
    if scope != "global" or not acl_id:
        return refused(f"the web ACL {arn} has no CLOUDFRONT scope; make one with `--scope CLOUDFRONT`")
    waf = site.global_client("wafv2")
    try:
        waf.get_web_acl(Name=name, Scope="CLOUDFRONT", Id=acl_id)
    except waf.exceptions.WAFNonexistentItemException:
        return refused(f"there is no web ACL {arn}; make it, or correct WebAclArn")
    return fine()


def check_logs(site: Site) -> Verdict:
    """CloudFront writes its standard logs with an ACL, which a bucket refuses unless its ACLs are enabled.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
    """
    bucket = site.new_parameter("AccessLogBucket").removesuffix(".s3.amazonaws.com")
    if not bucket:
        return fine()
    try:
        rules = site.client("s3").get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchBucket":
            return refused(f"there is no bucket {bucket}; make it, or correct AccessLogBucket")
        if code == "OwnershipControlsNotFoundError":  # a bucket from before April 2023: its ACLs are enabled
            return fine()
        raise
    if any(rule["ObjectOwnership"] == "BucketOwnerEnforced" for rule in rules):
        return refused(
            f"the bucket {bucket} has no ACLs, so CloudFront can't write its logs there; run `aws s3api "
            f"put-bucket-ownership-controls --bucket {bucket} --ownership-controls "
            "'Rules=[{ObjectOwnership=BucketOwnerPreferred}]'`"
        )
    return fine()


def check_key(site: Site) -> Verdict:
    """The services take a symmetric key of the stage's own region: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html"""
    if refusal := encryption.refuse_change(site.stack, site.given):
        return refused(refusal)
    arn = site.new_parameter(encryption.KEY)
    if not arn or arn == encryption.OWN:
        return fine()
    why = "S3 encrypts with keys of the bucket's region only"
    if wrong := assess_arn(arn, "kms", site.region, encryption.KEY, why):
        return wrong
    if arn.split(":")[4] != site.account:
        return unknown(
            f"the key {arn} is another account's: its policy must allow this account and the services "
            f"({encryption.PAGE}), which can't be read from here"
        )
    kms = site.client("kms")
    try:
        found = kms.describe_key(KeyId=arn)["KeyMetadata"]
    except kms.exceptions.NotFoundException:
        return refused(f"there is no key {arn}; make it with `aws kms create-key`, or correct {encryption.KEY}")
    if found["KeyState"] != "Enabled" or found.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        return refused(
            f"the key {arn} is {found['KeyState']} and of the kind {found.get('KeySpec')}; {encryption.KEY} needs one "
            "that is Enabled and SYMMETRIC_DEFAULT"
        )
    return fine()


def check_scan(site: Site) -> Verdict:
    """Without the command no function of the stage could start."""
    variables = config.stage_variables(site.recorded, site.stage)
    if site.parameter("Scan") == "command" and not variables.get(f"{PREFIX}SCAN_COMMAND"):
        return refused(
            f"Scan is `command`, but {PREFIX}SCAN_COMMAND is not set; set it in .chalice/config.json (docs/scanning.md)"
        )
    return fine()


CHECKS: dict[str, Check] = {
    "the template has these parameters": check_names,
    "the certificate covers the domain": check_certificate,
    "the domain is nobody else's": check_alias,
    "the alarms' topic is there": check_topic,
    "the web ACL is CloudFront's": check_web_acl,
    "the logs' bucket takes logs": check_logs,
    "the scan has a command": check_scan,
    "the key can be used": check_key,
}
