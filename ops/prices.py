"""AWS's list prices: one table, in US dollars, for us-east-1, without free units. docs/costs.md shows it.

They differ by region, so an estimate is for the size of a bill and not for its cents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# When the pages were looked up, in stored copies.
DATE = "November 2026"

_API = "https://aws.amazon.com/api-gateway/pricing/"
_CDN = "https://aws.amazon.com/cloudfront/pricing/"
_CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
_DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_EVENTS = "https://aws.amazon.com/eventbridge/pricing/"
_KMS = "https://aws.amazon.com/kms/pricing/"
_LAMBDA = "https://aws.amazon.com/lambda/pricing/"
_S3 = "https://aws.amazon.com/s3/pricing/"
_SQS = "https://aws.amazon.com/sqs/pricing/"

MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """`amount` for one `unit`, said as `said`. `free` units of each account a month."""

    unit: str
    amount: float
    said: str
    source: str
    free: float = 0


PRICES: Mapping[str, Price] = {
    "run": Price("run of Lambda", 2e-7, "$0.20 a million", _LAMBDA, free=MILLION),
    "gb_second": Price("GB-second of Lambda (arm64)", 1.33334e-5, "$13.33 a million", _LAMBDA, free=400_000),
    "provisioned": Price("GB-second of provisioned concurrency (arm64)", 3.3334e-6, "$3.33 a million", _LAMBDA),
    "snapshot": Price("GB-second of a cached snapshot (SnapStart)", 1.5046e-6, "$1.50 a million", _LAMBDA),
    "restored": Price("GB restored from a snapshot (SnapStart)", 1.397998e-4, "$0.14 a thousand", _LAMBDA),
    "write": Price("write unit of DynamoDB", 6.25e-7, "$0.625 a million", _DYNAMODB),
    "read": Price("read unit of DynamoDB", 1.25e-7, "$0.125 a million", _DYNAMODB),
    "table_month": Price("GB of the table and its indexes for a month", 0.25, "$0.25", _DYNAMODB, free=25),
    "recovery_month": Price("GB of the table's recovery for a month", 0.20, "$0.20", _DYNAMODB),
    "put": Price("PUT, COPY, POST or LIST of S3", 5e-6, "$0.005 a thousand", _S3),
    "get": Price("GET or other read of S3", 4e-7, "$0.0004 a thousand", _S3),
    "stored_month": Price("GB in S3 for a month (Standard)", 0.023, "$0.023", _S3),
    "gb_to_region": Price("GB from S3 to another region", 0.02, "$0.02", _S3),
    "queued": Price("request to SQS", 4e-7, "$0.40 a million", _SQS, free=MILLION),
    "event": Price("event on the bus", 1e-6, "$1.00 a million", _EVENTS),
    "request": Price("request to the HTTP API", 3.5e-6, "$3.50 a million", _API),
    "socket_message": Price("message of a socket", 1e-6, "$1.00 a million", _API),
    "socket_minute": Price("minute of a socket", 2.5e-7, "$0.25 a million", _API),
    "viewed": Price("request to CloudFront (HTTPS, North America and Europe)", 1e-6, "$1.00 a million", _CDN, free=1e7),
    "sent": Price("GB from CloudFront (North America and Europe)", 0.085, "$0.085", _CDN, free=1000),
    "edge": Price("run of a CloudFront function", 1e-7, "$0.10 a million", _CDN, free=2e6),
    "forgotten": Price("path that CloudFront is to forget", 0.005, "$0.005", _CDN, free=1000),
    "alarm": Price("metric in an alarm for a month", 0.10, "$0.10", _CLOUDWATCH, free=10),
    "metric": Price("metric of our own for a month", 0.30, "$0.30", _CLOUDWATCH, free=10),
    "dashboard": Price("dashboard for a month", 3.00, "$3", _CLOUDWATCH, free=3),
    "logged": Price("GB of logs", 0.50, "$0.50", _CLOUDWATCH, free=5),
    "key": Price("KMS key for a month", 1.00, "$1", _KMS),
    "key_request": Price("request to KMS", 3e-6, "$0.03 for 10,000", _KMS, free=20_000),
}


def _amount(name: str) -> float:
    return PRICES[name].amount


GB_SECOND, RUN = _amount("gb_second"), _amount("run")
GET, PUT, GB_MONTH, GB_TO_REGION = _amount("get"), _amount("put"), _amount("stored_month"), _amount("gb_to_region")
MESSAGE = _amount("queued")
WRITE, READ = _amount("write"), _amount("read")

# GB that the functions `process` and `media` have.
FUNCTION_GB = 1769 / 1024


def dollars(amount: float) -> str:
    return f"About ${amount:,.2f}" if amount >= 0.01 else "Less than a cent"


def table() -> str:
    """The prices as a table in Markdown."""
    lines = ["| Unit | Price | Free units of an account a month | Page |", "|---|--:|--:|---|"]
    for price in PRICES.values():
        free = f"{price.free:,.0f}" if price.free else "none"
        page = price.source.removeprefix("https://aws.amazon.com/").strip("/")
        lines.append(f"| {price.unit} | {price.said} | {free} | [{page}]({price.source}) |")
    return "\n".join(lines)
