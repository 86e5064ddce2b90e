"""The IAM policy of an operator: all that deploying, operating and removing a stage needs, on that stage's resources.

It is data, in groups by what they are for. `ops policy` prints it. tests/ops/test_operator_policy.py compares it with
the calls that `ops` and Chalice make, and with what CloudFormation does for each type of resource in the template.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Statement = dict[str, Any]
Policy = dict[str, Any]


@dataclass(frozen=True)
class Where:
    """A stage, and the account and region that it is in."""

    stage: str
    account: str
    region: str
    partition: str = "aws"
    app: str = "filemill"
    """Chalice's name of the app, from which it makes the names of functions, layers and the schedule."""


@dataclass(frozen=True)
class Group:
    """One statement. `why` says what it is for. In `on`, `{stage}` and the like stand for the parts of Where.

    The actions are words of one service each: `"s3": "GetObject PutObject"`.
    """

    sid: str
    why: str
    on: tuple[str, ...]
    actions: Mapping[str, str]
    condition: Mapping[str, Mapping[str, str | tuple[str, ...]]] = field(default_factory=dict)

    def statement(self, where: Where) -> Statement:
        actions = sorted(f"{service}:{word}" for service, words in self.actions.items() for word in words.split())
        stated: Statement = {"Sid": self.sid, "Effect": "Allow", "Action": actions}
        stated["Resource"] = list(dict.fromkeys(self._put_in(resource, where) for resource in self.on))
        if self.condition:
            stated["Condition"] = {
                operator: {
                    key: self._put_in(value, where)
                    if isinstance(value, str)
                    else [self._put_in(each, where) for each in value]
                    for key, value in keys.items()
                }
                for operator, keys in self.condition.items()
            }
        return stated

    @staticmethod
    def _put_in(text: str, where: Where) -> str:
        return text.format_map(vars(where))


_NAME = "filemill-{stage}"
_APP = "{app}-{stage}"
_FUNCTIONS = "arn:{partition}:lambda:{region}:{account}:function:" + _APP
_LAYER = "arn:{partition}:lambda:{region}:{account}:layer:" + _APP + "-managed-layer"
_MEDIA_LAYER = "arn:{partition}:lambda:{region}:{account}:layer:" + _APP + "-media"
_TABLES = "arn:{partition}:dynamodb:{region}:{account}:table/" + _NAME + "-*"
_GROUPS = "arn:{partition}:logs:{region}:{account}:log-group:"
_LOGS = _GROUPS + "/aws/lambda/" + _APP
_CLOUDFRONT = "arn:{partition}:cloudfront::{account}"
_EDGE = ("cache-policy", "distribution", "origin-access-control", "response-headers-policy")
_API = "arn:{partition}:apigateway:{region}::"
_EVENTS = "arn:{partition}:events:{region}:{account}:"
_KEYS = ("arn:{partition}:kms:{region}:{account}:key/*",)
# The second is that of roles with a path (the template's parameter RolePath), the last that of roles of Chalice's.
_ROLES = tuple("arn:{partition}:iam::{account}:role/" + name + "-*" for name in (_NAME, "*/" + _NAME, _APP))

