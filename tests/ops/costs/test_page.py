"""The pages have the tables that are made of the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import __main__ as ops
from ops.costs import data, page
from ops.errors import OpsError


@pytest.mark.parametrize("path", [*page.PAGES, page.POWER], ids=lambda path: path.name)
def test_each_page_is_up_to_date(path: Path) -> None:
    assert page.pages()[path] == path.read_text(encoding="utf-8"), "run `python -m ops costs --without-counting`"


def test_every_part_stands_on_a_page() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in page.PAGES)
    assert [name for name in page.PARTS if f"<!-- made: {name} -->" not in text] == []


def test_only_the_places_are_written_anew() -> None:
    text = "By hand.\n<!-- made: photo-writes -->old<!-- end -->\nBy hand, too.\n"
    assert page.filled(text, "a.md") == text.replace("old", page.PARTS["photo-writes"]())


@pytest.mark.parametrize("text", ["no place", "<!-- made: unheard-of --> <!-- end -->"])
def test_a_page_without_a_place_or_with_an_unknown_one_is_refused(text: str) -> None:
    with pytest.raises(OpsError, match=r"a\.md"):
        page.filled(text, "a.md")


def test_check_tells_a_page_that_is_not_up_to_date(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "costs.md"
    old.write_text("<!-- made: photo-writes -->old<!-- end -->")
    monkeypatch.setattr(page, "PAGES", (old,))
    assert ops.main(["costs", "--check", "--without-counting"]) == 1
    assert "old" in old.read_text()


def test_damaged_data_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = data.FOLDER / "missing.json"
    monkeypatch.setattr(data, "COUNTED", damaged)
    data.counted.cache_clear()
    try:
        assert ops.main(["costs", "--files", "1"]) == 1
    finally:
        data.counted.cache_clear()
    assert "missing.json is missing" in capsys.readouterr().err
