"""The table and the pages of real files: nothing that a file is called changes them."""

from __future__ import annotations

from typing import Any

from bench.real_files import report
from bench.real_files.uploads import Outcome

WEBP = {"name": "w320", "format": "webp", "width": 320, "height": 200, "url": "http://localhost/w320.webp"}
TEXT = {"name": "text", "format": "txt", "width": None, "height": None, "url": "http://localhost/text.txt"}


def outcome(name: str, kind: str | None = "pdf", **record: Any) -> Outcome:
    whole = {"kind": kind, "status": "ready", "content_type": "a/b", "error": None, "renditions": [], **record}
    return {"source": "some-package", "name": name, "declared": "a/b", "record": whole, "faults": []}


OUTCOMES = [
    outcome("<b>|a.pdf", pdf={"pages": 3, "title": "<script>", "sizes": [[1, 2]]}, renditions=[WEBP, TEXT]),
    outcome("b.pdf", renditions=[WEBP, TEXT]),
    outcome("c.docx", "document", warnings=[{"code": "no_preview", "message": ""}]),
    outcome("d.zip", None, status="failed", error={"code": "corrupt", "message": "It is damaged."}),
    {"source": "x", "name": "e", "declared": "a/b", "record": None, "refused": {"code": "too_large"}, "faults": []},
]


def test_the_table_counts_by_kind_and_groups_files_by_outcome() -> None:
    lines = report.table(OUTCOMES).splitlines()
    assert "| pdf | 2 | 2 | 0 | 2 | 0 |" in lines
    assert "| document | 1 | 1 | 0 | 0 | 1 |" in lines
    assert "| none | 2 | 0 | 2 | 0 | 0 |" in lines
    assert "| pdf | pictures, text.txt | some-package: ?b??a.pdf, b.pdf |" in lines
    assert "| document | stored; no_preview | some-package: c.docx |" in lines
    assert "| none | corrupt | some-package: d.zip |" in lines
    assert "| none | refused: too_large | x: e |" in lines


def test_the_sheet_has_a_card_for_each_file_and_no_markup_of_theirs() -> None:
    page = report.sheet(OUTCOMES)
    assert page.count("<figure>") == len(OUTCOMES)
    assert "pages: 3, title: &lt;script&gt;" in page
    assert "corrupt: It is damaged." in page
    assert "<script" not in page
    assert "<b>|a" not in page


def test_the_pictures_are_those_that_were_made() -> None:
    assert report.pictures(OUTCOMES).count("<img") == 2
