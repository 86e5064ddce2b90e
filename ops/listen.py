"""`python -m ops listen`: prints a stage's events as they come over the WebSocket, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from chalicelib.settings import PREFIX
from ops.config import add_stage_arguments, load_stage
from ops.errors import OpsError
from ops.local.project import STAGE as LOCAL

EXAMPLES = (
    "listen --stage local",
    "listen --stage local --file file_01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "listen --stage prod --json --key fm_…",
)

KEY_VARIABLE = f"{PREFIX}KEY"
# Seconds. API Gateway ends a connection without messages after ten minutes; a dead one shows by a ping without answer.
PING, PONG = 240.0, 30.0
# Seconds between two attempts to connect, at first and at most.
PAUSES = (0.5, 30.0)
# Files whose last revision is kept, to leave out an event that comes again.
KNOWN = 10_000

_REFUSED = {
    401: "the key is not valid (any more). Make one with `python -m ops keys create`",
    403: "the key may not listen. It needs the scope events:read",
}

# Errors of the server that another attempt may not meet.
_PASSING = frozenset(("internal", "timeout", "too_many_requests", "unavailable"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_stage_arguments(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="listen to all files of the key's tenant (the default)")
    what.add_argument("--file", action="append", metavar="ID", help="listen to this file (repeatable)")
    parser.add_argument(
        "--key", help=f"the API key or upload token (default: ${KEY_VARIABLE}; locally, that of make run)"
    )
    parser.add_argument("--cursor", help="begin with the changes after this cursor, as --json prints it")
    parser.add_argument("--json", action="store_true", help="print each message of the server as one line of JSON")


def main(args: argparse.Namespace) -> int:
    variables = load_stage(args.project_dir, args.stage)
    key = args.key or os.environ.get(KEY_VARIABLE) or local_key(args.stage, args.project_dir)
    wanted: dict[str, Any] = {"files": args.file} if args.file else {"all": True}
    show = show_json if args.json else Lines()
    listener = Listener(address(variables[f"{PREFIX}FRONT_DOOR"]), key, wanted, show, cursor=args.cursor)
    # A shell starts its background jobs with Ctrl-C ignored; this makes it work there, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(listener.run())
    return 0


def address(front_door: str) -> str:
    """The WebSocket's address: `http://…` is `ws://…/ws`, and `https://…` is `wss://…/ws`."""
    return front_door.replace("http", "ws", 1).rstrip("/") + "/ws"


def local_key(stage: str, project_dir: Path) -> str:
    """The key that `make run` has made.

    Raises
    ------
    OpsError
        It is another stage, or there is none.
    """
    file = project_dir.parent / "api-key"
    if stage == LOCAL and file.exists():
        return file.read_text().strip()
    raise OpsError(f"Name an API key with --key, or set {KEY_VARIABLE}.")


def show_json(message: Mapping[str, Any]) -> None:
    print(json.dumps(message, ensure_ascii=False), flush=True)


