"""The functions' policies name actions that there are, each on a resource that it can be about."""

from __future__ import annotations

import pytest

from tests.iam import facts, stages

# The reference has no resource for it, but Lambda asks for it on the stream, as SAM's template of a policy says:
# https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-template-list.html
ON_THE_STREAM = "dynamodb:ListStreams"


@pytest.mark.parametrize("function", stages.function_policies())
def test_each_statement_of_a_function_names_actions_and_resources_that_fit(function: str) -> None:
    for statement in stages.function_policies()[function]["Statement"]:
        for action in statement["Action"]:
            assert facts.resource_types(action) is not None, action
            fits = any(facts.is_about(action, resource) for resource in statement["Resource"])
            assert fits or action == ON_THE_STREAM, action
        for resource in statement["Resource"]:
            assert any(facts.is_about(action, resource) for action in statement["Action"]), resource


def test_an_action_that_there_is_not_is_noticed() -> None:
    assert facts.resource_types("s3:ListObjectsV2") is None
    assert not facts.is_about("dynamodb:GetItem", "arn:aws:sqs:eu-west-1:123456789012:queue")
