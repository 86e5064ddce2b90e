"""AWS's errors become a sentence with a remedy, and never a traceback."""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import Any

import pytest
from botocore import exceptions

from chalicelib.settings import NotProvisionedError
from ops import __main__ as ops
from ops.errors import TRACEBACK, OpsError, explain, sentence
from tests.stage import ROOT


def refused(code: str, message: str = "because") -> exceptions.ClientError:
    return exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "CreateChangeSet")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (exceptions.NoCredentialsError(), "aws sso login"),
        (exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), "No AWS credentials"),
        (exceptions.NoRegionError(), "Set AWS_DEFAULT_REGION"),
        (exceptions.ProfileNotFound(profile="x"), "Check AWS_PROFILE"),
        (exceptions.UnauthorizedSSOTokenError(), "Run `aws sso login`"),
        (exceptions.EndpointConnectionError(endpoint_url="http://x"), "AWS_ENDPOINT_URL"),
        (exceptions.ConnectTimeoutError(endpoint_url="http://x"), "AWS_ENDPOINT_URL"),
        (refused("ExpiredToken"), "Sign in again"),
        (refused("AccessDenied"), "You are not allowed to call CreateChangeSet: because"),
        (refused("AccessDenied"), "docs/operations.md#what-an-operator-may-do"),
        (refused("Throttling", "Rate exceeded"), "slow down"),
        (refused("ValidationError", "Template error"), "AWS refused CreateChangeSet (ValidationError): Template error"),
    ],
)
def test_an_aws_error_says_what_went_wrong_and_what_to_do(error: Any, says: str) -> None:
    assert says in sentence(error)


class Command:
    """A command that fails as it is told."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def add_arguments(self, parser: Any) -> None:
        pass

    def main(self, args: Any) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OpsError("a sentence"), 1),
        (NotProvisionedError("a sentence"), 1),
        (refused("AccessDenied", "a sentence"), 1),
        (FileNotFoundError(2, "No such file or directory", "x.json"), 1),
        (PermissionError(13, "Permission denied", ".chalice/config.json"), 1),
        (OSError("the network is down"), 1),
        (SyntaxError("invalid syntax", ("app.py", 3, 1, "def f(:")), 1),
        (ModuleNotFoundError("No module named 'x'", name="x"), 1),
        (KeyError("FILEMILL_TABLE"), 1),
        (AttributeError("'list' object has no attribute 'get'"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_a_command_that_fails_ends_with_one_line(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ops, "import_module", lambda _: Command(error))
    assert ops.main(["doctor"]) == code
    printed = capsys.readouterr().err.strip()
    assert printed.startswith("ops doctor: ")
    assert "\n" not in printed


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(13, "Permission denied", "a.json"), "a.json: Permission denied"),
        (SyntaxError("invalid syntax", ("app.py", 3, 1, "def f(:")), "app.py, line 3: invalid syntax"),
        (ModuleNotFoundError("No module named 'x'", name="x"), "Run `make venv`"),
        (KeyError("a"), "This is a fault of Filemill's, KeyError ('a'), in "),
    ],
)
def test_an_error_that_nobody_raised_on_purpose_says_what_to_do(error: Exception, says: str) -> None:
    assert says in explain(error)


def test_whoever_develops_filemill_can_see_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "import_module", lambda _: Command(KeyError("a")))
    monkeypatch.setenv(TRACEBACK, "1")
    with pytest.raises(KeyError):
        ops.main(["doctor"])


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SyntaxError("invalid syntax", ("chalicelib/model.py", 3, 1, "")), "chalicelib/model.py, line 3"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_an_import_that_fails_is_one_line(
    error: BaseException, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: str) -> None:
        raise error

    monkeypatch.setattr(ops, "import_module", broken)
    assert ops.main(["doctor"])
    assert says in capsys.readouterr().err.strip().splitlines()[-1]


def test_nothing_of_the_application_is_imported_before_the_command_is_known() -> None:
    """So a fault in it is a sentence. The interpreter's own modules can't have one."""
    program = "import sys; import ops.__main__; print([m for m in sys.modules if m.startswith(('chalicelib', 'boto'))])"
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_help_lists_the_commands_without_importing_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ops, "import_module", lambda name: pytest.fail(f"imported {name}"))
    with pytest.raises(SystemExit):
        ops.main(["--help"])
    printed = capsys.readouterr().out
    assert all(command in printed for command in ops.COMMANDS)
    assert ops.main([]) == 0
    assert capsys.readouterr().out == printed


def test_an_unknown_command_is_one_sentence_with_the_way_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["provison", "--stage", "dev"]) == 2
    assert capsys.readouterr().err == (
        "ops: there is no command 'provison'. Did you mean `provision`? Run `python -m ops` to see all commands.\n"
    )
    assert ops.main(["xyz"]) == 2
    assert "Did you mean" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ops.COMMANDS)
def test_every_argument_of_every_command_is_explained(command: str) -> None:
    parser, _ = ops.parser_for(command)
    left = [parser]
    while left:
        for action in left.pop()._actions:
            if isinstance(action, argparse._SubParsersAction):
                left += action.choices.values()
            else:
                assert action.help, action.dest
