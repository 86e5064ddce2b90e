"""One receiver that hangs never delays another, in real time and over real connections."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.webhooks import kinds_of, measured
from chalicelib.events import receiver
from chalicelib.outbound import post as posting


def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A try takes six seconds at most: longer than a busy machine holds up any other."""
    limits = replace(posting.LIMITS, total=6)
    whole = posting.post
    monkeypatch.setattr(receiver, "post", lambda url, content, **how: whole(url, content, limits=limits, **how))
    monkeypatch.setattr(receiver, "SLOW", 1.0)


def test_receivers_that_hang_or_fail_do_not_delay_the_others(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    _small(monkeypatch)
    run = measured(kinds_of(10, 2, 2), events=100, rate=20, workers=4)
    assert len(run.lags) == 60
    assert run.lag(0.99) < 4.0, "a try to one that hangs takes six"
    assert (run.lost, run.twice, run.failures) == (0, 0, 0)
    assert run.tries["hanging"] < 10
