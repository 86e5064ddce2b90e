"""Fixtures of the command's tests: a service in memory, folders of its own, and a way to run a command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from fake_filemill import KEY, URL, FakeFilemill

from cli.runner import Ran, Run
from filemill.cli.app import cli
from filemill.cli.run import said
from filemill.cli.session import Session


@pytest.fixture
def service(fake: FakeFilemill) -> FakeFilemill:
    """The Filemill in memory that the command talks to."""
    return fake


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without a login."""
    for name in ("FILEMILL_URL", "FILEMILL_KEY", "FILEMILL_PROFILE", "FILEMILL_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home/config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home/state"))
    return tmp_path / "home"


@pytest.fixture
def signed_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILEMILL_URL", URL)
    monkeypatch.setenv("FILEMILL_KEY", KEY)


@pytest.fixture
def run(home: Path, service: FakeFilemill) -> Iterator[Run]:
    """Runs a command line against the service in memory."""

    def called(*args: str, input: str | bytes | None = None, terminal: bool = False) -> Ran:
        session = Session(service.transport(), terminal)
        runner = CliRunner()

        @click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
        @click.argument("rest", nargs=-1, type=click.UNPROCESSED)
        def shell(rest: tuple[str, ...]) -> None:
            try:
                code: Any = cli.main(list(rest), prog_name="filemill", standalone_mode=False, obj=session)
            except BaseException as error:
                code = said(error)
            raise SystemExit(code if isinstance(code, int) else 0)

        answer = runner.invoke(shell, list(args), input=input)
        return Ran(answer.exit_code, answer.stdout, answer.stderr)

    yield called
