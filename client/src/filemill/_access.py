"""Requests about who may do what: share links, API keys, upload tokens, and who did what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from filemill._api import segment
from filemill._effects import Flow
from filemill._files import FileRef, _given, path_of
from filemill._resource import Resource
from filemill.models import HistoryEntry, Key, Page, Share, UploadToken


def create_share(
    self: Resource,
    file: FileRef,
    *,
    expires_in: int | None = None,
    password: str | None = None,
    max_views: int | None = None,
    download: bool | None = None,
) -> Flow[Share]:
    """Makes a link to a page about a file, for people without a key. `url` is only in this answer.

    expires_in: 60 seconds to 30 days, by default 7 days. password: 4 to 128 characters. download=False: the page offers
    none.

    >>> client.shares.create(file.id, expires_in=3600, password="sesame", max_views=10).url
    'https://files.example.com/s/shr_1'
    """
    body = _given(expires_in=expires_in, password=password, max_views=max_views, download=download)
    return Share((yield from self._api.json("POST", f"{path_of(file)}/shares", body=body)))


def list_shares(self: Resource, file: FileRef) -> Flow[list[Share]]:
    """A file's links that have not ended, without their addresses.

    >>> [share.views for share in client.shares.list(file.id)]
    [3]
    """
    found = yield from self._api.json("GET", f"{path_of(file)}/shares")
    return [Share(each) for each in found["items"]]


def delete_share(self: Resource, file: FileRef, share_id: str) -> Flow[None]:
    """Ends a link.

    >>> client.shares.delete(file.id, "shr_1")
    """
    yield from self._api.call("DELETE", f"{path_of(file)}/shares/{segment(share_id)}")


def create_key(
    self: Resource,
    name: str,
    scopes: Sequence[str],
    *,
    expires_at: datetime | str | None = None,
    networks: Sequence[str] | None = None,
) -> Flow[Key]:
    """Makes an API key. Its secret, `key`, is only in this answer. If that is lost, delete the key and make another.

    scopes: such as `files:read`. networks: CIDR, such as `203.0.113.0/24`. Raises PermissionDenied for more rights than
    your own.

    >>> client.keys.create("the web shop", ["files:read", "files:write"]).key
    'fm_new'
    """
    body = _given(name=name, scopes=list(scopes), expires_at=expires_at, networks=networks and list(networks))
    return Key((yield from self._api.json("POST", "/v1/keys", body=body)))


def list_keys(self: Resource, *, limit: int | None = None, cursor: str | None = None) -> Flow[Page[Key]]:
    """One page of the tenant's keys, the oldest first, without their secrets.

    >>> [key.name for key in client.keys.list()]
    ['the web shop']
    """
    return Page((yield from self._api.json("GET", "/v1/keys", params={"limit": limit, "cursor": cursor})), Key)


def get_key(self: Resource, key_id: str) -> Flow[Key]:
    """A key without its secret. Raises NotFound.

    >>> client.keys.get("0123456789ab").scopes
    ['files:read']
    """
    return Key((yield from self._api.json("GET", f"/v1/keys/{segment(key_id)}")))


def update_key(self: Resource, /, key_id: str, **changes: object) -> Flow[Key]:
    """Changes a key. changes: name, scopes, expires_at, networks; None takes an end or the networks away.

    >>> client.keys.update("0123456789ab", name="the old shop").name
    'the old shop'
    """
    body = {name: _given(value=value).get("value") for name, value in changes.items()}
    return Key((yield from self._api.json("PATCH", f"/v1/keys/{segment(key_id)}", body=body)))


def rotate_key(self: Resource, key_id: str, *, overlap: int | None = None) -> Flow[Key]:
    """Gives a key a new secret, which is only in this answer.

    overlap: seconds for which the earlier one works, too; by default a day, 0 ends it at once.

    >>> client.keys.rotate("0123456789ab", overlap=0).key
    'fm_new'
    """
    path = f"/v1/keys/{segment(key_id)}/rotate"
    return Key((yield from self._api.json("POST", path, body=_given(overlap=overlap))))


def delete_key(self: Resource, key_id: str) -> Flow[None]:
    """Deletes a key. It stops working within a minute.

    >>> client.keys.delete("0123456789ab")
    """
    yield from self._api.call("DELETE", f"/v1/keys/{segment(key_id)}")


def create_token(
    self: Resource,
    max_bytes: int,
    *,
    max_files: int | None = None,
    expires_in: int | None = None,
    content_types: Sequence[str] | None = None,
    tags: Sequence[str] | None = None,
    visibility: str | None = None,
    recipe: str | None = None,
    owner: str | None = None,
) -> Flow[UploadToken]:
    """Makes a token with which a browser may upload. `token` is only in this answer.

    max_bytes: of each file. max_files: 1 by default. expires_in: 60 to 86,400 seconds, by default an hour. tags,
    visibility, recipe, owner: those of the token's files.

    >>> client.tokens.create(max_bytes=20_000_000, max_files=3, content_types=["image/*"]).token
    'fmu_new'
    """
    body = _given(
        max_bytes=max_bytes,
        max_files=max_files,
        expires_in=expires_in,
        content_types=content_types and list(content_types),
        tags=tags and list(tags),
        visibility=visibility,
        recipe=recipe,
        owner=owner,
    )
    return UploadToken((yield from self._api.json("POST", "/v1/upload-tokens", body=body)))


def list_tokens(self: Resource, *, limit: int | None = None, cursor: str | None = None) -> Flow[Page[UploadToken]]:
    """One page of the tokens that work, the newest first.

    >>> [token.used for token in client.tokens.list()]
    [2]
    """
    found = yield from self._api.json("GET", "/v1/upload-tokens", params={"limit": limit, "cursor": cursor})
    return Page(found, UploadToken)


def delete_token(self: Resource, token_id: str) -> Flow[None]:
    """Revokes a token. It stops working within a minute; its files stay.

    >>> client.tokens.delete("0123456789ab")
    """
    yield from self._api.call("DELETE", f"/v1/upload-tokens/{segment(token_id)}")


def audit(
    self: Resource,
    *,
    after: datetime | str | None = None,
    before: datetime | str | None = None,
    actor: str | None = None,
    type: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Flow[Page[HistoryEntry]]:
    """One page of who did what in the tenant, the newest first. The key needs `keys:admin`.

    A page may be empty although more follow: go on until `next_cursor` is None.

    >>> [entry.type for entry in client.audit(type="filemill.file", limit=10)]
    ['filemill.file.updated']
    """
    params = {"after": after, "before": before, "actor": actor, "type": type, "limit": limit, "cursor": cursor}
    given = _given(**params)
    return Page((yield from self._api.json("GET", "/v1/audit", params=given)), HistoryEntry)
