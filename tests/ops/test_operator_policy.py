"""The operator's policy is enough for what `ops`, Chalice and CloudFormation do, and allows nothing else.

Each call of `ops` that any test makes is held to it, too (tests/iam/plugin.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.session import Session

from ops import __main__ as ops
from ops import operator_policy
from ops.operator_policy import GROUPS, MANAGED, Where
from tests.iam import chalice, facts, stages
from tests.iam.evaluator import Need, allowed_by, rights
from tests.iam.needs import Place, needs
from tests.iam.recorder import Record, recording
from tests.stage import ROOT, template

STATED = operator_policy.statements(Where("test", stages.ACCOUNT, stages.REGION))
RIGHTS = rights(operator_policy.policy(STATED))
ACTIONS = {right.action for right in RIGHTS}

# The services whose operations `ops` may call.
SERVICES = (
    *(
        "apigateway",
        "apigatewayv2",
        "cloudformation",
        "cloudfront",
        "cloudwatch",
        "dynamodb",
        "events",
        "iam",
        "kms",
        "lambda",
        "logs",
        "s3",
    ),
    *("service-quotas", "sns", "sqs", "ssm", "sts"),
)
# Rooms whose calls an operator makes as well: `ops keys`, `tenants`, `redrive`, `backfill` and `reindex` use them.
WITHOUT_CALLS = (ROOT / "ops/local", ROOT / "ops/openapi")
ROOMS = (ROOT / "ops", ROOT / "chalicelib/catalog", ROOT / "chalicelib/queues")

# Operations whose name is another's as well, and that are not the one that our code calls.
HOMONYMS = frozenset(
    {
        *("events.RemovePermission", "sns.RemovePermission", "sqs.RemovePermission"),  # Lambda's
        *("service-quotas.TagResource", "sns.TagResource"),
        "iam.GetPolicy",  # Lambda's
        *(
            "kms.GetPublicKey",
            "kms.TagResource",
            "kms.Verify",
        ),  # CloudFront's, those of others, and `verify` of a public key
        *("sns.Publish", "sns.Subscribe"),  # the function `publish`, and an action of the socket
    }
)

# The resource that a call is about, as far as its actions depend on it.
SAMPLE: dict[str, Any] = {
    "Delete": {"Objects": [{"Key": "k"}, {"Key": "k", "VersionId": "1"}]},
    "Destination": {"Arn": "x"},
    "Entries": [{}],
    "Key": "k",
    "RequestItems": {"t": {}},
    "Tags": [{"Key": "app", "Value": "filemill"}],
    "TemplateURL": "https://b.s3.eu-west-1.amazonaws.com/k",
    "TransactItems": [{kind: {"TableName": "t"}} for kind in ("Put", "Update")],
}

# Rights whose use does not show in a name of our code, nor in a fact about CloudFormation.
UNSEEN = {
    "acm:DescribeCertificate": "`ops preflight` looks at the certificate in us-east-1",
    "wafv2:GetWebACL": "`ops preflight` looks at the web ACL",
    "billing:GetBillingViewData": "CloudFormation asks for it with a budget",
    "cloudformation:UntagResource": "CloudFormation asks for it when a tag of the stack is removed",
    "cloudfront:CreateInvalidation": "`ops tenants erase` removes files as the API does (chalicelib/upkeep/removal.py)",
    "kms:GenerateDataKeyWithoutPlaintext": "DynamoDB asks for it with a table's key",
    "s3:GetObjectVersion": "`ops restore` compares versions of originals with records",
}

# What CloudFormation would call for a property that no resource of the template has: type → property → actions.
WITHOUT = {
    "AWS::CloudFront::Distribution": {
        "ConnectionMode": ["cloudfront:*ConnectionGroup"],
        "VpcOriginConfig": ["cloudfront:GetVpcOrigin"],
        "Staging": ["cloudfront:UpdateDistributionWithStagingConfig"],
    },
    "AWS::DynamoDB::Table": {
        "ContributorInsightsSpecification": ["dynamodb:UpdateContributorInsights"],
        "ImportSourceSpecification": ["dynamodb:*Import*", "logs:*", "s3:*"],
        "KinesisStreamSpecification": ["dynamodb:*KinesisStreamingDestination", "kinesis:*"],
        "Replicas": ["dynamodb:*TableReplica", "iam:CreateServiceLinkedRole"],
        "ResourcePolicy": ["dynamodb:*ResourcePolicy"],
    },
    "AWS::Events::EventBus": {"KmsKeyIdentifier": ["kms:*"], "Policy": ["events:*Permission"]},
    "AWS::Events::Rule": {"RoleArn": ["iam:PassRole"]},
    "AWS::IAM::Role": {"ManagedPolicyArns": ["iam:AttachRolePolicy"]},
    "AWS::S3::Bucket": {
        "AbacStatus": ["s3:PutBucketAbac"],
        "AccelerateConfiguration": ["s3:PutAccelerateConfiguration"],
        "AccessControl": ["s3:PutBucketAcl", "s3:PutObjectAcl"],
        "AnalyticsConfigurations": ["s3:PutAnalyticsConfiguration"],
        "IntelligentTieringConfigurations": ["s3:PutIntelligentTieringConfiguration"],
        "InventoryConfigurations": ["s3:PutInventoryConfiguration"],
        "LoggingConfiguration": ["s3:PutBucketLogging"],
        "MetadataConfiguration": ["s3:*BucketMetadata*", "s3tables:*"],
        "MetricsConfigurations": ["s3:PutMetricsConfiguration"],
        "ObjectLockConfiguration": ["s3:PutBucketObjectLockConfiguration"],
        "ReplicationConfiguration": ["s3:PutReplicationConfiguration", "iam:PassRole"],
        "WebsiteConfiguration": ["s3:*BucketWebsite"],
    },
}
# One resource of each type, with a name as CloudFormation gives it.
_NEW = "filemill-test-New-1A2B"
EXAMPLES = {
    "AWS::Budgets::Budget": f"arn:aws:budgets::{stages.ACCOUNT}:budget/filemill-test-eu-west-1",
    "AWS::CloudFront::CachePolicy": f"arn:aws:cloudfront::{stages.ACCOUNT}:cache-policy/1",
    "AWS::CloudFront::Distribution": f"arn:aws:cloudfront::{stages.ACCOUNT}:distribution/E1",
    "AWS::CloudFront::Function": f"arn:aws:cloudfront::{stages.ACCOUNT}:function/filemill-test-eu-west-1-negotiate",
    "AWS::CloudFront::OriginAccessControl": f"arn:aws:cloudfront::{stages.ACCOUNT}:origin-access-control/E1",
    "AWS::CloudFront::ResponseHeadersPolicy": f"arn:aws:cloudfront::{stages.ACCOUNT}:response-headers-policy/1",
    "AWS::CloudWatch::Alarm": f"arn:aws:cloudwatch:eu-west-1:{stages.ACCOUNT}:alarm:{_NEW}",
    "AWS::CloudWatch::Dashboard": f"arn:aws:cloudwatch::{stages.ACCOUNT}:dashboard/filemill-test-eu-west-1",
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:eu-west-1:{stages.ACCOUNT}:table/{_NEW}",
    "AWS::Lambda::EventInvokeConfig": f"arn:aws:lambda:eu-west-1:{stages.ACCOUNT}:function:filemill-test-stream",
    "AWS::Lambda::Permission": f"arn:aws:lambda:eu-west-1:{stages.ACCOUNT}:function:filemill-test-render",
    "AWS::Lambda::Url": f"arn:aws:lambda:eu-west-1:{stages.ACCOUNT}:function:filemill-test-render",
    "AWS::Events::Archive": f"arn:aws:events:eu-west-1:{stages.ACCOUNT}:archive/filemill-test",
    "AWS::Events::EventBus": f"arn:aws:events:eu-west-1:{stages.ACCOUNT}:event-bus/filemill-test",
    "AWS::Events::Rule": f"arn:aws:events:eu-west-1:{stages.ACCOUNT}:rule/filemill-test/filemill-test-answers",
    "AWS::GuardDuty::MalwareProtectionPlan": f"arn:aws:guardduty:eu-west-1:{stages.ACCOUNT}:malware-protection-plan/1",
    "AWS::IAM::Role": f"arn:aws:iam::{stages.ACCOUNT}:role/{_NEW}",
    "AWS::KMS::Key": stages.KEY,
    "AWS::S3::Bucket": f"arn:aws:s3:::filemill-test-originals-{stages.ACCOUNT}-eu-west-1",
    "AWS::S3::BucketPolicy": f"arn:aws:s3:::filemill-test-originals-{stages.ACCOUNT}-eu-west-1",
    "AWS::SQS::Queue": f"arn:aws:sqs:eu-west-1:{stages.ACCOUNT}:{_NEW}",
    "AWS::SQS::QueuePolicy": f"arn:aws:sqs:eu-west-1:{stages.ACCOUNT}:{_NEW}",
}
# Rules stand on the stage's own bus, and on the account's.
OTHER_EXAMPLES = {"AWS::Events::Rule": (f"arn:aws:events:eu-west-1:{stages.ACCOUNT}:rule/filemill-test-scans",)}


def types() -> set[str]:
    """The types of resources that the stack has."""
    return {resource["Type"] for resource in template()["Resources"].values()} | {"AWS::IAM::Role"}


def of_cloudformation(resource_type: str) -> Iterator[Need]:
    """What CloudFormation needs for a resource of the template. Lists are for other tools, such as its importer."""
    unused = [pattern for patterns in WITHOUT.get(resource_type, {}).values() for pattern in patterns]
    for kind, actions in facts.handlers(resource_type).items():
        for action in actions if kind != "list" else ():
            # Reading a resource reads all that it could have, but it decrypts nothing without a key. Some handlers name
            # actions that IAM does not have.
            # And it passes no role on.
            can_be_unused = kind != "read" or action.startswith(("kms:", "iam:PassRole"))
            is_unused = can_be_unused and any(fnmatch(action, pattern) for pattern in unused)
            if not is_unused and action == "iam:PassRole":
                service = {"AWS::GuardDuty::MalwareProtectionPlan": "malware-protection-plan.guardduty.amazonaws.com"}
                yield Need(action, EXAMPLES["AWS::IAM::Role"], {"iam:PassedToService": service[resource_type]})
            elif not is_unused and facts.resource_types(action) is not None:
                for example in (EXAMPLES[resource_type], *OTHER_EXAMPLES.get(resource_type, ())):
                    about = f"{example}/key" if action == "s3:DeleteObject" else example
                    if action.startswith("kms:"):
                        yield of_key(action, resource_type)
                    else:
                        yield Need(action, about if facts.is_about(action, about) else "*")


def of_key(action: str, resource_type: str) -> Need:
    """CloudFormation itself makes the key; another service uses it for the caller."""
    if resource_type == "AWS::KMS::Key":
        # At first the tag is in the request only, and with a later change only on the key.
        told = "RequestTag" if action == "kms:CreateKey" else "ResourceTag"
        context = {f"aws:{told}/filemill-stage": "test"}
    else:
        context = {"kms:ViaService": f"{resource_type.split('::')[1].lower()}.eu-west-1.amazonaws.com"}
    return Need(action, stages.KEY if facts.is_about(action, stages.KEY) else "*", context)


def actions_of(operation: str) -> set[str]:
    """The actions that a call of `service.Operation` needs."""
    service, _, name = operation.partition(".")
    model = _model(service).operation_model(name)
    shape = model.input_shape
    members = (each for each in shape.members if each in SAMPLE or each in shape.required_members) if shape else ()
    # An operation that takes one of several names requires none of them.
    named = {"SourceTableName": "x", "StackName": "x", "UUID": "x"}
    return {need.action for need in needs(model, named | {each: SAMPLE.get(each, "x") for each in members}, Place())}


@cache
def _model(service: str) -> Any:
    return Session().get_service_model(service)


@cache
def of_our_code() -> dict[str, set[str]]:
    """Action → the operations in our code that need it."""
    found: dict[str, set[str]] = {}
    for room in ROOMS:
        for operation in facts.operations_in(room, SERVICES, without=WITHOUT_CALLS) - HOMONYMS:
            for action in actions_of(operation):
                found.setdefault(action, set()).add(operation)
    return found


@pytest.fixture
def chalices(tmp_path: Path) -> Record:
    """The calls of two deployments by Chalice and of a deletion."""
    with recording() as record:
        chalice.deploy_twice_and_delete(tmp_path)
    return record


def test_each_operation_in_our_code_is_allowed() -> None:
    found = of_our_code()
    assert len(found) > 60
    assert {action: operations for action, operations in found.items() if action not in ACTIONS} == {}


def test_each_service_that_ops_has_a_client_of_is_looked_for() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "ops").rglob("*.py"))
    clients = {name for text in sources for name in re.findall(r"\bclient\(\s*\"([a-z0-9-]+)\"", text)}
    assert len(clients) > 8
    assert clients <= set(SERVICES)


def test_each_call_of_chalice_is_allowed_on_this_stages_resources(chalices: Record) -> None:
    found = chalices.of(stages.OPERATOR)
    assert chalices.calls[stages.OPERATOR] > 100
    assert [need for need in found if not allowed_by(RIGHTS, need)] == []


@pytest.mark.parametrize("resource_type", sorted(types()))
def test_what_cloudformation_needs_for_each_type_of_the_template_is_allowed(resource_type: str) -> None:
    found = list(of_cloudformation(resource_type))
    assert found
    assert [need for need in found if not allowed_by(RIGHTS, need)] == []


def test_the_template_has_none_of_the_properties_that_are_left_out() -> None:
    for resource in template()["Resources"].values():
        names = set(_keys(resource.get("Properties", {})))
        assert not names & WITHOUT.get(resource["Type"], {}).keys(), resource["Type"]


def _keys(value: Any) -> Iterator[str]:
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(each)
    if isinstance(value, dict):
        yield from value


def test_each_action_is_used(chalices: Record) -> None:
    used = {
        *of_our_code(),
        *(need.action for need in chalices.of(stages.OPERATOR)),
        *(need.action for each in types() for need in of_cloudformation(each)),
    }
    assert ACTIONS - used - UNSEEN.keys() == set()


@pytest.mark.parametrize("statement", STATED, ids=lambda statement: statement["Sid"])
def test_each_statement_names_actions_and_resources_that_fit(statement: dict[str, Any]) -> None:
    """IAM ignores an action on a resource of another type, so that one would allow nothing."""
    for action in statement["Action"]:
        assert facts.resource_types(action) is not None, action
        assert any(facts.is_about(action, resource) for resource in statement["Resource"]) or action in ANYWHERE, action
    for resource in statement["Resource"]:
        assert any(facts.is_about(action, resource) for action in statement["Action"]) or resource == "*", resource


# These could be limited to resources, but the question is about all of them, or about somebody who is not known here.
ANYWHERE = {
    "acm:DescribeCertificate",
    "billing:GetBillingViewData",
    "cloudformation:DescribeStacks",
    "cloudwatch:DescribeAlarms",
    "cloudfront:ListCachePolicies",
    "events:ListRules",
    "iam:SimulatePrincipalPolicy",
    "logs:DescribeLogGroups",
    "s3:GetBucketOwnershipControls",
    "servicequotas:GetServiceQuota",
    "sns:GetTopicAttributes",
    "wafv2:GetWebACL",
}


def test_only_questions_and_what_can_have_no_name_are_allowed_on_everything() -> None:
    for right in RIGHTS:
        if right.resource == "*" and not right.conditions and right.sid not in ("NewEdge", "NewScans"):
            assert re.match(r"(Describe|Get|List|Simulate|Validate)", right.action.partition(":")[2]), right.action


def test_another_stage_can_not_be_touched() -> None:
    other = [need.replace("filemill-test", "filemill-prod") for need in EXAMPLES.values() if "filemill-test" in need]
    others = [*other, "arn:aws:lambda:eu-west-1:123456789012:function:filemill-prod"]
    for right in RIGHTS:
        named = [each for each in others if right.resource != "*" and right.covers(Need(right.action, each))]
        assert not named, (right, named)


def test_roles_can_be_given_to_functions_and_the_scan_only() -> None:
    role = EXAMPLES["AWS::IAM::Role"]
    assert allowed_by(RIGHTS, Need("iam:PassRole", role, {"iam:PassedToService": "lambda.amazonaws.com"}))
    assert not allowed_by(RIGHTS, Need("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"}))
    assert not allowed_by(RIGHTS, Need("iam:PassRole", role))
    scan = {"iam:PassedToService": "malware-protection-plan.guardduty.amazonaws.com"}
    assert allowed_by(RIGHTS, Need("iam:PassRole", role, scan))


def test_the_parts_are_the_whole_and_short_enough() -> None:
    parts = operator_policy.split(STATED)
    assert [statement for part in parts for statement in part["Statement"]] == STATED
    assert len(parts) in (2, 3), "docs/operations.md says so"
    assert all(operator_policy.length(part) <= MANAGED for part in parts)
    longest = operator_policy.statements(Where("s" * 16, stages.ACCOUNT, "ap-southeast-99", "aws-us-gov"))
    assert all(operator_policy.length(part) <= MANAGED for part in operator_policy.split(longest))
    assert len(operator_policy.split(longest)) <= 3


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert ops.main(["policy", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_prints_one_document_or_its_parts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    whole = printed(capsys, "--stage", "test", "--account", stages.ACCOUNT, "--region", stages.REGION)
    assert whole == {"Version": "2012-10-17", "Statement": STATED}
    parts = printed(capsys, "--stage", "test", "--account", stages.ACCOUNT, "--region", stages.REGION, "--split")
    assert parts == operator_policy.split(STATED)
    assert printed(capsys, "--stage", "x", "--part", "2") == printed(capsys, "--stage", "x", "--split")[1]
    assert ops.main(["policy", "--stage", "x", "--part", "9"]) == 1
    assert "the policy has the parts 1 to" in capsys.readouterr().err
    assert "arn:aws:s3:::filemill-*-*" in json.dumps(printed(capsys))


def test_the_account_and_region_of_a_stage_are_known_once_it_is_provisioned(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arn = "arn:aws:sqs:eu-north-1:210987654321:q"
    entry = {"environment_variables": {"FILEMILL_INGEST_QUEUE_ARN": arn}}
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice/config.json").write_text(json.dumps({"stages": {"qa": entry}}), encoding="utf-8")
    text = json.dumps(printed(capsys, "--stage", "qa", "--project-dir", str(tmp_path)))
    assert "arn:aws:lambda:eu-north-1:210987654321:function:filemill-qa" in text


def test_the_page_says_what_each_statement_is_for() -> None:
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page.partition("## What an operator may do")[2], re.MULTILINE))
    assert {group.sid: group.why for group in GROUPS}.items() <= rows.items()
