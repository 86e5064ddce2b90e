"""The functions' roles in the template: what each may do is just what is written here, on this stage's resources."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.stack import template
from ops.stack.names import FUNCTIONS, ROLE_IDS, SOCKET_FUNCTIONS, bus_name
from ops.stack.roles import Place, Policy, function_policies, resolved
from ops.stack.signing_key import key_parameter, secret_parameter

ROOT = Path(__file__).parents[3]

PLACE = Place(
    stage="prod",
    partition="aws",
    region="eu-west-1",
    account="123456789012",
    originals_bucket="originals",
    derived_bucket="derived",
    table="records",
    ingest_queue_arn="arn:aws:sqs:eu-west-1:123456789012:ingest",
    import_queue_arn="arn:aws:sqs:eu-west-1:123456789012:imports",
    webhook_queue_arn="arn:aws:sqs:eu-west-1:123456789012:webhooks",
    media_queue_arn="arn:aws:sqs:eu-west-1:123456789012:media",
    event_bus="filemill-prod",
    distribution_id="E1",
)
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/records"
LOGS = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda"


def policy(function: str, place: Place = PLACE) -> Policy:
    return function_policies(place, ROOT)[function]


def grants(function: str) -> dict[str, set[str]]:
    """Action -> resources."""
    found: dict[str, set[str]] = {}
    for statement in policy(function)["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            found.setdefault(action, set()).update(statement["Resource"])
    return found


def test_the_api_may_do_this_and_nothing_else() -> None:
    ssm = "arn:aws:ssm:eu-west-1:123456789012:parameter"
    secrets = {f"{ssm}{key_parameter('prod')}", f"{ssm}{secret_parameter('prod')}"}
    logs = {f"{LOGS}/filemill-prod", f"{LOGS}/filemill-prod:*"}
    originals = {"arn:aws:s3:::originals/*"}
    assert grants("api_handler") == {
        "dynamodb:BatchGetItem": {TABLE},
        "dynamodb:DeleteItem": {TABLE},
        "dynamodb:GetItem": {TABLE},
        "dynamodb:PutItem": {TABLE},
        "dynamodb:Query": {TABLE, f"{TABLE}/index/*"},
        "dynamodb:UpdateItem": {TABLE},
        "s3:AbortMultipartUpload": originals,
        "s3:DeleteObject": {*originals, "arn:aws:s3:::derived/f/*"},
        "s3:DeleteObjectVersion": originals,
        "s3:GetObject": {*originals, "arn:aws:s3:::derived/f/*"},
        "s3:GetObjectVersion": originals,
        "s3:ListMultipartUploadParts": originals,
        "s3:PutObject": {*originals, "arn:aws:s3:::derived/f/*"},
        "s3:ListBucketVersions": {"arn:aws:s3:::originals"},
        "s3:ListBucket": {"arn:aws:s3:::derived"},
        "ssm:GetParameter": secrets,
        "sqs:SendMessage": {PLACE.import_queue_arn, PLACE.ingest_queue_arn, PLACE.webhook_queue_arn},
        "lambda:InvokeFunction": {"arn:aws:lambda:eu-west-1:123456789012:function:filemill-prod-render"},
        "cloudfront:CreateInvalidation": {"arn:aws:cloudfront::123456789012:distribution/E1"},
        "logs:CreateLogGroup": logs,
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
    }


def test_the_process_function_may_do_this_and_nothing_else() -> None:
    logs = {f"{LOGS}/filemill-prod-process", f"{LOGS}/filemill-prod-process:*"}
    queue = {PLACE.ingest_queue_arn}
    assert grants("process") == {
        "dynamodb:GetItem": {TABLE},
        "dynamodb:UpdateItem": {TABLE},
        "s3:DeleteObjectVersion": {"arn:aws:s3:::originals/*"},
        "s3:GetObjectVersion": {"arn:aws:s3:::originals/*"},
        "s3:PutObject": {"arn:aws:s3:::derived/f/*"},
        "s3:DeleteObject": {"arn:aws:s3:::originals/*", "arn:aws:s3:::derived/f/*"},
        "s3:ListBucket": {"arn:aws:s3:::derived"},
        "sqs:ChangeMessageVisibility": queue,
        "sqs:DeleteMessage": queue,
        "sqs:GetQueueAttributes": queue,
        "sqs:ReceiveMessage": queue,
        "sqs:SendMessage": {*queue, PLACE.media_queue_arn},
        "logs:CreateLogGroup": logs,
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
    }


def test_the_fetch_function_which_talks_to_strangers_can_read_no_file() -> None:
    logs = {f"{LOGS}/filemill-prod-fetch", f"{LOGS}/filemill-prod-fetch:*"}
    queue = {PLACE.import_queue_arn}
    assert grants("fetch") == {
        "dynamodb:GetItem": {TABLE},
        "dynamodb:UpdateItem": {TABLE},
        "s3:AbortMultipartUpload": {"arn:aws:s3:::originals/*"},
        "s3:PutObject": {"arn:aws:s3:::originals/*"},
        "sqs:ChangeMessageVisibility": queue,
        "sqs:DeleteMessage": queue,
        "sqs:GetQueueAttributes": queue,
        "sqs:ReceiveMessage": queue,
        "logs:CreateLogGroup": logs,
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
    }


def test_the_index_function_reads_the_stream_and_writes_the_table_alone() -> None:
    logs = {f"{LOGS}/filemill-prod-index", f"{LOGS}/filemill-prod-index:*"}
    stream = {f"{TABLE}/stream/*"}
    assert grants("index") == {
        "dynamodb:BatchGetItem": {TABLE},
        "dynamodb:BatchWriteItem": {TABLE},
        "dynamodb:GetItem": {TABLE},
        "dynamodb:PutItem": {TABLE},
        "dynamodb:UpdateItem": {TABLE},
        "dynamodb:DescribeStream": stream,
        "dynamodb:GetRecords": stream,
        "dynamodb:GetShardIterator": stream,
        "dynamodb:ListStreams": stream,
        "logs:CreateLogGroup": logs,
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
    }


def test_the_render_function_changes_no_original_and_reads_no_secret() -> None:
    """It writes leases. The table's items can't be told apart here: only their keys differ."""
    logs = {f"{LOGS}/filemill-prod-render", f"{LOGS}/filemill-prod-render:*"}
    assert grants("render") == {
        "dynamodb:GetItem": {TABLE},
        "dynamodb:UpdateItem": {TABLE},
        "s3:GetObject": {"arn:aws:s3:::derived/f/*"},
        "s3:GetObjectVersion": {"arn:aws:s3:::originals/*"},
        "s3:PutObject": {"arn:aws:s3:::derived/f/*"},
        "s3:PutObjectTagging": {"arn:aws:s3:::derived/f/*"},
        "s3:DeleteObject": {"arn:aws:s3:::derived/f/*"},
        "logs:CreateLogGroup": logs,
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
    }


def test_the_stream_function_may_start_itself_and_no_other_function() -> None:
    logs = {f"{LOGS}/filemill-prod-stream", f"{LOGS}/filemill-prod-stream:*"}
    assert grants("stream") == {
        "dynamodb:GetItem": {TABLE},
        "dynamodb:UpdateItem": {TABLE},
        "s3:GetObject": {"arn:aws:s3:::derived/f/*"},
        "s3:GetObjectVersion": {"arn:aws:s3:::originals/*"},
        "s3:PutObject": {"arn:aws:s3:::derived/f/*"},
        "s3:DeleteObject": {"arn:aws:s3:::derived/f/*"},
        "lambda:InvokeFunction": {"arn:aws:lambda:eu-west-1:123456789012:function:filemill-prod-stream"},
        "logs:CreateLogGroup": logs,
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
    }


def test_the_publisher_reads_no_file_and_puts_events_on_this_stages_bus_alone() -> None:
    found = grants("publish")
    assert found["events:PutEvents"] == {"arn:aws:events:eu-west-1:123456789012:event-bus/filemill-prod"}
    assert found["sqs:SendMessage"] == {PLACE.webhook_queue_arn}
    assert not {action for action in found if action.startswith("s3:")}


def test_the_deliverer_which_talks_to_strangers_can_read_no_file_and_no_signing_key() -> None:
    found = grants("deliver")
    assert not {action for action in found if action.startswith(("s3:", "events:"))}
    assert found.get("ssm:GetParameter", set()) <= {
        f"arn:aws:ssm:eu-west-1:123456789012:parameter{secret_parameter('prod')}"
    }
    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:SendMessage"):
        assert found[action] == {PLACE.webhook_queue_arn}


@pytest.mark.parametrize("function", SOCKET_FUNCTIONS)
def test_a_function_of_the_socket_reads_no_file_and_sends_no_message_to_the_workers(function: str) -> None:
    found = grants(function)
    assert not {action for action in found if action.startswith(("s3:", "events:"))}
    assert found.get("sqs:SendMessage", set()) <= {PLACE.webhook_queue_arn}


def test_sockets_are_managed_on_this_stages_apis_alone() -> None:
    """Chalice makes the WebSocket API, so the template does not know its id. It knows the name of the API's stage."""
    for function in FUNCTIONS:
        connections = grants(function).get("execute-api:ManageConnections", set())
        assert connections <= {"arn:aws:execute-api:eu-west-1:123456789012:*/api/*/@connections/*"}, function
    assert grants("publish")["execute-api:ManageConnections"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_policy_names_another_stage_or_all_of_a_service(function: str) -> None:
    for action, resources in grants(function).items():
        assert "*" not in action
        assert "*" not in resources
        assert all(r.startswith("arn:aws:") for r in resources)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_partition_is_followed(function: str) -> None:
    elsewhere = Place(**{**vars(PLACE), "partition": "aws-cn"})
    text = json.dumps(policy(function, elsewhere))
    for given in (PLACE.ingest_queue_arn, PLACE.import_queue_arn, PLACE.webhook_queue_arn, PLACE.media_queue_arn):
        text = text.replace(given, "")
    assert "arn:aws:" not in text


def test_every_function_that_is_configured_has_a_policy() -> None:
    config: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text())
    assert set(config["lambda_functions"]) == set(FUNCTIONS)


