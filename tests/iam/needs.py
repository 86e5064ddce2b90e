"""The rights that an AWS call needs: IAM's actions, and the ARNs that they are about.

Most actions are named like their operation. The others are in the tables here. They come from the Service Authorization
Reference (https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html) and the pages named below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.iam.evaluator import Need


@dataclass(frozen=True)
class Place:
    """The account and the region that a call goes to."""

    account: str = "123456789012"
    region: str = "eu-west-1"
    stage: str = "test"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def worldwide(self, service: str, resource: str) -> str:
        """An ARN without a region, as of IAM and CloudFront."""
        return f"arn:aws:{service}::{self.account}:{resource}"


Params = Mapping[str, Any]


def needs(model: Any, params: Params, place: Place) -> list[Need]:
    """The rights that a caller of this operation (a botocore model) needs. A call that needs nothing has none."""
    service, operation = str(model.service_model.service_name), str(model.name)
    of = _SERVICES.get(service)
    if of is None:
        raise NotImplementedError(f"{service} is not in tests/iam/needs.py: add how its operations become IAM actions")
    if service.startswith("apigateway") and service != "apigatewaymanagementapi":
        return list(_of_api_gateway(model, params, place))
    return list(of(operation, params, place))


# --- S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html

_S3_OF_BUCKETS = {
    "GetBucketCors": "GetBucketCORS",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
}
_S3_OF_OBJECTS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObject": "DeleteObject",
    "GetObject": "GetObject",
    "GetObjectAttributes": "GetObjectAttributes",
    "GetObjectTagging": "GetObjectTagging",
    "PutObjectTagging": "PutObjectTagging",
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    "HeadObject": "GetObject",
    "ListParts": "ListMultipartUploadParts",
    "PutObject": "PutObject",
    "UploadPart": "PutObject",
    "CopyObject": "PutObject",
    "UploadPartCopy": "PutObject",
}
# To read one version needs another right, and not this one: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
_S3_OF_VERSIONS = {
    "GetObject": "GetObjectVersion",
    "GetObjectAttributes": "GetObjectVersionAttributes",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectTagging": "PutObjectVersionTagging",
}


def _s3(operation: str, params: Params, _: Place) -> Iterator[Need]:
    if operation == "ListBuckets":
        yield Need("s3:ListAllMyBuckets", "*")
    elif operation == "DeleteObjects":
        for each in params["Delete"]["Objects"]:
            yield from _s3("DeleteObject", {"Bucket": params["Bucket"], **each}, _)
    elif operation in _S3_OF_OBJECTS:
        yield _of_object(_S3_OF_OBJECTS[operation], params["Bucket"], params["Key"], params.get("VersionId"))
        if operation == "DeleteObject" and params.get("VersionId"):
            # One version needs s3:DeleteObject and this; the emulator asks for only one of the two:
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
            yield _of_object("DeleteObjectVersion", params["Bucket"], params["Key"], None)
        if source := params.get("CopySource"):
            bucket, key, version = _source(source)
            yield _of_object("GetObject", bucket, key, version)
        for parameter, action in (("Tagging", "PutObjectTagging"), ("ACL", "PutObjectAcl")):
            if parameter in params and operation != "PutObjectTagging":
                yield _of_object(action, params["Bucket"], params["Key"], None)
    elif "Key" in params:
        raise NotImplementedError(f"s3.{operation} is not in tests/iam/needs.py")
    else:
        yield Need(f"s3:{_S3_OF_BUCKETS.get(operation, operation)}", f"arn:aws:s3:::{params['Bucket']}")


def _of_object(action: str, bucket: str, key: str, version: str | None) -> Need:
    chosen = _S3_OF_VERSIONS.get(action, action) if version else action
    return Need(f"s3:{chosen}", f"arn:aws:s3:::{bucket}/{key}")


def _source(source: Any) -> tuple[str, str, str | None]:
    """(bucket, key, version) of what is copied."""
    if not isinstance(source, str):
        return source["Bucket"], source["Key"], source.get("VersionId")
    path, _, version = source.partition("?versionId=")
    bucket, _, key = path.removeprefix("/").partition("/")
    return bucket, key, version or None


def form_needs(bucket: str, key: str) -> list[Need]:
    """The rights that the signer of a browser form needs."""
    return [_of_object("PutObject", bucket, key.replace("${filename}", "*"), None)]


# --- KMS: what the services ask of the stage's key with their caller's rights. Only some calls need it: not those that
# delete, list or look at a head. The sources are named at the top of the roles in .chalice/resources.yaml, and here:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html

_BOTH = ("Decrypt", "GenerateDataKey")
_KEY_FOR_OBJECTS = {
    "GetObject": ("Decrypt",),
    "PutObject": ("GenerateDataKey",),
    "CopyObject": ("GenerateDataKey",),
    # S3 reads the parts again before it makes an object of them.
    "CreateMultipartUpload": _BOTH,
    "UploadPart": _BOTH,
    "UploadPartCopy": _BOTH,
    "CompleteMultipartUpload": _BOTH,
    "GetObjectAttributes": _BOTH,
}
_KEY_FOR_MESSAGES = {
    "SendMessage": _BOTH,
    "SendMessageBatch": _BOTH,
    "ReceiveMessage": ("Decrypt",),
}
# Operations on a table itself; the others are on items, for which DynamoDB decrypts the table's key.
_OF_TABLES = re.compile("Describe|List|Tag|Untag|TimeToLive|ContinuousBackups|Table$|UpdateTable")
# Buckets that the stage's key does not encrypt: of templates, and of access logs (tests/faults/test_permissions.py).
_OTHER_BUCKETS = re.compile("-templates-|^cdn-logs$")
# The one who chooses a table's key needs these, also by restoring a table that has one.
_KEY_FOR_TABLES = (*_BOTH, "CreateGrant", "DescribeKey", "Encrypt", "GenerateDataKeyWithoutPlaintext")
_MAKES_TABLES = ("CreateTable", "RestoreTableToPointInTime")


def key_of(place: Place) -> str:
    """ARN of the stage's key in this place."""
    return place.arn("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab")


