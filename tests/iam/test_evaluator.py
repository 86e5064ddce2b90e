"""The evaluator decides as IAM documents it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.iam.evaluator import Need, allowed_by, rights

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/records"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]}


def allows(document: dict[str, Any], action: str, resource: str = TABLE, **context: str) -> bool:
    return bool(allowed_by(rights(document), Need(action, resource, context)))


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    document = policy({"Action": "dynamodb:GetItem", "Resource": TABLE})
    assert allows(document, "dynamodb:GetItem")
    assert not allows(document, "dynamodb:PutItem")
    assert not allows(document, "dynamodb:GetItem", f"{TABLE}/index/by_due")
    assert not allows(document, "dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:123456789012:table/recordss")


def test_the_case_of_an_action_does_not_matter_but_that_of_a_resource_does() -> None:
    document = policy({"Action": "DynamoDB:getitem", "Resource": TABLE})
    assert allows(document, "dynamodb:GetItem")
    assert not allows(document, "dynamodb:GetItem", TABLE.replace("records", "Records"))


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:s3:::b-?", "arn:aws:s3:::b-1", True),
        ("arn:aws:s3:::b-?", "arn:aws:s3:::b-", False),
        ("arn:aws:s3:::b/[ab]", "arn:aws:s3:::b/a", False),
        ("arn:aws:s3:::b/[ab]", "arn:aws:s3:::b/[ab]", True),
        ("arn:aws:s3:::b.c/*", "arn:aws:s3:::bxc/1", False),
        ("*", "anything", True),
    ],
)
def test_only_the_asterisk_and_the_question_mark_are_wildcards(pattern: str, resource: str, matches: bool) -> None:
    assert allows(policy({"Action": ["s3:GetObject"], "Resource": [pattern]}), "s3:GetObject", resource) == matches


def test_a_denial_is_stronger_than_any_permission() -> None:
    document = policy(
        {"Action": "dynamodb:*", "Resource": "*"}, {"Effect": "Deny", "Action": "dynamodb:Delete*", "Resource": TABLE}
    )
    assert allows(document, "dynamodb:GetItem")
    assert not allows(document, "dynamodb:DeleteItem")
    assert allows(document, "dynamodb:DeleteItem", "arn:aws:dynamodb:eu-west-1:123456789012:table/other")


def test_a_condition_must_hold_and_a_key_that_is_missing_makes_it_false() -> None:
    role = "arn:aws:iam::123456789012:role/r"
    lambdas = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    document = policy({"Action": "iam:PassRole", "Resource": role, "Condition": lambdas})
    assert allows(document, "iam:PassRole", role, **{"iam:PassedToService": "lambda.amazonaws.com"})
    assert not allows(document, "iam:PassRole", role, **{"iam:PassedToService": "ec2.amazonaws.com"})
    assert not allows(document, "iam:PassRole", role)


def test_a_condition_that_this_evaluator_does_not_know_is_no_guess() -> None:
    document = policy({"Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}})
    with pytest.raises(NotImplementedError, match="IpAddress"):
        allows(document, "s3:GetObject")
