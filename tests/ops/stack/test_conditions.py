"""The template's conditions are evaluated as CloudFormation does."""

from __future__ import annotations

import pytest

from ops.stack import conditions, template
from tests.stage import ROOT

DOCUMENT = template.document(ROOT)


def names(**given: str) -> set[str]:
    return set(conditions.resources(DOCUMENT, conditions.parameters(DOCUMENT, given, "eu-west-1")))


def test_a_resource_is_there_if_its_condition_is_true() -> None:
    assert names(MonthlyBudget="5") - names() == {"Budget"}
    assert names() - names(Dashboard="false") == {"StageDashboard"}
    assert names() - names(RequireTls="false") >= {"OriginalsBucketPolicy", "DeadLetterQueuePolicy"}
    assert names(ApiDomain="x.example.com") >= names()


def test_every_condition_of_the_template_can_be_evaluated() -> None:
    values = conditions.parameters(DOCUMENT, {}, "eu-west-1")
    for name in DOCUMENT["Conditions"]:
        assert conditions.holds(DOCUMENT, name, values) in (True, False)


def test_the_functions_of_conditions_nest() -> None:
    document = {
        "Mappings": {"Regions": {"eu-west-1": {"Has": "yes"}}},
        "Conditions": {
            "Yes": {"Fn::Equals": [{"Fn::FindInMap": ["Regions", {"Ref": "AWS::Region"}, "Has"]}, "yes"]},
            "No": {"Fn::Not": [{"Condition": "Yes"}]},
            "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
            "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
            "Strange": {"Fn::Sub": "x"},
        },
    }
    values = conditions.parameters(document, {}, "eu-west-1")
    assert [conditions.holds(document, name, values) for name in ("Yes", "No", "Both", "Either")] == [
        *(True, False, False, True)
    ]
    with pytest.raises(ValueError, match="Fn::Sub"):
        conditions.holds(document, "Strange", values)
