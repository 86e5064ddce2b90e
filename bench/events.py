"""`python -m bench events`: from an upload to the event on the WebSocket. Writes bench/results/events.md.

It runs the whole stack on this computer, and sends one file after the other, so that no file waits for another. Two
figures for each file: from S3's answer to the upload until the client has `ready`, which holds the processing; and from
each change (the event's `time`) until the client has its event, which is `publish` alone: the table's stream, the
function, and the socket through the front door.
"""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from ops import listen
from tests.e2e import stack
from tests.local import Api, deployed

FILES, WARM = 200, 10
PATIENCE = 60  # seconds
RESULT = Path(__file__).parent / "results" / "events.md"


@dataclass
class Heard:
    """The events that one socket heard: (when, the event) by the event's id, and how many came again."""

    events: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    again: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, event: dict[str, Any], moment: float) -> None:
        if event["id"] in self.events:
            self.again += 1
        else:
            self.events[event["id"]] = (moment, event)
        self.news.set()

    def ready(self, file_id: str) -> float | None:
        """The time at which a file was heard to be ready."""
        found = (each for each in self.events.values() if each[1]["subject"] == file_id)
        return next((moment for moment, event in found if event["type"].endswith(".ready")), None)


@dataclass
class Times:
    """Seconds. `lags` is by an event's type. `again` are the events that came more than once."""

    ready: list[float] = field(default_factory=list)
    lags: dict[str, list[float]] = field(default_factory=dict)
    again: int = 0


def run() -> None:
    load = os.getloadavg()[0]
    with (
        TemporaryDirectory(prefix="filemill-bench-") as home,
        deployed(Path(home), progress=lambda text: None) as stage,
    ):
        times = asyncio.run(measure(Api(stage.front_door, stage.api_key())))
    text = table(times, load, os.getloadavg()[0])
    print(text)
    RESULT.write_text(text)


async def measure(api: Api, files: int = FILES, warm: int = WARM) -> Times:
    """Uploads and listens. The first `warm` files do not count: they start the functions."""
    times, heard, picture = Times(), Heard(), stack.png()
    headers = {"Authorization": f"Bearer {api.key}"}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(listen.address(api.base), headers=headers, max_msg_size=0) as opened,
    ):
        await opened.send_json({"action": "subscribe", "all": True})
        while (await opened.receive_json(timeout=PATIENCE))["type"] != "subscribed":
            pass
        reading = asyncio.create_task(read(opened, heard))
        for number in range(files + warm):
            file_id, stored = await asyncio.to_thread(send, api, picture)
            while (moment := heard.ready(file_id)) is None:
                heard.news.clear()
                await asyncio.wait_for(heard.news.wait(), PATIENCE)
            if number >= warm:
                times.ready.append(moment - stored)
                note_lags(times, heard, file_id)
        reading.cancel()
    times.again = heard.again
    return times


async def read(opened: aiohttp.ClientWebSocketResponse, heard: Heard) -> None:
    async for message in opened:
        moment = time.time()
        for event in listen.events_of(message.json()):
            heard.note(event, moment)


def note_lags(times: Times, heard: Heard, file_id: str) -> None:
    """Adds the lag of each event of a file. Those of other files, of a batch that came again, do not count."""
    for moment, event in heard.events.values():
        if event["subject"] == file_id:
            kind = event["type"].rpartition(".")[2]
            changed = datetime.fromisoformat(event["time"]).timestamp()
            times.lags.setdefault(kind, []).append(moment - changed)


def send(api: Api, picture: bytes) -> tuple[str, float]:
    """Uploads a picture. (Its id, the time of S3's answer)."""
    body = {"filename": "bench.png", "content_type": "image/png", "size": len(picture)}
    made = api("POST", "/v1/files", json=body).json()
    stack.store(made["upload"], picture)
    return str(made["id"]), time.time()


def line(name: str, seconds: Sequence[float]) -> str:
    """A row of the table: number, median, 99th percentile and maximum, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    figures = (statistics.median(seconds), cuts[98], max(seconds))
    return f"| {name} | {len(seconds)} | " + " | ".join(f"{figure * 1000:.0f}" for figure in figures) + " |"


def table(times: Times, before: float, after: float) -> str:
    rows = [line("S3 has the upload → `ready` heard", times.ready)]
    rows += [line(f"change → `{kind}` heard", seconds) for kind, seconds in times.lags.items()]
    head = ["| | files | median, ms | p99, ms | most, ms |", "|---|--:|--:|--:|--:|"]
    notes = [
        f"- date: {datetime.now(UTC):%Y-%m-%d}; Python {platform.python_version()}, {os.cpu_count()} cores",
        "- the whole stack on one computer, emulator and client included: `python -m ops local`, its front door, one",
        f"  socket on `all`, {FILES} pictures of 400 by 300 px one after the other, after {WARM} that do not count",
        "- the emulator asks the table's stream for records in turns, so a part of each lag is its pause, not AWS's",
        f"- events that came more than once: {times.again}",
        f"- load average {before:.1f} before, {after:.1f} after",
    ]
    return "\n".join(["# From an upload to the event on the WebSocket", "", *head, *rows, "", *notes, ""])
