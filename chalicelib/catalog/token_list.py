"""The upload tokens of a tenant, the newest first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from chalicelib import aws
from chalicelib.catalog.dynamodb import batch_get
from chalicelib.catalog.keys import token_key, token_list_partition
from chalicelib.model import UploadToken, now
from chalicelib.settings import settings

# Shards that are read at the same time.
AT_ONCE = 16


@dataclass(frozen=True)
class TokenPage:
    """Tokens that work, the newest first. `cursor` is where the next page begins; None at the end."""

    tokens: list[UploadToken]
    cursor: str | None


def page(tenant: str, limit: int, after: str | None) -> TokenPage:
    """A page of a tenant's upload tokens: a Query for each index shard, and a BatchGetItem. Strongly consistent.

    `limit` is at most 100. Tokens that ended, or that a former release made, are left out.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(partial(_places, tenant, limit, after), range(settings().list_shards)))
    places = sorted((place for some in found for place in some), reverse=True)
    chosen = places[:limit]
    ids = [place.rpartition("#")[2] for place in chosen]
    tokens = {values["id"]: values for values in batch_get((token_key(each) for each in ids), consistent=True)}
    known = [UploadToken.model_validate(tokens[each]) for each in ids if each in tokens]
    moment = now()
    working = [token for token in known if not token.revoked_at and token.expires_at > moment]
    is_last = len(chosen) < limit and all(len(some) < limit for some in found)
    return TokenPage(working, None if is_last or not chosen else chosen[-1])


def _places(tenant: str, limit: int, after: str | None, shard: int) -> list[str]:
    """The sort keys of the newest `limit` tokens of a shard before `after`."""
    before = {":after": {"S": after}} if after else {}
    reply = aws.dynamodb().query(
        TableName=settings().table,
        KeyConditionExpression="pk = :pk" + (" AND sk < :after" if after else ""),
        ExpressionAttributeValues={":pk": {"S": token_list_partition(tenant, shard)}, **before},
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=limit,
    )
    return [item["sk"]["S"] for item in reply["Items"]]
