"""Carries flows out with blocking calls, and parallel ones with threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx

from filemill import _http, _sockets
from filemill._api import Api
from filemill._cursors import Cursors
from filemill._effects import Answer, Effect, Emit, Fetch, Flow, Parallel, Request, Send, Sleep, Work
from filemill._resource import Resource
from filemill.models import Page

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R", bound=Resource)


class _Stopped(BaseException):
    """Another flow of the same group failed, so this one ends. No flow may take it for an error."""


class Driver:
    """An httpx client, and the way in which flows use it. It may be used by several threads."""

    def __init__(self, api: Api, transport: httpx.BaseTransport | None) -> None:
        self.api = api
        self._transport = transport
        self._made: httpx.Client | None = None
        self._lock = threading.Lock()

    @property
    def _http(self) -> httpx.Client:
        """Made for the first request: a program that only shows its help does not read certificates."""
        with self._lock:
            if self._made is None:
                self._made = self._new()
            return self._made

    def _new(self) -> httpx.Client:
        timeout, limits = _http.timeouts(self.api.timeout), _http.limits()
        if self._transport is not None:
            return httpx.Client(timeout=timeout, transport=self._transport)
        mounts = _http.past_a_proxy(httpx.HTTPTransport)
        return httpx.Client(timeout=timeout, limits=limits, verify=_http.context(), mounts=mounts)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def run(self, flow: Flow[T], stop: threading.Event | None = None) -> T:
        """The flow's result. With `stop` set, the flow ends with an error at its next effect."""
        result: Any = None
        error: BaseException | None = None
        while True:
            try:
                effect = flow.send(result) if error is None else flow.throw(error)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            result, error = None, None
            try:
                if stop is not None and stop.is_set():
                    raise _Stopped
                result = self._perform(effect, stop)
            except BaseException as raised:  # Ctrl-C, too: the flow may have to tidy up
                error = raised

    def stream(self, flow: Flow[None]) -> Iterator[Any]:
        """The items that the flow emits. Its socket is closed when nobody wants more."""
        sockets = _sockets.Sockets()
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
                    result = sockets.perform(effect) if known else self._perform(effect, None)
                except BaseException as raised:
                    error = raised
        finally:
            flow.close()
            sockets.close()

    def _perform(self, effect: Effect, stop: threading.Event | None) -> Any:
        if isinstance(effect, Send):
            return self._send(effect.request, stop)
        if isinstance(effect, Fetch):
            return self._fetch(effect, stop)
        if isinstance(effect, Sleep):
            return stop.wait(effect.seconds) if stop is not None else time.sleep(effect.seconds)
        if isinstance(effect, Work):
            return effect.function()
        if isinstance(effect, Parallel):
            return self._together(effect)
        raise TypeError(effect)

    def _built(self, request: Request, stop: threading.Event | None) -> httpx.Request:
        return self._http.build_request(
            request.method,
            request.url,
            headers=_http.headers_of(request),
            params=tuple(request.params) or None,
            json=request.json,
            content=_until(stop, request.body.chunks()) if request.body else None,
            **({} if request.timeout is None else {"timeout": _http.timeouts(request.timeout)}),  # type: ignore[arg-type]
        )

    def _send(self, request: Request, stop: threading.Event | None) -> Answer:
        try:
            with closing(self._http.send(self._built(request, stop), stream=True)) as answer:
                return Answer(answer.status_code, _http.lowered(answer.headers), _http.content(answer))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _http.told(error, request.url) from error

    def _fetch(self, fetch: Fetch, stop: threading.Event | None) -> Answer:
        try:
            with closing(self._http.send(self._built(fetch.request, stop), stream=True)) as answer:
                head = Answer(answer.status_code, _http.lowered(answer.headers), b"")
                if answer.status_code not in (200, 206):
                    return Answer(head.status, head.headers, _http.content(answer))
                fetch.begin(head)
                for chunk in answer.iter_raw():
                    fetch.sink(chunk)
                return head
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _http.told(error, fetch.request.url) from error

    def _together(self, group: Parallel) -> None:
        """Runs the flows in threads. Ctrl-C reaches this thread, which then ends the others."""
        flows = iter(group.flows)
        lock = threading.Lock()
        stop = threading.Event()
        errors: list[BaseException] = []

        def work() -> None:
            while not stop.is_set():
                with lock:
                    flow = next(flows, None)
                if flow is None:
                    return
                try:
                    self.run(flow, stop)
                except _Stopped:
                    return
                except BaseException as error:
                    errors.append(error)
                    stop.set()

        threads = [threading.Thread(target=work, daemon=True, name=f"filemill-{n}") for n in range(group.limit)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)  # so that Ctrl-C is heard on Windows, too
        except BaseException:
            stop.set()
            for thread in threads:
                thread.join(2)
            raise
        if errors:
            raise errors[0]


def _until(stop: threading.Event | None, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if stop is not None and stop.is_set():
            raise _Stopped
        yield chunk


def blocking(flow: Callable[Concatenate[R, P], Flow[T]]) -> Callable[Concatenate[R, P], T]:
    """A method that carries the flow out."""

    @wraps(flow)
    def method(self: R, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._driver.run(flow(self, *args, **kwargs))  # type: ignore[no-any-return]

    return method


def paged(doc: str, flow: Callable[Concatenate[R, P], Flow[Page[T]]]) -> Callable[Concatenate[R, P], Iterator[T]]:
    """A method that gives the items of all pages. The flow gives one page, and takes `cursor`."""

    def method(self: R, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        asked: Any = kwargs
        cursors = Cursors(asked.get("cursor"))
        while True:
            page: Page[T] = self._driver.run(flow(self, *args, **kwargs))
            yield from page.items
            asked["cursor"] = cursors.next(page.next_cursor or None, len(page.items))
            if asked["cursor"] is None:
                return

    method.__doc__ = doc
    return method


def streaming(flow: Callable[Concatenate[R, P], Flow[None]], item: type[T]) -> Callable[Concatenate[R, P], Iterator[T]]:
    """A method that gives the items which the flow emits."""

    @wraps(flow)
    def method(self: R, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self._driver.stream(flow(self, *args, **kwargs))  # type: ignore[no-any-return]

    return method
