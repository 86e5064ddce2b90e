"""AWS's list prices that estimates use: US dollars, us-east-1, November 2026, without free tiers.

They differ by region, so an estimate is for the size of a bill and not for its cents.
"""

from __future__ import annotations

# A GB-second (arm64) and a run of Lambda: https://aws.amazon.com/lambda/pricing/
GB_SECOND, RUN = 1.33334e-5, 2e-7
# A GET, HEAD or other read of S3, a PUT, COPY or LIST, a GB stored for a month (Standard), and a GB that goes to
# another region: https://aws.amazon.com/s3/pricing/
GET, PUT, GB_MONTH, GB_TO_REGION = 4e-7, 5e-6, 0.023, 0.02
# A request of SQS: https://aws.amazon.com/sqs/pricing/
MESSAGE = 4e-7
# A write unit and a read unit of DynamoDB: https://aws.amazon.com/dynamodb/pricing/on-demand/
WRITE, READ = 6.25e-7, 1.25e-7

# GB that the functions `process` and `media` have.
FUNCTION_GB = 1769 / 1024


def dollars(amount: float) -> str:
    return f"About ${amount:,.2f}" if amount >= 0.01 else "Less than a cent"
