"""CloudFront asks for a missing rendition: the function, once its deployed code can answer and the region has URLs."""

from __future__ import annotations

from typing import Any

import pytest

from ops.stack import on_demand, regions, template
from tests.stage import ROOT


class Lambda:
    """A Lambda client that knows `render` with these variables (not if they are None), and maybe `stream`."""

    class exceptions:  # noqa: N801 - botocore's name
        class ResourceNotFoundException(Exception):  # noqa: N818 - botocore's name
            pass

    def __init__(self, variables: dict[str, str] | None, *, streams: bool = False) -> None:
        self.variables, self.streams = variables, streams

    def get_function_configuration(self, *, FunctionName: str) -> Any:  # noqa: N803 - boto's name
        assert FunctionName in ("media-dev-render", "media-dev-stream")
        if FunctionName.endswith("-stream") and self.streams:
            return {}
        if FunctionName.endswith("-stream") or self.variables is None:
            raise self.exceptions.ResourceNotFoundException
        return {"Environment": {"Variables": self.variables}} if self.variables else {}


@pytest.mark.parametrize(
    ("variables", "region", "way"),
    [
        (None, "eu-west-1", "api"),
        ({}, "eu-west-1", "both"),
        ({"FILEMILL_STAGE": "dev"}, "eu-west-1", "both"),
        ({"FILEMILL_CHECKED_ADDRESSES": "true"}, "eu-west-1", "function"),
        ({"FILEMILL_CHECKED_ADDRESSES": "true"}, "il-central-1", None),
        ({"FILEMILL_CHECKED_ADDRESSES": "true"}, "eu-south-2", None),
    ],
)
def test_the_function_is_asked_once_it_can_answer(
    variables: dict[str, str] | None, region: str, way: str | None
) -> None:
    wanted = {"OnDemand": way, "Streams": "false"} if way else {}
    assert on_demand.parameters(Lambda(variables), "media", "dev", region) == wanted
    wanted = {"OnDemand": way, "Streams": "true"} if way else {}
    assert on_demand.parameters(Lambda(variables, streams=True), "media", "dev", region) == wanted


def test_the_variable_is_an_output_of_the_stack_and_the_ways_are_the_parameters() -> None:
    document = template.document(ROOT)
    assert document["Outputs"]["CheckedAddresses"]["Value"] == "true"
    assert on_demand.VARIABLE == "FILEMILL_CHECKED_ADDRESSES"
    assert document["Parameters"]["OnDemand"]["AllowedValues"] == ["api", "both", "function"]
    assert document["Parameters"]["Streams"]["AllowedValues"] == ["true", "false"]


@pytest.mark.parametrize("region", sorted(regions.WITHOUT_FUNCTION_URLS))
def test_a_region_without_function_urls_gets_a_template_without_them(region: str) -> None:
    fitted = regions.fitted(template.document(ROOT), region, {})
    kinds = {each["Type"] for each in fitted["Resources"].values()}
    assert not kinds & {"AWS::Lambda::Url", "AWS::Lambda::Permission"}
    assert "RenderUrl" not in str(fitted)
    assert "StreamUrl" not in str(fitted)
    assert not {"HasFunctionUrl", "AsksFunction", "HasStream"} & set(fitted["Conditions"])
    assert not {"OnDemand", "Streams"} & set(fitted["Parameters"])
    origins = fitted["Resources"]["Distribution"]["Properties"]["DistributionConfig"]["Origins"]
    (render,) = [each["Fn::If"][1] for each in origins if "Fn::If" in each and each["Fn::If"][1]["Id"] == "render"]
    assert render["DomainName"] == {"Ref": "ApiDomain"}
