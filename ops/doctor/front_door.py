"""Checks from the viewer's side: the distribution, its signatures, the API behind it, and this computer's clock."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from chalicelib import keyring
from chalicelib.delivery import access
from ops import config
from ops.doctor.patient import TIMEOUT, Patient, SkippedError
from ops.stack import cloudformation, console, signing_key
from ops.stack.emulator_gaps import is_emulator
from ops.stack.names import stack_name
from ops.stack.regions import api_domain

# Seconds. AWS refuses requests that are signed 15 minutes off; signed addresses expire at the wrong time long before.
SKEW = 30

# An address of the right form, at which there is no file: edge/negotiate.js itself would answer 404 to another one, and
# CloudFront's documentation does not say whether that comes before or after the check of the signature.
PRIVATE = f"/f/private/file_{'0' * 26}/{'0' * 16}/w160.webp"


def check_clock(patient: Patient) -> str:
    headers = patient.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    return assess_clock(headers.get("date", ""), datetime.now(UTC))


def assess_clock(date: str, present: datetime) -> str:
    if not date:
        return ""
    off = (present - parsedate_to_datetime(date)).total_seconds()
    if abs(off) <= SKEW:
        return ""
    return f"this computer's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} AWS's: set it (NTP)"


def check_distribution(patient: Patient) -> str:
    cloudfront = patient.client("cloudfront")
    try:
        found = cloudfront.get_distribution(Id=patient.settings.distribution_id)["Distribution"]
    except cloudfront.exceptions.NoSuchDistribution:
        return f"there is no distribution {patient.settings.distribution_id}; {patient.provision}"
    group = signing_key.find_key_group(cloudfront, patient.settings.stage, patient.region)
    return assess_distribution(found, group["Id"] if group else "", patient)


def assess_distribution(found: Mapping[str, Any], group_id: str, patient: Patient) -> str:
    if found["Status"] != "Deployed":
        return "its last change has not reached all edges yet: wait some minutes"
    settings = found["DistributionConfig"]
    if not settings["Enabled"]:
        return f"it is turned off, so nothing is delivered; {patient.revert}"
    paths = {each["PathPattern"]: each for each in settings.get("CacheBehaviors", {}).get("Items", [])}
    for path in ("/f/public/*", "/f/private/*"):
        if path not in paths:
            return f"it has no behaviour for {path}; {patient.revert}"
    for path in (path for path in paths if path.startswith("/f/private/")):
        trusted = paths[path].get("TrustedKeyGroups", {})
        if not trusted.get("Enabled") or group_id not in trusted.get("Items", []):
            return f"{path} does not ask for this stage's signatures; {patient.revert}"
    return ""


def check_key(patient: Patient) -> str:
    here, cloudfront, ssm = patient.settings, patient.client("cloudfront"), patient.client("ssm")
    group = signing_key.find_key_group(cloudfront, here.stage, patient.region)
    try:
        stored = ssm.get_parameter(Name=here.cdn_key_parameter, WithDecryption=True)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return f"the private signing key is missing ({here.cdn_key_parameter}); {patient.provision}"
    *former, key = keyring.read_cdn_keys(stored.encode(), here.cdn_key_id)
    if group is None or key.id not in group["KeyGroupConfig"]["Items"]:
        return f"CloudFront would refuse our signatures, because key {key.id} is in no key group; {patient.provision}"
    for each in former:
        if each.id not in group["KeyGroupConfig"]["Items"]:
            return f"key {each.id} is stored, though it is in no key group any more; {_rotate(patient, '--retire')}"
    for each in (*former, key):
        public = cloudfront.get_public_key(Id=each.id)["PublicKey"]["PublicKeyConfig"]["EncodedKey"]
        if public.split() != signing_key.public_half(each.pem.decode()).split():
            return f"{here.cdn_key_parameter} is not the private half of key {each.id}; {patient.provision}"
    try:
        ssm.get_parameter(Name=here.secret_parameter)
    except ssm.exceptions.ParameterNotFound:
        return f"the secret that signs cursors and tokens is missing ({here.secret_parameter}); {patient.provision}"
    return ""


def _rotate(patient: Patient, option: str) -> str:
    return f"run `python -m ops rotate-keys --stage {patient.settings.stage} {option}`"


def check_signatures(patient: Patient) -> str:
    """Asks for a private address without a signature, as a stranger would: it must be refused.

    Then it asks with a signature of each stored key, for this address alone and for a pattern: the answer must be
    another one.
    """
    refuse_unserved(patient)
    url = f"{patient.settings.front_door}{PRIVATE}"
    try:
        if (status := _status(url)) != 403:
            return f"{url} answers {status} without a signature, but it must answer 403; {patient.revert}"
        expires = int(time.time()) + 300
        for key in _stored_keys(patient):
            for resource, canned in ((url, True), (url.rpartition("/")[0] + "/*", False)):
                if _status(f"{url}?{access.sign_with(key, resource, expires, canned=canned)}") == 403:
                    kind = signing_key.kind_of(key.pem)
                    return f"{url} answers 403 to a signature of key {key.id} ({kind}); {patient.provision}"
    except OSError as error:
        return f"{patient.settings.front_door} does not answer ({error}): check its name, its certificate, the network"
    return ""


def _stored_keys(patient: Patient) -> tuple[keyring.CdnKey, ...]:
    """The private keys, none if they are missing: `check_key` says so."""
    ssm, here = patient.client("ssm"), patient.settings
    try:
        stored = ssm.get_parameter(Name=here.cdn_key_parameter, WithDecryption=True)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return ()
    return keyring.read_cdn_keys(stored.encode(), here.cdn_key_id)


def _status(url: str) -> int:
    """The status of the answer to a GET. Raises OSError if there is none."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - the stage's own front door
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def check_console(patient: Patient) -> str:
    """Opens the console's page: it must name the release of this checkout."""
    refuse_unserved(patient)
    wanted = console.release(patient.project_dir)
    if wanted is None:
        return f"{patient.project_dir} has no console/index.html: take it back from version control"
    url = f"{patient.settings.front_door}/"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - the stage's own front door
            page = answer.read(console.MAX_BYTES).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return f"{url} answers {error.code} in place of the console; {patient.provision}"
    except OSError as error:
        return f"{url} does not answer ({error}): check its name, its certificate, the network"
    if (found := console.digest_in(page)) != wanted.digest:
        shown = f"the console's release {found}" if found else "another page than the console"
        return f"{url} shows {shown}, and this checkout has release {wanted.digest}; {patient.provision}"
    return ""


