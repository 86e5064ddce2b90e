"""Runs CloudFront Functions: their real JavaScript in one Node process, and the events that go in and out.

The structure of an event: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
from collections import deque
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

Event = dict[str, Any]
EventType = Literal["viewer-request", "viewer-response"]

# Seconds. CloudFront's own limit is about one millisecond, too short for a process on a laptop.
TIMEOUT = 5.0
LINE_LIMIT = 4 * 1024 * 1024


class FunctionError(Exception):
    """The function threw an error, took too long, or returned something that CloudFront can't use."""


def node() -> str:
    """Path of Node: the one that comes with Playwright (a requirement of this project), else one from the PATH."""
    playwright = find_spec("playwright")
    if playwright and playwright.origin:
        bundled = Path(playwright.origin).parent / "driver" / "node"
        if bundled.is_file():
            return str(bundled)
    if found := shutil.which("node"):
        return found
    raise FunctionError("There is no Node to run CloudFront Functions with: run `make venv`.")


class Functions:
    """Calls functions, given their code. One process runs them all. It is started when needed, also after it died."""

    def __init__(self) -> None:
        self.process: asyncio.subprocess.Process | None = None
        self.reader: asyncio.Task[None] | None = None
        self.waiting: deque[asyncio.Future[str]] = deque()
        self.known: set[str] = set()
        self.starting = asyncio.Lock()

    async def call(self, code: str, event: Event) -> Any:
        """The value that `handler(event)` returns.

        Raises
        ------
        FunctionError
            It did not return a value.
        """
        async with self.starting:
            if self.process is None or self.process.returncode is not None:
                await self._start()
        assert self.process
        assert self.process.stdin
        id_ = hashlib.sha256(code.encode()).hexdigest()[:16]
        lines = f"{id_} {json.dumps(event)}\n"
        if id_ not in self.known:
            self.known.add(id_)
            lines = f"+{id_} {json.dumps(code)}\n" + lines
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.waiting.append(answer)
        self.process.stdin.write(lines.encode())
        try:
            async with asyncio.timeout(TIMEOUT):
                said = await answer
        except TimeoutError:
            await self.stop()
            raise FunctionError("The function took too long.") from None
        if said[:1] != "+":
            raise FunctionError(said[1:] or "The function's process ended.")
        try:
            return json.loads(said[1:])
        except ValueError:
            raise FunctionError("The function returned nothing.") from None

    async def _start(self) -> None:
        await self.stop()
        self.process = await asyncio.create_subprocess_exec(
            node(),
            "--max-old-space-size=64",
            str(Path(__file__).with_name("runtime.js")),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT,
        )
        self.reader = asyncio.create_task(self._read(self.process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout
        while line := await process.stdout.readline():
            answer = self.waiting.popleft()
            if not answer.done():
                answer.set_result(line.decode().rstrip("\n"))
        self._give_up()

    def _give_up(self) -> None:
        while self.waiting:
            answer = self.waiting.popleft()
            if not answer.done():
                answer.set_result("-")

    async def stop(self) -> None:
        """Ends the process. Calls that are under way fail."""
        if self.reader:
            self.reader.cancel()
            self.reader = None
        if self.process:
            process, self.process = self.process, None
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        self.known.clear()
        self._give_up()


def fields(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Headers, query strings or cookies in the event's form: each name's value, and all values if there are several."""
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            result[name].setdefault("multiValue", [{"value": result[name]["value"]}]).append({"value": value})
        else:
            result[name] = {"value": value}
    return result


def values(field: Mapping[str, Any]) -> list[str]:
    return [str(each["value"]) for each in field.get("multiValue") or [field]]


def request_of(
    method: str, path: str, query: str, headers: Iterable[tuple[str, str]], cookies: Mapping[str, str]
) -> Event:
    """The event's `request`. Header names are in lower case; cookies are not among the headers."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {
        "method": method,
        "uri": path,
        "querystring": fields((name, value) for name, _, value in pairs),
        "headers": fields((name, value) for name, value in headers if name != "cookie"),
        "cookies": fields(cookies.items()),
    }


def event_of(
    kind: EventType, distribution_id: str, domain: str, request_id: str, address: str, request: Event, **rest: Any
) -> Event:
    """A whole event. `address` is the viewer's IP address, `rest` the response in a viewer-response event."""
    return {
        "version": "1.0",
        "context": {
            "distributionDomainName": domain,
            "distributionId": distribution_id,
            "eventType": kind,
            "requestId": request_id,
        },
        "viewer": {"ip": address},
        "request": request,
        **rest,
    }


def query_of(querystring: Any) -> str:
    """The query string of a returned request, which is an object like the event's, or a text."""
    if isinstance(querystring, str):
        return querystring
    pairs = ((name, value) for name, field in (querystring or {}).items() for value in values(field))
    return "&".join(f"{name}={value}" for name, value in pairs)


def headers_of(returned: Event) -> dict[str, str]:
    return {name.lower(): ", ".join(values(field)) for name, field in (returned.get("headers") or {}).items()}


def cookies_of(returned: Event) -> dict[str, str]:
    return {name: values(field)[0] for name, field in (returned.get("cookies") or {}).items()}
