"""What a stage is made of: stack, buckets, table, queue, keys, front door."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from chalicelib import keyring
from chalicelib.queues.worker import MAX_RECEIVES
from chalicelib.settings import IMPORTS_AT_ONCE, Settings
from ops import config
from ops.stack import deployment, emulator_gaps, signing_key, template
from ops.stack.emulator_gaps import is_emulator
from ops.stack.names import stack_name

HEALTH_TIMEOUT = 15  # seconds; a cold start takes one or two


@dataclass(frozen=True)
class Patient:
    """The stage that is looked at."""

    session: boto3.Session
    region: str
    project_dir: Path
    settings: Settings

    def client(self, service: str) -> Any:
        return self.session.client(service)  # type: ignore[call-overload]

    @property
    def provision(self) -> str:
        return f"run `python -m ops provision --stage {self.settings.stage}`"

    @property
    def revert(self) -> str:
        """What the template says was changed without it: an ordinary provision would find nothing to change."""
        return f"{self.provision[:-1]} --revert-drift`"

    @property
    def deploy(self) -> str:
        return f"run `chalice deploy --stage {self.settings.stage}`"

    @property
    def reindex(self) -> str:
        return f"`python -m ops reindex --stage {self.settings.stage}`"

    @cached_property
    def api_id(self) -> str:
        return config.rest_api_id(self.deployed())

    def deployed(self, kind: str | None = None) -> list[dict[str, Any]]:
        """What Chalice says it has deployed, of one kind: `lambda_layer`, `iam_role` …"""
        found = config.deployed_resources(self.project_dir, self.settings.stage) or []
        return [resource for resource in found if kind in (None, resource.get("resource_type"))]

    def function_name(self, function: str) -> str:
        app = config.read_config(self.project_dir).get("app_name", "filemill")
        return f"{app}-{self.settings.stage}" + ("" if function == "api_handler" else f"-{function}")

    def timeout(self, function: str) -> int:
        """Seconds that a function may run, as recorded; Chalice's own default is 60."""
        recorded = config.read_config(self.project_dir)
        return int(config.function_settings(recorded, self.settings.stage, function).get("lambda_timeout", 60))


# A check returns what is wrong with its remedy, or an empty string.
Check = Callable[[Patient], str]


