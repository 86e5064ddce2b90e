"""Finds on AWS everything that `chalice deploy` makes for one stage, whatever Chalice's own record says.

Each thing is found as an entry of that record (`.chalice/deployed/STAGE.json`, which chalice/deploy/planner.py writes),
so that it can be adopted as it is. Another stage's things, and a stranger's, are never among them: names are compared
as a whole (those of stage `qa-2` begin with `filemill-qa`, too), and an API is told by the functions that it calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.observability import SERVICE
from chalicelib.settings import PREFIX
from ops import config
from ops.stack import cloudformation, regions
from ops.stack.names import FUNCTIONS, SOCKET_FUNCTIONS, function_name, socket_api_name, stack_name
from ops.stack.patience import if_there, listed
from ops.stack.plan import Stack

Resource = dict[str, Any]
Client = Callable[[str], Any]
"""Gives a boto3 client for a service's name."""

# The kinds that are looked for. A record may hold other kinds, such as a custom domain; nobody touches these.
KINDS = (
    "lambda_layer",
    "iam_role",
    "lambda_function",
    "sqs_event",
    "dynamodb_event",
    "cloudwatch_event",
    "rest_api",
    "websocket_api",
)

_FUNCTION_OF_URI = re.compile(r"/functions/(arn:[^/]+)/invocations")


@dataclass(frozen=True)
class Deployment:
    """A stage's place, Chalice's names for its parts, and all that this checkout and the stack know about it."""

    app: str
    stage: str
    partition: str
    region: str
    account: str
    api_stage: str = "api"
    sources: frozenset[str] = frozenset()
    """ARNs of the stage's queues and of its table's stream, as far as they are known."""
    front_api: str = ""
    """Id of the REST API that the distribution leads to."""
    front_socket: str = ""
    """Id of the WebSocket API that the distribution leads to."""
    pre_made_roles: frozenset[str] = frozenset()
    """ARNs of the functions' roles that Chalice does not manage."""
    recorded: tuple[Resource, ...] = ()
    """The entries of Chalice's record."""
    is_configured: bool = True
    """True if `.chalice/config.json` has the stage. Without it, Chalice can't load the app, not even to delete it."""
    has_stack: bool = True

    @property
    def prefix(self) -> str:
        return f"{self.app}-{self.stage}"

    def function_name(self, function: str) -> str:
        return function_name(self.app, self.stage, function)

    def function_arn(self, function: str) -> str:
        return f"arn:{self.partition}:lambda:{self.region}:{self.account}:function:{self.function_name(function)}"

    def api_url(self, api_id: str) -> str:
        return f"https://{regions.api_domain(api_id, self.region)}/{self.api_stage}/"

    def socket_url(self, api_id: str) -> str:
        return f"wss://{regions.api_domain(api_id, self.region)}/{self.api_stage}/"

    def recorded_names(self, kind: str) -> set[str]:
        return {str(each["name"]) for each in self.recorded if each.get("resource_type") == kind}

    def is_recorded(self, value: str) -> bool:
        return any(value in each.values() for each in self.recorded)


def deployment(project_dir: Path, stage: str, place: tuple[str, str, str], stack: Stack | None = None) -> Deployment:
    """Reads what is known of a stage. `place` is (partition, region, account); `stack` is its CloudFormation stack."""
    recorded = config.read_config(project_dir)
    variables = config.stage_variables(recorded, stage)
    names = ("INGEST_QUEUE_ARN", "IMPORT_QUEUE_ARN", "WEBHOOK_QUEUE_ARN", "MEDIA_QUEUE_ARN", "TABLE_STREAM_ARN")
    outputs = cloudformation.outputs(stack) if stack else {}
    sources = {*(variables.get(PREFIX + name, "") for name in names), *outputs.values()}
    parameters = {p["ParameterKey"]: p.get("ParameterValue", "") for p in (stack or {}).get("Parameters", [])}
    return Deployment(
        app=config.app_name(recorded),
        stage=stage,
        partition=place[0],
        region=place[1],
        account=place[2],
        api_stage=config.api_stage(recorded, stage),
        sources=frozenset(source for source in sources if source.startswith("arn:")),
        front_api=parameters.get("ApiDomain", "").partition(".")[0],
        front_socket=parameters.get("SocketDomain", "").partition(".")[0],
        pre_made_roles=frozenset(
            str(arn)
            for function in FUNCTIONS
            if (arn := config.function_settings(recorded, stage, function).get("iam_role_arn"))
        ),
        recorded=tuple(config.deployed_resources(project_dir, stage) or ()),
        is_configured=f"{PREFIX}STAGE" in variables,
        has_stack=stack is not None,
    )


