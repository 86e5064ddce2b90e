"""Turns AWS's errors into sentences that say what to do, so that nobody at a terminal has to read a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions


class OpsError(Exception):
    """A sentence for the person at the terminal. The command prints it and ends with exit code 1."""


_NOT_SIGNED_IN = frozenset(
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
        if code in _NOT_SIGNED_IN:
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