def check_stack(patient: Patient) -> str:
    found = deployment.describe(patient.client("cloudformation"), stack_name(patient.settings.stage))
    if found is None:
        return f"there is no stack {stack_name(patient.settings.stage)}; {patient.provision}"
    status = found["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        return f"it is in {status}: wait for that to end"
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return f"it is in {status}: the last change was undone or stuck; {patient.provision} to see why"
    return ""


def check_template(patient: Patient) -> str:
    """Whether the stack was made by the template of this checkout."""
    cloudformation = patient.client("cloudformation")
    reply = cloudformation.get_template(StackName=stack_name(patient.settings.stage), TemplateStage="Original")
    ours = emulator_gaps.template(cloudformation.meta.endpoint_url, template.read(patient.project_dir))
    return assess_template(reply["TemplateBody"], json.loads(template.compact(ours)), patient.provision)


def assess_template(present: Any, ours: Mapping[str, Any], remedy: str) -> str:
    """`present`: the template's text, or what boto3 made of it."""
    if isinstance(present, str):
        present = json.loads(template.compact(present))
    present = json.loads(json.dumps(present))  # boto3 keeps the order in dicts of its own
    there, here = present.get("Resources", {}), ours["Resources"]
    other = sorted(name for name in there.keys() | here.keys() if there.get(name) != here.get(name))
    if not other and present == ours:
        return ""
    more = f" and {len(other) - 3} more" if len(other) > 3 else ""
    return f"it is of another template than this checkout's ({', '.join(other[:3]) or 'parameters'}{more}); {remedy}"


def check_notification(patient: Patient) -> str:
    reply = patient.client("s3").get_bucket_notification_configuration(Bucket=patient.settings.originals_bucket)
    return assess_notification(reply, patient.settings.ingest_queue_arn, patient.revert)


def assess_notification(reply: Mapping[str, Any], queue_arn: str, remedy: str) -> str:
    for target in reply.get("QueueConfigurations", []):
        if target["QueueArn"] == queue_arn and "s3:ObjectCreated:*" in target["Events"]:
            filtered = target.get("Filter", {}).get("Key", {}).get("FilterRules", [])
            return f"only some keys are told ({filtered}); {remedy}" if filtered else ""
    return f"the originals bucket does not tell the ingest queue of new objects; {remedy}"


def check_cors(patient: Patient) -> str:
    s3 = patient.client("s3")
    try:
        rules = s3.get_bucket_cors(Bucket=patient.settings.originals_bucket)["CORSRules"]
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchCORSConfiguration":
            raise
        rules = []
    return assess_cors(rules, patient.revert)


def assess_cors(rules: list[Mapping[str, Any]], remedy: str) -> str:
    uploads = [r for r in rules if {"POST", "PUT"} <= set(r["AllowedMethods"])]
    if not uploads:
        return f"browsers may not upload to the originals bucket; {remedy}"
    if not any("etag" in (h.lower() for h in r.get("ExposeHeaders", [])) for r in uploads):
        return f"the originals bucket hides ETag, so no browser can complete a multipart upload; {remedy}"
    return ""


def check_expiry(patient: Patient) -> str:
    reply = patient.client("dynamodb").describe_time_to_live(TableName=patient.settings.table)
    ttl = reply["TimeToLiveDescription"]
    if ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING") and ttl.get("AttributeName") == "ttl":
        return ""
    return f"the table does not let go of records by `ttl`; {patient.revert}"


def check_stream(patient: Patient) -> str:
    table = patient.client("dynamodb").describe_table(TableName=patient.settings.table)["Table"]
    stream = table.get("StreamSpecification") or {}
    if not stream.get("StreamEnabled") or stream.get("StreamViewType") != "NEW_AND_OLD_IMAGES":
        return f"the table has no stream of old and new images; {patient.revert}"
    # Turned off and on it is another stream, and the mapping still reads the one that ended.
    if table.get("LatestStreamArn") != patient.settings.table_stream_arn:
        again = f"run `make deploy STAGE={patient.settings.stage}`, then {patient.reindex}"
        return f"the table has another stream than the one that is recorded and read; {again}"
    return ""


def check_redrive(patient: Patient) -> str:
    return queue_attributes(patient, patient.settings.ingest_queue_url, "ingest queue", "process")


def check_import_queue(patient: Patient) -> str:
    return queue_attributes(patient, patient.settings.import_queue_url, "import queue", "fetch")


def queue_attributes(patient: Patient, url: str, queue: str, function: str) -> str:
    names = ["RedrivePolicy", "VisibilityTimeout"]
    reply = patient.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return assess_queue(reply.get("Attributes", {}), queue, patient.timeout(function), patient.revert)


def assess_queue(attributes: Mapping[str, str], queue: str, timeout: int, remedy: str) -> str:
    """`timeout`: seconds that the function which reads the queue may run."""
    redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
    if not redrive.get("deadLetterTargetArn"):
        return f"the {queue} has no dead-letter queue: a bad file would be tried for ever; {remedy}"
    if int(redrive["maxReceiveCount"]) != MAX_RECEIVES:
        return (
            f"the {queue} gives a file up after {redrive['maxReceiveCount']} tries, where the functions count on "
            f"{MAX_RECEIVES}; {remedy}"
        )
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    hidden = int(attributes.get("VisibilityTimeout", 0))
    if hidden < 6 * timeout:
        return (
            f"the {queue} hides a message for {hidden} s, and then hands it out again; it should for {6 * timeout} s, "
            f"six times the timeout of its function; {remedy}"
        )
    return ""


def check_trigger(patient: Patient) -> str:
    here = patient.settings
    return trigger(patient, here.ingest_queue_arn, "ingest queue", "process", here.process_concurrency)


def check_import_trigger(patient: Patient) -> str:
    return trigger(patient, patient.settings.import_queue_arn, "import queue", "fetch", IMPORTS_AT_ONCE)


def trigger(patient: Patient, queue_arn: str, queue: str, function: str, at_once: int) -> str:
    reply = patient.client("lambda").list_event_source_mappings(EventSourceArn=queue_arn)
    return assess_trigger(reply["EventSourceMappings"], queue, function, at_once, patient.deploy)


def assess_trigger(mappings: list[Mapping[str, Any]], queue: str, function: str, at_once: int, deploy: str) -> str:
    """`at_once`: files that the function may work on at the same time."""
    if not mappings:
        return f"no function reads the {queue}; {deploy}"
    if len(mappings) > 1:
        # A deployment that failed before Chalice had recorded it leaves one behind (aws/chalice#2146).
        ids = ", ".join(m["UUID"] for m in mappings)
        return (
            f"{len(mappings)} mappings read the {queue} ({ids}); "
            "delete all but the newest with `aws lambda delete-event-source-mapping`"
        )
    mapping = mappings[0]
    if mapping["State"] not in ("Enabled", "Enabling", "Creating", "Updating"):
        return (
            f"the {function} function's trigger is {mapping['State'].lower()}; "
            f"`aws lambda update-event-source-mapping --enabled --uuid {mapping['UUID']}`"
        )
    if mapping["BatchSize"] != 1:
        return f"the trigger takes {mapping['BatchSize']} files at once, and one bad one repeats the others; {deploy}"
    if mapping.get("FilterCriteria", {}).get("Filters"):
        return (
            "the trigger has a filter, and Lambda deletes what does not pass it; "
            f"`aws lambda update-event-source-mapping --filter-criteria '{{}}' --uuid {mapping['UUID']}`"
        )
    bound = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
    if bound != at_once:
        may = bound or "any number of"
        return f"the {function} function may run {may} times at once, where {at_once} is the bound; {deploy}"
    return ""


def check_key(patient: Patient) -> str:
    here, cloudfront, ssm = patient.settings, patient.client("cloudfront"), patient.client("ssm")
    group = signing_key.find_key_group(cloudfront, here.stage, patient.region)
    try:
        stored = ssm.get_parameter(Name=here.cdn_key_parameter, WithDecryption=True)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return f"the private signing key is missing ({here.cdn_key_parameter}); {patient.provision}"
    key = keyring.read_cdn_key(stored.encode(), here.cdn_key_id)
    if group is None or key.id not in group["KeyGroupConfig"]["Items"]:
        return f"CloudFront would not take our signatures: key {key.id} is in no group; {patient.provision}"
    public = cloudfront.get_public_key(Id=key.id)["PublicKey"]["PublicKeyConfig"]["EncodedKey"]
    if public.split() != signing_key.public_half(stored).split():
        return f"{here.cdn_key_parameter} is not the private half of key {key.id}; {patient.provision}"
    try:
        ssm.get_parameter(Name=here.secret_parameter)
    except ssm.exceptions.ParameterNotFound:
        return f"the secret that signs cursors and tokens is missing ({here.secret_parameter}); {patient.provision}"
    return ""


def check_front_door(patient: Patient) -> str:
    if not patient.api_id:
        return f"the app is not deployed from here; {patient.deploy}"
    found = deployment.describe(patient.client("cloudformation"), stack_name(patient.settings.stage))
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in found["Parameters"]} if found else {}
    if not parameters.get("ApiDomain", "").startswith(f"{patient.api_id}."):
        return f"the distribution does not know the API's address; {patient.provision} again"
    return ""