def refuse_unserved(patient: Patient) -> None:
    """Raises SkippedError if the front door is CloudFront's own name on an emulator: nobody serves that."""
    endpoint, front_door = patient.client("cloudfront").meta.endpoint_url, patient.settings.front_door
    if is_emulator(endpoint) and front_door.endswith(".cloudfront.net"):
        raise SkippedError(f"no emulator serves {front_door}; AWS does")


def check_front_door(patient: Patient) -> str:
    if not patient.api_id:
        return f"Chalice's record has no REST API; {patient.redeploy}"
    found = cloudformation.describe(patient.client("cloudformation"), stack_name(patient.settings.stage))
    parameters = {p["ParameterKey"]: p["ParameterValue"] for p in found["Parameters"]} if found else {}
    if not parameters.get("ApiDomain", "").startswith(f"{patient.api_id}."):
        return f"the distribution does not know the API's address; {patient.provision} again"
    if parameters.get("OnDemand") == "both":  # what lies between the two runs of `make deploy`
        return f"CloudFront still asks the API for missing renditions, not `render`; {patient.provision} again"
    if patient.settings.has_media and parameters.get("Streams") == "false":
        return f"CloudFront does not ask `stream` for segments yet, so no film plays; {patient.provision} again"
    return ""


def check_health(patient: Patient) -> str:
    if not patient.api_id:
        return f"Chalice's record has no REST API; {patient.redeploy}"
    apigateway = patient.client("apigateway")
    stage = config.api_stage(config.read_config(patient.project_dir), patient.settings.stage)
    url = health_url(apigateway.meta.endpoint_url, patient.api_id, patient.region, stage)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT):  # noqa: S310 - https, or the emulator's own address
            return ""
    except urllib.error.HTTPError as error:
        if error.code in (403, 404):  # anyone may call it, so API Gateway itself answers: it has no such API or stage
            return f"{url} answers {error.code}, so it does not exist; {patient.deploy}"
        reason = f"{url} answers {error.code}"
    except OSError as error:
        reason = f"{url} does not answer ({error})"
    return f"{reason}; see `chalice logs --stage {patient.settings.stage}`"


def health_url(endpoint: str, api_id: str, region: str, stage: str) -> str:
    """Address of the API's health check. On the emulator it is below the emulator's own address."""
    if is_emulator(endpoint):
        return f"{endpoint.rstrip('/')}/restapis/{api_id}/{stage}/_user_request_/v1/health"
    return f"https://{api_domain(api_id, region)}/{stage}/v1/health"