def find(client: Client, here: Deployment) -> list[Resource]:
    """Everything of the stage, as entries of Chalice's record.

    Two entries of the same name are a thing that was made twice. The first of them is the one to keep.
    """
    made = functions(client("lambda"), here)
    names = [each["name"] for each in made]
    return [
        *layers(client("lambda"), here),
        *roles(client("iam"), here, [*FUNCTIONS, *names]),
        *made,
        *triggers(client("lambda"), here, names),
        *rules(client("events"), here, [*FUNCTIONS, *names]),
        *rest_apis(client("apigateway"), here),
        *websocket_apis(client("apigatewayv2"), here),
    ]


def layers(client: Any, here: Deployment) -> list[Resource]:
    """All versions of the layer that Chalice makes of the packages, the newest first."""
    versions = listed(client, "list_layer_versions", "LayerVersions", LayerName=f"{here.prefix}-managed-layer")
    versions.sort(key=lambda version: int(version["Version"]), reverse=True)
    return [
        {"name": "managed-layer", "resource_type": "lambda_layer", "layer_version_arn": version["LayerVersionArn"]}
        for version in versions
    ]


def roles(client: Any, here: Deployment, functions: Iterable[str]) -> list[Resource]:
    """The roles that Chalice made. A role of the stack, or one that the operator gave, is not among them."""
    names = {f"{function}_role": f"{here.prefix}-{function}" for function in functions}
    names |= {name: f"{here.prefix}-{name.removesuffix('_role')}" for name in here.recorded_names("iam_role")}
    found = []
    for name, role_name in names.items():
        reply = if_there(client.get_role, RoleName=role_name)
        if reply and reply["Role"]["Arn"] not in here.pre_made_roles and _is_chalices(client, reply["Role"], here):
            found.append(
                {
                    "name": name,
                    "resource_type": "iam_role",
                    "role_arn": reply["Role"]["Arn"],
                    "role_name": role_name,
                }
            )
    return found


def _is_chalices(client: Any, role: dict[str, Any], here: Deployment) -> bool:
    """False if CloudFormation made the role, or if it is of a stage of the same name in another region: roles have no
    region, but the ARNs in their policies have."""
    if any(tag["Key"].startswith("aws:cloudformation:") for tag in role.get("Tags", [])):
        return False
    policy = if_there(client.get_role_policy, RoleName=role["RoleName"], PolicyName=role["RoleName"])
    named = regions.named_in(policy["PolicyDocument"]) if policy else set()
    return not named or here.region in named


def functions(client: Any, here: Deployment) -> list[Resource]:
    """The app's functions, and those of another version of the app that carry this stage's tag."""
    names = dict.fromkeys([*FUNCTIONS, *here.recorded_names("lambda_function"), *_tagged(client, here)])
    found = []
    for name in names:
        present = if_there(client.get_function_configuration, FunctionName=here.function_name(name))
        if present:
            found.append({"name": name, "resource_type": "lambda_function", "lambda_arn": present["FunctionArn"]})
    return found


def _tagged(client: Any, here: Deployment) -> Iterator[str]:
    """Functions that are not in this version of the app, but that Chalice has tagged as this stage's."""
    ours = {here.function_name(function) for function in FUNCTIONS}
    for function in listed(client, "list_functions", "Functions"):
        name = function["FunctionName"]
        if name in ours or not name.startswith(f"{here.prefix}-"):
            continue
        tags = (if_there(client.list_tags, Resource=function["FunctionArn"]) or {}).get("Tags", {})
        if tags.get("aws-chalice", "").endswith(f":stage={here.stage}:app={here.app}"):
            yield name.removeprefix(f"{here.prefix}-")