class Lines:
    """Prints one line an event, and leaves out an event that comes again."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def __call__(self, message: Mapping[str, Any]) -> None:
        for event in events_of(message):
            file = event["data"]["file"]
            revision = int(file.get("revision", 0))
            if revision > self.known.pop(event["subject"], -1):
                print(line_of(event), flush=True)
            self.known[event["subject"]] = max(revision, self.known.get(event["subject"], -1))
            if len(self.known) > KNOWN:
                del self.known[next(iter(self.known))]


def events_of(message: Mapping[str, Any]) -> list[Any]:
    """The envelopes in a message of the server."""
    match message.get("type"):
        case "change":
            return [message["event"]]
        case "changes":
            return list(message["events"])
    return []


def line_of(event: Mapping[str, Any]) -> str:
    """An event for a person: its time, type, file and actor."""
    file, actor = event["data"]["file"], event["data"].get("actor") or {}
    who = " ".join(filter(None, (actor.get("type"), actor.get("id"))))
    kind = event["type"].removeprefix("filemill.")
    return "  ".join(
        (event["time"], f"{kind:15}", event["subject"], f"r{file.get('revision', '?')}", who, file.get("filename", ""))
    ).rstrip()


class LostError(Exception):
    """The connection ended, and a new one may be better."""


class Listener:
    """Keeps one subscription over as many connections as it takes. `cursor` is where the next one begins."""

    def __init__(
        self,
        url: str,
        key: str,
        wanted: Mapping[str, Any],
        show: Callable[[Mapping[str, Any]], None],
        *,
        cursor: str | None = None,
        say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
    ) -> None:
        self.url = url
        self.key = key
        self.wanted = wanted
        self.show = show
        self.cursor = cursor
        self.say = say
        self.subscribed = False
        self.failures = 0

    async def run(self) -> None:
        """Listens until it is cancelled.

        Raises
        ------
        OpsError
            The server refuses the key or the subscription.
        """
        async with aiohttp.ClientSession(trust_env=True) as session:
            while True:
                try:
                    await self.listen(session)
                except (aiohttp.ClientError, TimeoutError, LostError) as error:
                    if self.failures == 0:
                        self.say(f"disconnected ({error or 'no answer'}); connecting again")
                await asyncio.sleep(self.pause())

    def pause(self) -> float:
        """Seconds until the next attempt, longer after each failure, and different for each client."""
        least, most = PAUSES
        self.failures += 1
        jitter = random.uniform(0.5, 1)  # noqa: S311
        return jitter * min(most, least * 2.0 ** min(self.failures - 1, 10))

    async def listen(self, session: aiohttp.ClientSession) -> None:
        """One connection, until it ends."""
        headers = {"Authorization": f"Bearer {self.key}"}
        timeout = aiohttp.ClientWSTimeout(ws_close=2.0)
        try:
            connecting = session.ws_connect(self.url, headers=headers, timeout=timeout)
            async with asyncio.timeout(PONG):
                opened = await connecting
        except aiohttp.WSServerHandshakeError as refused:
            if refused.status in _REFUSED:
                raise OpsError(f"{self.url} refused: {_REFUSED[refused.status]}.") from None
            raise LostError(f"the server answered {refused.status}") from None
        try:
            self.subscribed = False
            cursor = {"cursor": self.cursor} if self.cursor else {}
            await opened.send_json({"action": "subscribe", **self.wanted, **cursor})
            while True:
                self.take(await self.receive(opened))
        finally:
            await opened.close()

    async def receive(self, opened: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
        """The next message. Pings while none comes.

        Raises
        ------
        LostError
            The connection is closed or dead.
        """
        for seconds in (PING, PONG) if self.subscribed else (PONG,):
            try:
                got = await opened.receive(timeout=seconds)
            except TimeoutError:
                if seconds == PING:
                    await opened.send_json({"action": "ping"})
                continue
            if got.type is aiohttp.WSMsgType.TEXT:
                return dict(json.loads(got.data))
            reason = got.extra or "closed" if got.type is aiohttp.WSMsgType.CLOSE else "closed"
            raise LostError(f"{reason}, code {opened.close_code}")
        raise LostError("no answer")

    def take(self, message: Mapping[str, Any]) -> None:
        """Shows a message, and keeps its cursor.

        Raises
        ------
        OpsError
            The server refuses the subscription.
        LostError
            The server failed.
        """
        match message.get("type"):
            case "subscribed":
                self.subscribed, self.failures = True, 0
                self.say(f"listening at {self.url}; Ctrl-C ends it")
            case "error" if message.get("code") in _PASSING:
                raise LostError(str(message.get("detail")))
            case "error" if not self.subscribed:
                raise OpsError(f"{self.url} refused: {message.get('code')}: {message.get('detail')}")
            case "error":
                self.say(f"error: {message.get('code')}: {message.get('detail')}")
            case "pong":
                return
            case None:  # API Gateway's own: a function failed
                raise LostError(str(message.get("message") or message))
        self.show(message)
        self.cursor = message.get("cursor") or self.cursor
