"""What to do with a CloudFormation stack: functions over what AWS answered, which ask nothing themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from ops.errors import OpsError

Stack = Mapping[str, Any]
Event = Mapping[str, Any]

# Replacing one of these leaves behind what it holds, or changes the address that clients know.
_HOLDS_DATA = frozenset({"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::CloudFront::Distribution"})


class Step(StrEnum):
    """What a stack's status lets one do towards a new template."""

    CREATE = "create"
    UPDATE = "update"
    WAIT = "wait"
    DELETE_FIRST = "delete first"
    STUCK = "stuck"


def next_step(status: str | None) -> Step:
    """The way on from a stack status (None: there is no stack).

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
    """
    match status:
        # REVIEW_IN_PROGRESS is an empty stack whose first change set was never executed: the next one is its first.
        case None | "DELETE_COMPLETE" | "REVIEW_IN_PROGRESS":
            return Step.CREATE
        # A stack whose creation failed can't be updated, only deleted.
        case "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED":
            return Step.DELETE_FIRST
        case "DELETE_FAILED" | "UPDATE_ROLLBACK_FAILED" | "UPDATE_FAILED":
            return Step.STUCK
    return Step.WAIT if status.endswith("_IN_PROGRESS") else Step.UPDATE


def choose_parameters(known: Iterable[str], given: Mapping[str, str], existing: Iterable[str]) -> list[dict[str, Any]]:
    """Parameters of a change set: what is given, else what the stack has, else the template's default.

    Raises
    ------
    OpsError
        A given one is not in the template.
    """
    names = sorted(known)
    if unknown := sorted(set(given) - set(names)):
        raise OpsError(f"The template has no parameter {', '.join(unknown)}; it has {', '.join(names)}.")
    had = set(existing)
    return [
        {"ParameterKey": name, "ParameterValue": given[name]}
        if name in given
        else {"ParameterKey": name, "UsePreviousValue": True}
        for name in names
        if name in given or name in had
    ]


def unchanged(reason: str) -> bool:
    """Whether a change set failed only for want of a change: AWS has no code for that, but two wordings."""
    return "didn't contain changes" in reason or "No updates are to be performed" in reason


def replaced(changes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Logical ids of the resources that hold something and that a change set would replace or remove."""
    found = [c["ResourceChange"] for c in changes if "ResourceChange" in c]
    return [
        r["LogicalResourceId"]
        for r in found
        if r["ResourceType"] in _HOLDS_DATA and (r["Action"] == "Remove" or r.get("Replacement") == "True")
    ]


def first_failure(events: Sequence[Event]) -> Event | None:
    """The event that the others followed from: the oldest failure that is not merely a cancellation."""
    failed = [e for e in events if e.get("ResourceStatus", "").endswith("_FAILED")]
    own = [e for e in failed if "cancelled" not in e.get("ResourceStatusReason", "").lower()]
    return min(own or failed, key=lambda e: e["Timestamp"], default=None)


def describe_failure(events: Sequence[Event], fallback: str) -> str:
    """`Table (AWS::DynamoDB::Table): why`, or the stack's own reason when no resource failed."""
    failure = first_failure(events)
    if failure is None:
        return fallback or "AWS gave no reason"
    reason = failure.get("ResourceStatusReason") or fallback or "AWS gave no reason"
    return f"{failure['LogicalResourceId']} ({failure['ResourceType']}): {reason}"
