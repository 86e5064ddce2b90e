"""Turns errors into sentences that say what to do, so that nobody at a terminal has to read a traceback."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from botocore import exceptions

TRACEBACK = "OPS_TRACEBACK"  # environment variable: 1 shows tracebacks, for whoever develops Filemill


class OpsError(Exception):
    """A sentence for the person at the terminal. The command prints it and ends with exit code 1."""


NOT_SIGNED_IN = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})


def sentence(error: exceptions.BotoCoreError | exceptions.ClientError) -> str:
    """The meaning of an AWS error for the person who runs `ops`, and what they can do."""
    if isinstance(error, exceptions.ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        message = error.response.get("Error", {}).get("Message", "") or str(error)
        operation = error.operation_name
        if code in NOT_SIGNED_IN:
            return (
                f"AWS does not accept these credentials ({code}: {message}). "
                "Sign in again (`aws sso login`, or new keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)."
            )
        if code in DENIED:
            return (
                f"You are not allowed to call {operation}: {message} "
                "Sign in as someone who is, or ask for the permissions that you need "
                "(docs/operations.md#what-an-operator-may-do)."
            )
        if "Throttl" in code or code == "RequestLimitExceeded":
            return f"AWS asks to slow down ({operation}: {message}). Run the same command again; it will continue."
        return f"AWS refused {operation} ({code}): {message}"
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return (
            "No AWS credentials found. Sign in (`aws sso login`, `aws configure`), set AWS_PROFILE, or set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if isinstance(error, exceptions.NoRegionError):
        return "No AWS region is set. Set AWS_DEFAULT_REGION, for example `export AWS_DEFAULT_REGION=eu-west-1`."
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{error}. Check AWS_PROFILE against `aws configure list-profiles`."
    if isinstance(error, exceptions.SSOError | exceptions.TokenRetrievalError):
        return f"Your sign-in has expired: {error}. Run `aws sso login`."
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return (
            f"AWS can't be reached: {error}. Check the network, the region's name, and AWS_ENDPOINT_URL if you set it."
        )
    return f"The AWS client failed: {error}"


@contextmanager
def as_sentences() -> Iterator[None]:
    """Turns AWS errors that are raised inside it into OpsError."""
    try:
        yield
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise OpsError(sentence(error)) from error


def explain(error: Exception) -> str:
    """The sentence about any error that ends a command. One that nobody has foreseen is named with its place."""
    match error:
        case OpsError():
            return str(error)
        case exceptions.BotoCoreError() | exceptions.ClientError():
            return sentence(error)
        case SyntaxError():
            return syntax_sentence(error)
        case ModuleNotFoundError():
            return f"The Python package {error.name} is not installed here. Run `make venv`, and use .venv/bin/python."
        case OSError(strerror=str(why)) if error.filename:
            return f"{error.filename}: {why}. Check the path and your permissions, then run this again."
        case OSError():
            return f"The system or the network refused: {error}. Mend that, then run this again."
    if type(error).__name__ == "NotProvisionedError":  # its module may be what can't be imported
        return str(error)
    return (
        f"This is a fault of Filemill's, {type(error).__name__} ({error}), in {_place(error)}. "
        f"Run the command again with {TRACEBACK}=1 to see the whole traceback, and report it."
    )


def syntax_sentence(error: SyntaxError, name: str | None = None) -> str:
    """The file and line of a syntax error. `name` is the file's, if the error does not tell it."""
    file = Path(error.filename or name or "a source file")
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    line = f", line {error.lineno}" if error.lineno else ""
    return f"{shown}{line}: {error.msg}. Correct this, then run the same command again."


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else "an unknown place"
