"""Queues that lose, repeat or hold messages are found."""

from __future__ import annotations

import json
from typing import Any

from ops.doctor import queues
from ops.doctor.patient import Patient
from tests.stage import STAGE, aws_client

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:ingest"


def test_a_queue_that_gives_up_or_repeats_at_the_wrong_time_is_found() -> None:
    def assessed(receives: int = 5, **attributes: str) -> str:
        redrive = json.dumps({"deadLetterTargetArn": "arn:dlq", "maxReceiveCount": receives})
        all_of_them = {"RedrivePolicy": redrive, "VisibilityTimeout": "5400", **attributes}
        return queues.assess_queue(all_of_them, "ingest queue", 900, "provision")

    assert assessed() == ""
    assert "ingest queue has no dead-letter queue" in assessed(RedrivePolicy="{}")
    assert "gives up after 2 tries, but the functions expect 5; provision" in assessed(receives=2)
    assert "hides a message for 1000 s before it delivers it again" in assessed(VisibilityTimeout="1000")


def test_a_trigger_that_is_missing_doubled_off_or_unbounded_is_found() -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:filemill-test-process"
    bound = {"ScalingConfig": {"MaximumConcurrency": 200}}
    right = {"UUID": "u1", "FunctionArn": arn, "State": "Enabled", "BatchSize": 1, **bound}

    def assessed(*mappings: dict[str, Any]) -> str:
        return queues.assess_trigger(
            list(mappings), "ingest queue", "filemill-test-process", 200, "deploy", "provision"
        )

    assert assessed(right) == ""
    assert "no function reads the ingest queue; deploy" in assessed()
    assert "(u1, u2); provision" in assessed(right, {**right, "UUID": "u2"})
    assert assessed(right, {**right, "UUID": "u2", "State": "Deleting"}) == ""
    assert "filemill-test-2-process reads the ingest queue, too" in assessed(
        right, {**right, "UUID": "u2", "FunctionArn": arn.replace("test", "test-2")}
    )
    assert "process function's trigger is disabled" in assessed({**right, "State": "Disabled"})
    assert "--enabled --uuid u1" in assessed({**right, "State": "Disabled"})
    assert "10 messages at once" in assessed({**right, "BatchSize": 10})
    assert "Lambda deletes every message that does not match it" in assessed(
        {**right, "FilterCriteria": {"Filters": [{}]}}
    )
    assert "may run 5 times at once, but the limit should be 200" in assessed(
        {**right, "ScalingConfig": {"MaximumConcurrency": 5}}
    )
    assert "may run any number of times at once" in assessed({**right, "ScalingConfig": {}})


def test_a_queue_that_the_bucket_may_not_send_to_is_found(patient: Patient) -> None:
    sqs = aws_client("sqs")
    url = sqs.create_queue(QueueName="ingest")["QueueUrl"]
    assert "does not let the originals bucket" in queues.check_queue_policy(patient)
    condition = {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::originals"}}
    allow = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": QUEUE, "Condition": condition}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    assert queues.check_queue_policy(patient) == ""
    policy["Statement"][0]["Condition"] = {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::another"}}  # type: ignore[index]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    assert "provision" in queues.check_queue_policy(patient)


def test_dead_letters_of_each_queue_are_found(patient: Patient) -> None:
    sqs = aws_client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})}
    sqs.create_queue(QueueName="ingest", Attributes=redrive)
    sqs.create_queue(QueueName="imports")
    sqs.create_queue(QueueName="webhooks")
    assert queues.check_dead_letters(patient) == ""
    assert "the import queue has no dead-letter queue" in queues.check_import_queue(patient)
    sqs.send_message(QueueUrl=dead, MessageBody="{}")
    assert "(1 from the ingest queue)" in queues.check_dead_letters(patient)
    assert "ops redrive --stage test" in queues.check_dead_letters(patient)
    assert "the webhook queue has no dead-letter queue" in queues.check_webhook_queue(patient)
    sqs.set_queue_attributes(QueueUrl=STAGE["FILEMILL_WEBHOOK_QUEUE_URL"], Attributes=redrive)
    assert "(1 from the ingest queue, 1 from the webhook queue)" in queues.check_dead_letters(patient)
    assert "`python -m ops redrive --stage test --queue webhook`" in queues.check_dead_letters(patient)
