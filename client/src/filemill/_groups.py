"""The groups of methods of `Filemill`."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import IO, overload

from filemill import _access, _download, _files, _follow, _pages, _waiting, _webhooks
from filemill._files import FileRef
from filemill._progress import Progress
from filemill._resource import Resource
from filemill._sync import blocking, paged, streaming
from filemill.models import Event


class Files(Resource):
    """Files: `client.files`.

    >>> client.files.list(limit=1).items
    [File(id='file_00000000000000000000000001', status='ready', filename='photo.jpg')]
    """

    get = blocking(_files.get)
    list = blocking(_files.list_)
    iter = paged(_pages.ALL_FILES, _files.list_)
    update = blocking(_files.update)
    delete = blocking(_files.delete)
    restore = blocking(_files.restore)
    reprocess = blocking(_files.reprocess)
    batch = blocking(_files.batch)
    search = blocking(_files.search)
    changes = blocking(_files.changes)
    wait = blocking(_waiting.wait)
    grant = blocking(_files.grant)
    grants = blocking(_files.grants)
    original = blocking(_files.original)
    history = blocking(_files.history)
    entries = blocking(_files.entries)
    add_captions = blocking(_files.add_captions)
    remove_captions = blocking(_files.remove_captions)
    hold = blocking(_files.hold)
    release = blocking(_files.release)

    @overload
    def download(
        self,
        file: FileRef,
        to: None = None,
        *,
        rendition: str | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        resume: bool = True,
    ) -> bytes: ...

    @overload
    def download(
        self,
        file: FileRef,
        to: str | PathLike[str],
        *,
        rendition: str | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        resume: bool = True,
    ) -> Path: ...

    @overload
    def download(
        self,
        file: FileRef,
        to: IO[bytes],
        *,
        rendition: str | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        resume: bool = True,
    ) -> int: ...

    def download(
        self,
        file: FileRef,
        to: str | PathLike[str] | IO[bytes] | None = None,
        *,
        rendition: str | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        resume: bool = True,
    ) -> bytes | Path | int:
        flow = _download.download(self, file, to, rendition=rendition, on_progress=on_progress, resume=resume)
        result: bytes | Path | int = self._driver.run(flow)
        return result

    download.__doc__ = _download.download.__doc__


class Shares(Resource):
    """Links to a page about a file: `client.shares`.

    >>> client.shares.create(file.id).download
    True
    """

    create = blocking(_access.create_share)
    list = blocking(_access.list_shares)
    delete = blocking(_access.delete_share)


class Keys(Resource):
    """API keys: `client.keys`. The client's own key needs `keys:admin`.

    >>> client.keys.get("0123456789ab").name
    'the web shop'
    """

    create = blocking(_access.create_key)
    list = blocking(_access.list_keys)
    iter = paged(_pages.ALL_KEYS, _access.list_keys)
    get = blocking(_access.get_key)
    update = blocking(_access.update_key)
    rotate = blocking(_access.rotate_key)
    delete = blocking(_access.delete_key)


class Tokens(Resource):
    """Upload tokens for browsers: `client.tokens`.

    >>> client.tokens.create(max_bytes=1_000_000).token
    'fmu_new'
    """

    create = blocking(_access.create_token)
    list = blocking(_access.list_tokens)
    iter = paged(_pages.ALL_TOKENS, _access.list_tokens)
    delete = blocking(_access.delete_token)


class Webhooks(Resource):
    """Webhooks: `client.webhooks`. The key needs `webhooks:admin`.

    >>> client.webhooks.get(webhook.id).url
    'https://example.com/hooks'
    """

    create = blocking(_webhooks.create)
    list = blocking(_webhooks.list_)
    get = blocking(_webhooks.get)
    update = blocking(_webhooks.update)
    delete = blocking(_webhooks.delete)
    rotate_secret = blocking(_webhooks.rotate_secret)
    test = blocking(_webhooks.test)
    replay = blocking(_webhooks.replay)
    deliveries = blocking(_webhooks.deliveries)
    delivery = blocking(_webhooks.delivery)
    retry = blocking(_webhooks.retry)


class Events(Resource):
    """Changes as they happen: `client.events`.

    >>> for event in client.events.follow(cursor="0"):
    ...     print(event.type)
    ...     break
    filemill.file.ready
    """

    follow = streaming(_follow.follow, Event)