def test_the_sweep_may_do_this_and_nothing_else() -> None:
    originals = {"arn:aws:s3:::originals/*"}
    queues = {PLACE.ingest_queue_arn, PLACE.import_queue_arn, PLACE.media_queue_arn}
    logs = {f"{LOGS}/filemill-prod-sweep", f"{LOGS}/filemill-prod-sweep:*"}
    assert grants("sweep") == {
        "dynamodb:BatchGetItem": {TABLE},
        "dynamodb:DeleteItem": {TABLE},
        "dynamodb:GetItem": {TABLE},
        "dynamodb:PutItem": {TABLE},
        "dynamodb:Scan": {TABLE},
        "dynamodb:UpdateItem": {TABLE},
        "dynamodb:Query": {TABLE, f"{TABLE}/index/by_due"},
        "s3:AbortMultipartUpload": originals,
        "s3:DeleteObject": {*originals, "arn:aws:s3:::derived/f/*"},
        "s3:DeleteObjectVersion": originals,
        "s3:GetObject": originals,
        "s3:GetObjectVersion": originals,
        "s3:ListMultipartUploadParts": originals,
        "s3:ListBucketMultipartUploads": {"arn:aws:s3:::originals"},
        "s3:ListBucketVersions": {"arn:aws:s3:::originals"},
        "s3:ListBucket": {"arn:aws:s3:::derived"},
        "ssm:GetParameter": {"arn:aws:ssm:eu-west-1:123456789012:parameter/filemill/prod/secret"},
        "sqs:GetQueueAttributes": queues,
        "sqs:SendMessage": {*queues, PLACE.webhook_queue_arn},
        "cloudfront:CreateInvalidation": {"arn:aws:cloudfront::123456789012:distribution/E1"},
        "logs:CreateLogGroup": logs,
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
    }


