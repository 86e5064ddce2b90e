"""The documentation: no link is dead, every page is listed, and its tables name what the code has."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pytest

from chalicelib.api.parsing import Body
from chalicelib.processing.services import SERVICES
from chalicelib.renditions.recipes import Recipe
from chalicelib.settings import PREFIX, Settings
from tests.stage import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("browser/*.md"), *DOCS.rglob("*.md"), *ROOT.glob("bench/results/*.md")])
TEMPLATE = ROOT / ".chalice/resources.yaml"

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def prose(page: Path) -> str:
    """A page without its code, in which brackets are no links and `#` begins no heading."""
    return _CODE.sub("", page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that GitHub makes of a page's headings (one that comes again gets a number), and written-out ones."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found: list[str] = re.findall(r'<a id="([\w-]+)"></a>', text)
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        anchor = re.sub(r"[^\w -]", "", title.strip().lower()).replace(" ", "-")
        again = sum(re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other) is not None for other in found)
        found.append(f"{anchor}-{again}" if again else anchor)
    return frozenset(found)


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """(link, file, anchor) of each link to something in the repository."""
    for link in _LINK.findall(prose(page)):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield link, (page.parent / unquote(path)).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link, target, anchor in links(page):
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


def test_the_index_leads_to_every_page() -> None:
    for folder in (DOCS, DOCS / "decisions"):
        listed = {target for _, target, _ in links(folder / "README.md")}
        assert {page for page in folder.glob("*.md") if page.name != "README.md"} <= listed


def test_pages_that_the_code_names_are_there() -> None:
    files = (path for room in ("chalicelib", "ops", "edge") for path in (ROOT / room).rglob("*"))
    sources = [path for path in files if path.suffix in {".py", ".js", ".sh"}]
    named = {
        found
        for path in [*sources, TEMPLATE, ROOT / "requirements.txt"]
        if "viewer" not in path.parts  # minified, and not ours
        for found in re.findall(r"docs/[\w-]+\.md(?:#[\w-]+)?", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    for name in named:
        path, _, anchor = name.partition("#")
        assert (ROOT / path).exists(), name
        assert not anchor or anchor in anchors(ROOT / path), name


def table(page: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE))


def test_every_setting_with_a_default_is_in_the_reference() -> None:
    wanted = {PREFIX + name.upper() for name, field in Settings.model_fields.items() if not field.is_required()}
    assert table("settings.md", r"^\| `(FILEMILL_\w+)` \|") == wanted


def test_the_reference_has_the_functions_memory_and_timeouts() -> None:
    functions = json.loads((ROOT / ".chalice/config.json").read_text())["lambda_functions"]
    for name, said in functions.items():
        row = f"| `{name}` | {said['lambda_memory_size']} | {said['lambda_timeout']} |"
        assert row in (DOCS / "settings.md").read_text(encoding="utf-8")


def test_the_pages_list_the_alarms_and_metrics_that_there_are() -> None:
    from chalicelib.observability import Metric

    alarms = re.findall(r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm$", TEMPLATE.read_text(), re.MULTILINE)
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert f"There are {len(alarms)} alarms" in page
    rows = page.partition("| Alarm |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(\w+Alarm)`", rows)) == sorted(alarms)
    rows = page.partition("| Metric |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE) == [str(metric) for metric in Metric]


def test_every_field_of_a_recipe_is_explained() -> None:
    section = (DOCS / "images.md").read_text(encoding="utf-8").partition("\n## A recipe of your own\n")[2]
    rows = re.findall(r"^\| (`[^|]+) \|", section.partition("\n## ")[0], re.MULTILINE)
    said = set(re.findall(r"`(\w+)`", "".join(row for row in rows if " of an " not in row)))
    assert said == {field.name for field in dataclasses.fields(Recipe)} - {"name"}


def test_the_bounds_of_bodies_are_those_of_the_models() -> None:
    import_module("chalicelib.api.application")  # and with it every route and its models
    section = (
        (DOCS / "api.md").read_text(encoding="utf-8").partition("\n### Bodies and strings\n")[2].partition("\n#")[0]
    )
    words = {64 * 1024: "64 KiB", 1024**2: "1 MiB"}
    routes = (model for model in Body.__subclasses__() if model.__module__.startswith("chalicelib.api.routes"))
    for bound in {model.MAX_BYTES for model in routes}:
        assert words.get(bound, f"{bound:,} bytes") in section, bound


def test_every_service_is_in_the_settings() -> None:
    [row] = re.findall(r"^\| `FILEMILL_SERVICES` \|.*$", (DOCS / "settings.md").read_text(), re.MULTILINE)
    assert {f"`{service.name}`" for service in SERVICES} <= set(re.findall(r"`\w+`", row))


def test_every_error_on_a_socket_is_explained() -> None:
    from chalicelib.api import documents, parsing, socket_messages
    from chalicelib.api.auth import admission, callers

    section = (DOCS / "events.md").read_text(encoding="utf-8").partition("\n### Errors\n")[2].partition("\n## ")[0]
    said = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE))))
    named = r'(?:Problem|_Refusal|__init__)\("(\w+)"'
    modules = (documents, parsing, socket_messages, admission, callers)
    sources = (Path(str(module.__file__)).read_text() for module in modules)
    assert set(re.findall(named, "".join(sources))) | {"invalid_cursor"} == said


def test_every_error_code_of_a_file_is_explained() -> None:
    from chalicelib.model import ErrorCode

    assert table("errors.md", r"^\| `(\w+)` \| ") == {str(code) for code in ErrorCode}


def test_the_changes_of_a_record_are_the_table_of_transitions() -> None:
    from chalicelib.catalog.transitions import ANY, TRANSITIONS

    section = (DOCS / "reliability.md").read_text(encoding="utf-8").partition("\n## Changes of a record\n")[2]
    rows = [line.split(" | ") for line in section.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    said = [(row[0].removeprefix("| "), _states(row[1]), _states(row[2])) for row in rows[1:]]
    every = tuple(map(str, ANY))
    in_words = {every: ("any",), (): ("no record",)}
    assert said == [
        (each.name, in_words.get(each.source, each.source), each.target or ("the same",)) for each in TRANSITIONS
    ]


def _states(cell: str) -> tuple[str, ...]:
    """The states in a cell, or the words that it has instead."""
    return tuple(re.findall(r"`(\w+)`", cell)) or (cell,)


def test_the_doctors_checks_are_listed_in_their_order() -> None:
    from ops.doctor import CHECKS

    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    section = text.partition("\n## Doctor\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE) == list(CHECKS)
