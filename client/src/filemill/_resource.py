"""The base of `client.files` and the others."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from filemill._api import Api


class HasApi(Protocol):
    """Either driver."""

    api: Api


class Resource:
    """A group of requests, such as those about files. It has its client's driver."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def __init_subclass__(cls) -> None:
        """Methods are made of flows, and get the names under which people know them."""
        for name, method in vars(cls).items():
            if isinstance(method, FunctionType) and not name.startswith("_"):
                method.__name__, method.__qualname__, method.__module__ = name, f"{cls.__name__}.{name}", cls.__module__

    @property
    def _api(self) -> Api:
        driver: HasApi = self._driver
        return driver.api