def test_traces_are_allowed_only_where_the_stage_has_them_on() -> None:
    *rest, tracing = policy("process", replace(PLACE, xray=True))["Statement"]
    assert rest == policy("process")["Statement"]
    assert tracing["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


def test_the_api_which_copies_renditions_is_told_of_a_missing_one() -> None:
    """With ListBucket S3 answers 404 to it, without it 403 (chalicelib/storage/derived.py, `copy`)."""
    assert "arn:aws:s3:::derived" in grants("api_handler")["s3:ListBucket"]


def test_an_app_of_another_name_has_its_own_functions_and_logs() -> None:
    text = json.dumps(function_policies(replace(PLACE, app_name="media"), ROOT))
    assert "function:media-prod-render" in text
    assert "log-group:/aws/lambda/media-prod-sweep:*" in text
    bus = f"event-bus/{bus_name('prod')}"
    assert bus in text, "the operator's rules name the bus, so its name does not follow the app's"
    assert "filemill-prod" not in text.replace(bus, "")


def roles() -> dict[str, Any]:
    resources = template.document(ROOT)["Resources"]
    of_functions = {name: each for name, each in resources.items() if each["Type"].startswith("AWS::IAM::")}
    del of_functions["ScanRole"]  # GuardDuty's
    del of_functions["MediaConvertRole"]
    return of_functions


def test_mediaconverts_role_is_for_jobs_of_this_account_and_reads_and_writes_films_only() -> None:
    role = template.document(ROOT)["Resources"]["MediaConvertRole"]
    properties = role["Properties"]
    (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "mediaconvert.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert (role["DeletionPolicy"], role["Condition"]) == ("Delete", "HasMediaConvert")
    assert "RoleName" not in properties
    may = {
        (action, resource["Fn::Sub"])
        for each in properties["Policies"][0]["PolicyDocument"]["Statement"]
        if "Fn::If" not in each  # what it needs of a key: test_encryption.py
        for action in each["Action"]
        for resource in each["Resource"]
    }
    assert may == {
        ("s3:GetObject", "${OriginalsBucket.Arn}/*"),
        ("s3:PutObject", "${DerivedBucket.Arn}/f/*/av/film-*"),
    }


def test_only_a_stage_that_names_mediaconvert_has_anything_of_it() -> None:
    """Off by default: no resource, no right, no output."""
    document = template.document(ROOT)
    assert document["Parameters"]["MediaConvert"]["Default"] == "false"
    parts = {**document["Resources"], **document["Outputs"]}
    ours = {name for name, each in parts.items() if each.get("Condition") == "HasMediaConvert"}
    assert ours == {"MediaConvertRole", "ConvertedRule", "Transcoder"}
    for function in ("process", "media"):
        assert "mediaconvert" not in json.dumps(policy(function))
        assert "film-" not in json.dumps(policy(function))
    role = "arn:aws:iam::123456789012:role/filemill-prod-MediaConvertRole-1"
    place = replace(PLACE, media_convert_role=role)
    (passing,) = [each for each in policy("process", place)["Statement"] if each["Action"] == ["iam:PassRole"]]
    assert passing["Resource"] == [role]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "mediaconvert.amazonaws.com"}}
    assert not [each for each in policy("media", place)["Statement"] if each["Action"] == ["iam:PassRole"]]


