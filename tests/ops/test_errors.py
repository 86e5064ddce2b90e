"""AWS's errors become a sentence with a remedy, and never a traceback."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from botocore import exceptions

from chalicelib.settings import NotProvisionedError
from ops import __main__ as ops
from ops.errors import OpsError, sentence


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
