"""A CloudFormation stack brought to a template through a change set, or deleted, with each step told as it ends.

What to do is decided in `ops.stack.plan`, from what AWS answered; here it is asked, done and waited for.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.errors import OpsError
from ops.stack.plan import Event, Stack, Step, choose_parameters, describe_failure, next_step, replaced, unchanged

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ChangeSet:
    id: str
    stack_id: str


@dataclass
class Events:
    """The events of one stack (by id), each handed out once, oldest first. `all`: what was handed out so far."""

    cfn: CloudFormationClient
    stack_id: str
    all: list[Event] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    @classmethod
    def from_now(cls, cfn: CloudFormationClient, stack_id: str) -> Events:
        events = cls(cfn, stack_id)
        events.new()
        events.all.clear()
        return events

    def new(self) -> list[Event]:
        fresh: list[Event] = []
        for page in self.cfn.get_paginator("describe_stack_events").paginate(StackName=self.stack_id):
            unseen = [e for e in page["StackEvents"] if e["EventId"] not in self._seen]
            fresh += unseen
            if len(unseen) < len(page["StackEvents"]):  # newest come first: what follows was seen
                break
        fresh.reverse()
        self._seen.update(e["EventId"] for e in fresh)
        self.all += fresh
        return fresh

    @property
    def ended(self) -> bool:
        """Whether the stack itself came to rest among these."""
        return any(
            e["PhysicalResourceId"] == self.stack_id and not e["ResourceStatus"].endswith("_IN_PROGRESS")
            for e in self.all
        )


def describe(cfn: CloudFormationClient, name: str) -> Stack | None:
    """The stack, or None when there is none of that name (a deleted one can still be asked for by its id)."""
    try:
        return cfn.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if _does_not_exist(error):
            return None
        raise


def _does_not_exist(error: ClientError) -> bool:
    # CloudFormation has no code of its own for that:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
    problem = error.response["Error"]
    return problem["Code"] == "ValidationError" and "does not exist" in problem["Message"]


def outputs(stack: Stack) -> dict[str, str]:
    return {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}


def deploy(
    cfn: CloudFormationClient,
    name: str,
    template: str,
    parameters: Mapping[str, str],
    progress: Progress,
    *,
    allow_replacement: bool = False,
    revert_drift: bool = False,
) -> Stack:
    """Makes or updates the stack and turns its termination protection on; the stack as it then is.

    Without `revert_drift` CloudFormation compares templates only, and does not see what was changed behind its back:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html

    Raises
    ------
    OpsError
        It can't be: why, and what to do. An update that failed was rolled back by CloudFormation.
    """
    known = [p["ParameterKey"] for p in cfn.validate_template(TemplateBody=template)["Parameters"]]
    stack = describe(cfn, name)
    step = next_step(_status(stack))
    if step is Step.WAIT and stack:
        progress(f"stack {name} is in {_status(stack)}: waiting for that to end")
        stack = _wait(cfn, Events.from_now(cfn, stack["StackId"]), progress, started=False)
        step = next_step(_status(stack))
    if step is Step.DELETE_FIRST and stack:
        progress(f"stack {name} was left in {_status(stack)} by a creation that failed: deleting it first")
        delete(cfn, name, progress)
        stack, step = None, Step.CREATE
    if step is Step.STUCK and stack:
        raise OpsError(_stuck(cfn, stack))

    existing = [p["ParameterKey"] for p in stack["Parameters"]] if stack and step is Step.UPDATE else []
    chosen = choose_parameters(known, parameters, existing)
    change_set = _change_set(cfn, name, step, template, chosen, revert_drift)
    if change_set is None:
        progress(f"stack {name}: nothing to change")
    else:
        _refuse_replacement(cfn, change_set, allow_replacement)
        events = Events.from_now(cfn, change_set.stack_id)
        cfn.execute_change_set(ChangeSetName=change_set.id)
        stack = _wait(cfn, events, progress, started=True)
        if _status(stack) not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            why = describe_failure(events.all, stack.get("StackStatusReason", ""))
            if "DescribeEvents" in why:
                why = "; ".join(_validation_errors(cfn, StackName=events.stack_id)) or why
            raise OpsError(
                f"Stack {name} could not be {step}d: {why} "
                f"(the stack is in {_status(stack)}). Mend that and run the same command again."
            )
    stack = describe(cfn, name)
    assert stack is not None
    if not stack.get("EnableTerminationProtection"):
        cfn.update_termination_protection(StackName=name, EnableTerminationProtection=True)
    return stack


def delete(cfn: CloudFormationClient, name: str, progress: Progress) -> None:
    """Deletes the stack, protected or not; nothing when there is none.

    Raises
    ------
    OpsError
        A resource could not be deleted; the stack is left with it.
    """
    stack = describe(cfn, name)
    if stack is None:
        return
    if next_step(_status(stack)) is Step.WAIT:
        progress(f"stack {name} is in {_status(stack)}: waiting for that to end")
        stack = _wait(cfn, Events.from_now(cfn, stack["StackId"]), progress, started=False)
    if _status(stack) == "DELETE_COMPLETE":
        return
    if stack.get("EnableTerminationProtection"):
        cfn.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    events = Events.from_now(cfn, stack["StackId"])
    cfn.delete_stack(StackName=name)
    stack = _wait(cfn, events, progress, started=True)
    if _status(stack) != "DELETE_COMPLETE":
        why = describe_failure(events.all, stack.get("StackStatusReason", ""))
        raise OpsError(f"Stack {name} could not be deleted: {why}. Mend that and run the same command again.")


def _status(stack: Stack | None) -> str | None:
    return str(stack["StackStatus"]) if stack else None


def _stuck(cfn: CloudFormationClient, stack: Stack) -> str:
    name = stack["StackName"]
    history = Events(cfn, stack["StackId"])
    history.new()
    why = describe_failure(history.all[-50:], stack.get("StackStatusReason", ""))
    if _status(stack) == "DELETE_FAILED":
        return f"Stack {name} was being deleted and could not be: {why}. Finish that first, with --delete."
    return (
        f"Stack {name} is in {_status(stack)}: {why}. Mend that, run "
        f"`aws cloudformation continue-update-rollback --stack-name {name}`, then this again."
    )


def _change_set(
    cfn: CloudFormationClient,
    name: str,
    step: Step,
    template: str,
    parameters: Sequence[Mapping[str, Any]],
    revert_drift: bool,
) -> ChangeSet | None:
    """A change set that is ready to execute; None when it holds no change."""
    mode: dict[str, Any] = {"DeploymentMode": "REVERT_DRIFT"} if revert_drift and step is Step.UPDATE else {}
    made = cfn.create_change_set(
        StackName=name,
        ChangeSetName=f"ops-{uuid.uuid4().hex}",
        ChangeSetType="CREATE" if step is Step.CREATE else "UPDATE",
        TemplateBody=template,
        Parameters=list(parameters),  # type: ignore[arg-type]
        Description="python -m ops provision",
        Tags=[{"Key": "app", "Value": "filemill"}],
        **mode,
    )
    arn = made["Id"]
    for seconds in _pauses():
        state = cfn.describe_change_set(ChangeSetName=arn)
        if state["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            break
        time.sleep(seconds)
    if state["Status"] == "CREATE_COMPLETE":
        return ChangeSet(arn, made["StackId"])
    reason = state.get("StatusReason", "")
    if not unchanged(reason):
        details = _validation_errors(cfn, ChangeSetName=arn)
        cfn.delete_change_set(ChangeSetName=arn)
        raise OpsError(f"AWS does not take this template: {'; '.join(details) or reason} Nothing was changed.")
    cfn.delete_change_set(ChangeSetName=arn)
    return None


def _validation_errors(cfn: CloudFormationClient, **which: str) -> list[str]:
    """What early validation found in a change set or stack, which their own reason only points to.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    try:
        events = cfn.describe_events(**which)["OperationEvents"]  # type: ignore[arg-type]
    except ClientError:  # not permitted, or an emulator that has no such call: the change set's reason will do
        return []
    return [
        f"{e.get('LogicalResourceId', '')}: {e['ValidationStatusReason']}"
        for e in events
        if e.get("ValidationStatus") == "FAILED" and e.get("ValidationStatusReason")
    ]


