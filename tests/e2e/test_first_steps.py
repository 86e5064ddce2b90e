"""The commands of README.md and docs/tutorial.md, as a newcomer pastes them: each page in one shell, in order."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from ops.local.stage import LocalStage
from tests.images import jpeg
from tests.stage import ROOT

PAGES = ("README.md", "docs/tutorial.md")
USUAL = "http://localhost:8000"


def snippets(page: str) -> list[str]:
    """The ```sh blocks of the page, which are typed while `make run` runs."""
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(local_stage: LocalStage, tmp_path: Path) -> Path:
    """A folder like the checkout in which `make run` runs, with a photo in it."""
    local_stage.api_key()
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / ".local").symlink_to(local_stage.home)
    (tmp_path / "photo.jpg").write_bytes(jpeg(1600, 1200))
    return tmp_path


def paste(page: str, checkout: Path, front_door: str) -> subprocess.CompletedProcess[str]:
    script = "".join(snippets(page)).replace(USUAL, front_door)
    script = script.replace("\nsleep 2\n", "\nsleep 10\n")  # the index is late where all tests run at once
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FILEMILL_")}
    environment |= {"HOME": str(checkout), "XDG_STATE_HOME": str(checkout), "XDG_CONFIG_HOME": str(checkout)}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES)
def test_each_command_does_what_the_page_says(page: str, checkout: Path, local_stage: LocalStage) -> None:
    assert snippets(page)
    done = paste(page, checkout, local_stage.front_door)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ready" in done.stdout
    if page.startswith("docs"):
        said = re.sub(r"\s", "", done.stdout)
        assert '"tags":["holiday"]' in said, "the list with a filter"
        assert re.search(rf"^{local_stage.front_door}/s/\w+", done.stdout, re.MULTILINE), "the link"
        assert '"code":"not_found"' in said, "it is deleted"