def mappings(client: Any, here: Deployment, functions: Iterable[str]) -> list[dict[str, Any]]:
    """All event source mappings of these functions, as Lambda tells them, even if the function itself is gone."""
    names = {here.function_name(function) for function in functions}
    return [
        mapping
        for mapping in listed(client, "list_event_source_mappings", "EventSourceMappings")
        if _function_name(mapping["FunctionArn"]) in names
    ]


def _function_name(arn: str) -> str:
    return arn.split(":")[6]  # a version or an alias may follow


def triggers(client: Any, here: Deployment, functions: Iterable[str]) -> list[Resource]:
    """The mappings of the functions to the stage's own queues and stream. One that is being deleted does not count."""
    present = [
        mapping
        for mapping in mappings(client, here, [*FUNCTIONS, *functions])
        if mapping.get("State") != "Deleting" and _is_own_source(mapping.get("EventSourceArn", ""), here)
    ]
    present.sort(key=lambda mapping: _worth(mapping, here), reverse=True)
    return [_trigger(mapping, here) for mapping in present]


def _is_own_source(arn: str, here: Deployment) -> bool:
    """True for a queue or stream of the stage's stack, also one that the stack has replaced."""
    own = {source.partition("/stream/")[0] for source in here.sources}
    # CloudFormation's names: STACK-LOGICALID-SUFFIX. A stage's name is in lower case, so `qa-2` is not taken for `qa`.
    made = rf"arn:.*[:/]{re.escape(stack_name(here.stage))}-[A-Z][A-Za-z0-9]*-\w+(/stream/.*)?"
    return arn.partition("/stream/")[0] in own or re.fullmatch(made, arn) is not None


def _worth(mapping: dict[str, Any], here: Deployment) -> tuple[Any, ...]:
    """The mapping of today's queue or stream comes first, then the recorded one. A stream's ARN ends with its date."""
    arn = mapping["EventSourceArn"]
    return (arn in here.sources, here.is_recorded(mapping["UUID"]), arn, str(mapping.get("LastModified", "")))


def _trigger(mapping: dict[str, Any], here: Deployment) -> Resource:
    arn, function_arn = mapping["EventSourceArn"], mapping["FunctionArn"]
    function = _function_name(function_arn).removeprefix(here.prefix).removeprefix("-") or "api_handler"
    if arn.split(":")[2] == "sqs":
        return {
            "name": f"{function}-sqs-event-source",
            "resource_type": "sqs_event",
            "queue_arn": arn,
            "event_uuid": mapping["UUID"],
            "queue": arn.rpartition(":")[2],
            "lambda_arn": function_arn,
        }
    return {
        "name": f"{function}-dynamodb-event-source",
        "resource_type": "dynamodb_event",
        "stream_arn": arn,
        "event_uuid": mapping["UUID"],
        "lambda_arn": function_arn,
    }


def rules(client: Any, here: Deployment, functions: Iterable[str]) -> list[Resource]:
    """The schedules of the functions."""
    names = {f"{here.prefix}-{function}-event" for function in functions}
    names |= {f"{here.prefix}-{name}" for name in here.recorded_names("cloudwatch_event")}
    return [
        {
            "name": rule["Name"].removeprefix(f"{here.prefix}-"),
            "resource_type": "cloudwatch_event",
            "rule_name": rule["Name"],
        }
        for rule in listed(client, "list_rules", "Rules", NamePrefix=f"{here.prefix}-")
        if rule["Name"] in names
    ]


def rest_apis(client: Any, here: Deployment) -> list[Resource]:
    """The REST APIs that call this stage's function and no other: all stages' APIs have the same name.

    The one that the distribution leads to comes first, so that clients keep their address; then the recorded one, one
    that is deployed, and the newest.
    """
    found = [
        api
        for api in listed(client, "get_rest_apis", "items")
        if api.get("name") in (SERVICE, here.app)
        and _functions_of(client, api["id"]) == {here.function_arn("api_handler")}
    ]
    if len(found) > 1:
        found.sort(
            key=lambda api: (
                api["id"] == here.front_api,
                here.is_recorded(api["id"]),
                _is_deployed(client, api["id"], here),
                str(api.get("createdDate", "")),
            ),
            reverse=True,
        )
    return [
        {
            "name": "rest_api",
            "resource_type": "rest_api",
            "rest_api_id": api["id"],
            "rest_api_url": here.api_url(api["id"]),
        }
        for api in found
    ]


