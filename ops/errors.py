"""What went wrong, as a sentence with its remedy: a person at a terminal never sees a traceback for AWS's answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions


class OpsError(Exception):
    """A sentence for the person at the terminal; the command ends with it and exit code 1."""


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
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


def sentence(error: exceptions.BotoCoreError | exceptions.ClientError) -> str:
    """What an AWS error means for whoever runs `ops`, and what to do about it."""
    if isinstance(error, exceptions.ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        message = error.response.get("Error", {}).get("Message", "") or str(error)
        operation = error.operation_name
        if code in _NOT_SIGNED_IN:
            return (
                f"AWS does not accept these credentials ({code}: {message}). "
                "Sign in again (`aws sso login`, or new keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)."
            )
        if code in _DENIED:
            return (
                f"You may not do {operation}: {message} "
                "Sign in as someone who may, or have docs/operations.md's policy attached."
            )
        if "Throttl" in code or code == "RequestLimitExceeded":
            return f"AWS asks to slow down ({operation}: {message}). Run the same command again; it goes on."
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
        return f"Your sign-in has ended: {error}. Run `aws sso login`."
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return (
            f"AWS can't be reached: {error}. Check the network, the region's name, and AWS_ENDPOINT_URL if it is set."
        )
    return f"The AWS client gave up: {error}"


@contextmanager
def as_sentences() -> Iterator[None]:
    """Turns AWS errors raised inside into OpsError."""
    try:
        yield
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise OpsError(sentence(error)) from error
