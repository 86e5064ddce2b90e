"""A parameter that AWS would refuse is refused before it is set; one that the stack has already is left alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ops.preflight import parameters
from ops.preflight.site import Site
from ops.report import Mark
from tests.scripted import ACCOUNT, Aws, Failure

CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms"
WEB_ACL = f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/edge/1-2"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"Domain": "files.example.com"}, "need each other"),
        ({"CertificateArn": CERTIFICATE}, "need each other"),
        (
            {"Domain": "files.example.com", "CertificateArn": CERTIFICATE.replace("us-east-1", "eu-west-1")},
            "CertificateArn is in eu-west-1, but it must be in us-east-1",
        ),
        ({"Domain": "files.example.com", "CertificateArn": "abc"}, "no ARN of acm"),
        ({"Domain": "files.example.org", "CertificateArn": CERTIFICATE}, "does not cover files.example.org"),
        ({"Domain": "files.example.com", "CertificateArn": CERTIFICATE}, ""),
        ({}, ""),
    ],
)
def test_the_certificate_must_be_clouds_fronts_and_cover_the_domain(
    aws: Aws, site: Callable[..., Site], given: dict[str, str], says: str
) -> None:
    found = {"Status": "ISSUED", "DomainName": "example.com", "SubjectAlternativeNames": ["*.example.com"]}
    aws.answers["acm.DescribeCertificate"] = {"Certificate": found}
    verdict = parameters.check_certificate(site(**given))
    assert verdict.mark is (Mark.REFUSED if says else Mark.OK)
    assert says in verdict.sentence
    asked = [region for name, region in aws.calls if name == "acm.DescribeCertificate"]
    assert asked in ([], ["us-east-1"])


def test_a_certificate_that_is_missing_or_not_issued_is_refused(aws: Aws, site: Callable[..., Site]) -> None:
    given = {"Domain": "example.com", "CertificateArn": CERTIFICATE}
    aws.answers["acm.DescribeCertificate"] = Failure("ResourceNotFoundException")
    assert "there is no certificate" in parameters.check_certificate(site(**given)).sentence
    pending = {"Status": "PENDING_VALIDATION", "DomainName": "example.com"}
    aws.answers["acm.DescribeCertificate"] = {"Certificate": pending}
    assert "the certificate is PENDING_VALIDATION" in parameters.check_certificate(site(**given)).sentence


@pytest.mark.parametrize(
    ("name", "domain", "covered"),
    [
        ("example.com", "example.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.Example.com", "A.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "aexample.com", False),
        ("example.com", "a.example.com", False),
    ],
)
def test_a_wildcard_covers_exactly_one_label(name: str, domain: str, covered: bool) -> None:
    assert parameters.covers(name, domain) is covered


def test_a_domain_that_another_distribution_has_is_refused() -> None:
    distributions = [{"Id": "E1", "Aliases": {"Items": ["a.example.com"]}}, {"Id": "E2", "Aliases": {"Quantity": 0}}]
    taken = parameters.assess_alias("a.example.com", distributions, "E2")
    assert taken.mark is Mark.REFUSED
    assert "a.example.com is an alias of the distribution E1 already" in taken.sentence
    assert parameters.assess_alias("a.example.com", distributions, "E1").mark is Mark.UNKNOWN


def test_a_topic_of_another_region_and_one_that_is_missing_are_refused(aws: Aws, site: Callable[..., Site]) -> None:
    elsewhere = TOPIC.replace("eu-west-1", "us-east-1")
    assert "but it must be in eu-west-1" in parameters.check_topic(site(AlarmTopicArn=elsewhere)).sentence
    aws.answers["sns.GetTopicAttributes"] = Failure("NotFound", 404)
    assert f"there is no topic {TOPIC}" in parameters.check_topic(site(AlarmTopicArn=TOPIC)).sentence
    aws.answers["sns.GetTopicAttributes"] = {"Attributes": {}}
    assert parameters.check_topic(site(AlarmTopicArn=TOPIC)).mark is Mark.OK


def test_a_web_acl_of_another_scope_and_one_that_is_missing_are_refused(aws: Aws, site: Callable[..., Site]) -> None:
    regional = WEB_ACL.replace("us-east-1", "eu-west-1").replace("global", "regional")
    assert "but it must be in us-east-1" in parameters.check_web_acl(site(WebAclArn=regional)).sentence
    regional = WEB_ACL.replace("global", "regional")
    assert "has no CLOUDFRONT scope" in parameters.check_web_acl(site(WebAclArn=regional)).sentence
    aws.answers["wafv2.GetWebACL"] = Failure("WAFNonexistentItemException")
    assert "there is no web ACL" in parameters.check_web_acl(site(WebAclArn=WEB_ACL)).sentence
    aws.answers["wafv2.GetWebACL"] = {}
    assert parameters.check_web_acl(site(WebAclArn=WEB_ACL)).mark is Mark.OK
    assert ("wafv2.GetWebACL", "us-east-1") in aws.calls


def test_a_bucket_without_acls_takes_no_logs(aws: Aws, site: Callable[..., Site]) -> None:
    def said(answer: Any) -> str:
        aws.answers["s3.GetBucketOwnershipControls"] = answer
        return parameters.check_logs(site(AccessLogBucket="logs.s3.amazonaws.com")).sentence

    def rule(ownership: str) -> Any:
        return {"OwnershipControls": {"Rules": [{"ObjectOwnership": ownership}]}}

    assert "the bucket logs has no ACLs" in said(rule("BucketOwnerEnforced"))
    assert said(rule("BucketOwnerPreferred")) == ""
    assert said(Failure("OwnershipControlsNotFoundError", 404)) == ""
    assert "there is no bucket logs" in said(Failure("NoSuchBucket", 404))


def test_a_parameter_that_the_template_lacks_is_refused(site: Callable[..., Site]) -> None:
    assert parameters.check_names(site(PriceClass="PriceClass_All")).mark is Mark.OK
    assert "no parameter Prices" in parameters.check_names(site(Prices="x")).sentence


def test_a_value_that_the_stack_has_already_is_not_checked_again(
    aws: Aws, site: Callable[..., Site], stack: dict[str, Any]
) -> None:
    given = {"Domain": "x.example.com", "CertificateArn": "gone", "AlarmTopicArn": "gone", "WebAclArn": "gone"}
    stack["Stacks"][0]["Parameters"] += [{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()]
    aws.answers["cloudformation.DescribeStacks"] = stack
    for check in parameters.CHECKS.values():
        assert check(site()).mark is Mark.OK
        assert check(site(**given)).mark is Mark.OK


def test_a_scan_by_a_command_needs_the_command(site: Callable[..., Site]) -> None:
    assert parameters.check_scan(site(Scan="guardduty")).mark is Mark.OK
    refused = parameters.check_scan(site(Scan="command"))
    assert refused.mark is Mark.REFUSED
    assert "FILEMILL_SCAN_COMMAND is not set" in refused.sentence
    here = site(Scan="command")
    path = here.project_dir / ".chalice/config.json"
    written = json.loads(path.read_text(encoding="utf-8"))
    stage = written.setdefault("stages", {}).setdefault("dev", {})
    stage.setdefault("environment_variables", {})["FILEMILL_SCAN_COMMAND"] = "clamscan {}"
    path.write_text(json.dumps(written), encoding="utf-8")
    assert parameters.check_scan(site(Scan="command")).mark is Mark.OK


KMS_KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"


@pytest.mark.parametrize(
    ("arn", "answer", "mark", "says"),
    [
        ("", {}, Mark.OK, ""),
        ("own", {}, Mark.OK, ""),
        (KMS_KEY, {"KeyState": "Enabled"}, Mark.OK, ""),
        (KMS_KEY, {"KeyState": "Disabled"}, Mark.REFUSED, "is Disabled"),
        (KMS_KEY, {"KeyState": "Enabled", "KeySpec": "RSA_2048"}, Mark.REFUSED, "RSA_2048"),
        (KMS_KEY, None, Mark.REFUSED, f"there is no key {KMS_KEY}"),
        (KMS_KEY.replace("eu-west-1", "us-east-1"), {}, Mark.REFUSED, "but it must be in eu-west-1"),
        (KMS_KEY.replace(ACCOUNT, "999999999999"), {}, Mark.UNKNOWN, "is another account's"),
        ("alias/mine", {}, Mark.REFUSED, "no ARN of kms"),
    ],
)
def test_a_key_that_cant_encrypt_is_refused(
    aws: Aws, site: Callable[..., Site], arn: str, answer: dict[str, str] | None, mark: Mark, says: str
) -> None:
    aws.answers["kms.DescribeKey"] = (
        {"KeyMetadata": {"KeyId": "1", **answer}} if answer else Failure("NotFoundException")
    )
    verdict = parameters.check_key(site(EncryptionKey=arn) if arn else site())
    assert verdict.mark is mark
    assert says in verdict.sentence


def test_a_stage_that_runs_is_told_to_take_the_rights_first(
    aws: Aws, site: Callable[..., Site], stack: dict[str, Any]
) -> None:
    aws.answers["cloudformation.DescribeStacks"] = stack
    assert "--set Encrypt=false" in parameters.check_key(site(EncryptionKey="own")).sentence
    assert parameters.check_key(site(EncryptionKey="own", Encrypt="false")).mark is Mark.OK
