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
from chalicelib.settings import Settings
from ops import config, signing_key, stack
from ops.emulator_gaps import is_emulator
from ops.provision import stack_name

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

    @cached_property
    def api_id(self) -> str:
        deployed = config.deployed_resources(self.project_dir, self.settings.stage)
        return config.rest_api_id(deployed or [])


# A check returns what is wrong with its remedy, or an empty string.
Check = Callable[[Patient], str]


def check_stack(patient: Patient) -> str:
    found = stack.describe(patient.client("cloudformation"), stack_name(patient.settings.stage))
    if found is None:
        return f"there is no stack {stack_name(patient.settings.stage)}; {patient.provision}"
    status = found["StackStatus"]
    if status.endswith("_IN_PROGRESS"):
        return f"it is in {status}: wait for that to end"
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return f"it is in {status}: the last change was undone or stuck; {patient.provision} to see why"
    return ""


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
    if stream.get("StreamEnabled") and stream.get("StreamViewType") == "NEW_AND_OLD_IMAGES":
        return ""
    return f"the table has no stream of old and new images; {patient.revert}"


def check_redrive(patient: Patient) -> str:
    reply = patient.client("sqs").get_queue_attributes(
        QueueUrl=patient.settings.ingest_queue_url, AttributeNames=["RedrivePolicy", "VisibilityTimeout"]
    )
    return assess_queue(reply.get("Attributes", {}), patient.revert)


def assess_queue(attributes: Mapping[str, str], remedy: str) -> str:
    redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
    if not redrive.get("deadLetterTargetArn"):
        return f"the ingest queue has no dead-letter queue: a bad file would be tried for ever; {remedy}"
    # As the template says: Lambda refuses a mapping whose queue hides messages for less than the function may run.
    if int(attributes.get("VisibilityTimeout", 0)) < 900:
        return f"the ingest queue hands a file out again while it is still being processed; {remedy}"
    return ""


def check_trigger(patient: Patient) -> str:
    reply = patient.client("lambda").list_event_source_mappings(EventSourceArn=patient.settings.ingest_queue_arn)
    return assess_trigger(reply["EventSourceMappings"], patient.deploy)


def assess_trigger(mappings: list[Mapping[str, Any]], deploy: str) -> str:
    if not mappings:
        return f"no function reads the ingest queue; {deploy}"
    if len(mappings) > 1:
        # A deployment that failed before Chalice had recorded it leaves one behind (aws/chalice#2146).
        ids = ", ".join(m["UUID"] for m in mappings)
        return (
            f"{len(mappings)} mappings read the ingest queue ({ids}); "
            "delete all but the newest with `aws lambda delete-event-source-mapping`"
        )
    mapping = mappings[0]
    if mapping["State"] not in ("Enabled", "Enabling", "Creating", "Updating"):
        return (
            f"the process function's trigger is {mapping['State'].lower()}; "
            f"`aws lambda update-event-source-mapping --enabled --uuid {mapping['UUID']}`"
        )
    if mapping["BatchSize"] != 1:
        return f"the trigger takes {mapping['BatchSize']} files at once, and one bad one repeats the others; {deploy}"
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
    return ""


def check_front_door(patient: Patient) -> str:
    if not patient.api_id:
        return f"the app is not deployed from here; {patient.deploy}"
    found = stack.describe(patient.client("cloudformation"), stack_name(patient.settings.stage))
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
        reason = f"{url} answers {error.code}"
    except OSError as error:
        reason = f"{url} does not answer ({error})"
    return f"{reason}; see `chalice logs --stage {patient.settings.stage}`"


def health_url(endpoint: str, api_id: str, region: str, stage: str) -> str:
    """Where the API itself answers; on the emulator below the address that it gives its APIs."""
    if is_emulator(endpoint):
        return f"{endpoint.rstrip('/')}/restapis/{api_id}/{stage}/_user_request_/v1/health"
    return f"https://{api_id}.execute-api.{region}.amazonaws.com/{stage}/v1/health"
