"""Share links: whoever has one sees a page about one file, until a time, as often as its maker allows.

A link's token is the file's id without its prefix, a place, and a secret of 192 random bits. A file has MAX_SHARES
places. The item of a place has the SHA-256 of the token, so that nobody can make links of what the table has. A place
is free when there is no item, or when the time of its link is over.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import aws
from chalicelib.catalog import actors
from chalicelib.catalog.dynamodb import ConditionFailedError, get_item, is_refused, items_of, typed, update
from chalicelib.catalog.keys import share_id, share_key, share_partition
from chalicelib.model import now, timestamp
from chalicelib.settings import settings

# Links that a file may have at the same time.
MAX_SHARES = 20

# Wrong passwords that a link takes in an hour of the clock. Then nobody opens it until the next hour begins.
MAX_WRONG = 10
HOUR = 3600

# scrypt (RFC 7914): 16 MiB and some 50 ms of CPU for a check.
# https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt
_COST = {"n": 2**14, "r": 8, "p": 1, "maxmem": 32 * 1024**2, "dklen": 32}

_TOKEN = re.compile(r"([0-9A-HJKMNP-TV-Z]{26})([0-9]{2})[A-Za-z0-9_-]{32}")
_ID = re.compile(r"shr_([0-9]{2})[0-9a-f]{16}")


class TooManySharesError(Exception):
    """The file has as many links as it may."""


@dataclass(frozen=True)
class Share:
    """A link, as the table has it.

    `public` is true if the file was public when the link was made. `password` is the salt and the hash of the password,
    in hex, if it has one. `wrong` counts tries of the password in the hour `wrong_hour`.
    """

    file_id: str
    place: int
    tenant: str
    hash: str
    created_at: datetime
    expires_at: datetime
    download: bool
    public: bool
    password: str | None = None
    max_views: int | None = None
    views: int = 0
    wrong: int = 0
    wrong_hour: int = 0

    @property
    def id(self) -> str:
        return share_id(f"{self.place:02}", self.hash)

    @property
    def is_over(self) -> bool:
        """True if its time is over, or it was seen as often as it may be."""
        return self.expires_at <= now() or (self.max_views is not None and self.views >= self.max_views)

    @property
    def is_locked(self) -> bool:
        """True if it takes no password in this hour."""
        return self.wrong >= MAX_WRONG and self.wrong_hour == this_hour()


def _seconds() -> int:
    """The present moment in Unix seconds."""
    return int(now().timestamp())


def this_hour() -> int:
    return _seconds() // HOUR


def seconds_to_next_hour() -> int:
    return HOUR - _seconds() % HOUR


def _share(values: Mapping[str, Any]) -> Share:
    return Share(
        file_id=values["pk"].removeprefix("SHARES#"),
        place=int(values["sk"]),
        tenant=values["tenant"],
        hash=values["hash"],
        created_at=datetime.fromisoformat(values["created_at"]),
        expires_at=datetime.fromtimestamp(values["expires"], UTC),
        download=values["download"],
        public=values["public"],
        password=values.get("password"),
        max_views=values.get("max_views"),
        views=values.get("views", 0),
        wrong=values.get("wrong", 0),
        wrong_hour=values.get("wrong_hour", 0),
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def hidden(password: str) -> str:
    """A password as the table keeps it: a salt and its scrypt, in hex."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **_COST).hex()}"


def opens(password: str, kept: str) -> bool:
    """True if it is the password of which the table keeps this."""
    salt, _, right = kept.partition("$")
    made = hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=bytes.fromhex(salt), **_COST)
    return hmac.compare_digest(made.hex(), right)


