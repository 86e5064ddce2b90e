"""How a stack is brought to a template: the decisions alone, then whole runs against a scripted CloudFormation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.errors import OpsError
from ops.stack import cloudformation, deployment, plan
from ops.stack.plan import Stack, Step
from ops.stack.template_bucket import Uploaded

BEGIN = datetime(2026, 11, 22, tzinfo=UTC)
STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/filemill-prod/1"


@pytest.mark.parametrize(
    ("status", "step"),
    [
        (None, Step.CREATE),
        ("DELETE_COMPLETE", Step.CREATE),
        ("REVIEW_IN_PROGRESS", Step.CREATE),
        ("CREATE_COMPLETE", Step.UPDATE),
        ("UPDATE_COMPLETE", Step.UPDATE),
        ("UPDATE_ROLLBACK_COMPLETE", Step.UPDATE),
        ("ROLLBACK_COMPLETE", Step.DELETE_FIRST),
        ("ROLLBACK_FAILED", Step.DELETE_FIRST),
        ("CREATE_FAILED", Step.DELETE_FIRST),
        ("UPDATE_IN_PROGRESS", Step.WAIT),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Step.WAIT),
        ("DELETE_IN_PROGRESS", Step.WAIT),
        ("UPDATE_ROLLBACK_FAILED", Step.STUCK),
        ("DELETE_FAILED", Step.STUCK),
    ],
)
def test_every_stack_status_has_a_next_step(status: str | None, step: Step) -> None:
    assert plan.next_step(status) is step


def test_a_parameter_keeps_its_value_until_it_is_given_again() -> None:
    chosen = plan.choose_parameters(["A", "B", "C"], {"A": "1"}, existing=["A", "B", "Gone"])
    assert chosen == [
        {"ParameterKey": "A", "ParameterValue": "1"},
        {"ParameterKey": "B", "UsePreviousValue": True},
    ]


def test_a_parameter_that_the_template_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(OpsError, match="no parameter X; it has A, B"):
        plan.choose_parameters(["B", "A"], {"X": "1"}, [])


def event(n: int, resource: str, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "EventId": f"e{n}",
        "Timestamp": BEGIN + timedelta(seconds=n),
        "StackName": "filemill-prod",
        "LogicalResourceId": resource,
        "PhysicalResourceId": STACK_ID if resource == "filemill-prod" else f"{resource}-1",
        "ResourceType": "AWS::CloudFormation::Stack" if resource == "filemill-prod" else "AWS::X::Y",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def test_the_failure_that_is_told_is_the_first_that_is_not_a_cancellation() -> None:
    events = [
        event(4, "filemill-prod", "CREATE_FAILED", "The following resource(s) failed to create: [Table, Queue]."),
        event(2, "Queue", "CREATE_FAILED", "Resource creation cancelled"),
        event(3, "Table", "CREATE_FAILED", "Limit exceeded"),
        event(1, "Bucket", "CREATE_COMPLETE"),
    ]
    assert plan.describe_failure(events, "") == "Table (AWS::X::Y): Limit exceeded"
    assert plan.describe_failure(events[3:], "it just did") == "it just did"


def test_an_account_that_is_not_verified_yet_is_told_what_to_do() -> None:
    reason = (
        "Distribution (AWS::CloudFront::Distribution): Access denied for operation 'AWS::CloudFront::Distribution: "
        "Your account must be verified before you can add new CloudFront resources. To verify your account, please "
        "contact AWS Support (https://console.aws.amazon.com/support/home#/) and include this error message.'"
    )
    assert "AWS has not verified this account for CloudFront yet. Open a support case" in plan.remedy(reason)
    assert plan.remedy("Table: Limit exceeded") == "Fix that, then run the same command again."


def test_replacing_or_removing_what_holds_data_is_seen() -> None:
    def change(name: str, kind: str, action: str, replacement: str = "False") -> dict[str, Any]:
        return {
            "ResourceChange": {
                "LogicalResourceId": name,
                "ResourceType": kind,
                "Action": action,
                "Replacement": replacement,
            }
        }

    changes = [
        change("Table", "AWS::DynamoDB::Table", "Modify", "True"),
        change("Bucket", "AWS::S3::Bucket", "Remove"),
        change("Queue", "AWS::SQS::Queue", "Modify", "Conditional"),
        change("Policy", "AWS::S3::BucketPolicy", "Modify", "True"),
        {"Type": "Other"},
    ]
    assert plan.replaced(changes) == ["Table", "Bucket"]


class FakeCloudFormation:
    """Answers like CloudFormation for one stack.

    `outcome` is the status after a change set was executed, `during` the events before that, and `change_set` the
    reason why making a change set fails, if it does.
    """

    def __init__(self, status: str | None = None, *, protected: bool = False) -> None:
        self.status = status
        self.protected = protected
        self.outcome = "CREATE_COMPLETE"
        self.during: list[dict[str, Any]] = []
        self.change_set: str | None = None
        self.changes: list[dict[str, Any]] = []
        self.validation: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.sent: dict[str, Any] = {}
        self.lag = 0

    def _end(self, status: str) -> None:
        self.status = status
        self.events += [*self.during, event(len(self.events) + 90, "filemill-prod", status)]

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803
        if self.status is None or (self.status == "DELETE_COMPLETE" and StackName != STACK_ID):
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}}, "D"
            )
        status = self.status
        if self.lag:  # AWS may answer like this before an operation has begun
            self.lag -= 1
            status = "UPDATE_COMPLETE"
        found = {
            "StackName": "filemill-prod",
            "StackId": STACK_ID,
            "StackStatus": status,
            "EnableTerminationProtection": self.protected,
            "Parameters": [{"ParameterKey": "PriceClass", "ParameterValue": "PriceClass_All"}],
            "Outputs": [{"OutputKey": "Table", "OutputValue": "t"}],
        }
        return {"Stacks": [found]}

    def get_paginator(self, operation: str) -> FakeCloudFormation:
        self.paginating = operation
        return self

    def paginate(self, **_: str) -> Iterator[Any]:
        if self.paginating == "describe_change_set":
            yield {"Changes": self.changes}
        else:
            newest_first = self.events[::-1]
            yield {"StackEvents": newest_first[:2]}
            if newest_first[2:]:
                yield {"StackEvents": newest_first[2:]}

    def create_change_set(self, **sent: Any) -> Any:
        self.calls.append(f"change set {sent['ChangeSetType']}")
        self.sent = sent
        return {"Id": "cs", "StackId": STACK_ID}

    def describe_change_set(self, ChangeSetName: str) -> Any:  # noqa: N803
        if self.change_set:
            return {"Status": "FAILED", "StatusReason": self.change_set}
        return {"Status": "CREATE_COMPLETE"}

    def describe_events(self, **_: str) -> Any:
        return {"OperationEvents": self.validation}

    def delete_change_set(self, ChangeSetName: str) -> None:  # noqa: N803
        self.calls.append("drop change set")

    def execute_change_set(self, ChangeSetName: str) -> None:  # noqa: N803
        self.calls.append("execute")
        self._end(self.outcome)

    def update_termination_protection(self, StackName: str, EnableTerminationProtection: bool) -> None:  # noqa: N803
        self.calls.append(f"protect {EnableTerminationProtection}")
        self.protected = EnableTerminationProtection

    def delete_stack(self, StackName: str) -> None:  # noqa: N803
        self.calls.append("delete")
        self._end("DELETE_COMPLETE" if self.outcome != "DELETE_FAILED" else self.outcome)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def deploy(cfn: FakeCloudFormation, **options: Any) -> tuple[Stack, list[str]]:
    said: list[str] = []
    template = Uploaded("https://s3.eu-west-1.amazonaws.com/templates/1.json", ("Stage", "PriceClass"))
    made = deployment.deploy(
        cfn,  # type: ignore[arg-type]
        "filemill-prod",
        template,
        {"Stage": "prod"},
        {"app": "filemill", "team": "media"},
        said.append,
        **options,
    )
    return made, said


def test_a_new_stack_is_created_told_of_and_protected() -> None:
    cfn = FakeCloudFormation()
    cfn.during = [event(1, "Table", "CREATE_IN_PROGRESS"), event(2, "Table", "CREATE_COMPLETE")]
    made, said = deploy(cfn)
    assert cfn.calls == ["change set CREATE", "execute", "protect True"]
    assert cfn.sent["Parameters"] == [{"ParameterKey": "Stage", "ParameterValue": "prod"}]
    assert cfn.sent["TemplateURL"] == "https://s3.eu-west-1.amazonaws.com/templates/1.json"
    assert cfn.sent["Capabilities"] == ["CAPABILITY_IAM"], "the template has roles"
    assert cfn.sent["Tags"] == [{"Key": "app", "Value": "filemill"}, {"Key": "team", "Value": "media"}]
    assert cloudformation.outputs(made) == {"Table": "t"}
    assert [line.split()[2:] for line in said] == [["Table", "create", "complete"]]


def test_an_existing_stack_is_updated_keeping_its_parameters() -> None:
    cfn = FakeCloudFormation("CREATE_COMPLETE", protected=True)
    cfn.outcome = "UPDATE_COMPLETE"
    deploy(cfn)
    assert cfn.calls == ["change set UPDATE", "execute"]
    assert {"ParameterKey": "PriceClass", "UsePreviousValue": True} in cfn.sent["Parameters"]


def test_a_status_from_before_the_operation_is_not_its_end() -> None:
    cfn = FakeCloudFormation("UPDATE_COMPLETE", protected=True)
    cfn.outcome = "UPDATE_ROLLBACK_COMPLETE"

    def execute(ChangeSetName: str) -> None:  # noqa: N803
        cfn.lag = 2
        cfn.status = "UPDATE_IN_PROGRESS"

    polls = iter(range(99))

    def describe(StackName: str) -> Any:  # noqa: N803
        if next(polls) == 3:
            cfn.during = [event(1, "Table", "UPDATE_FAILED", "No")]
            cfn._end("UPDATE_ROLLBACK_COMPLETE")
        return FakeCloudFormation.describe_stacks(cfn, StackName)

    cfn.execute_change_set = execute  # type: ignore[method-assign]
    cfn.describe_stacks = describe  # type: ignore[method-assign]
    with pytest.raises(OpsError, match="Table"):
        deploy(cfn)


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_nothing_to_change_is_no_failure(reason: str) -> None:
    cfn = FakeCloudFormation("CREATE_COMPLETE", protected=True)
    cfn.change_set = reason
    _, said = deploy(cfn)
    assert said == ["stack filemill-prod: nothing to change"]
    assert cfn.calls == ["change set UPDATE", "drop change set"]


def test_a_change_set_that_aws_refuses_says_why_and_is_dropped() -> None:
    cfn = FakeCloudFormation("CREATE_COMPLETE")
    cfn.change_set = "Validation failed. Call DescribeEvents."
    cfn.validation = [
        {"LogicalResourceId": "Bucket", "ValidationStatus": "FAILED", "ValidationStatusReason": "It exists."}
    ]
    with pytest.raises(OpsError, match=r"Bucket: It exists\. Nothing was changed"):
        deploy(cfn)
    assert cfn.calls == ["change set UPDATE", "drop change set"]


def test_what_a_failed_creation_left_is_deleted_before_the_next() -> None:
    cfn = FakeCloudFormation("ROLLBACK_COMPLETE")
    deploy(cfn)
    assert cfn.calls == ["delete", "change set CREATE", "execute", "protect True"]


def test_a_creation_that_fails_says_which_resource_and_why() -> None:
    cfn = FakeCloudFormation()
    cfn.outcome = "ROLLBACK_COMPLETE"
    cfn.during = [event(1, "Table", "CREATE_FAILED", "Limit exceeded"), event(2, "Queue", "CREATE_FAILED", "cancelled")]
    with pytest.raises(OpsError, match=r"could not be created: Table \(AWS::X::Y\): Limit exceeded"):
        deploy(cfn)
    assert "protect True" not in cfn.calls


def test_failures_of_an_earlier_operation_are_not_told_again() -> None:
    cfn = FakeCloudFormation("UPDATE_ROLLBACK_COMPLETE")
    cfn.events = [event(0, "Old", "UPDATE_FAILED", "long ago"), event(1, "filemill-prod", "UPDATE_ROLLBACK_COMPLETE")]
    cfn.outcome = "UPDATE_ROLLBACK_COMPLETE"
    cfn.during = [event(2, "Table", "UPDATE_FAILED", "now")]
    with pytest.raises(OpsError, match=r"Table.*: now"):
        deploy(cfn)


def test_a_stack_that_needs_a_hand_says_which() -> None:
    with pytest.raises(OpsError, match="aws cloudformation continue-update-rollback --stack-name filemill-prod"):
        deploy(FakeCloudFormation("UPDATE_ROLLBACK_FAILED"))
    with pytest.raises(OpsError, match="finish the deletion first, with --delete"):
        deploy(FakeCloudFormation("DELETE_FAILED"))


def test_replacing_a_table_needs_to_be_said_so() -> None:
    cfn = FakeCloudFormation("CREATE_COMPLETE", protected=True)
    cfn.outcome = "UPDATE_COMPLETE"
    cfn.changes = [
        {
            "ResourceChange": {
                "LogicalResourceId": "Table",
                "ResourceType": "AWS::DynamoDB::Table",
                "Action": "Modify",
                "Replacement": "True",
            }
        }
    ]
    with pytest.raises(OpsError, match=r"would replace Table.*--allow-replacement"):
        deploy(cfn)
    assert cfn.calls == ["change set UPDATE", "drop change set"]
    deploy(cfn, allow_replacement=True)
    assert cfn.calls[-1] == "execute"


def test_what_was_changed_without_the_template_is_undone_only_on_request() -> None:
    cfn = FakeCloudFormation("CREATE_COMPLETE", protected=True)
    cfn.outcome = "UPDATE_COMPLETE"
    deploy(cfn)
    assert "DeploymentMode" not in cfn.sent
    deploy(cfn, revert_drift=True)
    assert cfn.sent["DeploymentMode"] == "REVERT_DRIFT"


def test_deleting_lifts_the_protection_and_a_second_time_does_nothing() -> None:
    cfn = FakeCloudFormation("CREATE_COMPLETE", protected=True)
    deployment.delete(cfn, "filemill-prod", lambda _: None)  # type: ignore[arg-type]
    assert cfn.calls == ["protect False", "delete"]
    deployment.delete(cfn, "filemill-prod", lambda _: None)  # type: ignore[arg-type]
    assert cfn.calls == ["protect False", "delete"]


def test_a_deletion_that_fails_says_which_resource_is_left() -> None:
    cfn = FakeCloudFormation("CREATE_COMPLETE")
    cfn.outcome = "DELETE_FAILED"
    cfn.during = [event(1, "OriginalsBucket", "DELETE_FAILED", "The bucket is not empty")]
    with pytest.raises(OpsError, match=r"OriginalsBucket.*not empty"):
        deployment.delete(cfn, "filemill-prod", lambda _: None)  # type: ignore[arg-type]