def check_health(patient: Patient) -> str:
    if not patient.api_id:
        return f"the app is not deployed from here; {patient.deploy}"
    apigateway = patient.client("apigateway")
    stage = config.read_config(patient.project_dir)["stages"][patient.settings.stage].get("api_gateway_stage", "api")
    url = health_url(apigateway.meta.endpoint_url, patient.api_id, patient.region, stage)
    try:
        with urllib.request.urlopen(url, timeout=HEALTH_TIMEOUT):  # noqa: S310 - https, or the emulator's own address
            return ""
    except urllib.error.HTTPError as error:
        if error.code in (403, 404):  # open to anyone: this is API Gateway's answer, which has no such API or stage
            return f"{url} answers {error.code}, so that it is not there; {patient.deploy}"
        reason = f"{url} answers {error.code}"
    except OSError as error:
        reason = f"{url} does not answer ({error})"
    return f"{reason}; see `chalice logs --stage {patient.settings.stage}`"


def health_url(endpoint: str, api_id: str, region: str, stage: str) -> str:
    """Where the API itself answers; on the emulator below the address that it gives its APIs."""
    if is_emulator(endpoint):
        return f"{endpoint.rstrip('/')}/restapis/{api_id}/{stage}/_user_request_/v1/health"
    return f"https://{api_id}.execute-api.{region}.amazonaws.com/{stage}/v1/health"
