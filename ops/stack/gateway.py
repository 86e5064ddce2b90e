"""API Gateway's own settings: the errors that it answers without calling the function, and its throttling.

The errors are problem documents, like the function's. Chalice can set neither, and it replaces the API's definition
with each deployment. So `ops provision`, which runs after it in `make deploy`, sets both on the API itself.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.api.errors import PROBLEMS
from chalicelib.settings import PREFIX
from ops.stack.patience import if_there, patiently

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_apigateway.type_defs import PatchOperationTypeDef

# Response type → (problem code, sentence for a person). The types:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
RESPONSES = {
    "DEFAULT_4XX": ("bad_request", "API Gateway could not read this request."),
    "DEFAULT_5XX": ("internal", "Something went wrong on our side."),
    "INTEGRATION_FAILURE": ("unavailable", "The service is busy; try again."),
    "INTEGRATION_TIMEOUT": ("timeout", "There was no answer in time; what was asked may have happened."),
    # Every address accepts every method that is used anywhere in this API. So this is about a method that is not.
    "MISSING_AUTHENTICATION_TOKEN": ("method_not_allowed", "No address here answers that method."),
    "REQUEST_TOO_LARGE": ("payload_too_large", "The body is larger than API Gateway takes."),
    "THROTTLED": ("too_many_requests", "This stage is asked too often; try again."),
    "UNSUPPORTED_MEDIA_TYPE": (
        "unsupported_media_type",
        "The body must be JSON: send `Content-Type: application/json`.",
    ),
}
_RETRY = {"too_many_requests": "1", "unavailable": "2"}
_METHODS = "DELETE, GET, OPTIONS, PATCH, POST, PUT"


def template(code: str, detail: str) -> str:
    """The body of an answer: a problem document with API Gateway's variable for the request id."""
    status = PROBLEMS[code]
    document = {
        "type": f"urn:filemill:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "code": code,
        "detail": detail,
        "request_id": "$context.requestId",
    }
    return json.dumps(document)


def headers(code: str) -> dict[str, str]:
    """An answer's headers. Any web page may read it: API Gateway can't tell origins apart here, and the answer holds
    nothing that belongs to a tenant."""
    found = {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Retry-After,X-Request-Id",
    }
    if code in _RETRY:
        found["Retry-After"] = _RETRY[code]
    if code == "method_not_allowed":
        found["Allow"] = _METHODS
    return found


def answer(kind: str, request_id: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of one response type, as API Gateway would send it."""
    code, detail = RESPONSES[kind]
    body = template(code, detail).replace("$context.requestId", request_id).encode()
    return int(PROBLEMS[code]), {**headers(code), "X-Request-Id": request_id}, body


def wanted(kind: str) -> dict[str, Any]:
    """One gateway response in API Gateway's form: header values are quoted literals or names of variables."""
    code, detail = RESPONSES[kind]
    parameters = {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers(code).items()}
    parameters["gatewayresponse.header.X-Request-Id"] = "context.requestId"
    return {
        "statusCode": str(int(PROBLEMS[code])),
        "responseParameters": parameters,
        "responseTemplates": {"application/json": template(code, detail)},
    }


def configure(client: APIGatewayClient, api_id: str, stage: str, variables: Mapping[str, str]) -> bool:
    """Sets the API's gateway responses and the stage's throttling. Returns whether anything had to be changed.

    Changed responses take effect with a deployment of the API, which is made here. Throttling takes effect at once.
    An API or stage that does not exist is left to `chalice deploy`.
    """
    found = pending(client, api_id, stage, variables)
    if found is None:
        return False
    for kind in found.answers:
        patiently(client.put_gateway_response, restApiId=api_id, responseType=kind, **wanted(kind))
    if found.answers or found.undeployed:
        patiently(client.create_deployment, restApiId=api_id, stageName=stage, description=description())
    if found.throttling:
        patiently(client.update_stage, restApiId=api_id, stageName=stage, patchOperations=found.throttling)
    return bool(found.answers or found.undeployed or found.throttling)


def description() -> str:
    """The deployment's description. It tells which responses took effect with it, in case a run stopped before it."""
    digest = hashlib.sha256(json.dumps([wanted(kind) for kind in RESPONSES]).encode()).hexdigest()
    return f"Filemill's own error answers ({digest[:12]})"


def _description(client: APIGatewayClient, api_id: str, stage: Mapping[str, Any]) -> str:
    """The description of the deployment that a stage serves."""
    found = if_there(client.get_deployment, restApiId=api_id, deploymentId=stage.get("deploymentId", ""))
    return str((found or {}).get("description", ""))


class Pending(NamedTuple):
    """The differences: response types, if responses wait for a deployment, and changes of the throttling."""

    answers: list[str]
    undeployed: bool
    throttling: list[PatchOperationTypeDef]


def pending(client: APIGatewayClient, api_id: str, stage: str, variables: Mapping[str, str]) -> Pending | None:
    """The changes that `configure` would make. None if there is no such stage."""
    now = if_there(client.get_stage, restApiId=api_id, stageName=stage)
    if now is None:
        return None
    kept = {r.get("responseType"): r for r in _responses(client, api_id)}
    stale = [kind for kind in RESPONSES if {n: kept.get(kind, {}).get(n) for n in wanted(kind)} != wanted(kind)]
    undeployed = _description(client, api_id, now) != description()
    return Pending(stale, undeployed, throttling(now.get("methodSettings", {}), variables))


def _responses(client: APIGatewayClient, api_id: str) -> list[Any]:
    return client.get_gateway_responses(restApiId=api_id, limit=500).get("items", [])


def throttling(settings: Mapping[str, Any], variables: Mapping[str, str]) -> list[PatchOperationTypeDef]:
    """The changes that give all methods together the stage's limit. The account's own limit at AWS still applies."""
    rate = int(variables.get(f"{PREFIX}RATE_LIMIT") or 0)
    burst = int(variables.get(f"{PREFIX}RATE_BURST") or 0) or rate
    now = settings.get("*/*", {})
    if not rate:
        return [{"op": "remove", "path": "/*/*"}] if now else []
    if (now.get("throttlingRateLimit"), now.get("throttlingBurstLimit")) == (rate, burst):
        return []
    return [
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": str(rate)},
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": str(burst)},
    ]
