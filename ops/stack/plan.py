"""Decisions about a CloudFormation stack: pure functions over AWS's answers. Nothing here calls AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from ops.errors import OpsError

Stack = Mapping[str, Any]
Event = Mapping[str, Any]

# Replacing one of these loses the data in it, or changes an address that clients know.
_HOLDS_DATA = frozenset(
    {
        *("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::CloudFront::Distribution"),
        "AWS::KMS::Key",  # what it encrypted is lost without it
    }
)


class Step(StrEnum):
    """The next step that brings a stack to a new template."""

    CREATE = "create"
    UPDATE = "update"
    WAIT = "wait"
    DELETE_FIRST = "delete first"
    STUCK = "stuck"


def next_step(status: str | None) -> Step:
    """The next step for a stack status (None: there is no stack).

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
    """
    match status:
        # REVIEW_IN_PROGRESS: an empty stack whose first change set was never executed, so the next one is its first.
        case None | "DELETE_COMPLETE" | "REVIEW_IN_PROGRESS":
            return Step.CREATE
        # A stack whose creation failed can't be updated, only deleted.
        case "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED":
            return Step.DELETE_FIRST
        case "DELETE_FAILED" | "UPDATE_ROLLBACK_FAILED" | "UPDATE_FAILED" | "IMPORT_ROLLBACK_FAILED":
            return Step.STUCK
    return Step.WAIT if status.endswith("_IN_PROGRESS") else Step.UPDATE


def choose_parameters(known: Iterable[str], given: Mapping[str, str], existing: Iterable[str]) -> list[dict[str, Any]]:
    """Parameters of a change set: the given value, else the one that the stack has, else the template's default.

    Raises
    ------
    OpsError
        A given parameter is not in the template.
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
    """True if a change set failed only because nothing changes. AWS has two wordings for that, and no error code."""
    return "didn't contain changes" in reason or "No updates are to be performed" in reason


def replaced(changes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Logical ids of the resources that hold data, or an address, and that a change set would replace or remove."""
    found = [c["ResourceChange"] for c in changes if "ResourceChange" in c]
    return [
        r["LogicalResourceId"]
        for r in found
        if r["ResourceType"] in _HOLDS_DATA and (r["Action"] == "Remove" or r.get("Replacement") == "True")
    ]


def first_failure(events: Sequence[Event]) -> Event | None:
    """The event that caused the others: the oldest failure that is not just a cancellation."""
    failed = [e for e in events if e.get("ResourceStatus", "").endswith("_FAILED")]
    own = [e for e in failed if "cancelled" not in e.get("ResourceStatusReason", "").lower()]
    return min(own or failed, key=lambda e: e["Timestamp"], default=None)


# A distribution in a new account: "Your account must be verified before you can add new CloudFront resources. …"
_UNVERIFIED = "account must be verified before you can add"


def remedy(reason: str) -> str:
    """The next step after a stack failed for this reason."""
    if _UNVERIFIED in reason:
        return (
            "AWS has not verified this account for CloudFront yet. Open a support case "
            '(https://console.aws.amazon.com/support/home, "Account and billing") that quotes this message. When AWS '
            "has answered, run the same command again."
        )
    return "Fix that, then run the same command again."


def describe_failure(events: Sequence[Event], fallback: str) -> str:
    """`Table (AWS::DynamoDB::Table): reason`, or the stack's own reason when no resource failed."""
    failure = first_failure(events)
    if failure is None:
        return fallback or "AWS gave no reason"
    reason = failure.get("ResourceStatusReason") or fallback or "AWS gave no reason"
    return f"{failure['LogicalResourceId']} ({failure['ResourceType']}): {reason}"
