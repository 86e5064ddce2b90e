"""The access logs that a stage counts, as parameters of its stack."""

from __future__ import annotations

import pytest

from ops.stack import counted_logs, template
from tests.stage import ROOT


@pytest.mark.parametrize(
    ("logs", "bucket"), [("", "none"), ("my-logs", "my-logs"), ("my-logs/filemill-prod/", "my-logs")]
)
def test_the_parameters_name_the_logs_and_their_bucket(logs: str, bucket: str) -> None:
    found = counted_logs.parameters({counted_logs.VARIABLE: logs})
    assert found == {"CountedLogs": logs, "CountedLogBucket": bucket}


def test_without_the_setting_they_are_the_templates_defaults() -> None:
    declared = template.document(ROOT)["Parameters"]
    assert counted_logs.parameters({}) == {name: declared[name]["Default"] for name in counted_logs.parameters({})}
