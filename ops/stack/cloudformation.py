"""CloudFormation's view of a stack: its state, its outputs and its events; and how to wait for an operation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.stack.plan import Event, Stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

Progress = Callable[[str], None]


def describe(cfn: CloudFormationClient, name: str) -> Stack | None:
    """The stack, or None when there is none of that name. A deleted stack can still be found by its id."""
    try:
        return cfn.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if _does_not_exist(error):
            return None
        raise


def _does_not_exist(error: ClientError) -> bool:
    # CloudFormation has no error code of its own for this:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
    problem = error.response["Error"]
    return problem["Code"] == "ValidationError" and "does not exist" in problem["Message"]


def status(stack: Stack | None) -> str | None:
    return str(stack["StackStatus"]) if stack else None


def outputs(stack: Stack) -> dict[str, str]:
    """The stack's outputs by name."""
    return {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}


def parameters(stack: Stack | None) -> dict[str, str]:
    """The values that the stack's parameters have. One that is never shown has asterisks."""
    return {p["ParameterKey"]: p.get("ParameterValue", "") for p in (stack or {}).get("Parameters", [])}


@dataclass
class Events:
    """The events of one stack, each returned once, oldest first. `all` holds every event that was returned so far."""

    cfn: CloudFormationClient
    stack_id: str
    all: list[Event] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    @classmethod
    def from_now(cls, cfn: CloudFormationClient, stack_id: str) -> Events:
        """Only the events that are still to come."""
        events = cls(cfn, stack_id)
        events.new()
        events.all.clear()
        return events

    def new(self) -> list[Event]:
        """The events since the last call."""
        fresh: list[Event] = []
        for page in self.cfn.get_paginator("describe_stack_events").paginate(StackName=self.stack_id):
            unseen = [e for e in page["StackEvents"] if e["EventId"] not in self._seen]
            fresh += unseen
            if len(unseen) < len(page["StackEvents"]):  # the newest come first, so the rest was seen before
                break
        fresh.reverse()
        self._seen.update(e["EventId"] for e in fresh)
        self.all += fresh
        return fresh

    @property
    def ended(self) -> bool:
        """True if one of these events ends the operation on the stack itself."""
        return any(
            e["PhysicalResourceId"] == self.stack_id and not e["ResourceStatus"].endswith("_IN_PROGRESS")
            for e in self.all
        )


def wait(cfn: CloudFormationClient, events: Events, progress: Progress, *, started: bool) -> Stack:
    """Waits until the operation on the stack has ended, and reports each resource as it is done.

    `started` says that the operation was started just now: CloudFormation may still show the status from before it,
    which is then not taken for the end.
    """
    begin = time.monotonic()
    for seconds in pauses():
        now = describe(cfn, events.stack_id)
        for event in events.new():
            _report(event, events.stack_id, time.monotonic() - begin, progress)
        if now is None:
            return {"StackId": events.stack_id, "StackStatus": "DELETE_COMPLETE"}
        if not now["StackStatus"].endswith("_IN_PROGRESS") and (events.ended or not started):
            return now
        time.sleep(seconds)
    raise AssertionError("pauses() never ends")


def _report(event: Event, stack_id: str, seconds: float, progress: Progress) -> None:
    state = event["ResourceStatus"]
    if state.endswith(("_COMPLETE", "_FAILED")) and event["PhysicalResourceId"] != stack_id:
        why = f": {event['ResourceStatusReason']}" if state.endswith("_FAILED") else ""
        progress(f"{seconds:6.0f} s  {event['LogicalResourceId']:<22} {state.replace('_', ' ').lower()}{why}")


def pauses() -> Iterator[float]:
    """Seconds to wait between two calls: short at first, because an emulator is done at once, and then up to 4 s,
    because a distribution takes minutes."""
    pause = 0.1
    while True:
        yield pause
        pause = min(pause * 1.5, 4.0)