def key_needs(service: str, operation: str, params: Params, place: Place) -> list[Need]:
    """The rights on the stage's key that a caller needs, if buckets, table and queues are encrypted with it.

    `ops`' bucket of templates is not, nor the operator's bucket of access logs.
    """
    found: list[Need] = []

    def need(actions: tuple[str, ...], context: Mapping[str, str]) -> None:
        via = {"kms:ViaService": f"{service if service != 'rekognition' else 's3'}.{place.region}.amazonaws.com"}
        found.extend(Need(f"kms:{action}", key_of(place), {**via, **context}) for action in actions)

    match service:
        case "s3" if not _OTHER_BUCKETS.search(params.get("Bucket", "")):
            actions = _KEY_FOR_OBJECTS.get(operation, ())
            if operation == "HeadObject" and "ChecksumMode" in params:
                actions = ("Decrypt",)
            need(actions, _of_bucket(params.get("Bucket", "")))
            if source := params.get("CopySource"):
                need(("Decrypt",), _of_bucket(_source(source)[0]))
        case "rekognition" if picture := params["Image"].get("S3Object"):
            need(("Decrypt",), _of_bucket(picture["Bucket"]))
        case "sqs":
            need(_KEY_FOR_MESSAGES.get(operation, ()), {})
        case "dynamodb" if operation in _MAKES_TABLES:
            need(_KEY_FOR_TABLES, {})
        case "dynamodb" if not _OF_TABLES.search(operation):
            for table in _tables(params):
                need(("Decrypt",), {"kms:EncryptionContext:aws:dynamodb:tableName": table})
    return found


def _of_bucket(bucket: str) -> dict[str, str]:
    """With a bucket key, S3 names the bucket and not the object: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html"""
    return {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}"}


def _tables(params: Params) -> set[str]:
    if "TransactItems" in params:
        return {item["TableName"] for member in params["TransactItems"] for item in member.values()}
    return set(params["RequestItems"]) if "RequestItems" in params else {params["TableName"]}


# --- DynamoDB

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
_MEMBERS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


