"""The client for asyncio."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import httpx

from filemill import _access, _settings, _stage, _upload
from filemill._api import Api
from filemill._async import AsyncDriver, awaiting
from filemill._async_groups import AsyncEvents, AsyncFiles, AsyncKeys, AsyncShares, AsyncTokens, AsyncWebhooks
from filemill._resource import Resource


class AsyncFilemill(Resource):
    """As `Filemill`, for asyncio: the same methods and arguments, to be awaited. It belongs to one event loop.

    >>> async with AsyncFilemill("https://files.example.com", "fm_key", transport=transport) as client:
    ...     found = await client.files.get(file.id)
    >>> found.filename
    'photo.jpg'
    """

    files: AsyncFiles
    shares: AsyncShares
    webhooks: AsyncWebhooks
    events: AsyncEvents
    keys: AsyncKeys
    tokens: AsyncTokens

    def __init__(
        self,
        url: str | None = None,
        key: str | Callable[[], str] | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 5,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        api = Api(*_settings.chosen(url, key), timeout=timeout, retries=retries)
        driver = AsyncDriver(api, transport)
        super().__init__(driver)
        self.files = AsyncFiles(driver)
        self.shares = AsyncShares(driver)
        self.webhooks = AsyncWebhooks(driver)
        self.events = AsyncEvents(driver)
        self.keys = AsyncKeys(driver)
        self.tokens = AsyncTokens(driver)

    upload = awaiting(_upload.upload)
    me = awaiting(_stage.me)
    health = awaiting(_stage.health)
    stats = awaiting(_stage.stats)
    usage = awaiting(_stage.usage)
    audit = awaiting(_access.audit)
    request = awaiting(_stage.request)

    @property
    def url(self) -> str:
        """The front door's address.

        >>> client.url
        'https://files.example.com'
        """
        return self._api.url

    async def aclose(self) -> None:
        """Closes all connections.

        >>> await client.aclose()
        """
        await self._driver.aclose()

    async def __aenter__(self) -> AsyncFilemill:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncFilemill({self.url!r})"
