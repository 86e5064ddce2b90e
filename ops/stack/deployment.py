"""Brings a CloudFormation stack to a template through a change set, or deletes it, and reports each resource.

`ops.stack.plan` decides what to do; `ops.stack.cloudformation` asks and waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ops.errors import OpsError
from ops.stack import change_set
from ops.stack.cloudformation import Events, Progress, describe, status, wait
from ops.stack.plan import Stack, Step, choose_parameters, describe_failure, next_step, remedy
from ops.stack.template_bucket import Uploaded

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


def deploy(
    cfn: CloudFormationClient,
    name: str,
    template: Uploaded,
    parameters: Mapping[str, str],
    tags: Mapping[str, str],
    progress: Progress,
    *,
    allow_replacement: bool = False,
    revert_drift: bool = False,
    imported: Sequence[Mapping[str, Any]] = (),
) -> Stack:
    """Creates or updates the stack, turns its termination protection on, and returns it as it then is.

    CloudFormation puts the tags on the stack, and on each of its resources that can bear tags.

    `imported` are existing resources that the stack takes over, as in `ResourcesToImport`.

    Without `revert_drift` CloudFormation compares templates only, and does not see what was changed outside of it:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html

    Raises
    ------
    OpsError
        It failed; the message says why and what to do. CloudFormation has rolled a failed update back.
    """
    stack, step = _prepare(cfn, name, progress)
    existing = [p["ParameterKey"] for p in stack["Parameters"]] if stack and step is Step.UPDATE else []
    chosen = choose_parameters(template.parameters, parameters, existing)
    change = change_set.create(
        cfn, name, step, template.url, chosen, tags, revert_drift=revert_drift, imported=imported
    )
    if change is None:
        progress(f"stack {name}: nothing to change")
    else:
        if not allow_replacement:
            change_set.refuse_replacement(cfn, change)
        _execute(cfn, name, step, change, progress)
    return _protected(cfn, name)


def _prepare(cfn: CloudFormationClient, name: str, progress: Progress) -> tuple[Stack | None, Step]:
    """Waits for an operation that is under way and deletes what a failed creation left; then CREATE or UPDATE is next.

    Raises
    ------
    OpsError
        The stack is stuck: a person must help.
    """
    stack = describe(cfn, name)
    step = next_step(status(stack))
    if step is Step.WAIT and stack:
        stack = _wait_for_other(cfn, stack, progress)
        step = next_step(status(stack))
    if step is Step.DELETE_FIRST and stack:
        progress(f"stack {name} is in {status(stack)} because its creation failed: deleting it first")
        delete(cfn, name, progress)
        return None, Step.CREATE
    if step is Step.STUCK and stack:
        raise OpsError(_stuck(cfn, stack))
    return stack, step


def _wait_for_other(cfn: CloudFormationClient, stack: Stack, progress: Progress) -> Stack:
    """Waits for an operation that somebody else started."""
    progress(f"stack {stack['StackName']} is in {status(stack)}: waiting until that has ended")
    return wait(cfn, Events.from_now(cfn, stack["StackId"]), progress, started=False)


def _execute(
    cfn: CloudFormationClient, name: str, step: Step, change: change_set.ChangeSet, progress: Progress
) -> None:
    events = Events.from_now(cfn, change.stack_id)
    cfn.execute_change_set(ChangeSetName=change.id)
    stack = wait(cfn, events, progress, started=True)
    if status(stack) in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
        return
    why = describe_failure(events.all, stack.get("StackStatusReason", ""))
    if "DescribeEvents" in why:
        why = "; ".join(change_set.validation_errors(cfn, StackName=events.stack_id)) or why
    raise OpsError(f"Stack {name} could not be {step}d: {why} (the stack is in {status(stack)}). {remedy(why)}")


def _protected(cfn: CloudFormationClient, name: str) -> Stack:
    stack = describe(cfn, name)
    assert stack is not None
    if not stack.get("EnableTerminationProtection"):
        cfn.update_termination_protection(StackName=name, EnableTerminationProtection=True)
    return stack


def delete(cfn: CloudFormationClient, name: str, progress: Progress) -> None:
    """Deletes the stack, protected or not. Does nothing when there is no such stack.

    Raises
    ------
    OpsError
        A resource could not be deleted; the stack and that resource are still there.
    """
    stack = describe(cfn, name)
    if stack is None:
        return
    if next_step(status(stack)) is Step.WAIT:
        stack = _wait_for_other(cfn, stack, progress)
    if status(stack) == "DELETE_COMPLETE":
        return
    if stack.get("EnableTerminationProtection"):
        cfn.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    events = Events.from_now(cfn, stack["StackId"])
    cfn.delete_stack(StackName=name)
    stack = wait(cfn, events, progress, started=True)
    if status(stack) != "DELETE_COMPLETE":
        why = describe_failure(events.all, stack.get("StackStatusReason", ""))
        raise OpsError(f"Stack {name} could not be deleted: {why}. Fix that, then run the same command again.")


def _stuck(cfn: CloudFormationClient, stack: Stack) -> str:
    name = stack["StackName"]
    history = Events(cfn, stack["StackId"])
    history.new()
    why = describe_failure(history.all[-50:], stack.get("StackStatusReason", ""))
    if status(stack) == "DELETE_FAILED":
        return (
            f"Stack {name} was being deleted, and that failed: {why}. Fix that, then finish the deletion first, "
            "with --delete."
        )
    return (
        f"Stack {name} is in {status(stack)}: {why}. Fix that, run "
        f"`aws cloudformation continue-update-rollback --stack-name {name}`, then run this command again."
    )
