"""An AWS account in memory that answers `chalice deploy` and `ops` as AWS's documentation says.

It is stricter than the emulators: a function and a trigger take time to become ready and refuse changes until then,
new roles work only after a while, a second trigger of one function and queue is a conflict, two APIs may have the same
name, and API Gateway deletes one of them in 30 seconds. Time passes only when somebody sleeps.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore import xform_name

ACCOUNT, REGION = "123456789012", "eu-west-1"
Values = dict[str, Any]

# Seconds until a change has been made.
PENDING, UPDATING, TRIGGER, TRIGGER_DELETION, ROLE_LAG = 3.0, 2.0, 20.0, 15.0, 8.0
API_DELETION, API_DEPLOYMENT = 30.0, 5.0  # seconds between two calls


class Document(Values):
    """An API's definition. It is large and nobody changes it, so copies of the account share it."""

    def __deepcopy__(self, memo: object) -> Document:
        return self


class RefusedError(Exception):
    """An error of AWS, by its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@dataclass
class Account:
    """Everything in it, and the calls that were made. `call` answers one of them."""

    now: float = 0.0
    functions: dict[str, Values] = field(default_factory=dict)
    mappings: dict[str, Values] = field(default_factory=dict)
    layers: dict[str, dict[int, Values]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    apis: dict[str, Values] = field(default_factory=dict)
    sockets: dict[str, Values] = field(default_factory=dict)
    """The WebSocket APIs, each with its parts by their ids."""
    rules: dict[str, Values] = field(default_factory=dict)
    roles: dict[str, Values] = field(default_factory=dict)
    log_groups: set[str] = field(default_factory=set)
    stack: Values = field(default_factory=dict)
    made: int = 0
    """Things made so far, of which ids are made."""
    last: dict[str, float] = field(default_factory=dict)
    """When an operation was called last, of those that API Gateway allows only so often."""

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.01)

    def call(self, service: str, operation: str, given: Values) -> Values:
        """Answers one call. Raises RefusedError."""
        answer: Callable[[Values], Values | None] | None = getattr(self, f"{service}_{xform_name(operation)}", None)
        if answer is None:
            raise AssertionError(f"tests/ops/stops/account.py does not know {service}:{operation}")
        return deepcopy(answer(deepcopy(given)) or {})

    def next_id(self) -> str:
        self.made += 1
        return f"{self.made:08d}"

    def moment(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self.now)

    def seldom(self, operation: str, seconds: float) -> None:
        if self.now - self.last.get(operation, -1e9) < seconds:
            raise RefusedError("TooManyRequestsException", "Too Many Requests")
        self.last[operation] = self.now

    # Lambda: functions

    def function(self, name: str) -> Values:
        short = name.rpartition(":function:")[2]
        if short not in self.functions:
            raise RefusedError("ResourceNotFoundException", f"Function not found: {name}")
        return self.functions[short]

    def configuration(self, found: Values) -> Values:
        state = "Pending" if self.now < found["active_at"] else "Active"
        update = "InProgress" if self.now < max(found["active_at"], found["updated_at"]) else "Successful"
        return {**found["configuration"], "State": state, "LastUpdateStatus": update}

    def quiet(self, found: Values) -> None:
        present = self.configuration(found)
        for name, busy in (("State", "Pending"), ("LastUpdateStatus", "InProgress")):
            if present[name] == busy:
                message = f"The operation cannot be performed at this time. The function is currently in {busy}."
                raise RefusedError("ResourceConflictException", message)

    def ready_role(self, arn: str) -> None:
        role = self.roles.get(arn.rpartition("/")[2])
        if role is None or self.now < role["ready_at"]:
            message = "The role defined for the function cannot be assumed by Lambda."
            raise RefusedError("InvalidParameterValueException", message)

    def ready_layers(self, arns: list[str]) -> None:
        known = {v["LayerVersionArn"] for versions in self.layers.values() for v in versions.values()}
        if missing := set(arns) - known:
            raise RefusedError("InvalidParameterValueException", f"Layer version {missing} does not exist.")

    def lambda_get_function(self, given: Values) -> Values:
        found = self.function(given["FunctionName"])
        reply = {"Configuration": self.configuration(found), "Tags": found["tags"]}
        reserved = found.get("reserved")
        return {**reply, **({"Concurrency": {"ReservedConcurrentExecutions": reserved}} if reserved else {})}

    def lambda_get_function_configuration(self, given: Values) -> Values:
        return self.configuration(self.function(given["FunctionName"]))

    def lambda_list_functions(self, given: Values) -> Values:
        return {"Functions": [found["configuration"] for found in self.functions.values()]}

    def lambda_create_function(self, given: Values) -> Values:
        name = given["FunctionName"]
        if name in self.functions:
            raise RefusedError("ResourceConflictException", f"Function already exist: {name}")
        self.ready_role(given["Role"])
        self.ready_layers(given.get("Layers", []))
        self.functions[name] = {
            "configuration": {
                "FunctionName": name,
                "FunctionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
                **_described(given),
            },
            "active_at": self.now + PENDING,
            "updated_at": 0.0,
            "tags": given.get("Tags", {}),
            "policy": [],
        }
        return self.configuration(self.functions[name])

    def lambda_update_function_code(self, given: Values) -> Values:
        found = self.function(given["FunctionName"])
        self.quiet(found)
        found["updated_at"] = self.now + UPDATING
        found["configuration"].update(CodeSha256=str(hash(given["ZipFile"])))
        return self.configuration(found)

    def lambda_update_function_configuration(self, given: Values) -> Values:
        found = self.function(given["FunctionName"])
        self.quiet(found)
        self.ready_role(given["Role"])
        self.ready_layers(given.get("Layers", []))
        found["updated_at"] = self.now + UPDATING
        found["configuration"].update(_described(given))
        return self.configuration(found)

    def lambda_delete_function(self, given: Values) -> None:
        found = self.function(given["FunctionName"])
        self.quiet(found)
        del self.functions[found["configuration"]["FunctionName"]]

    def lambda_put_function_concurrency(self, given: Values) -> Values:
        self.function(given["FunctionName"])["reserved"] = given["ReservedConcurrentExecutions"]
        return {"ReservedConcurrentExecutions": given["ReservedConcurrentExecutions"]}

    def lambda_delete_function_concurrency(self, given: Values) -> None:
        self.function(given["FunctionName"]).pop("reserved", None)

    def lambda_get_function_recursion_config(self, given: Values) -> Values:
        return {"RecursiveLoop": self.function(given["FunctionName"]).get("recursion", "Terminate")}

    def lambda_put_function_recursion_config(self, given: Values) -> Values:
        found = self.function(given["FunctionName"])
        self.quiet(found)
        found["recursion"] = given["RecursiveLoop"]
        return {"RecursiveLoop": given["RecursiveLoop"]}

    def lambda_list_tags(self, given: Values) -> Values:
        return {"Tags": self.function(given["Resource"])["tags"]}

    def lambda_tag_resource(self, given: Values) -> None:
        self.function(given["Resource"])["tags"].update(given["Tags"])

    def lambda_untag_resource(self, given: Values) -> None:
        for key in given["TagKeys"]:
            self.function(given["Resource"])["tags"].pop(key, None)

    def lambda_get_policy(self, given: Values) -> Values:
        statements = self.function(given["FunctionName"])["policy"]
        if not statements:
            raise RefusedError("ResourceNotFoundException", "The resource you requested does not exist.")
        return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": statements})}

    def lambda_add_permission(self, given: Values) -> Values:
        policy = self.function(given["FunctionName"])["policy"]
        if any(statement["Sid"] == given["StatementId"] for statement in policy):
            message = f"The statement id ({given['StatementId']}) provided already exists."
            raise RefusedError("ResourceConflictException", message)
        policy.append(
            {
                "Sid": given["StatementId"],
                "Effect": "Allow",
                "Action": given["Action"],
                "Principal": {"Service": given["Principal"]},
                "Condition": {"ArnLike": {"AWS:SourceArn": given["SourceArn"]}},
            }
        )
        return {"Statement": json.dumps(policy[-1])}

    def lambda_remove_permission(self, given: Values) -> None:
        policy = self.function(given["FunctionName"])["policy"]
        left = [statement for statement in policy if statement["Sid"] != given["StatementId"]]
        if len(left) == len(policy):
            raise RefusedError("ResourceNotFoundException", "No policy is associated with the given resource.")
        policy[:] = left

    # Lambda: triggers

    def mapping(self, uuid: str) -> Values:
        found = self.mappings.get(uuid)
        if found and "gone_at" in found and self.now >= found["gone_at"]:
            found = self.mappings.pop(uuid) and None
        if found is None:
            raise RefusedError("ResourceNotFoundException", "The resource you requested does not exist.")
        return found

    def described(self, found: Values) -> Values:
        state = found["doing"] if self.now < found["ready_at"] else found["rests"]
        return {**found["answer"], "State": "Deleting" if "gone_at" in found else state}

    def settled(self, found: Values, verb: str) -> None:
        if self.described(found)["State"] not in ("Enabled", "Disabled"):
            message = f"Cannot {verb} the event source mapping because it is in use."
            raise RefusedError("ResourceInUseException", message)

    def lambda_create_event_source_mapping(self, given: Values) -> Values:
        function = self.function(given["FunctionName"])["configuration"]
        for uuid in list(self.mappings):
            self.lambda_list_event_source_mappings({})
            other = self.mappings.get(uuid, {}).get("answer", {})
            if (other.get("EventSourceArn"), other.get("FunctionArn")) == (
                given["EventSourceArn"],
                function["FunctionArn"],
            ):
                message = (
                    f"An event source mapping with arn ({given['EventSourceArn']}) and function "
                    f"({function['FunctionName']}) already exists. Please update or delete the existing mapping "
                    f"with UUID {uuid}"
                )
                raise RefusedError("ResourceConflictException", message)
        if self.now < self.roles[function["Role"].rpartition("/")[2]]["ready_at"]:
            message = "Please ensure the role can perform the GetRecords Actions on your stream in IAM."
            raise RefusedError("InvalidParameterValueException", message)
        uuid = f"00000000-0000-0000-0000-0000{self.next_id()}"
        options = {name: value for name, value in given.items() if name != "FunctionName"}
        answer = {**options, "UUID": uuid, "FunctionArn": function["FunctionArn"], "LastModified": self.moment()}
        times = {"doing": "Creating", "rests": "Enabled", "ready_at": self.now + TRIGGER}
        self.mappings[uuid] = {"answer": answer, **times}
        return self.described(self.mappings[uuid])

    def lambda_get_event_source_mapping(self, given: Values) -> Values:
        return self.described(self.mapping(given["UUID"]))

    def lambda_list_event_source_mappings(self, given: Values) -> Values:
        for uuid, found in list(self.mappings.items()):
            if self.now >= found.get("gone_at", self.now + 1):
                del self.mappings[uuid]
        present = [self.described(found) for found in self.mappings.values()]
        arn = given.get("EventSourceArn")
        return {"EventSourceMappings": [each for each in present if arn in (None, each["EventSourceArn"])]}

    def lambda_update_event_source_mapping(self, given: Values) -> Values:
        found = self.mapping(given.pop("UUID"))
        self.settled(found, "update")
        enabled = given.pop("Enabled", found["rests"] == "Enabled")
        rests = "Enabled" if enabled else "Disabled"
        found.update(doing="Updating", rests=rests, ready_at=self.now + TRIGGER)
        found["answer"].update(given, LastModified=self.moment())
        return self.described(found)

    def lambda_delete_event_source_mapping(self, given: Values) -> Values:
        found = self.mapping(given["UUID"])
        self.settled(found, "delete")
        found["gone_at"] = self.now + TRIGGER_DELETION
        return self.described(found)

    # Lambda: layers

    def lambda_publish_layer_version(self, given: Values) -> Values:
        name = given["LayerName"]
        number = self.versions[name] = self.versions.get(name, 0) + 1
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}"
        made = {"LayerVersionArn": f"{arn}:{number}", "Version": number}
        self.layers.setdefault(name, {})[number] = made
        return {**made, "LayerArn": arn}

    def lambda_get_layer_version_by_arn(self, given: Values) -> Values:
        name, _, number = given["Arn"].rpartition(":layer:")[2].partition(":")
        if int(number) not in self.layers.get(name, {}):
            raise RefusedError("ResourceNotFoundException", "The resource you requested does not exist.")
        return self.layers[name][int(number)]

    def lambda_delete_layer_version(self, given: Values) -> None:
        self.layers.get(given["LayerName"], {}).pop(given["VersionNumber"], None)

    def lambda_list_layer_versions(self, given: Values) -> Values:
        if not self.layers.get(given["LayerName"]):
            raise RefusedError("ResourceNotFoundException", "The resource you requested does not exist.")
        return {"LayerVersions": list(self.layers[given["LayerName"]].values())}

    # API Gateway

    def api(self, api_id: str) -> Values:
        if api_id not in self.apis:
            raise RefusedError("NotFoundException", "Invalid API identifier specified")
        return self.apis[api_id]

    def answer(self, api_id: str) -> Values:
        found: Values = self.api(api_id)["answer"]
        return found

    def apigateway_import_rest_api(self, given: Values) -> Values:
        api_id, document = f"api{self.next_id()}", Document(json.loads(given["body"]))
        endpoint = {"types": [given["parameters"]["endpointConfigurationTypes"]]}
        answer = {"id": api_id, "name": document["info"]["title"], "createdDate": self.moment()}
        self.apis[api_id] = {
            "answer": {**answer, "endpointConfiguration": endpoint},
            "document": document,
            "stages": {},
            "responses": {},
            "deployments": {},
        }
        return self.answer(api_id)

    def apigateway_put_rest_api(self, given: Values) -> Values:
        found = self.api(given["restApiId"])
        found.update(document=Document(json.loads(given["body"])), responses={})
        return self.answer(given["restApiId"])

    def apigateway_get_rest_api(self, given: Values) -> Values:
        return self.answer(given["restApiId"])

    def apigateway_get_rest_apis(self, given: Values) -> Values:
        return {"items": [found["answer"] for found in self.apis.values()]}

    def apigateway_update_rest_api(self, given: Values) -> Values:
        return self.answer(given["restApiId"])

    def apigateway_delete_rest_api(self, given: Values) -> None:
        self.api(given["restApiId"])
        self.seldom("DeleteRestApi", API_DELETION)
        del self.apis[given["restApiId"]]

    def apigateway_get_resources(self, given: Values) -> Values:
        document = self.api(given["restApiId"])["document"]
        items = []
        for number, (path, methods) in enumerate(document["paths"].items()):
            resource: Values = {"id": f"r{number}", "path": path}
            if given.get("embed") == ["methods"]:
                resource["resourceMethods"] = {
                    method.upper(): {"httpMethod": method.upper(), "methodIntegration": _integration(said)}
                    for method, said in methods.items()
                }
            items.append(resource)
        return {"items": items}

    def apigateway_create_deployment(self, given: Values) -> Values:
        found = self.api(given["restApiId"])
        self.seldom("CreateDeployment", API_DEPLOYMENT)
        made = {"id": self.next_id(), "description": given.get("description", "")}
        found["deployments"][made["id"]] = {**made, "responses": dict(found["responses"])}
        stage = found["stages"].setdefault(given["stageName"], {"stageName": given["stageName"], "methodSettings": {}})
        stage["deploymentId"] = made["id"]
        return made

    def apigateway_get_deployment(self, given: Values) -> Values:
        found = self.api(given["restApiId"])["deployments"][given["deploymentId"]]
        return {"id": found["id"], "description": found["description"]}

    def apigateway_get_stages(self, given: Values) -> Values:
        return {"item": list(self.api(given["restApiId"])["stages"].values())}

    def apigateway_get_stage(self, given: Values) -> Values:
        stages = self.api(given["restApiId"])["stages"]
        if given["stageName"] not in stages:
            raise RefusedError("NotFoundException", "Invalid stage identifier specified")
        found: Values = stages[given["stageName"]]
        return found

    def apigateway_get_gateway_responses(self, given: Values) -> Values:
        return {"items": list(self.api(given["restApiId"])["responses"].values())}

    def apigateway_put_gateway_response(self, given: Values) -> Values:
        answer: Values = {name: value for name, value in given.items() if name != "restApiId"}
        self.api(given["restApiId"])["responses"][given["responseType"]] = answer
        return answer

    # API Gateway: WebSocket APIs

    def socket(self, api_id: str) -> Values:
        if api_id not in self.sockets:
            raise RefusedError("NotFoundException", f"Invalid API identifier specified {ACCOUNT}:{api_id}")
        return self.sockets[api_id]

    def part(self, given: Values, kind: str, number: str) -> Values:
        parts = self.socket(given["ApiId"])[kind]
        if number not in parts:
            raise RefusedError("NotFoundException", f"Unable to find {kind} {number}")
        found: Values = parts[number]
        return found

    def apigatewayv2_create_api(self, given: Values) -> Values:
        """Nothing tells a second call of the same name from the first, so it makes a second API."""
        answer = {**given, "ApiId": f"ws{self.next_id()}", "CreatedDate": self.moment()}
        kinds = ("integrations", "routes", "deployments", "stages")
        self.sockets[answer["ApiId"]] = {"answer": answer, **{kind: {} for kind in kinds}}
        return answer

    def apigatewayv2_get_api(self, given: Values) -> Values:
        found: Values = self.socket(given["ApiId"])["answer"]
        return found

    def apigatewayv2_get_apis(self, given: Values) -> Values:
        return {"Items": [found["answer"] for found in self.sockets.values()]}

    def apigatewayv2_delete_api(self, given: Values) -> None:
        self.socket(given["ApiId"])
        self.seldom("DeleteApi", API_DELETION)
        del self.sockets[given["ApiId"]]

    def apigatewayv2_create_integration(self, given: Values) -> Values:
        made = {**given, "IntegrationId": f"i{self.next_id()}"}
        self.socket(given["ApiId"])["integrations"][made["IntegrationId"]] = made
        return made

    def apigatewayv2_get_integrations(self, given: Values) -> Values:
        return {"Items": list(self.socket(given["ApiId"])["integrations"].values())}

    def apigatewayv2_delete_integration(self, given: Values) -> None:
        found = self.socket(given["ApiId"])
        self.part(given, "integrations", given["IntegrationId"])
        if any(route["Target"] == f"integrations/{given['IntegrationId']}" for route in found["routes"].values()):
            message = f"Cannot delete Integration '{given['IntegrationId']}' because it is referenced by a Route."
            raise RefusedError("ConflictException", message)
        del found["integrations"][given["IntegrationId"]]

    def apigatewayv2_create_route(self, given: Values) -> Values:
        found = self.socket(given["ApiId"])
        self.part(given, "integrations", given["Target"].removeprefix("integrations/"))
        if any(route["RouteKey"] == given["RouteKey"] for route in found["routes"].values()):
            message = f"Route with key {given['RouteKey']} already exists for this API"
            raise RefusedError("ConflictException", message)
        made = {**given, "RouteId": f"r{self.next_id()}"}
        found["routes"][made["RouteId"]] = made
        return made

    def apigatewayv2_get_routes(self, given: Values) -> Values:
        return {"Items": list(self.socket(given["ApiId"])["routes"].values())}

    def apigatewayv2_delete_route(self, given: Values) -> None:
        self.part(given, "routes", given["RouteId"])
        del self.socket(given["ApiId"])["routes"][given["RouteId"]]

    def apigatewayv2_create_deployment(self, given: Values) -> Values:
        found = self.socket(given["ApiId"])
        if not found["routes"]:
            raise RefusedError("BadRequestException", "At least one route is required before deploying the Api.")
        self.seldom("CreateSocketDeployment", API_DEPLOYMENT)
        # A deployment is a copy of what there is at this moment.
        made = {"DeploymentId": f"d{self.next_id()}", "Description": given.get("Description", "")}
        copied = {"routes": deepcopy(found["routes"]), "integrations": deepcopy(found["integrations"])}
        found["deployments"][made["DeploymentId"]] = {**made, "CreatedDate": self.moment(), **copied}
        if "StageName" in given:
            self.part(given, "stages", given["StageName"])["DeploymentId"] = made["DeploymentId"]
        return made

    def apigatewayv2_get_deployments(self, given: Values) -> Values:
        found = self.socket(given["ApiId"])["deployments"].values()
        shown = ("DeploymentId", "Description", "CreatedDate")
        return {"Items": [{name: each[name] for name in shown} for each in found]}

    def apigatewayv2_get_deployment(self, given: Values) -> Values:
        found = self.part(given, "deployments", given["DeploymentId"])
        return {name: found[name] for name in ("DeploymentId", "Description", "CreatedDate")}

    def apigatewayv2_create_stage(self, given: Values) -> Values:
        found = self.socket(given["ApiId"])
        if given["StageName"] in found["stages"]:
            raise RefusedError("ConflictException", "Stage already exists")
        if "DeploymentId" in given:
            self.part(given, "deployments", given["DeploymentId"])
        found["stages"][given["StageName"]] = {n: v for n, v in given.items() if n != "ApiId"}
        return self.part(given, "stages", given["StageName"])

    def apigatewayv2_get_stage(self, given: Values) -> Values:
        return self.part(given, "stages", given["StageName"])

    def apigatewayv2_get_stages(self, given: Values) -> Values:
        return {"Items": list(self.socket(given["ApiId"])["stages"].values())}

    def apigatewayv2_update_stage(self, given: Values) -> Values:
        stage = self.part(given, "stages", given["StageName"])
        if "DeploymentId" in given:
            self.part(given, "deployments", given["DeploymentId"])
        stage.update({name: value for name, value in given.items() if name != "ApiId"})
        return stage

    # EventBridge

    def rule(self, name: str) -> Values:
        if name not in self.rules:
            raise RefusedError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus default.")
        return self.rules[name]

    def events_put_rule(self, given: Values) -> Values:
        arn = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{given['Name']}"
        targets = self.rules.get(given["Name"], {}).get("targets", {})
        self.rules[given["Name"]] = {"answer": {"State": "ENABLED", **given, "Arn": arn}, "targets": targets}
        return {"RuleArn": arn}

    def events_put_targets(self, given: Values) -> Values:
        self.rule(given["Rule"])["targets"].update({target["Id"]: target for target in given["Targets"]})
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def events_remove_targets(self, given: Values) -> Values:
        for target in given["Ids"]:
            self.rule(given["Rule"])["targets"].pop(target, None)
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def events_delete_rule(self, given: Values) -> None:
        if self.rule(given["Name"])["targets"]:
            raise RefusedError("ValidationException", "Rule can't be deleted since it has targets.")
        del self.rules[given["Name"]]

    def events_list_rules(self, given: Values) -> Values:
        prefix = given.get("NamePrefix", "")
        return {"Rules": [found["answer"] for name, found in self.rules.items() if name.startswith(prefix)]}

    def events_describe_rule(self, given: Values) -> Values:
        found: Values = self.rule(given["Name"])["answer"]
        return found

    def events_list_targets_by_rule(self, given: Values) -> Values:
        return {"Targets": list(self.rule(given["Rule"])["targets"].values())}

    def events_enable_rule(self, given: Values) -> None:
        self.rule(given["Name"])["answer"]["State"] = "ENABLED"

    # IAM

    def role(self, name: str) -> Values:
        if name not in self.roles:
            raise RefusedError("NoSuchEntity", f"The role with name {name} cannot be found.")
        return self.roles[name]

    def iam_get_role(self, given: Values) -> Values:
        return {"Role": self.role(given["RoleName"])["answer"]}

    def iam_create_role(self, given: Values) -> Values:
        name = given["RoleName"]
        if name in self.roles:
            raise RefusedError("EntityAlreadyExists", f"Role with name {name} already exists.")
        answer = {
            "RoleName": name,
            "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "Path": "/",
            "RoleId": f"AROA{self.next_id()}EXAMPLE",
            "CreateDate": self.moment(),
        }
        self.roles[name] = {"answer": answer, "policies": {}, "ready_at": self.now + ROLE_LAG}
        return {"Role": answer}

    def iam_put_role_policy(self, given: Values) -> None:
        self.role(given["RoleName"])["policies"][given["PolicyName"]] = json.loads(given["PolicyDocument"])

    def iam_get_role_policy(self, given: Values) -> Values:
        policies = self.role(given["RoleName"])["policies"]
        if given["PolicyName"] not in policies:
            raise RefusedError("NoSuchEntity", f"The role policy {given['PolicyName']} cannot be found.")
        return {**given, "PolicyDocument": policies[given["PolicyName"]]}

    def iam_list_role_policies(self, given: Values) -> Values:
        return {"PolicyNames": list(self.role(given["RoleName"])["policies"])}

    def iam_list_attached_role_policies(self, given: Values) -> Values:
        self.role(given["RoleName"])
        return {"AttachedPolicies": []}

    def iam_delete_role_policy(self, given: Values) -> None:
        if self.role(given["RoleName"])["policies"].pop(given["PolicyName"], None) is None:
            raise RefusedError("NoSuchEntity", f"The role policy {given['PolicyName']} cannot be found.")

    def iam_delete_role(self, given: Values) -> None:
        if self.role(given["RoleName"])["policies"]:
            raise RefusedError("DeleteConflict", "Cannot delete entity, must delete policies first.")
        del self.roles[given["RoleName"]]

    # CloudWatch Logs and CloudFormation

    def logs_describe_log_groups(self, given: Values) -> Values:
        names = sorted(name for name in self.log_groups if name.startswith(given.get("logGroupNamePrefix", "")))
        return {"logGroups": [{"logGroupName": name} for name in names]}

    def logs_delete_log_group(self, given: Values) -> None:
        if given["logGroupName"] not in self.log_groups:
            raise RefusedError("ResourceNotFoundException", "The specified log group does not exist.")
        self.log_groups.remove(given["logGroupName"])

    def cloudformation_describe_stacks(self, given: Values) -> Values:
        if not self.stack:
            raise RefusedError("ValidationError", f"Stack with id {given['StackName']} does not exist")
        return {"Stacks": [self.stack]}


def _described(given: Values) -> Values:
    """The part of a call that makes or changes a function that its description repeats."""
    names = ("Role", "Runtime", "Handler", "Timeout", "MemorySize", "Environment", "Architectures")
    found = {name: given[name] for name in names if name in given}
    return {**found, **({"Layers": [{"Arn": arn} for arn in given["Layers"]]} if "Layers" in given else {})}


def _integration(method: Values) -> Values:
    said = method.get("x-amazon-apigateway-integration", {})
    return {"type": str(said.get("type", "")).upper(), **({"uri": said["uri"]} if "uri" in said else {})}
