"""The metrics that the functions write into their logs."""

from __future__ import annotations

import json
import re

import pytest

from chalicelib.observability import Metric, count
from tests.stage import ROOT


def test_every_metric_has_the_same_dimensions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "false")
    monkeypatch.setenv("FILEMILL_STAGE", "dev")
    count({Metric.FILES_IN_TROUBLE: 2, Metric.SWEEP_ERRORS: 0})
    written = json.loads(capsys.readouterr().out)
    (directive,) = written["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Filemill"
    assert [sorted(each) for each in directive["Dimensions"]] == [["service", "stage"]]
    assert {each["Name"] for each in directive["Metrics"]} == {"FilesInTrouble", "SweepErrors"}
    assert (written["service"], written["stage"]) == ("filemill", "dev")
    assert (written["FilesInTrouble"], written["SweepErrors"]) == ([2], [0])


def test_nothing_else_writes_a_metric_so_that_all_are_counted() -> None:
    others = [
        path
        for path in [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
        if re.search(r"powertools\.metrics|put_metric_data|CloudWatchMetrics", path.read_text(encoding="utf-8"))
    ]
    assert others == [ROOT / "chalicelib/observability.py"]