def _refuse_replacement(cfn: CloudFormationClient, change_set: ChangeSet, allow: bool) -> None:
    pages = cfn.get_paginator("describe_change_set").paginate(ChangeSetName=change_set.id)
    lost = replaced(change for page in pages for change in page["Changes"])
    if lost and not allow:
        cfn.delete_change_set(ChangeSetName=change_set.id)
        raise OpsError(
            f"This would replace {', '.join(lost)}: what it holds would stay behind in the old one. Nothing was "
            "changed. If that is meant, repeat it with --allow-replacement."
        )


def _wait(cfn: CloudFormationClient, events: Events, progress: Progress, *, started: bool) -> Stack:
    """Tells each resource's event as it ends, until the stack rests.

    `started`: the operation was begun just now, so a status from before it is not yet its end.
    """
    begin = time.monotonic()
    for seconds in _pauses():
        now = describe(cfn, events.stack_id)
        for event in events.new():
            status = event["ResourceStatus"]
            if status.endswith(("_COMPLETE", "_FAILED")) and event["PhysicalResourceId"] != events.stack_id:
                why = f": {event['ResourceStatusReason']}" if status.endswith("_FAILED") else ""
                took = time.monotonic() - begin
                progress(f"{took:6.0f} s  {event['LogicalResourceId']:<22} {status.replace('_', ' ').lower()}{why}")
        if now is None:
            return {"StackId": events.stack_id, "StackStatus": "DELETE_COMPLETE"}
        if not now["StackStatus"].endswith("_IN_PROGRESS") and (events.ended or not started):
            return now
        time.sleep(seconds)
    raise AssertionError("_pauses never ends")


def _pauses() -> Iterator[float]:
    """Seconds between two looks: quick where all is done at once, sparing where a distribution takes minutes."""
    pause = 0.1
    while True:
        yield pause
        pause = min(pause * 1.5, 4.0)
