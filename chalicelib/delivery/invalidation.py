"""Invalidation: makes CloudFront's edges forget the copies that they keep."""

from __future__ import annotations

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.observability import logger
from chalicelib.settings import settings


def invalidate(paths: list[str], reference: str) -> bool:
    """One CreateInvalidation: the edges forget their copies of `paths`, usually within seconds. A path may end in `*`.

    AWS takes two requests with the same `reference` for one. False if CloudFront takes no more just now: it allows 15
    paths with a wildcard at a time. If the stage's setting `invalidate` is off, this does nothing and returns True.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
    """
    if not settings().invalidate:
        return True
    batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": reference}
    try:
        aws.cloudfront().create_invalidation(
            DistributionId=settings().distribution_id,
            InvalidationBatch=batch,  # type: ignore[arg-type]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in {
            "TooManyInvalidationsInProgress",
            "Throttling",
            "ThrottlingException",
        }:
            raise
        logger.warning("CloudFront takes no invalidation just now", extra={"paths": paths})
        return False
    return True
