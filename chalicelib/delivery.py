"""CDN addresses, their signatures, and their end."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

from botocore.exceptions import ClientError
from botocore.signers import CloudFrontSigner

from chalicelib import aws, keyring
from chalicelib.model import File, Rendition, Visibility, rendition_key, rendition_prefix
from chalicelib.observability import logger
from chalicelib.settings import settings


def rendition_urls(file: File) -> list[tuple[Rendition, str]]:
    """Each rendition with its address below the front door; a private file's addresses are signed.

    One signature covers all renditions of a file, and stays the same within a window of `url_expiry` seconds, so that
    a page that is loaded twice finds its pictures in the browser's cache. It is good for one to two such windows.
    """
    if not file.renditions or not file.source_version:
        return []
    front_door = settings().front_door
    query = ""
    if file.visibility is Visibility.PRIVATE:
        window = settings().url_expiry
        expires = (int(time.time()) // window + 2) * window
        query = "?" + grant(f"{front_door}/{rendition_prefix(file.visibility, file.id, file.source_version)}*", expires)
    return [
        (r, f"{front_door}/{rendition_key(file.visibility, file.id, file.source_version, r)}{query}")
        for r in file.renditions
    ]


@lru_cache(maxsize=1024)
def grant(resource: str, expires: int) -> str:
    """Query parameters that let a viewer fetch what the resource pattern covers until `expires` (Unix seconds).

    A custom policy: only that kind may hold a wildcard.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
    """
    signer = _signer(keyring.cdn_key())
    policy = signer.build_policy(resource, datetime.fromtimestamp(expires, UTC))
    signed: str = signer.generate_presigned_url(resource, policy=policy)
    return signed.rpartition("?")[2]


def invalidate(path: str, reference: str) -> bool:
    """One CreateInvalidation: the edges forget what they keep of a path, which may end in `*`, usually in seconds.

    `reference` makes a repeated request the same one. False when CloudFront takes no more just now: it allows 15 paths
    with a wildcard at a time. Nothing is asked where the stage says so.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
    """
    if not settings().invalidate:
        return True
    batch = {"Paths": {"Quantity": 1, "Items": [path]}, "CallerReference": reference}
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
        logger.warning("CloudFront takes no invalidation just now", extra={"path": path})
        return False
    return True


@lru_cache(maxsize=1)
def _signer(signing: keyring.CdnKey) -> CloudFrontSigner:
    # Imported here: it costs a cold start tens of milliseconds, and only private files need it.
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(signing.pem, password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the stage's CDN signing key is not an RSA key: run `python -m ops provision` again")
    # CloudFront's signatures are RSA with SHA-1; the algorithm is theirs to choose.
    return CloudFrontSigner(signing.id, lambda message: key.sign(message, PKCS1v15(), SHA1()))  # noqa: S303
