"""The services that a stage names, as parameters of its stack."""

from __future__ import annotations

import re

import pytest

from ops.errors import OpsError
from ops.stack import services
from tests.stage import template

HERE = ("aws", "eu-west-1", "123456789012")
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:mine"
NONE = {"Services": "false", "Labels": "false", "ServiceFunction": "", "MediaConvert": "false"}


@pytest.mark.parametrize(
    ("names", "function", "wanted"),
    [
        ("", "", {}),
        ("", "mine", {}),
        ("labels", "mine", {"Services": "true", "Labels": "true"}),
        ("function", "mine", {"Services": "true", "ServiceFunction": ARN}),
        ("mediaconvert", "", {"Services": "true", "MediaConvert": "true"}),
        ("labels,function", "mine:live", {"Services": "true", "Labels": "true", "ServiceFunction": f"{ARN}:live"}),
        ("function", f"{ARN}-of-others", {"Services": "true", "ServiceFunction": f"{ARN}-of-others"}),
    ],
)
def test_a_stage_has_rights_for_the_services_that_it_names(names: str, function: str, wanted: dict[str, str]) -> None:
    found = services.parameters({services.VARIABLE: names, services.FUNCTION: function}, *HERE)
    assert found == {**NONE, **wanted}
    for name, value in found.items():
        declared = template()["Parameters"][name]
        assert value in declared.get("AllowedValues", [value])
        assert re.fullmatch(declared.get("AllowedPattern", ".*"), value)


def test_a_service_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(OpsError, match=r"names sepia, but there are only labels, function"):
        services.parameters({services.VARIABLE: "labels,sepia"}, *HERE)


def test_the_service_of_ones_own_needs_a_function() -> None:
    with pytest.raises(OpsError, match=r"set FILEMILL_SERVICE_FUNCTION in \.chalice/config\.json"):
        services.parameters({services.VARIABLE: "function"}, *HERE)