def _functions_of(client: Any, api_id: str) -> set[str]:
    """ARNs of the functions that an API's methods call."""
    return {
        found[1]
        for resource in listed(client, "get_resources", "items", restApiId=api_id, embed=["methods"])
        for method in resource.get("resourceMethods", {}).values()
        if (found := _FUNCTION_OF_URI.search((method.get("methodIntegration") or {}).get("uri") or ""))
    }


def _is_deployed(client: Any, api_id: str, here: Deployment) -> bool:
    reply = if_there(client.get_stages, restApiId=api_id) or {}
    return any(stage["stageName"] == here.api_stage for stage in reply.get("item", []))


def websocket_apis(client: Any, here: Deployment) -> list[Resource]:
    """The WebSocket APIs of the stage's name that call this stage's functions and no others.

    The one that the distribution leads to comes first, then the recorded one, then the newest. One without a stage has
    no address: its deployment was stopped. Chalice would not finish it, because it makes the stage of a new API only.
    """
    ours = {here.function_arn(function) for function in SOCKET_FUNCTIONS}
    found = [
        api
        for api in listed(client, "get_apis", "Items")
        if (api.get("Name"), api.get("ProtocolType")) == (socket_api_name(here.app, here.stage), "WEBSOCKET")
        and _functions_of_socket(client, api["ApiId"]) <= ours
    ]
    found.sort(
        key=lambda api: (
            api["ApiId"] == here.front_socket,
            here.is_recorded(api["ApiId"]),
            str(api.get("CreatedDate", "")),
        ),
        reverse=True,
    )
    return [
        {
            "name": "websocket_api",
            "resource_type": "websocket_api",
            "websocket_api_url": here.socket_url(api["ApiId"]) if _has_stage(client, api["ApiId"], here) else "",
            "websocket_api_id": api["ApiId"],
        }
        for api in found
    ]


def _functions_of_socket(client: Any, api_id: str) -> set[str]:
    """ARNs of the functions that a WebSocket API's integrations call; for another integration its address."""
    uris = [str(each.get("IntegrationUri", "")) for each in listed(client, "get_integrations", "Items", ApiId=api_id)]
    return {found[1] if (found := _FUNCTION_OF_URI.search(uri)) else uri for uri in uris}


def _has_stage(client: Any, api_id: str, here: Deployment) -> bool:
    return any(each["StageName"] == here.api_stage for each in listed(client, "get_stages", "Items", ApiId=api_id))


def describe(resource: Resource) -> str:
    """A few words that name one thing, with the id by which AWS knows it."""
    kind = resource["resource_type"]
    words = {
        "lambda_layer": ("layer", str(resource.get("layer_version_arn", "")).partition(":layer:")[2]),
        "iam_role": ("role", resource.get("role_name")),
        "lambda_function": ("function", str(resource.get("lambda_arn", "")).rpartition(":")[2]),
        "sqs_event": (f"trigger of {resource['name'].partition('-')[0]}", resource.get("event_uuid")),
        "dynamodb_event": (f"trigger of {resource['name'].partition('-')[0]}", resource.get("event_uuid")),
        "cloudwatch_event": ("schedule", resource.get("rule_name")),
        "rest_api": ("REST API", resource.get("rest_api_id")),
        "websocket_api": ("WebSocket API", resource.get("websocket_api_id")),
    }
    what, which = words.get(kind, (kind, resource["name"]))
    return f"{what} {which}"


def bus_rules(client: Any, bus: str) -> list[str]:
    """Names of the rules on a bus. EventBridge's own rule for an archive, which goes with the archive, is left out."""
    rules = listed(client, "list_rules", "Rules", EventBusName=bus)
    return [rule["Name"] for rule in rules if "ManagedBy" not in rule]