def _dynamodb(operation: str, params: Params, place: Place) -> Iterator[Need]:
    if operation in ("ListTables", "DescribeLimits", "DescribeEndpoints"):
        yield Need(f"dynamodb:{operation}", "*")
    elif operation.startswith("Transact"):
        for member in params["TransactItems"]:
            for kind, item in member.items():
                yield Need(f"dynamodb:{_MEMBERS[kind]}", _table(item["TableName"], place))
    elif "RequestItems" in params:
        for table in params["RequestItems"]:
            yield Need(f"dynamodb:{operation}", _table(table, place))
    elif "ResourceArn" in params:
        yield Need(f"dynamodb:{operation}", params["ResourceArn"])
    elif operation == "RestoreTableToPointInTime":
        source = params.get("SourceTableArn") or _table(params["SourceTableName"], place)
        yield Need("dynamodb:RestoreTableToPointInTime", source)
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/backuprestore_IAM.html
        for action in ("BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"):
            yield Need(f"dynamodb:{action}", _table(params["TargetTableName"], place))
    else:
        index = f"/index/{params['IndexName']}" if params.get("IndexName") else ""
        yield Need(f"dynamodb:{operation}", _table(params["TableName"], place) + index)


def _table(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("dynamodb", f"table/{name}")


# --- services whose actions are named like their operations


def _sqs(operation: str, params: Params, place: Place) -> Iterator[Need]:
    if operation == "ListQueues":
        yield Need("sqs:ListQueues", "*")
        return
    name = params.get("QueueName") or params["QueueUrl"].rpartition("/")[2]
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    yield Need(f"sqs:{operation.removesuffix('Batch')}", place.arn("sqs", name))


def _ssm(operation: str, params: Params, place: Place) -> Iterator[Need]:
    for name in params.get("Names") or [params.get("Name") or params.get("Path") or params["ResourceId"]]:
        yield Need(f"ssm:{operation}", place.arn("ssm", f"parameter/{name.lstrip('/')}"))


# IAM limits none of these to resources.
_KEYS = re.compile("KeyGroup|PublicKey")


def _cloudfront(operation: str, params: Params, place: Place) -> Iterator[Need]:
    if operation.startswith("List") or _KEYS.search(operation):
        arn = "*"
    elif "Resource" in params:
        arn = params["Resource"]
    elif "Name" in params:
        arn = place.worldwide("cloudfront", f"function/{params['Name']}")
    else:
        arn = place.worldwide("cloudfront", f"distribution/{params.get('DistributionId') or params['Id']}")
    yield Need(f"cloudfront:{operation}", arn)


_LAMBDA_ACTIONS = {
    "Invoke": "InvokeFunction",
    # Chalice reads its layer by ARN: https://docs.aws.amazon.com/lambda/latest/api/API_GetLayerVersionByArn.html
    "GetLayerVersionByArn": "GetLayerVersion",
}


# These are about the account, or about something that has no ARN yet.
_LAMBDA_OF_ALL = frozenset(
    {"CreateEventSourceMapping", "GetAccountSettings", "ListEventSourceMappings", "ListFunctions", "ListLayers"}
)


def _lambda(operation: str, params: Params, place: Place) -> Iterator[Need]:
    context = {}
    if operation == "CreateEventSourceMapping":
        context["lambda:FunctionArn"] = _function(params["FunctionName"], place)
    action = _LAMBDA_ACTIONS.get(operation, operation)
    yield Need(f"lambda:{action}", _lambda_resource(operation, params, place), context)
    for layer in params.get("Layers", []):
        yield Need("lambda:GetLayerVersion", layer)
    if operation in ("CreateFunction", "UpdateFunctionConfiguration") and "Role" in params:
        yield Need("iam:PassRole", params["Role"], {"iam:PassedToService": "lambda.amazonaws.com"})


def _lambda_resource(operation: str, params: Params, place: Place) -> str:
    if operation in _LAMBDA_OF_ALL:
        return "*"
    if "UUID" in params:
        return place.arn("lambda", f"event-source-mapping:{params['UUID']}")
    if "Arn" in params:
        return str(params["Arn"])
    if "LayerName" in params:
        layer = params["LayerName"]
        layer = layer if layer.startswith("arn:") else place.arn("lambda", f"layer:{layer}")
        return f"{layer}:{params['VersionNumber']}" if "VersionNumber" in params else layer
    return _function(params.get("FunctionName") or params["Resource"], place)


def _function(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("lambda", f"function:{name}")


def _cloudformation(operation: str, params: Params, place: Place) -> Iterator[Need]:
    if operation in ("DescribeType", "ListStacks", "ValidateTemplate"):
        yield Need(f"cloudformation:{operation}", "*")
        return
    name = params.get("StackName") or params.get("ChangeSetName")
    if name is None:  # about all stacks
        yield Need(f"cloudformation:{operation}", "*")
        return
    if ":changeSet/" in name:
        # IAM asks for the stack, which the ARN of a change set does not name: so of any stack of ours.
        name = place.arn("cloudformation", f"stack/filemill-{place.stage}/1")
    arn = name if name.startswith("arn:") else place.arn("cloudformation", f"stack/{name}/1")
    yield Need(f"cloudformation:{operation}", arn)
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html
    if operation == "CreateChangeSet" and params.get("Tags"):
        yield Need("cloudformation:TagResource", arn)
    if "TemplateURL" in params:
        # The bucket is in the path (https://s3.REGION.amazonaws.com/BUCKET/KEY) or before the host.
        path = re.sub(r"https?://(s3[^/]*/|[0-9.:]+/)?", "", params["TemplateURL"])
        bucket, _, key = re.sub(r"\.s3[^/]*/", "/", path).partition("/")
        yield Need("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")


def _iam(operation: str, params: Params, place: Place) -> Iterator[Need]:
    if operation == "SimulatePrincipalPolicy":
        yield Need(f"iam:{operation}", params["PolicySourceArn"])
    elif "RoleName" in params:
        yield Need(f"iam:{operation}", place.worldwide("iam", f"role{params.get('Path', '/')}{params['RoleName']}"))
    else:
        yield Need(f"iam:{operation}", "*")


def _events(operation: str, params: Params, place: Place) -> Iterator[Need]:
    if operation == "ListEventBuses":
        yield Need("events:ListEventBuses", "*")
    elif operation == "PutEvents":
        for entry in params["Entries"]:
            yield Need("events:PutEvents", _bus(entry.get("EventBusName", "default"), place))
    elif operation.endswith("EventBus"):
        yield Need(f"events:{operation}", _bus(params.get("Name", "default"), place))
    elif operation in ("ListRules", "ListRuleNamesByTarget"):
        yield Need(f"events:{operation}", place.arn("events", "rule/*"))
    elif "ReplayName" in params:
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
        yield Need(f"events:{operation}", place.arn("events", f"replay/{params['ReplayName']}"))
        if operation == "StartReplay":
            yield Need("events:StartReplay", params["EventSourceArn"])
            yield Need("events:StartReplay", params["Destination"]["Arn"])
    elif "ArchiveName" in params:
        yield Need(f"events:{operation}", place.arn("events", f"archive/{params['ArchiveName']}"))
    else:
        bus = f"{params['EventBusName']}/" if "EventBusName" in params else ""
        rule = params.get("Rule") or params.get("Name")
        yield Need(f"events:{operation}", params.get("ResourceARN") or place.arn("events", f"rule/{bus}{rule}"))


def _bus(name: str, place: Place) -> str:
    return name if name.startswith("arn:") else place.arn("events", f"event-bus/{name}")


# The HTTP method of each call is a part of the resource:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-control-access-iam.html
_OF_CONNECTIONS = {"PostToConnection": "POST", "GetConnection": "GET", "DeleteConnection": "DELETE"}


def _connections(operation: str, params: Params, place: Place) -> Iterator[Need]:
    """The API's id and stage are in the endpoint, which is not known here. Chalice's stage has this name."""
    path = f"anyapi/api/{_OF_CONNECTIONS[operation]}/@connections/{params['ConnectionId']}"
    yield Need("execute-api:ManageConnections", place.arn("execute-api", path))


def _logs(operation: str, params: Params, place: Place) -> Iterator[Need]:
    name = params.get("logGroupName") or params.get("logGroupNamePrefix") or ""
    yield Need(f"logs:{operation}", params.get("resourceArn") or place.arn("logs", f"log-group:{name}:*"))


def _cloudwatch(operation: str, params: Params, place: Place) -> Iterator[Need]:
    if operation == "DescribeAlarms":
        for name in params.get("AlarmNames") or [f"{params.get('AlarmNamePrefix', '')}*"]:
            yield Need("cloudwatch:DescribeAlarms", place.arn("cloudwatch", f"alarm:{name}"))
    else:
        yield Need(f"cloudwatch:{operation}", "*")


def _service_quotas(operation: str, _: Params, __: Place) -> Iterator[Need]:
    yield Need(f"servicequotas:{operation}", "*")


def _acm(operation: str, params: Params, _: Place) -> Iterator[Need]:
    yield Need(f"acm:{operation}", params["CertificateArn"])


def _wafv2(operation: str, params: Params, place: Place) -> Iterator[Need]:
    kind = "global" if params["Scope"] == "CLOUDFRONT" else "regional"
    yield Need(f"wafv2:{operation}", place.arn("wafv2", f"{kind}/webacl/{params['Name']}/{params['Id']}"))


def _sns(operation: str, params: Params, _: Place) -> Iterator[Need]:
    yield Need(f"sns:{operation}", params.get("TopicArn") or "*")


def _nothing(_: str, __: Params, ___: Place) -> Iterator[Need]:
    """GetCallerIdentity is allowed to everybody: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    return iter(())


def _of_api_gateway(model: Any, params: Params, place: Place) -> Iterator[Need]:
    """API Gateway's actions are HTTP's methods, and its resources the paths:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-iam-policy-resources.html"""
    path = model.http["requestUri"].partition("?")[0].removeprefix("/v2")
    for name, shape in model.input_shape.members.items():
        wanted = "{" + shape.serialization.get("name", name) + "}"
        path = path.replace(wanted, str(params.get(name, "*")))
    yield Need(f"apigateway:{model.http['method']}", f"arn:aws:apigateway:{place.region}::{path}")


def _mediaconvert(operation: str, params: Params, place: Place) -> Iterator[Need]:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselementalmediaconvert.html"""
    yield Need(f"mediaconvert:{operation}", params.get("Queue") or place.arn("mediaconvert", "queues/Default"))
    yield Need("iam:PassRole", params["Role"], {"iam:PassedToService": "mediaconvert.amazonaws.com"})


def _rekognition(operation: str, params: Params, _: Place) -> Iterator[Need]:
    """A picture in a bucket is read with the caller's rights:
    https://docs.aws.amazon.com/rekognition/latest/APIReference/API_Image.html"""
    yield Need(f"rekognition:{operation}", "*")
    if picture := params["Image"].get("S3Object"):
        yield _of_object("GetObject", picture["Bucket"], picture["Name"], picture.get("Version"))


_SERVICES: dict[str, Callable[[str, Params, Place], Iterator[Need]]] = {
    "apigateway": lambda *_: iter(()),
    "apigatewaymanagementapi": _connections,
    "apigatewayv2": lambda *_: iter(()),
    "cloudformation": _cloudformation,
    "cloudfront": _cloudfront,
    "cloudwatch": _cloudwatch,
    "dynamodb": _dynamodb,
    "events": _events,
    "guardduty": lambda operation, *_: iter([Need(f"guardduty:{operation}", "*")]),
    "iam": _iam,
    "kms": lambda operation, params, _: iter([Need(f"kms:{operation}", params.get("KeyId", "*"))]),
    "lambda": _lambda,
    "mediaconvert": _mediaconvert,
    "rekognition": _rekognition,
    "logs": _logs,
    "s3": _s3,
    "service-quotas": _service_quotas,
    "acm": _acm,
    "sns": _sns,
    "wafv2": _wafv2,
    "sqs": _sqs,
    "ssm": _ssm,
    "sts": _nothing,
}
