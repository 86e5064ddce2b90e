"""AWS clients. Each is made when it is first used, and kept for the life of the process.

They come from botocore. boto3 gives the same clients; it adds only resources, which nobody here uses.
"""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
)
from botocore.session import Session

from chalicelib import lean
from chalicelib.table_calls import AnswersAsJson, shorten

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

# A call that hangs must fail while the function still has time to report it. Seconds.
_BOUNDS: dict[str, Any] = {
    "connect_timeout": 3,
    "read_timeout": 20,
    "retries": {"mode": "standard", "max_attempts": 4},
    "user_agent": lean.USER_AGENT,
}


def may_be_done(error: BaseException) -> bool:
    """True if AWS may have carried out a call that failed with this.

    It may if AWS answered 5xx or not at all. If the request was sent several times, an earlier one may have been
    carried out, whatever was answered to the last one.
    """
    if isinstance(error, ClientError):
        told = error.response.get("ResponseMetadata", {})
        # This transaction goes on, in DynamoDB's words.
        going_on = error.response["Error"]["Code"] == "TransactionInProgressException"
        broken = told.get("HTTPStatusCode", 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
        return going_on or broken or told.get("RetryAttempts", 0) > 0
    return isinstance(error, HTTPClientError)


# AWS's error codes for "not now".
_BUSY = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)


def is_busy(error: BaseException) -> bool:
    """True if a call failed because AWS has no time for it, or can't be reached: a later try may succeed.

    False for a call that no try can mend. botocore itself refuses such calls, for a parameter (ParamValidationError) or
    a header (ValueError, inside HTTPClientError) that can't be sent.
    """
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return not code or code in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if type(error) is HTTPClientError:  # botocore knows no more of it than that it came while sending
        return not isinstance(error.kwargs.get("error"), ValueError | TypeError)
    return isinstance(error, HTTPClientError | ConnectionError | IncompleteReadError)


@cache
def _session() -> Session:
    session = Session()
    session.register_component("response_parser_factory", AnswersAsJson())
    return lean.with_quick_dates(session)


def credentials() -> ReadOnlyCredentials:
    """The credentials of this process as they are now. Raises NoCredentialsError."""
    found = _session().get_credentials()
    if found is None:
        raise NoCredentialsError
    return found.get_frozen_credentials()


@cache
def s3() -> S3Client:
    # Without the first two settings, a presigned address outside us-east-1 is signed with V2 for the global endpoint,
    # and the redirect from there breaks CORS (boto/boto3#421, #3015). Without the next two, botocore adds checksums of
    # its own choice to uploads that clients will send.
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        max_pool_connections=16,
        **_BOUNDS,
    )
    return cast("S3Client", lean.lean(_session().create_client("s3", config=config)))


@cache
def events() -> EventBridgeClient:
    return cast("EventBridgeClient", _session().create_client("events", config=Config(**_BOUNDS)))


@cache
def dynamodb() -> DynamoDBClient:
    client = _session().create_client("dynamodb", config=Config(**_BOUNDS))
    shorten(client, credentials)
    return cast("DynamoDBClient", client)


@cache
def sqs() -> SQSClient:
    return cast("SQSClient", lean.lean(_session().create_client("sqs", config=Config(**_BOUNDS))))


@cache
def cloudfront() -> CloudFrontClient:
    return cast("CloudFrontClient", _session().create_client("cloudfront", config=Config(**_BOUNDS)))


@cache
def connections(endpoint: str) -> ApiGatewayManagementApiClient:
    """The clients of a WebSocket API, at its own address. A post that hangs must not hold up those to others."""
    config = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1}, max_pool_connections=32)
    return cast(
        "ApiGatewayManagementApiClient",
        _session().create_client("apigatewaymanagementapi", endpoint_url=endpoint, config=config),
    )


@cache
def ssm() -> SSMClient:
    return cast("SSMClient", _session().create_client("ssm", config=Config(**_BOUNDS)))


@cache
def guardduty() -> Any:
    return _session().create_client("guardduty", config=Config(**_BOUNDS))


@cache
def functions() -> Any:
    # A synchronous call is answered when the function ends. It is not retried, because that would do the work twice.
    config = Config(connect_timeout=3, read_timeout=24, retries={"total_max_attempts": 1})
    return _session().create_client("lambda", config=config)


@cache
def mediaconvert() -> Any:
    """The regional endpoint. AWS says that accounts need no endpoint of their own any more:
    https://docs.aws.amazon.com/mediaconvert/latest/apireference/endpoints.html"""
    return _session().create_client("mediaconvert", config=Config(**_BOUNDS))


@cache
def rekognition() -> Any:
    return _session().create_client("rekognition", config=Config(**_BOUNDS))
