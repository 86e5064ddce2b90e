"""`ops costs --files …`: a stage's month."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ops import __main__ as ops
from ops.costs import bills, command, idle, services, workload
from ops.costs.services import Month
from ops.costs.workload import Workload
from ops.openapi.problems import ROOT


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert ops.main(["costs", *words, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("text", "value"), [("1e6", 1e6), ("20_000", 20000), ("1,000", 1000), ("0", 0), ("2.5e3", 2500)]
)
def test_a_count_is_written_as_people_write_it(text: str, value: float) -> None:
    assert command.count(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("300000", 300_000), ("300KB", 300_000), ("2.5 MB", 2.5e6), ("1gib", 1024**3), ("3e6", 3e6), ("1B", 1)],
)
def test_a_size_has_a_unit_or_is_in_bytes(text: str, value: float) -> None:
    assert command.size(text) == value


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--files", "many"], "'many' is no number"),
        (["--files", "-1"], "is no number from 0"),
        (["--files", "nan"], "is no number"),
        (["--files", "1e99"], "is no number"),
        (["--files", "1", "--mean-size", "3 parsecs"], "is no size"),
        (["--files", "1", "--mean-size", "0MB"], "is no size"),
        (["--files", "1", "--cache-hits", "101"], "is no percentage"),
        (["--files", "1", "--kinds", "poem=100"], "'poem' is no kind that is counted: choose from photo"),
        (["--files", "1", "--kinds", "photo=50"], "is 50% of the files: make it 100"),
        (["--files", "1", "--kinds", "photo=50,photo=50"], "photo stands twice"),
        (["--files", "1", "--kinds", "photo"], "is no percentage"),
    ],
)
def test_bad_input_is_refused_with_a_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ops.main(["costs", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--views", "5"], "--views is about a stage's month"),
        (["--json"], "--json is about a stage's month"),
        (["--files", "1", "--check"], "--check and --without-counting are about the pages"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ops.main(["costs", *words]) == 1
    assert said in capsys.readouterr().err


def test_an_estimate_needs_no_package_of_development() -> None:
    code = "import sys; from ops.costs import command, workload; workload.items(workload.Workload(files=1)); "
    code += "sys.exit(', '.join(each for each in ('moto', 'pytest', 'bench', 'tests') if each in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_month_is_said_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["costs", "--files", "1e6", "--mean-size", "3MB", "--views", "20e6"]) == 0
    said = capsys.readouterr().out
    for words in ("new files", "views", "a stage that is idle", "all, at list prices", "Cloudinary", "does not do"):
        assert words in said


def test_the_lines_sum_up_to_the_month(capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(capsys, "--files", "1e5", "--kinds", "photo=60,pdf=40", "--views", "1e6", "--gets", "1e5")
    lines, parts = found["lines"], found["activities"]
    assert isinstance(lines, list)
    assert isinstance(parts, dict)
    assert sum(each["cost"] for each in lines) == pytest.approx(found["cost"], abs=0.1)
    assert sum(map(float, parts.values())) == pytest.approx(found["cost"], abs=0.1)


def test_a_million_files_cost_what_the_page_says_of_them() -> None:
    units = workload.activities(Workload(files=1e6))["new files"]
    assert bills.cost(units) == pytest.approx(1e6 * bills.cost(bills.units("photo")))


def test_an_empty_month_costs_an_idle_stage() -> None:
    bill = workload.items(Workload(files=0))
    assert sum(item.cost for item in bill) == pytest.approx(sum(item.cost for item in idle.idle()))


@pytest.mark.parametrize(
    "more",
    [
        {"mean_size": 4e6},
        {"stored": 2e6},
        {"views": 1e6},
        {"views": 1e6, "view_size": 2e5},
        {"views": 1e6, "cache_hits": 0.1},
        {"on_demand": 1e5},
        {"gets": 1e6},
        {"lists": 1e6},
        {"searches": 1e6},
        {"deletes": 1e5},
        {"webhooks": 1},
        {"minutes": 100, "watched": 1000},
    ],
    ids=lambda more: ", ".join(more),
)
def test_more_of_anything_costs_more(more: dict[str, float]) -> None:
    def cost(**values: float) -> float:
        work = Workload(files=1e6, **values)  # type: ignore[arg-type]
        return sum(item.cost for item in workload.items(work))

    less = {name: value for name, value in more.items() if name == "views"} if len(more) > 1 else {}
    assert cost(**more) > cost(**less)


def test_a_flat_rate_plan_takes_the_place_of_what_the_edge_bills() -> None:
    few, many, most = (Workload(files=1e6, views=views) for views in (5e6, 2e7, 1e9))
    rest = sum(item.cost for item in workload.items(few) if item.key not in ("viewed", "sent", "edge"))
    assert workload.with_plan(few) == pytest.approx(15 + rest)
    planned = workload.with_plan(many)
    assert planned is not None
    assert planned > 200
    assert workload.with_plan(most) is None, "no plan has so many requests"


# --- paid services


def of(name: str, month: Month) -> float | None:
    (service,) = (each for each in services.SERVICES if each.name.startswith(name))
    return service.asks(month)


def test_a_plan_is_taken_as_long_as_it_is_large_enough() -> None:
    assert of("Cloudinary", Month(files=1000, derived=9000)) == 0
    assert of("Cloudinary", Month(derived=200_000)) == 99
    assert of("Cloudinary", Month(derived=1_350_000)) == 549
    assert of("Cloudinary", Month(derived=2_700_000)) == pytest.approx(2 * 549)
    assert of("imgix", Month(sent=90, stored_derived=5)) == 25
    assert of("imgix", Month(sent=3570 + 1000)) == pytest.approx(500 + 120)


def test_operations_minutes_and_misses_are_what_others_count() -> None:
    assert of("Uploadcare", Month(files=1000, uploaded=3)) == 166
    assert of("Uploadcare", Month(files=1e6, uploaded=3000, stored=100)) == pytest.approx(166 + 2750 * 0.45)
    assert of("Mux", Month(minutes=1000, watched=100_000)) == pytest.approx(2.4)
    assert of("Dynamic", Month(views=1e7, hits=0.9)) == pytest.approx(43.48 + 10)


def test_services_are_asked_only_for_work_that_they_do() -> None:
    assert of("Mux", Month(files=1, views=1)) is None
    assert of("imgix", Month(minutes=1)) is None


def test_every_fact_has_a_page_and_a_date() -> None:
    for service in services.SERVICES:
        assert service.facts
        for fact in service.facts:
            assert fact.page.startswith("https://")
            assert "20" in fact.copy
            assert fact.sure in ("own", "told")
