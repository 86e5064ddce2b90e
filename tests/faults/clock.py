"""The time, as the code under test sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib import model

# The modules that read the time by themselves. All others ask `model.now`.
READERS = (
    *("api.auth.issuer_keys", "api.auth.sign_in", "api.auth.tickets", "api.socket", "api.socket_messages"),
    *("catalog.render_leases", "catalog.sockets", "catalog.subscriptions", "delivery.missing"),
    *("events.bus", "events.posts", "events.sockets", "events.subscribing"),
)


class Clock:
    """Goes on by a millisecond each time it is read, and by as much as it is told.

    `skew` is how far the clock of the process under test is wrong.
    """

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)
        self.skew = timedelta()

    def now(self, zone: Any = None) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return (self.moment + self.skew).astimezone(zone)

    def forward(self, by: timedelta) -> None:
        self.moment += by

    # It also takes the place of the module `time`.

    def time(self) -> float:
        return self.now(UTC).timestamp()

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.forward(timedelta(seconds=seconds))


@contextmanager
def time_of(clock: Clock) -> Iterator[None]:
    """Meanwhile the code under test reads this clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "datetime", clock)
        for module in READERS:
            patch.setattr(f"chalicelib.{module}.time", clock)
        yield
