"""Carries flows out with coroutines, and parallel ones with tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx

from filemill import _http, _sockets
from filemill._api import Api
from filemill._cursors import Cursors
from filemill._effects import Answer, Effect, Emit, Fetch, Flow, Parallel, Request, Send, Sleep, Work
from filemill._examples import awaiting_doc
from filemill._resource import Resource
from filemill.models import Page

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R", bound=Resource)


class AsyncDriver:
    """An httpx client, and the way in which flows use it. It belongs to one event loop of asyncio."""

    def __init__(self, api: Api, transport: httpx.AsyncBaseTransport | None) -> None:
        self.api = api
        self._transport = transport
        self._made: httpx.AsyncClient | None = None

    @property
    def _http(self) -> httpx.AsyncClient:
        """Made for the first request: a program that only shows its help does not read certificates."""
        if self._made is None:
            self._made = self._new()
        return self._made

    def _new(self) -> httpx.AsyncClient:
        timeout, limits = _http.timeouts(self.api.timeout), _http.limits()
        if self._transport is not None:
            return httpx.AsyncClient(timeout=timeout, transport=self._transport)
        mounts = _http.past_a_proxy(httpx.AsyncHTTPTransport)
        return httpx.AsyncClient(timeout=timeout, limits=limits, verify=_http.context(), mounts=mounts)

    async def aclose(self) -> None:
        if self._made is not None:
            await self._made.aclose()

    async def run(self, flow: Flow[T]) -> T:
        """The flow's result."""
        result: Any = None
        error: BaseException | None = None
        while True:
            try:
                effect = flow.send(result) if error is None else flow.throw(error)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            result, error = None, None
            try:
                result = await self._perform(effect)
            except BaseException as raised:  # cancellation, too: the flow may have to tidy up
                error = raised

    async def stream(self, flow: Flow[None]) -> AsyncIterator[Any]:
        """The items that the flow emits. Its socket is closed when nobody wants more."""
        sockets = _sockets.AsyncSockets()
        result: Any = None
        error: BaseException | None = None
        try:
            while True:
                try:
                    effect = flow.send(result) if error is None else flow.throw(error)
                except StopIteration:
                    return
                result, error = None, None
                if isinstance(effect, Emit):
                    yield effect.item
                    continue
                try:
                    known = isinstance(effect, _sockets.OF_SOCKETS)
                    result = await (sockets.perform(effect) if known else self._perform(effect))
                except BaseException as raised:
                    error = raised
        finally:
            flow.close()
            await sockets.close()

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            return await self._send(effect.request)
        if isinstance(effect, Fetch):
            return await self._fetch(effect)
        if isinstance(effect, Sleep):
            return await asyncio.sleep(effect.seconds)
        if isinstance(effect, Work):
            return await asyncio.to_thread(effect.function)
        if isinstance(effect, Parallel):
            return await self._together(effect)
        raise TypeError(effect)

    def _built(self, request: Request) -> httpx.Request:
        return self._http.build_request(
            request.method,
            request.url,
            headers=_http.headers_of(request),
            params=tuple(request.params) or None,
            json=request.json,
            content=_in_threads(request.body.chunks()) if request.body else None,
            **({} if request.timeout is None else {"timeout": _http.timeouts(request.timeout)}),  # type: ignore[arg-type]
        )

    async def _send(self, request: Request) -> Answer:
        try:
            async with aclosing(await self._http.send(self._built(request), stream=True)) as answer:
                return Answer(answer.status_code, _http.lowered(answer.headers), await _content(answer))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _http.told(error, request.url) from error

    async def _fetch(self, fetch: Fetch) -> Answer:
        try:
            async with aclosing(await self._http.send(self._built(fetch.request), stream=True)) as answer:
                head = Answer(answer.status_code, _http.lowered(answer.headers), b"")
                if answer.status_code not in (200, 206):
                    return Answer(head.status, head.headers, await _content(answer))
                fetch.begin(head)
                async for chunk in answer.aiter_raw():
                    await asyncio.to_thread(fetch.sink, chunk)
                return head
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _http.told(error, fetch.request.url) from error

    async def _together(self, group: Parallel) -> None:
        flows = iter(group.flows)

        async def work() -> None:
            for flow in flows:
                await self.run(flow)

        tasks = [asyncio.create_task(work()) for _ in range(group.limit)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _content(answer: httpx.Response) -> bytes:
    """The content of a small answer. Raises ApiError for a large one."""
    content = _http.Content(answer)
    if answer.is_stream_consumed:
        content.add(answer.content)
    else:
        async for piece in answer.aiter_raw():
            content.add(piece)
    return content.value()


async def _in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Reads a file beside the event loop, so that a slow disk stops nobody else."""
    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
        yield chunk


def awaiting(flow: Callable[Concatenate[R, P], Flow[T]]) -> Callable[Concatenate[R, P], Coroutine[Any, Any, T]]:
    """A coroutine method that carries the flow out."""

    @wraps(flow)
    async def method(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._driver.run(flow(self, *args, **kwargs))  # type: ignore[no-any-return]

    method.__doc__ = awaiting_doc(flow.__doc__)
    return method


def paged(doc: str, flow: Callable[Concatenate[R, P], Flow[Page[T]]]) -> Callable[Concatenate[R, P], AsyncIterator[T]]:
    """A method that gives the items of all pages. The flow gives one page, and takes `cursor`."""

    async def method(self: R, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        asked: Any = kwargs
        cursors = Cursors(asked.get("cursor"))
        while True:
            page: Page[T] = await self._driver.run(flow(self, *args, **kwargs))
            for item in page.items:
                yield item
            asked["cursor"] = cursors.next(page.next_cursor or None, len(page.items))
            if asked["cursor"] is None:
                return

    method.__doc__ = awaiting_doc(doc)
    return method


def streaming(
    flow: Callable[Concatenate[R, P], Flow[None]], item: type[T]
) -> Callable[Concatenate[R, P], AsyncIterator[T]]:
    """A method that gives the items which the flow emits."""

    @wraps(flow)
    def method(self: R, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self._driver.stream(flow(self, *args, **kwargs))  # type: ignore[no-any-return]

    method.__doc__ = awaiting_doc(flow.__doc__)
    return method