def test_only_a_stage_that_counts_access_logs_may_read_them() -> None:
    sids = {"AccessLogs", "AccessLogNames"}
    assert not sids & {each["Sid"] for each in policy("sweep")["Statement"]}
    place = replace(PLACE, access_logs="my-logs/filemill-prod/")
    rights = {each["Sid"]: each["Resource"] for each in policy("sweep", place)["Statement"] if each["Sid"] in sids}
    assert rights == {
        "AccessLogs": ["arn:aws:s3:::my-logs/filemill-prod/*"],
        "AccessLogNames": ["arn:aws:s3:::my-logs"],
    }


def test_the_scans_role_is_guarddutys_and_goes_with_the_stack() -> None:
    role = template.document(ROOT)["Resources"]["ScanRole"]
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "malware-protection-plan.guardduty.amazonaws.com"}
    assert (role["DeletionPolicy"], role["Condition"]) == ("Delete", "ByGuardDuty")
    assert "RoleName" not in role["Properties"]


def test_each_function_has_a_role_of_its_own_and_an_output_with_its_arn() -> None:
    outputs = template.document(ROOT)["Outputs"]
    assert set(roles()) == set(ROLE_IDS.values())
    for name in ROLE_IDS.values():
        assert outputs[name]["Value"] == {"Fn::GetAtt": [name, "Arn"]}


def test_cloudformation_names_the_roles_so_that_two_regions_of_an_account_do_not_share_them() -> None:
    for name, role in roles().items():
        assert "RoleName" not in role["Properties"], name


def test_a_role_outlives_its_stack_because_functions_may_still_run_with_it() -> None:
    for name, role in roles().items():
        assert (role["DeletionPolicy"], role["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain"), name


def test_only_lambda_may_take_a_role_and_boundary_and_path_are_parameters() -> None:
    for name, role in roles().items():
        properties = role["Properties"]
        (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
        assert trust == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }, name
        assert properties["Path"] == {"Ref": "RolePath"}
        arn = "arn:aws:iam::123456789012:policy/bound"
        bounded = resolved(properties["PermissionsBoundary"], {"PermissionsBoundary": arn}, {"HasBoundary": True})
        assert bounded == arn
        assert resolved(properties["PermissionsBoundary"], {}, {"HasBoundary": False}) is None


def test_the_media_function_may_do_this_and_nothing_else() -> None:
    logs = {f"{LOGS}/filemill-prod-media", f"{LOGS}/filemill-prod-media:*"}
    queue = {PLACE.media_queue_arn}
    assert grants("media") == {
        "dynamodb:GetItem": {TABLE},
        "dynamodb:UpdateItem": {TABLE},
        "s3:DeleteObject": {"arn:aws:s3:::originals/*", "arn:aws:s3:::derived/f/*"},
        "s3:DeleteObjectVersion": {"arn:aws:s3:::originals/*"},
        "s3:GetObject": {"arn:aws:s3:::derived/f/*"},
        "s3:GetObjectVersion": {"arn:aws:s3:::originals/*"},
        "s3:ListBucket": {"arn:aws:s3:::derived"},
        "s3:PutObject": {"arn:aws:s3:::derived/f/*"},
        "sqs:ChangeMessageVisibility": queue,
        "sqs:DeleteMessage": queue,
        "sqs:GetQueueAttributes": queue,
        "sqs:ReceiveMessage": queue,
        "sqs:SendMessage": {PLACE.ingest_queue_arn, *queue},
        "logs:CreateLogGroup": logs,
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
    }


def test_a_stage_without_media_has_neither_its_role_nor_rights_on_its_queue() -> None:
    place = replace(PLACE, media_queue_arn="")
    assert not {"media", "stream"} & function_policies(place, ROOT).keys()
    assert PLACE.media_queue_arn not in json.dumps(function_policies(place, ROOT))
    assert PLACE.media_queue_arn in json.dumps(policy("process"))
