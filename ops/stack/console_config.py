"""The console's `config.json`, and the origins that its scripts may ask: the front door's socket, S3, the issuers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from chalicelib import issuers
from chalicelib.issuers import ConsoleClient, Issuer
from chalicelib.model import PermanentFault
from chalicelib.outbound.errors import UnreachableError
from ops.errors import OpsError
from ops.stack.cloudformation import Progress
from ops.version import version

# https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
DISCOVERY = "/.well-known/openid-configuration"

Entry = dict[str, Any]
"""One issuer for the console: how it is shown, and where and as whom the console signs in."""

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html#limits-policies
MAX_POLICY = 1783
"""Characters that CloudFront takes in a Content-Security-Policy."""

# As the parameters of .chalice/resources.yaml take them.
_ORIGIN = re.compile(r"(?:https?|wss?)://[a-z0-9.:-]+")


def document(stage: str, front_door: str, sign_in: Iterable[Entry]) -> dict[str, Any]:
    """The facts about its stage that the console needs."""
    return {"stage": stage, "version": version(), "url": front_door, "sign_in": list(sign_in)}


def sign_in(setting: str, former: Mapping[str, Any], progress: Progress) -> list[Entry]:
    """The issuers with which people may sign in to the console: those that have a `console` in FILEMILL_OIDC.

    Endpoints that are not named come from the issuer's discovery document. If that can't be had, those of `former` (the
    `config.json` before) stay; without them the issuer is left out, and `progress` hears why. The deployment goes on.
    """
    known = {each["issuer"]: each for each in former.get("sign_in", []) if isinstance(each, dict) and "issuer" in each}
    found = []
    for issuer in issuers.read(setting):
        if issuer.console is None:
            continue
        try:
            found.append(entry(issuer, issuer.console))
        except (PermanentFault, UnreachableError, ValueError) as error:
            progress(f"the console's sign-in with {issuer.issuer} can't be set up anew: {error}")
            if before := known.get(issuer.issuer):
                found.append(_entry(issuer, issuer.console, before["authorize"], before["token"]))
    return found


def entry(issuer: Issuer, console: ConsoleClient) -> Entry:
    """One issuer's entry. Raises PermanentFault, UnreachableError and ValueError if its endpoints can't be found."""
    authorize, token = console.authorize, console.token
    if not (authorize and token):
        told = discover(issuer.issuer)
        authorize = authorize or issuers.address(str(told.get("authorization_endpoint", "")))
        token = token or issuers.address(str(told.get("token_endpoint", "")))
    return _entry(issuer, console, authorize, token)


def _entry(issuer: Issuer, console: ConsoleClient, authorize: str, token: str) -> Entry:
    return {
        "name": console.name or str(urlsplit(issuer.issuer).hostname),
        "issuer": issuer.issuer,
        "client_id": console.client_id,
        "authorize": authorize,
        "token": token,
        "scope": console.scope,
        "parameters": dict(console.parameters),
    }


def discover(issuer: str) -> dict[str, Any]:
    """An issuer's discovery document, fetched as its keys are: by HTTPS, from a public address, bounded.

    Raises PermanentFault and UnreachableError, and ValueError if the document is another issuer's or none.
    """
    from chalicelib.api.auth.issuer_keys import read_document  # for few stages

    url = issuer.rstrip("/") + DISCOVERY
    try:
        told = json.loads(read_document(url))
    except RecursionError:
        raise ValueError(f"{url} is no discovery document") from None
    if not isinstance(told, dict) or told.get("issuer") != issuer:
        raise ValueError(f"{url} does not describe this issuer; name `authorize` and `token` in FILEMILL_OIDC")
    return told


def connects(session: boto3.Session, originals: str, front_door: str, sign_in: Iterable[Entry]) -> str:
    """The origins that the console's scripts ask besides the front door's, separated by blanks."""
    socket = [origin(front_door).replace("http", "ws", 1)] if front_door else []
    asked = [origin(each["token"]) for each in sign_in]
    return " ".join(dict.fromkeys([*socket, bucket_origin(session, originals), *asked]))


def policy_in(template: Mapping[str, Any]) -> str:
    """The console's Content-Security-Policy as the parsed template has it, with the names of its parameters."""
    headers = template["Resources"]["ConsoleHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    return str(headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"])


def check(template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
    """Refuses origins with which CloudFront, or a browser, would not take the console's policy.

    `template` is parsed; `parameters` are those of the policy, by name, with origins between blanks.

    Raises
    ------
    OpsError
        An origin has other characters than a host's, or the policy becomes too long.
    """
    for each in " ".join(parameters.values()).split():
        if not _ORIGIN.fullmatch(each):
            raise OpsError(
                f"The console can't be allowed to ask {each}: a host's name has letters, digits, dots and hyphens "
                "here. Write it as DNS has it (`xn--…` for other letters), in --front-door or in FILEMILL_OIDC."
            )
    if "ConsoleHeaders" not in template["Resources"]:
        return
    policy = policy_in(template)
    for name, value in parameters.items():
        policy = policy.replace(f"${{{name}}}", value)
    length = len(policy)
    if length > MAX_POLICY:
        raise OpsError(
            f"The console's Content-Security-Policy would have {length:,} characters, and CloudFront takes "
            f"{MAX_POLICY:,}. Give fewer issuers in FILEMILL_OIDC a `console`, or the front door a shorter name."
        )


def bucket_origin(session: boto3.Session, bucket: str) -> str:
    """The origin of the addresses that the API signs for a bucket (chalicelib/aws.py).

    The functions have AWS's usual endpoints, whatever this computer's profile or variables choose for its own calls.
    """
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "legacy", "use_accelerate_endpoint": False},
        use_dualstack_endpoint=False,
        use_fips_endpoint=False,
    )
    s3 = session.client("s3", config=config)
    return origin(s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}))


def origin(url: str) -> str:
    """`https://host:port` of an address, in lower case."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"