def create(
    tenant: str,
    file_id: str,
    *,
    expires_at: datetime,
    download: bool,
    public: bool,
    password: str | None = None,
    max_views: int | None = None,
) -> tuple[Share, str]:
    """A new link and its token, which is stored nowhere. Raises TooManySharesError.

    One Query, strongly consistent, and one UpdateItem; more where others take the same places.
    """
    taken = {share.place for share in of_file(file_id) if share.expires_at > now()}
    free = [place for place in range(MAX_SHARES) if place not in taken]
    random.shuffle(free)
    expires = int(expires_at.timestamp())
    values: dict[str, Any] = {
        "tenant": tenant,
        "created_at": timestamp(now()),
        "created_by": actors.present().model_dump(mode="json"),
        "changed_by": actors.noted(),
        "expires": expires,
        "download": download,
        "public": public,
        "views": 0,
        "ttl": expires + 86400,
    }
    values |= {"password": hidden(password)} if password is not None else {}
    values |= {"max_views": max_views} if max_views is not None else {}
    optional = [name for name in ("password", "max_views", "wrong", "wrong_hour") if name not in values]
    for place in free:
        token = f"{file_id.removeprefix('file_')}{place:02}{secrets.token_urlsafe(24)}"
        try:
            written = update(
                share_key(file_id, place),
                values={**values, "hash": _hash(token)},
                remove=optional,
                condition="attribute_not_exists(pk) OR expires <= :now",
                using={":now": _seconds()},
                mark="hash",
            )
        except ConditionFailedError:
            continue
        return _share(written), token
    raise TooManySharesError


def of_file(file_id: str) -> list[Share]:
    """A file's links, also those that are over: one Query, strongly consistent."""
    return [_share(values) for values in items_of(share_partition(file_id))]


def find(token: str) -> Share | None:
    """The link with this token: one GetItem, strongly consistent. None for a token that never was, or is revoked."""
    match = _TOKEN.fullmatch(token)
    if match is None or int(match[2]) >= MAX_SHARES:
        return None
    values = get_item(share_key(f"file_{match[1]}", int(match[2])))
    share = _share(values) if values else None
    return share if share and hmac.compare_digest(share.hash, _hash(token)) else None


def revoke(file_id: str, name: str) -> bool:
    """Revokes a link; False if the file has none of this id.

    An UpdateItem notes who revokes it, because a deleted item has no place for that, and a DeleteItem follows.
    """
    match = _ID.fullmatch(name)
    if match is None or int(match[1]) >= MAX_SHARES:
        return False
    key, condition, using = share_key(file_id, int(match[1])), "begins_with(#hash, :hash)", {":hash": name[6:]}
    note = {"changed_by": actors.noted(ends=True)}
    try:
        update(key, values=note, condition=condition, using=using, returning="NONE")
        aws.dynamodb().delete_item(
            TableName=settings().table,
            Key=typed(key),
            ConditionExpression=condition,
            ExpressionAttributeNames={"#hash": "hash"},
            ExpressionAttributeValues=typed(using),
        )
    except ConditionFailedError:
        return False
    except ClientError as error:
        if not is_refused(error):
            raise
        return False
    return True


def forget(file_id: str) -> None:
    """Deletes all links of a file that is deleted: one Query, and a DeleteItem for each."""
    for values in items_of(share_partition(file_id)):
        aws.dynamodb().delete_item(TableName=settings().table, Key=typed({"pk": values["pk"], "sk": values["sk"]}))


def count_view(share: Share, *, try_back: bool = False) -> bool:
    """Counts a view of the page; False if the link has ended meanwhile. One UpdateItem.

    With `try_back`, a try of the password that turned out to be right is taken back in the same write.
    """
    try:
        update(
            share_key(share.file_id, share.place),
            values={},
            add={"views": 1, **({"wrong": -1} if try_back else {})},
            condition="#hash = :hash AND expires > :now AND (attribute_not_exists(max_views) OR #views < max_views)",
            using={":hash": share.hash, ":now": _seconds()},
            returning="NONE",
        )
    except ConditionFailedError:
        return False
    return True


def may_try(share: Share) -> bool:
    """Counts a try of the password before it is compared; False if the link takes none in this hour.

    So many tries at once are no more than one after the other. One UpdateItem, two for the first try in an hour.
    """
    hour = this_hour()
    if share.is_locked:
        return False
    key, using = share_key(share.file_id, share.place), {":hash": share.hash, ":hour": hour}
    again = "#hash = :hash AND wrong_hour = :hour AND wrong < :most"
    first = "#hash = :hash AND (attribute_not_exists(wrong_hour) OR wrong_hour < :hour)"
    if share.wrong_hour != hour:
        try:
            update(key, values={"wrong": 1, "wrong_hour": hour}, condition=first, using=using, returning="NONE")
        except ConditionFailedError:
            pass  # another one was the first
        else:
            return True
    try:
        update(key, values={}, add={"wrong": 1}, condition=again, using={**using, ":most": MAX_WRONG}, returning="NONE")
    except ConditionFailedError:
        return False
    return True
