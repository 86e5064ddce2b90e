"""The client that blocks."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import httpx

from filemill import _access, _settings, _stage, _upload
from filemill._api import Api
from filemill._groups import Events, Files, Keys, Shares, Tokens, Webhooks
from filemill._resource import Resource
from filemill._sync import Driver, blocking


class Filemill(Resource):
    """A client of one Filemill stage. It may be used by several threads; close it, or use it with `with`.

    url: the front door, as in https://files.example.com. key: an API key, an upload token or a sign-in token; or a
    function that gives one, which is asked before each request. Without them FILEMILL_URL and FILEMILL_KEY are taken,
    then the sign-in that `filemill login` kept.

    timeout: seconds without a sign of life. retries: how often a request is sent again after 429, 503 or a lost
    connection, with growing, random pauses. transport: of httpx, for tests or special networks.

    Proxies are taken from the environment (HTTPS_PROXY, NO_PROXY), but never for this computer itself.

    Raises ConfigurationError.

    >>> with Filemill("https://files.example.com", "fm_key", transport=transport) as client:
    ...     client.files.get(file.id).filename
    'photo.jpg'
    """

    files: Files
    shares: Shares
    webhooks: Webhooks
    events: Events
    keys: Keys
    tokens: Tokens

    def __init__(
        self,
        url: str | None = None,
        key: str | Callable[[], str] | None = None,
        *,
        timeout: float = 30.0,
        retries: int = 5,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        api = Api(*_settings.chosen(url, key), timeout=timeout, retries=retries)
        driver = Driver(api, transport)
        super().__init__(driver)
        self.files = Files(driver)
        self.shares = Shares(driver)
        self.webhooks = Webhooks(driver)
        self.events = Events(driver)
        self.keys = Keys(driver)
        self.tokens = Tokens(driver)

    upload = blocking(_upload.upload)
    me = blocking(_stage.me)
    health = blocking(_stage.health)
    stats = blocking(_stage.stats)
    usage = blocking(_stage.usage)
    audit = blocking(_access.audit)
    request = blocking(_stage.request)

    @property
    def url(self) -> str:
        """The front door's address.

        >>> client.url
        'https://files.example.com'
        """
        return self._api.url

    def close(self) -> None:
        """Closes all connections.

        >>> client.close()
        """
        self._driver.close()

    def __enter__(self) -> Filemill:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Filemill({self.url!r})"
