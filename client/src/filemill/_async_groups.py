"""The groups of coroutines of `AsyncFilemill`."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import IO, overload

from filemill import _access, _download, _files, _follow, _pages, _waiting, _webhooks
from filemill._async import awaiting, paged, streaming
from filemill._examples import awaiting_doc
from filemill._files import FileRef
from filemill._progress import Progress
from filemill._resource import Resource
from filemill.models import Event


class AsyncFiles(Resource):
    """Files: `client.files`.

    >>> (await client.files.list(limit=1)).items
    [File(id='file_00000000000000000000000001', status='ready', filename='photo.jpg')]
    """

    get = awaiting(_files.get)
    list = awaiting(_files.list_)
    iter = paged(_pages.ALL_FILES, _files.list_)
    update = awaiting(_files.update)
    delete = awaiting(_files.delete)
    restore = awaiting(_files.restore)
    reprocess = awaiting(_files.reprocess)
    batch = awaiting(_files.batch)
    search = awaiting(_files.search)
    changes = awaiting(_files.changes)
    wait = awaiting(_waiting.wait)
    grant = awaiting(_files.grant)
    grants = awaiting(_files.grants)
    original = awaiting(_files.original)
    history = awaiting(_files.history)
    entries = awaiting(_files.entries)
    add_captions = awaiting(_files.add_captions)
    remove_captions = awaiting(_files.remove_captions)
    hold = awaiting(_files.hold)
    release = awaiting(_files.release)

    @overload
    async def download(
        self,
        file: FileRef,
        to: None = None,
        *,
        rendition: str | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        resume: bool = True,
    ) -> bytes: ...

    @overload
    async def download(
        self,
        file: FileRef,
        to: str | PathLike[str],
        *,
        rendition: str | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        resume: bool = True,
    ) -> Path: ...

    @overload
    async def download(
        self,
        file: FileRef,
        to: IO[bytes],
        *,
        rendition: str | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        resume: bool = True,
    ) -> int: ...

    async def download(
        self,
        file: FileRef,
        to: str | PathLike[str] | IO[bytes] | None = None,
        *,
        rendition: str | None = None,
        on_progress: Callable[[Progress], object] | None = None,
        resume: bool = True,
    ) -> bytes | Path | int:
        flow = _download.download(self, file, to, rendition=rendition, on_progress=on_progress, resume=resume)
        result: bytes | Path | int = await self._driver.run(flow)
        return result

    download.__doc__ = awaiting_doc(_download.download.__doc__)


class AsyncShares(Resource):
    """Links to a page about a file: `client.shares`.

    >>> (await client.shares.create(file.id)).download
    True
    """

    create = awaiting(_access.create_share)
    list = awaiting(_access.list_shares)
    delete = awaiting(_access.delete_share)


class AsyncKeys(Resource):
    """API keys: `client.keys`. The client's own key needs `keys:admin`.

    >>> (await client.keys.get("0123456789ab")).name
    'the web shop'
    """

    create = awaiting(_access.create_key)
    list = awaiting(_access.list_keys)
    iter = paged(_pages.ALL_KEYS, _access.list_keys)
    get = awaiting(_access.get_key)
    update = awaiting(_access.update_key)
    rotate = awaiting(_access.rotate_key)
    delete = awaiting(_access.delete_key)


class AsyncTokens(Resource):
    """Upload tokens for browsers: `client.tokens`.

    >>> (await client.tokens.create(max_bytes=1_000_000)).token
    'fmu_new'
    """

    create = awaiting(_access.create_token)
    list = awaiting(_access.list_tokens)
    iter = paged(_pages.ALL_TOKENS, _access.list_tokens)
    delete = awaiting(_access.delete_token)


class AsyncWebhooks(Resource):
    """Webhooks: `client.webhooks`. The key needs `webhooks:admin`.

    >>> (await client.webhooks.get(webhook.id)).url
    'https://example.com/hooks'
    """

    create = awaiting(_webhooks.create)
    list = awaiting(_webhooks.list_)
    get = awaiting(_webhooks.get)
    update = awaiting(_webhooks.update)
    delete = awaiting(_webhooks.delete)
    rotate_secret = awaiting(_webhooks.rotate_secret)
    test = awaiting(_webhooks.test)
    replay = awaiting(_webhooks.replay)
    deliveries = awaiting(_webhooks.deliveries)
    delivery = awaiting(_webhooks.delivery)
    retry = awaiting(_webhooks.retry)


class AsyncEvents(Resource):
    """Changes as they happen: `client.events`.

    >>> async for event in client.events.follow(cursor="0"):
    ...     print(event.type)
    ...     break
    filemill.file.ready
    """

    follow = streaming(_follow.follow, Event)
