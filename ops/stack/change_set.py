"""A CloudFormation change set: made, checked before it is executed, and deleted again when it must not be executed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.errors import OpsError
from ops.stack.cloudformation import pauses
from ops.stack.plan import Step, replaced, unchanged

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True)
class ChangeSet:
    id: str
    stack_id: str


def create(
    cfn: CloudFormationClient,
    name: str,
    step: Step,
    template_url: str,
    parameters: Sequence[Mapping[str, Any]],
    tags: Mapping[str, str],
    *,
    revert_drift: bool,
    imported: Sequence[Mapping[str, Any]] = (),
) -> ChangeSet | None:
    """A change set that is ready to execute; None when there is nothing to change.

    `imported` are resources that exist already and that the stack takes over; then it can change nothing else.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-existing-stack.html

    Raises
    ------
    OpsError
        AWS refuses the template or the parameters. The change set is deleted then.
    """
    mode: dict[str, Any] = {"DeploymentMode": "REVERT_DRIFT"} if revert_drift and step is Step.UPDATE else {}
    kind: Any = "CREATE" if step is Step.CREATE else "UPDATE"
    if imported:
        kind, mode = "IMPORT", {"ResourcesToImport": list(imported)}
    made = cfn.create_change_set(
        StackName=name,
        ChangeSetName=f"ops-{uuid.uuid4().hex}",
        ChangeSetType=kind,
        TemplateURL=template_url,
        Parameters=list(parameters),  # type: ignore[arg-type]
        Description="python -m ops provision",
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        Capabilities=["CAPABILITY_IAM"],  # the template has roles; CloudFormation names them
        **mode,
    )
    arn = made["Id"]
    for seconds in pauses():
        state = cfn.describe_change_set(ChangeSetName=arn)
        if state["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            break
        time.sleep(seconds)
    if state["Status"] == "CREATE_COMPLETE":
        return ChangeSet(arn, made["StackId"])
    reason = state.get("StatusReason", "")
    if not unchanged(reason):
        details = validation_errors(cfn, ChangeSetName=arn)
        cfn.delete_change_set(ChangeSetName=arn)
        raise OpsError(f"AWS does not accept this template: {'; '.join(details) or reason} Nothing was changed.")
    cfn.delete_change_set(ChangeSetName=arn)
    return None


def validation_errors(cfn: CloudFormationClient, **which: str) -> list[str]:
    """The errors that early validation found in a change set or a stack; their own status reason only points here.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html
    """
    try:
        events = cfn.describe_events(**which)["OperationEvents"]  # type: ignore[arg-type]
    except ClientError:  # not permitted, or an emulator without this call: the status reason must do
        return []
    return [
        f"{e.get('LogicalResourceId', '')}: {e['ValidationStatusReason']}"
        for e in events
        if e.get("ValidationStatus") == "FAILED" and e.get("ValidationStatusReason")
    ]


def refuse_replacement(cfn: CloudFormationClient, change_set: ChangeSet) -> None:
    """Deletes the change set and raises OpsError if executing it would replace or remove a resource that holds data."""
    pages = cfn.get_paginator("describe_change_set").paginate(ChangeSetName=change_set.id)
    lost = replaced(change for page in pages for change in page["Changes"])
    if lost:
        cfn.delete_change_set(ChangeSetName=change_set.id)
        raise OpsError(
            f"This would replace {', '.join(lost)}, and the data would stay behind in the old one. Nothing was "
            "changed. If you want this, run the command again with --allow-replacement."
        )
