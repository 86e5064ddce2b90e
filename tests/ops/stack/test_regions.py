"""The template and its tool in every region: what is left out, what is refused, and that AWS accepts the rest."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import boto3
import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
from cfnlint.helpers import REGIONS  # type: ignore[import-untyped]
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from ops.errors import OpsError
from ops.stack import regions, template
from ops.stack.names import bucket_name

ROOT = Path(__file__).parents[3]
SESSION = boto3.Session()
BUDGET = "AWS::Budgets::Budget"
MAIN = sorted(region for region in REGIONS if SESSION.get_partition_for_region(region) == regions.PARTITION)


def problems(document: dict[str, Any], region: str) -> list[Any]:
    """All that cfn-lint has to say."""
    found: list[Any] = lint(json.dumps(document), config=ManualArgs(include_checks=["I"], regions=[region]))
    return found


def alike(document: dict[str, Any]) -> list[list[str]]:
    """The main partition's regions. Those for which cfn-lint has the same schemas of our types are together.

    cfn-lint knows of a region what AWS's schemas of it say, so what it finds in one of them it finds in all.
    """
    types = sorted({each["Type"] for each in document["Resources"].values()})
    groups: dict[tuple[str | None, ...], list[str]] = {}
    for region in MAIN:
        there = set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region))
        schemas = (
            PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, kind).schema if kind in there else None
            for kind in types
        )
        key = tuple(json.dumps(schema, sort_keys=True) if schema else None for schema in schemas)
        groups.setdefault((str(region in regions.WITHOUT_FUNCTION_URLS), *key), []).append(region)
    return list(groups.values())


def test_cfn_lint_finds_nothing_in_any_region_with_a_budget_where_there_are_budgets() -> None:
    assert len(MAIN) >= 34
    document = template.document(ROOT)
    groups = alike(document)
    assert sorted(chain(*groups)) == MAIN
    for some in groups:
        no_budget, no_url = some[0] in regions.LACKING[BUDGET], some[0] in regions.WITHOUT_FUNCTION_URLS
        assert {each in regions.LACKING[BUDGET] for each in some} == {no_budget}
        fitted = regions.fitted(document, some[0], {} if no_budget else {"MonthlyBudget": "50"})
        assert ("Budget" in fitted["Resources"], "RenderUrl" in fitted["Resources"]) == (not no_budget, not no_url)
        assert all(
            regions.fitted(document, each, {} if no_budget else {"MonthlyBudget": "50"}) == fitted for each in some
        )
        assert problems(fitted, some[0]) == []
    whole = regions.fitted(document, "eu-west-1", {"MonthlyBudget": "50"})
    assert any(BUDGET in str(found) for found in problems(whole, "eu-north-1")), "a missing type would be found"


def test_the_table_of_regions_is_what_awss_own_schemas_say() -> None:
    """For every type in the template, so that one that is added later is looked up, too."""
    types = {each["Type"] for each in template.document(ROOT)["Resources"].values()}
    lacking: dict[str, set[str]] = {}
    for region in MAIN:
        for kind in types - set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region)):
            lacking.setdefault(kind, set()).add(region)
    assert lacking == regions.LACKING


def test_the_budget_is_left_out_unless_it_is_asked_for() -> None:
    document = template.document(ROOT)
    for parameters in ({}, {"MonthlyBudget": "0"}, {"MonthlyBudget": ""}):
        fitted = regions.fitted(document, "eu-west-1", parameters)
        assert "Budget" not in fitted["Resources"]
        assert "HasBudget" not in fitted["Conditions"]
    assert "Budget" in document["Resources"], "the argument is left alone"
    assert regions.fitted(document, "eu-west-1", {"MonthlyBudget": "12.5"}) == document


def test_a_budget_is_refused_where_cloudformation_has_none() -> None:
    with pytest.raises(OpsError, match=r"can't make a budget in eu-north-1.*--set MonthlyBudget=0"):
        regions.fitted(template.document(ROOT), "eu-north-1", {"MonthlyBudget": "50"})


@pytest.mark.parametrize("region", sorted(set(REGIONS) - set(MAIN)))
def test_regions_without_all_of_cloudfront_are_refused(region: str) -> None:
    with pytest.raises(OpsError, match=rf"can't be in {region}: it needs CloudFront"):
        regions.check_region(SESSION, region)


def test_the_other_partitions_lack_types_of_the_template_or_all_of_cloudfront() -> None:
    types = {each["Type"] for each in template.document(ROOT)["Resources"].values()}
    for partition in SESSION.get_available_partitions():
        if partition == regions.PARTITION:
            continue
        for region in SESSION.get_available_regions("lambda", partition):
            lacks = types - {BUDGET} - set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region))
            cloudfront = SESSION.get_available_regions("cloudfront", partition, allow_non_regional=True)
            assert lacks or not cloudfront, region


def test_every_region_of_the_main_partition_takes_the_longest_stage_name() -> None:
    for region in MAIN:
        regions.check_region(SESSION, region)
        for kind in ("originals", "derived", "templates"):
            regions.check_bucket_name(bucket_name("s" * 16, kind, "1" * 12, region))
    with pytest.raises(OpsError, match="a stage name that is 2 shorter"):
        regions.check_bucket_name("b" * 65)


def test_no_other_module_writes_a_host_of_aws() -> None:
    """`amazonaws.com` is another name in other partitions, so each place that writes it must be right there.

    regions: refuses the other partitions. emulator_gaps: tells AWS from an emulator. origins: the local edge's own
    reading of an API's address. queues and cdn: names of AWS services in policies, which are the same in every
    partition; encryption: likewise. examples: a text in the API's reference. parameters: how CloudFront names a bucket
    of logs. operator_policy: the service that may have the functions' roles. begun: a name of XML.
    """
    known = {
        "ops/stack/regions.py",
        "ops/stack/emulator_gaps.py",
        "ops/local/edge/origins.py",
        "ops/local/adapter/cdn.py",
        "ops/doctor/queues.py",
        "ops/doctor/encryption.py",
        "ops/openapi/examples.py",
        "ops/operator_policy.py",
        "ops/preflight/parameters.py",
        "chalicelib/api/routes/uppy/begun.py",
    }
    sources = [file for room in ("ops", "chalicelib") for file in (ROOT / room).rglob("*.py")]
    found = {str(file.relative_to(ROOT)) for file in sources if "amazonaws." in file.read_text()}
    assert found <= known