GROUPS = (
    Group(
        "Stack",
        "makes, changes and deletes the stage's CloudFormation stack, and reads what became of it",
        ("arn:{partition}:cloudformation:{region}:{account}:stack/" + _NAME + "/*",),
        {
            "cloudformation": "CreateChangeSet DeleteChangeSet DeleteStack DescribeChangeSet DescribeEvents "
            "DescribeStackEvents ExecuteChangeSet GetTemplate ListStackResources TagResource "
            "UntagResource UpdateTerminationProtection"
        },
    ),
    Group(
        "Buckets",
        "sets up the buckets of originals, renditions and templates",
        ("arn:{partition}:s3:::" + _NAME + "-*",),
        {
            "s3": "CreateBucket DeleteBucket DeleteBucketPolicy GetAccelerateConfiguration GetAnalyticsConfiguration "
            "GetBucketAbac GetBucketAcl GetBucketCORS GetBucketLogging GetBucketMetadataTableConfiguration "
            "GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy "
            "GetBucketPublicAccessBlock GetBucketTagging GetBucketVersioning GetBucketWebsite "
            "GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration "
            "GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration ListBucket "
            "ListBucketMultipartUploads ListBucketVersions ListTagsForResource PutBucketCORS PutBucketNotification "
            "PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging "
            "PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration TagResource UntagResource"
        },
    ),
    Group(
        "Objects",
        "uploads the template, runs the doctor's canary, compares files with records, copies adopted objects, erases "
        "tenants, and empties the buckets of a stage that is deleted",
        ("arn:{partition}:s3:::" + _NAME + "-*/*",),
        {
            "s3": "AbortMultipartUpload DeleteObject DeleteObjectVersion GetObject GetObjectVersion "
            "ListMultipartUploadParts PutObject",
        },
    ),
    Group(
        "Table",
        "makes, restores and deletes the table; makes keys and changes records",
        (_TABLES, _TABLES + "/index/*"),
        {
            "dynamodb": "BatchGetItem BatchWriteItem CreateTable DeleteItem DeleteTable DescribeContinuousBackups "
            "DescribeContributorInsights DescribeKinesisStreamingDestination DescribeTable DescribeTimeToLive GetItem "
            "GetResourcePolicy ListTagsOfResource PutItem Query RestoreTableToPointInTime Scan "
            "TagResource UntagResource UpdateContinuousBackups UpdateItem UpdateTable UpdateTimeToLive"
        },
    ),
    Group(
        "Queues",
        "makes the queues, and sends dead letters and backfills to them",
        ("arn:{partition}:sqs:{region}:{account}:" + _NAME + "-*",),
        {
            "sqs": "ChangeMessageVisibility CreateQueue DeleteMessage DeleteQueue GetQueueAttributes GetQueueUrl "
            "ListQueueTags ReceiveMessage SendMessage SetQueueAttributes TagQueue UntagQueue"
        },
    ),
    Group(
        "Secrets",
        "makes and rotates the stage's two secrets",
        ("arn:{partition}:ssm:{region}:{account}:parameter/filemill/{stage}/*",),
        {"ssm": "AddTagsToResource DeleteParameter GetParameter PutParameter"},
    ),
    Group(
        "Edge",
        "changes and deletes the distribution and what belongs to it, which have ids and no names to limit them by; "
        "has it forget the public files of a tenant that is erased",
        tuple(f"{_CLOUDFRONT}:{kind}/*" for kind in _EDGE),
        {
            "cloudfront": "CreateInvalidation DeleteCachePolicy DeleteDistribution DeleteOriginAccessControl "
            "DeleteResponseHeadersPolicy GetCachePolicy GetDistribution GetDistributionConfig GetOriginAccessControl "
            "GetResponseHeadersPolicy ListTagsForResource TagResource UntagResource UpdateCachePolicy "
            "UpdateDistribution UpdateOriginAccessControl UpdateResponseHeadersPolicy"
        },
    ),
    Group(
        "EdgeFunction",
        "changes and deletes the function at the edge",
        (f"{_CLOUDFRONT}:function/{_NAME}-*",),
        {
            "cloudfront": "DeleteFunction DescribeFunction GetFunction ListTagsForResource PublishFunction TagResource "
            "UntagResource UpdateFunction"
        },
    ),
    Group(
        "NewEdge",
        "makes the distribution, and the keys that sign private addresses; IAM can't limit these to resources",
        ("*",),
        {
            "cloudfront": "CreateCachePolicy CreateDistribution CreateFunction CreateKeyGroup "
            "CreateOriginAccessControl CreatePublicKey CreateResponseHeadersPolicy DeleteKeyGroup DeletePublicKey "
            "GetKeyGroup GetPublicKey ListKeyGroups ListPublicKeys UpdateKeyGroup"
        },
    ),
    Group(
        "Watching",
        "makes the alarms, the dashboard and the budget",
        (
            "arn:{partition}:cloudwatch:{region}:{account}:alarm:" + _NAME + "-*",
            "arn:{partition}:cloudwatch::{account}:dashboard/" + _NAME + "-*",
            "arn:{partition}:budgets::{account}:budget/" + _NAME + "-*",
        ),
        {
            "cloudwatch": "DeleteAlarms DeleteDashboards GetDashboard ListTagsForResource PutDashboard PutMetricAlarm "
            "TagResource UntagResource",
            "budgets": "ListTagsForResource ModifyBudget TagResource UntagResource ViewBudget",
        },
    ),
    Group(
        "Functions",
        "deploys the functions, and holds them back during a restore",
        (_FUNCTIONS, _FUNCTIONS + "-*"),
        {
            "lambda": "AddPermission CreateFunction CreateFunctionUrlConfig DeleteFunction DeleteFunctionConcurrency "
            "DeleteFunctionEventInvokeConfig DeleteFunctionUrlConfig GetFunction GetFunctionConcurrency "
            "GetFunctionConfiguration GetFunctionEventInvokeConfig GetFunctionRecursionConfig GetFunctionUrlConfig "
            "GetPolicy ListTags PutFunctionConcurrency PutFunctionEventInvokeConfig PutFunctionRecursionConfig "
            "RemovePermission TagResource UntagResource UpdateFunctionCode "
            "UpdateFunctionConfiguration UpdateFunctionEventInvokeConfig UpdateFunctionUrlConfig"
        },
    ),
    Group(
        "Layer",
        "deploys the packages that the functions need",
        (_LAYER, _LAYER + ":*", _MEDIA_LAYER, _MEDIA_LAYER + ":*"),
        {"lambda": "DeleteLayerVersion GetLayerVersion PublishLayerVersion"},
    ),
    Group(
        "NewTriggers",
        "makes the functions' triggers",
        ("*",),
        {"lambda": "CreateEventSourceMapping"},
        {"ArnLike": {"lambda:FunctionArn": _FUNCTIONS + "-*"}},
    ),
    Group(
        "Triggers",
        "changes and removes triggers, whose ids are not known before they are made",
        ("arn:{partition}:lambda:{region}:{account}:event-source-mapping:*",),
        {
            "lambda": "DeleteEventSourceMapping GetEventSourceMapping ListTags TagResource UntagResource "
            "UpdateEventSourceMapping"
        },
    ),
    Group(
        "Api",
        "deploys the REST API and the WebSocket API, whose ids are not known before they are made; API Gateway's "
        "actions are HTTP's methods",
        (
            _API + "/account",
            *(_API + f"/{kind}{of}" for kind in ("restapis", "apis") for of in ("", "/*")),
            _API + "/tags/*",
        ),
        {"apigateway": "DELETE GET PATCH POST PUT"},
    ),
    Group(
        "Schedule",
        "makes the sweep's schedule, and the rules that bring GuardDuty's results and the services' answers",
        tuple(_EVENTS + "rule/" + name for name in (_APP + "-*", _NAME + "-*", _NAME + "/" + _NAME + "-answers")),
        {
            "events": "DeleteRule DescribeRule ListTagsForResource ListTargetsByRule PutRule PutTargets RemoveTargets "
            "TagResource UntagResource"
        },
    ),
    Group(
        "Scans",
        "has GuardDuty scan the originals, by a plan whose id is not known before it is made",
        ("arn:{partition}:guardduty:{region}:{account}:malware-protection-plan/*",),
        {
            "guardduty": "DeleteMalwareProtectionPlan GetMalwareProtectionPlan TagResource UntagResource "
            "UpdateMalwareProtectionPlan"
        },
    ),
    Group(
        "Bus",
        "makes the event bus and its archive; rules on the bus are made by whoever wants to hear of events",
        (_EVENTS + "event-bus/" + _NAME, _EVENTS + "archive/" + _NAME),
        {
            "events": "CreateArchive CreateEventBus DeleteArchive DeleteEventBus DescribeArchive DescribeEventBus "
            "ListTagsForResource TagResource UntagResource UpdateArchive UpdateEventBus"
        },
    ),
    Group(
        "Replays",
        "replays events from the archive of the stage's bus, to its rules",
        (
            _EVENTS + "archive/" + _NAME,
            _EVENTS + "event-bus/" + _NAME,
            _EVENTS + "replay/" + _NAME + "-*",
            _EVENTS + "rule/" + _NAME + "/*",
        ),
        {"events": "CancelReplay DescribeReplay DescribeRule StartReplay"},
    ),
    Group(
        "NewKey",
        "makes the stage's KMS key, with the tag by which the next statement knows it",
        ("*", *_KEYS),
        {"kms": "CreateKey TagResource"},
        {"StringLike": {"aws:RequestTag/filemill-stage": "{stage}"}},
    ),
    Group(
        "Key",
        "changes the stage's KMS key",
        _KEYS,
        {
            "kms": "DisableKey DisableKeyRotation EnableKey PutKeyPolicy ScheduleKeyDeletion TagResource UntagResource "
            "UpdateKeyDescription"
        },
        {"StringLike": {"aws:ResourceTag/filemill-stage": "{stage}"}},
    ),
    # KMS knows a new tag up to five minutes later, and CloudFormation turns rotation on at once:
    # https://docs.aws.amazon.com/kms/latest/developerguide/tag-authorization.html
    Group(
        "Keys",
        "turns on the rotation of a key that was made just now, and looks at keys",
        _KEYS,
        {"kms": "DescribeKey EnableKeyRotation GetKeyPolicy GetKeyRotationStatus ListResourceTags"},
    ),
    Group(
        "UseKey",
        "has the services use the stage's KMS key for its table, files, messages and archive",
        _KEYS,
        {
            "kms": "CreateGrant Decrypt Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncryptFrom "
            "ReEncryptTo RevokeGrant"
        },
        {
            "StringLike": {
                "kms:ViaService": tuple(
                    f"{service}.{{region}}.amazonaws.com" for service in ("dynamodb", "events", "s3", "sqs")
                )
            }
        },
    ),
    Group(
        "Roles",
        "makes the functions' roles",
        _ROLES,
        {
            "iam": "CreateRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DetachRolePolicy GetRole "
            "GetRolePolicy ListAttachedRolePolicies ListRolePolicies PutRolePermissionsBoundary PutRolePolicy TagRole "
            "UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription"
        },
    ),
    Group(
        "GiveRoles",
        "gives these roles to functions, and to nothing else",
        _ROLES,
        {"iam": "PassRole"},
        {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
    ),
    Group(
        "NewScans",
        "makes that plan; IAM can't limit this to resources",
        ("*",),
        {"guardduty": "CreateMalwareProtectionPlan"},
    ),
    Group(
        "GiveScanRole",
        "gives the scan's role to GuardDuty, and to nothing else",
        _ROLES,
        {"iam": "PassRole"},
        {"StringEquals": {"iam:PassedToService": "malware-protection-plan.guardduty.amazonaws.com"}},
    ),
    Group(
        "Logs",
        "makes the functions' log groups with the stage's retention, and removes them; so with API Gateway's own "
        "group, if it has one, whose name has the API's id",
        (_LOGS, _LOGS + ":*", _LOGS + "-*", _GROUPS + "API-Gateway-Execution-Logs_*"),
        {"logs": "CreateLogGroup DeleteLogGroup DeleteRetentionPolicy PutRetentionPolicy TagResource"},
    ),
    Group(
        "Account",
        "asks about the account and the region, before and after a deployment; changes nothing",
        ("*",),
        {
            "acm": "DescribeCertificate",
            "billing": "GetBillingViewData",
            "cloudfront": "ListCachePolicies ListDistributions ListFunctions ListOriginAccessControls "
            "ListResponseHeadersPolicies",
            "cloudformation": "DescribeStacks DescribeType",
            "cloudwatch": "DescribeAlarms",
            "dynamodb": "ListTables",
            "iam": "GetAccountSummary ListRoles SimulatePrincipalPolicy",
            "kms": "ListAliases",
            "lambda": "GetAccountSettings ListEventSourceMappings ListFunctions ListLayerVersions",
            "logs": "DescribeLogGroups",
            "events": "ListEventBuses ListRules",
            "s3": "GetBucketOwnershipControls ListAllMyBuckets",
            "servicequotas": "GetAWSDefaultServiceQuota GetServiceQuota",
            "sns": "GetTopicAttributes",
            "wafv2": "GetWebACL",
        },
    ),
)


def adopting(bucket: str, partition: str = "aws") -> list[Statement]:
    """What `ops adopt` needs besides: to list and read the bucket whose objects it takes, and nothing else.

    Objects that are encrypted with a KMS key need `kms:Decrypt` on that key, too.
    """
    arn = f"arn:{partition}:s3:::{bucket}"
    return [
        {"Sid": "AdoptList", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [arn]},
        {
            "Sid": "AdoptRead",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": [f"{arn}/*"],
        },
    ]


# A managed policy's limit, without white space. A user, group or role takes ten of them:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MANAGED = 6144


def statements(where: Where) -> list[Statement]:
    return [group.statement(where) for group in GROUPS]


def policy(stated: list[Statement]) -> Policy:
    return {"Version": "2012-10-17", "Statement": stated}


def length(document: Policy) -> int:
    """Characters of a policy as IAM counts them."""
    return len("".join(json.dumps(document).split()))


def split(stated: list[Statement]) -> list[Policy]:
    """As few policies as these statements need, each within a managed policy's limit; the order is kept."""
    found: list[Policy] = []
    for statement in stated:
        wider = policy([*found[-1]["Statement"], statement]) if found else policy([statement])
        if found and length(wider) <= MANAGED:
            found[-1] = wider
        else:
            found.append(policy([statement]))
    return found
