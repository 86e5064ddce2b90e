"""The examples' files, without a stage: the part of the page is the same in each, and each says how it is run."""

from __future__ import annotations

import re

import pytest

from tests.stage import ROOT

EXAMPLES = ROOT / "examples"
BACK_ENDS = {"fastapi": "static/upload.js", "django": "gallery/static/gallery/upload.js", "node": "upload.js"}


def test_the_pages_part_is_the_same_in_each_back_end() -> None:
    texts = {(EXAMPLES / folder / path).read_text(encoding="utf-8") for folder, path in BACK_ENDS.items()}
    assert len(texts) == 1


@pytest.mark.parametrize("folder", [*BACK_ENDS, "web-page"])
def test_each_example_is_listed_and_says_how_to_run_it(folder: str) -> None:
    assert f"]({folder})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
    readme = (EXAMPLES / folder / "README.md").read_text(encoding="utf-8")
    assert "```sh" in readme


@pytest.mark.parametrize("folder", BACK_ENDS)
def test_each_back_end_keeps_the_key_from_the_browser(folder: str) -> None:
    for path in (EXAMPLES / folder).rglob("*"):
        if path.suffix in (".js", ".html"):
            assert not re.search("FILEMILL_KEY|WEBHOOK_SECRET|fm_", path.read_text(encoding="utf-8")), path


def test_the_guide_has_the_lines_of_the_example() -> None:
    guide = (ROOT / "docs/upload-from-a-backend.md").read_text(encoding="utf-8")
    source = " ".join((EXAMPLES / "fastapi/app.py").read_text(encoding="utf-8").split())
    shown = re.findall(r"^   ```python\n(.*?)^   ```", guide, re.MULTILINE | re.DOTALL)
    assert len(shown) == 2
    for snippet in shown:
        assert " ".join(snippet.split()) in source
