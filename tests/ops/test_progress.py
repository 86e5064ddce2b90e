from __future__ import annotations

import io
import sys

import pytest

from ops.errors import OpsError
from ops.progress import confirm_name


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_stages_name_goes_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("dev\n"))
    confirm_name("All of it goes.", "dev", yes=False)
    assert "All of it goes." in capsys.readouterr().out


@pytest.mark.parametrize("typed", ["", "y\n", "prod\n", "\n"])
def test_anything_else_does_not(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    with pytest.raises(OpsError, match="nothing was done"):
        confirm_name("All of it goes.", "dev", yes=False)


def test_without_a_terminal_it_says_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("dev\n"))
    with pytest.raises(OpsError, match="--yes"):
        confirm_name("All of it goes.", "dev", yes=False)
    confirm_name("All of it goes.", "dev", yes=True)
