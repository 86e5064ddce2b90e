"""`python -m ops plan`: shows what `make deploy` would change, and changes nothing.

The stack's changes are those of a change set. It is deleted again, and so is the template that was uploaded for it. A
stage without a stack gets none, because that would leave an empty stack behind; its resources are read from the
template. The functions, their triggers, roles and the API are compared with what `ops provision` and `chalice deploy`
would make of this checkout.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from chalicelib.settings import PREFIX, NotProvisionedError, load
from ops import config, provision
from ops.doctor import background, functions, queues
from ops.doctor.patient import Patient
from ops.errors import OpsError, as_sentences
from ops.stack import (
    change_set,
    cloudformation,
    conditions,
    emulator_gaps,
    gateway,
    recording,
    recursion,
    regions,
    signing_key,
    socket_gateway,
    template,
)
from ops.stack.names import FUNCTIONS, ROLE_IDS, function_name, functions_of, socket_api_name, stack_name
from ops.stack.plan import Stack, Step, choose_parameters, next_step
from ops.stack.signing_key import SigningKey

DEPLOY = "`chalice deploy` mends that"
PROVISION = "`ops provision` mends that"

EXAMPLES = (
    "plan --stage dev",
    "plan --stage prod --set PriceClass=PriceClass_All",
    "plan --stage prod --json",
)


@dataclass(frozen=True)
class Change:
    """One thing that a deployment would change. `action` is add, change, replace, remove or wait."""

    action: str
    kind: str
    name: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.action:<8}{self.kind} {self.name}{': ' + self.detail if self.detail else ''}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    config.add_parameter_argument(parser, "plan with another value of a parameter of .chalice/resources.yaml")
    parser.add_argument("--json", action="store_true", help="print one JSON object with every change")


def main(args: argparse.Namespace) -> int:
    config.check_stage(args.stage, FUNCTIONS)
    with as_sentences():
        plan = Plan(provision.begin(args.stage, args.project_dir, lambda _: None, {}), dict(args.set))
        if args.json:
            found = [asdict(change) for change in plan.changes()]
            print(json.dumps({"stage": args.stage, "region": plan.run.region, "changes": found}, indent=2))
            return 0
        count = 0
        for change in plan.changes():
            count += 1
            print(change, flush=True)
    print(f"stage {args.stage}: {count or 'no'} change{'s' * (count != 1)}; nothing was changed")
    return 0


@dataclass
class Plan:
    """One look at a stage. `given` are the parameters that the operator is about to set."""

    run: provision.Provisioning
    given: Mapping[str, str]

    def changes(self) -> Iterator[Change]:
        """Everything that would change, as it is found."""
        yield from self.key_changes()
        yield from self.stack_changes()
        if self.stack is None:
            known = {**config.stage_variables(self.recorded, self.run.stage), **self.fit.variables}
            yield from (Change("add", "function", self.name(function)) for function in functions_of(known))
            yield Change("add", "API", self.app)
            yield Change("add", "WebSocket API", socket_api_name(self.app, self.run.stage))
            return
        yield from self.record_changes()
        yield from self.function_changes()
        yield from self.role_changes()
        yield from self.trigger_changes()
        yield from self.api_changes()
        yield from self.socket_changes()

    @cached_property
    def stack(self) -> Stack | None:
        """The stage's stack, or None if the next deployment makes a new one."""
        found = cloudformation.describe(self.client("cloudformation"), stack_name(self.run.stage))
        step = next_step(cloudformation.status(found))
        return None if step in (Step.CREATE, Step.DELETE_FIRST) else found

    @cached_property
    def recorded(self) -> config.Config:
        return config.read_config(self.run.project_dir)

    @property
    def app(self) -> str:
        return config.app_name(self.recorded)

    @cached_property
    def group(self) -> dict[str, Any] | None:
        """The stage's key group in CloudFront."""
        return signing_key.find_key_group(self.client("cloudfront"), self.run.stage, self.run.region)

    def client(self, service: str) -> Any:
        return self.run.session.client(service)  # type: ignore[call-overload]

    def name(self, function: str) -> str:
        return function_name(self.app, self.run.stage, function)

    # ---- The secrets and the stack ----

    @cached_property
    def missing_secrets(self) -> list[str]:
        """Names of the stage's secrets that SSM does not have."""
        ssm = self.client("ssm")
        missing = []
        for name in (signing_key.secret_parameter(self.run.stage), signing_key.key_parameter(self.run.stage)):
            try:
                ssm.get_parameter(Name=name)
            except ssm.exceptions.ParameterNotFound:
                missing.append(name)
        return missing

    def key_changes(self) -> Iterator[Change]:
        for name in self.missing_secrets:
            yield Change("add", "secret", name)
        if self.group is None:
            yield Change("add", "key group", signing_key.group_name(self.run.stage, self.run.region))

    def stack_changes(self) -> Iterator[Change]:
        cfn = self.client("cloudformation")
        document = template.document(self.run.project_dir)
        choose_parameters(document["Parameters"], self.given, ())  # refuses a parameter that the template lacks
        if self.stack is None:
            document = regions.fitted(document, self.run.region, self.given)
            values = conditions.parameters(document, {"Stage": self.run.stage, **self.given}, self.run.region)
            for name, resource in conditions.resources(document, values).items():
                yield Change("add", resource["Type"], name)
            return
        step = next_step(self.stack["StackStatus"])
        if step is not Step.UPDATE:
            yield Change("wait", "stack", self.stack["StackName"], f"it is in {self.stack['StackStatus']}")
            return
        bucket = provision.template_bucket(self.run)
        if not bucket.exists():
            detail = "its changes are unknown until `ops provision` has made the bucket of templates"
            yield Change("change", "stack", self.stack["StackName"], detail)
            return
        parameters = self.parameters()
        existing = [each["ParameterKey"] for each in self.stack.get("Parameters", [])]
        chosen = choose_parameters(document["Parameters"], parameters, existing)
        uploaded = bucket.upload(provision.fitted_template(self.run, document, parameters))
        try:
            made = change_set.create(
                cfn, self.stack["StackName"], step, uploaded.url, chosen, self.run.tags, revert_drift=False
            )
        finally:
            bucket.remove(uploaded)
        if made is None:
            return
        try:
            pages = cfn.get_paginator("describe_change_set").paginate(ChangeSetName=made.id)
            found = [each["ResourceChange"] for page in pages for each in page["Changes"] if "ResourceChange" in each]
        finally:
            cfn.delete_change_set(ChangeSetName=made.id)
        yield from map(resource_change, found)

    def parameters(self) -> dict[str, str]:
        """The parameters that `ops provision` would give. One that it would only then find out keeps its value."""
        if self.group is None or self.missing_secrets:
            return {"Stage": self.run.stage, **self.given}
        sign_in = provision.console_sign_in(self.run)
        asks = provision.console_parameters(self.run, self.given, None, sign_in)
        return {**provision.stack_parameters(self.run, SigningKey("", self.group["Id"]), self.given), **asks}

    # ---- The record, and what Chalice makes of it ----

    @cached_property
    def variables(self) -> dict[str, str]:
        """The stage's variables as `ops provision` would record them now."""
        assert self.stack is not None
        before = config.stage_variables(self.recorded, self.run.stage)
        keys = self.group["KeyGroupConfig"]["Items"] if self.group else []
        key_id = before.get(f"{PREFIX}CDN_KEY_ID") or (keys[0] if keys else "")
        outputs = provision.read_outputs(self.run, self.stack)
        return {**recording.variables(self.run.stage, outputs, key_id, None), **self.fit.variables}

    @cached_property
    def fit(self) -> provision.Fit:
        return provision.fit_concurrency(self.run)

    @cached_property
    def planned(self) -> config.Config:
        """`.chalice/config.json` as `ops provision` would write it."""
        assert self.stack is not None
        outputs = cloudformation.outputs(self.stack)
        # A stack that a former version made has no roles yet.
        roles = {function: outputs[output] for function, output in ROLE_IDS.items() if output in outputs}
        architecture = emulator_gaps.architecture(self.run.endpoint_url)
        return recording.entered(
            self.recorded, self.run.stage, self.variables, roles, {}, architecture, self.fit.reserved
        )

    def record_changes(self) -> Iterator[Change]:
        before = config.stage_variables(self.recorded, self.run.stage)
        after = config.stage_variables(self.planned, self.run.stage)
        if names := sorted(name for name in after if before.get(name) != after[name]):
            yield Change("change", "record", ".chalice/config.json", ", ".join(names))
        elif self.planned != self.recorded:
            yield Change("change", "record", ".chalice/config.json")

    @cached_property
    def patient(self) -> Patient:
        """The stage as the doctor looks at it, with the settings that it would have.

        Raises
        ------
        OpsError
            A setting is wrong, so that nothing could be deployed.
        """
        try:
            settings = load(config.stage_variables(self.planned, self.run.stage))
        except NotProvisionedError as error:
            raise OpsError(str(error)) from None
        return Patient(self.run.session, self.run.region, self.run.project_dir, settings)

    def function_changes(self) -> Iterator[Change]:
        client = self.client("lambda")
        layers = [found["layer_version_arn"] for found in self.patient.deployed("lambda_layer")]
        there = set()
        for function in functions.functions_of(self.patient):
            name = self.name(function)
            try:
                present = client.get_function(FunctionName=name)
            except client.exceptions.ResourceNotFoundException:
                yield Change("add", "function", name)
                continue
            there.add(name)
            wanted = config.function_settings(self.planned, self.run.stage, function)
            variables = config.stage_variables(self.planned, self.run.stage, function)
            for wrong in (
                functions.assess_function(present["Configuration"], wanted, variables, layers),
                functions.assess_concurrency(present.get("Concurrency", {}), wanted),
            ):
                if wrong:
                    yield Change("change", "function", name, f"it {wrong}")
        for name, wrong in functions.code_differences(self.patient):
            yield Change("change", "function", name, f"it {wrong}")

    def role_changes(self) -> Iterator[Change]:
        """The roles that are not as recorded. Those that the stack makes are in its change set."""
        if wrong := functions.check_permissions(self.patient):
            yield Change("change", "role", self.run.stage, wrong)

    def trigger_changes(self) -> Iterator[Change]:
        here = self.patient.settings
        for queue, arn, function, at_once in (
            ("ingest queue", here.ingest_queue_arn, "process", here.process_at_once),
            ("import queue", here.import_queue_arn, "fetch", here.fetch_at_once),
            ("webhook queue", here.webhook_queue_arn, "deliver", here.deliver_at_once),
            *([("media queue", here.media_queue_arn, "media", here.media_at_once)] if here.has_media else []),
        ):
            if wrong := queues.assess_trigger(
                self.mappings(arn), queue, self.name(function), at_once, DEPLOY, PROVISION
            ):
                yield Change("change", "trigger", function, wrong)
        for function in recursion.LOOPING:
            if wrong := queues.assess_loop(self.client("lambda"), self.name(function), PROVISION):
                yield Change("change", "function", self.name(function), wrong)
        mappings = self.mappings(here.table_stream_arn)
        for reader in (background.INDEX, background.PUBLISH):
            ours = background.of_function(mappings, self.name(reader.function))
            if wrong := background.assess_reader(reader, ours, DEPLOY, PROVISION, self.patient.reindex):
                yield Change("change", "trigger", reader.function, wrong)
        if wrong := background.check_sweep(self.patient):
            yield Change("change", "schedule", "sweep", wrong)

    def mappings(self, arn: str) -> list[Any]:
        found: list[Any] = self.client("lambda").list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
        return found

    def api_changes(self) -> Iterator[Change]:
        api_id = config.rest_api_id(self.run.deployed or [])
        if not api_id:
            yield Change("add", "API", self.app)
            return
        variables = config.stage_variables(self.planned, self.run.stage)
        api_stage = self.planned["stages"][self.run.stage]["api_gateway_stage"]
        found = gateway.pending(self.client("apigateway"), api_id, api_stage, variables)
        if found is None:
            yield Change("add", "API stage", api_stage)
            return
        if found.answers:
            yield Change("change", "API", api_id, f"its answers to {', '.join(found.answers)}")
        elif found.undeployed:
            yield Change("change", "API", api_id, "its own error answers, which are not deployed yet")
        if found.throttling:
            yield Change("change", "API", api_id, "its throttling")

    def socket_changes(self) -> Iterator[Change]:
        """The WebSocket API. `chalice deploy` makes its routes anew each time, so these alone are no change."""
        api_id = config.websocket_api_id(self.run.deployed or [])
        variables = config.stage_variables(self.planned, self.run.stage)
        api_stage = self.planned["stages"][self.run.stage]["api_gateway_stage"]
        client, quota = self.client("apigatewayv2"), socket_gateway.quota_of(self.client("apigateway"))
        found = socket_gateway.pending(client, api_id, api_stage, variables, quota) if api_id else None
        if found is None:
            yield Change("add", "WebSocket API", socket_api_name(self.app, self.run.stage))
            return
        if found.no_stage:
            yield Change("add", "WebSocket API stage", api_stage)
        elif found.undeployed:
            yield Change("change", "WebSocket API", api_id, "its routes, which its stage does not serve yet")
        if found.throttling:
            yield Change("change", "WebSocket API", api_id, "its throttling")


def resource_change(found: Mapping[str, Any]) -> Change:
    """One change of a change set.

    CloudFormation says `Conditional` of a resource that it replaces only if a value turns out to be another one.
    """
    action = {"Add": "add", "Remove": "remove"}.get(found["Action"], "change")
    replacement = found.get("Replacement") if action == "change" else None
    targets = (detail.get("Target", {}) for detail in found.get("Details", []))
    names = sorted({target.get("Name") or target.get("Attribute", "") for target in targets} - {""})
    detail = ", ".join(names) + (" (it may be replaced)" if replacement == "Conditional" else "")
    return Change(
        "replace" if replacement == "True" else action,
        found["ResourceType"],
        found["LogicalResourceId"],
        detail.strip(),
    )
